"""Reading partition state back: from its changelog, or from the source up to where it was committed."""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import confluent_kafka as ck

from agents.runtime.errors import RestoreFailed
from agents.runtime.logs import Logs
from agents.runtime.reading import TopicUnreadable, position_after
from agents.runtime.state import unseal

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from agents.runtime.options import DeliveryOptions
    from agents.runtime.reading import Place
    from agents.runtime.state import PartitionState, Replays

_LOG = logging.getLogger("librdkafka.restore")
_ANSWER_SECONDS = 30.0
_MOST_AT_ONCE = 10_000


@dataclass
class Restoration:
    """Brings one state up to its changelog.

    Attributes:
        state: what is restored.
        next_offset: changelog offset up to which the state stands.
        log: identity of the log that `included` counts in.
        included: source offset up to which the state is complete already: what was written at it or before is
            no news.
        records: changelog records read.
        removals: those of them that took an entry away.
    """

    state: PartitionState
    next_offset: int = 0
    log: int = 0
    included: int = -1
    records: int = 0
    removals: int = 0
    _newest: dict[bytes, tuple[int, int]] = field(default_factory=dict)

    def expect(self, entries: int, changelog: str) -> None:
        """See that the state has as many entries as were noted with the group's committed offset.

        There may be more: at-least-once writes the changelog before it commits, removals among it.

        Raises:
            RestoreFailed: the changelog has lost some.
        """
        if len(self.state) + self.removals < entries:
            raise RestoreFailed(
                f"changelog {changelog} holds {len(self.state)} of the {entries} entries that were there at "
                "the group's commit: it was deleted, cut or made anew, and going on would forget the rest"
            )

    def take(self, message: ck.Message) -> None:
        """Apply one record, unless it is older than what its key has: a late write of a former owner.

        Offsets of two logs do not compare: what was written later counts.

        Raises:
            RestoreFailed: this is no record of the engine, or the state cannot read it.
        """
        self.next_offset = message.offset() + 1
        self.records += 1
        key, value = message.key(), message.value()
        if value is None:
            self.removals += 1
            self.state.restore(key, None)
            return
        try:
            log, offset, payload = unseal(value)
            newest_log, newest = self._newest.get(key, (self.log, self.included + 1))
            if log != newest_log or offset >= newest:
                self._newest[key] = log, offset
                self.state.restore(key, payload)
        except ValueError as failure:
            place = f"{message.topic()} partition {message.partition()} offset {message.offset()}"
            raise RestoreFailed(f"changelog {place} holds no state: {failure}") from failure


@dataclass
class Replay:
    """Brings a state that keeps itself up to its source's committed offset.

    Attributes:
        state: what takes the records.
        next_offset: offset up to which the state stands.
        end: the committed offset.
    """

    state: Replays
    next_offset: int
    end: int

    def take(self, message: ck.Message) -> None:
        """Apply one record that stands before the end."""
        self.next_offset = message.offset() + 1
        if message.offset() < self.end:
            self.state.replay(message)


def replay(options: DeliveryOptions, work: Mapping[Place, Replay], goes_on: Callable[[int], bool]) -> None:
    """Read each source partition from where its state stands to where it was committed.

    Raises:
        RestoreFailed: the source cannot be read.
    """
    _read(options, work, {place: each.end for place, each in work.items()}, goes_on)


def restore(
    options: DeliveryOptions, work: Mapping[Place, Restoration], goes_on: Callable[[int], bool]
) -> None:
    """Read each changelog partition from where its state stands to its end.

    The end is the high watermark, not the last stable offset: a transaction that is open now may still be
    committed.

    Args:
        options: how to connect.
        work: restorations by changelog topic and partition.
        goes_on: called after each read with the number of records it gave; false gives up.

    Raises:
        RestoreFailed: the changelog cannot be read.
    """
    started = time.monotonic()
    try:
        ends = Logs(options.client, _ANSWER_SECONDS).ends(work)
    except (ck.KafkaException, TimeoutError) as failure:
        waited = time.monotonic() - started
        raise RestoreFailed(
            f"the ends of the changelogs are not known after {waited:.0f} s: {failure}"
        ) from failure
    _read(options, work, ends, goes_on)


def _read(
    options: DeliveryOptions,
    work: Mapping[Place, Restoration] | Mapping[Place, Replay],
    ends: Mapping[Place, int],
    goes_on: Callable[[int], bool],
) -> None:
    """Hand records to the work of their partition until each has come to its end."""
    left = {place for place, restoration in work.items() if ends[place] > restoration.next_offset}
    if not left:
        return
    reader = ck.Consumer(options.reader_properties(), logger=_LOG)
    try:
        reader.assign([ck.TopicPartition(*place, work[place].next_offset) for place in left])
        while left:
            messages = reader.consume(_MOST_AT_ONCE, 0.05)
            for message in messages:
                _take(message, work, ends, left)
            if not goes_on(len(messages)):
                return
    finally:
        reader.close()


def _take(
    message: ck.Message,
    work: Mapping[Place, Restoration] | Mapping[Place, Replay],
    ends: Mapping[Place, int],
    left: set[Place],
) -> None:
    place = (message.topic(), message.partition())
    try:
        position = position_after(message)
    except TopicUnreadable as failure:
        raise RestoreFailed(
            f"topic {place[0]} partition {place[1]} cannot be read: {failure.error}"
        ) from failure
    if position is None:
        return
    if message.error() is None:
        work[place].take(message)
    if position >= ends[place]:
        work[place].next_offset = max(work[place].next_offset, position)
        left.discard(place)
