"""The group's committed offsets: read when partitions are assigned, written by checkpoints at least once."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING

import confluent_kafka as ck

from agents.runtime.errors import Fenced, is_transient

if TYPE_CHECKING:
    from collections.abc import Callable

    from agents.runtime.poller import Poller

    Offsets = list[ck.TopicPartition]

_LOG = logging.getLogger(__name__)
_RETRY_SECONDS = 0.2


def read_offsets(consumer: ck.Consumer, timeout: float) -> Callable[[Offsets], Offsets]:
    """Give a function that reads committed offsets with their metadata (poll thread).

    A consumer of committed records waits here for the end of any transaction that holds offsets of these
    partitions.
    """
    return lambda partitions: consumer.committed(partitions, timeout=timeout)


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
