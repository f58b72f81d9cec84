"""Every private name of Faust that the delivery engine leans on, with the versions it was proved against.

A test compares these with what is installed: after an upgrade it fails until each name was looked at again.
"""

from __future__ import annotations

PINNED = {"faust-streaming": "0.15.3", "mode-streaming": "0.7.1", "confluent-kafka": "2.16.1"}
"""Distributions and the versions whose internals were read."""

PRIVATE_NAMES = (
    "faust.app.base:App._new_transport",  # gives the transport without a URL scheme in a global table
    "faust.app.base:App._new_producer_transport",
    "faust.app.base:App._create_directories",  # replaced: makes none
    "faust.app.base:App._on_agent_error",  # the first to hear that an agent raised
    "faust.streams:Stream._c_aiter",  # replaced: one pass of the loop a chunk
    "faust.streams:Stream._channel_stop_iteration",
    "faust.streams:_current_event",
    "faust.tables.manager:TableManager.wait_until_recovery_completed",
    "faust.tables.manager:TableManager.wait_until_tables_registered",
    "faust.transport.conductor:Conductor._update_tp_index",  # fills `_tp_index`, where chunks go
    "faust.transport.consumer:Consumer._commit_handler",  # replaced: checkpoints
    "faust.transport.consumer:Consumer._commit_livelock_detector",  # replaced: the watchdog
    "faust.transport.consumer:Consumer._commit",  # replaced, as the rest below: the poll thread does it
    "faust.transport.consumer:Consumer._getmany",
    "faust.transport.consumer:Consumer._new_topicpartition",
    "faust.transport.consumer:Consumer._seek",
    "faust.transport.consumer:Consumer._to_message",
)
"""`module:qualified.name` of each private name that is used or replaced."""

INSTANCE_NAMES = {
    "faust.transport.conductor:Conductor": ("_tp_index",),
    "faust.tables.manager:TableManager": ("_tables_registered",),
    "faust.streams:Stream": ("_finalized",),
}
"""Private attributes that instances get when they are made."""
