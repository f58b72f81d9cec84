"""The group's committed offsets: read at an assignment, written by checkpoints of at-least-once."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING

import confluent_kafka as ck

from agents.runtime.errors import Fenced, is_transient

if TYPE_CHECKING:
    from agents.runtime.poller import Poller

    Offsets = list[ck.TopicPartition]

_LOG = logging.getLogger(__name__)
_RETRY_SECONDS = 0.2


class GroupOffsets:
    """The group's committed offsets with their metadata, as the poll thread reads and notes them.

    A consumer of committed records waits in `read` for the end of any transaction that holds offsets of these
    partitions, at most for `timeout` seconds.
    """

    def __init__(self, consumer: ck.Consumer, timeout: float) -> None:
        self._consumer = consumer
        self._timeout = timeout

    def read(self, partitions: Offsets) -> Offsets:
        """Give what is committed of partitions; raises KafkaException where it cannot be read."""
        committed: Offsets = self._consumer.committed(partitions, timeout=self._timeout)
        return committed

    def note(self, offsets: Offsets) -> None:
        """Commit offsets again for the sake of their metadata; without it work can go on."""
        try:
            self._consumer.commit(offsets=offsets, asynchronous=False)
        except ck.KafkaException as failure:
            _LOG.warning("this start could not be noted with the group: %s", failure.args[0])


async def commit_offsets(poller: Poller, offsets: Offsets) -> None:
    """Commit through the poll thread, and again while the coordinator cannot be reached.

    Raises:
        Fenced: the group refused; this worker is no longer a member, or must not commit.
    """
    while (error := await _commit(poller, offsets)) is not None:
        if not is_transient(error):
            raise Fenced(f"the offsets were refused: {error}")
        _LOG.warning("commit: %s; trying again", error)
        await asyncio.sleep(_RETRY_SECONDS)


async def _commit(poller: Poller, offsets: Offsets) -> ck.KafkaError | None:
    try:
        answers = await poller.request(lambda consumer: consumer.commit(offsets=offsets, asynchronous=False))
    except ck.KafkaException as failure:
        return failure.args[0]
    return next((answer.error for answer in answers if answer.error), None)
