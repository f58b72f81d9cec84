"""The label intake agent.

In: `labels`, keyed by anything: banks' systems and analysts' tools partition as they like. Out: the valid
ones on `labels.keyed`, keyed by their subject; the others among the dead letters.
Remembers: nothing.
Promises: each record becomes a keyed label or a dead letter; labels of one subject keep their order within a
source partition, and each its own timestamp, from which the time to learn is counted. An erasure goes on
behind the labels before it. A label that is dated ahead of the worker's clock is a dead letter.
"""

from __future__ import annotations

import time
from functools import partial
from itertools import chain
from typing import TYPE_CHECKING, Final

from agents.dead_letters import DeadLetterWriter
from agents.erasures import Erasures
from models.decay import DAY
from schemas.erasure import Entry, Erasure
from schemas.errors import ErrorType, InvalidMessage
from schemas.label import decode_label
from schemas.privacy import NETWORKS_ONLY

if TYPE_CHECKING:
    from collections.abc import AsyncIterable, Callable, Sequence

    from agents.runtime import App, Chunk
    from agents.runtime.records import KafkaRecord
    from agents.telemetry import Telemetry
    from agents.topics import Topics
    from schemas.label import Label
    from schemas.privacy import Privacy

NAME = "intake"
AHEAD_SECONDS: Final = DAY
"""How far a time may be ahead of the worker's clock: as far as a wrong time zone may put it."""


class IntakeAgent:
    """Takes chunks of labels and puts keyed labels and dead letters into the outbox."""

    def __init__(
        self,
        app: App,
        topics: Topics,
        telemetry: Telemetry,
        key: bytes | None,
        wall: Callable[[], float],
        privacy: Privacy,
    ) -> None:
        self._outbox = app.outbox
        self._erasures = Erasures(key, Entry.LABELS)
        self._take = self._erasures.beside(partial(_labelled, wall, privacy))
        self._refusals = DeadLetterWriter(
            NAME, app.outbox, topics.dead_letters, telemetry, privacy.card_prefixes
        )
        self._topics = topics
        self._telemetry = telemetry

    async def process(self, waiting: AsyncIterable[Sequence[Chunk]]) -> None:
        """Take in the labels that wait, again and again."""
        async for chunks in waiting:
            accepted: list[Label] = []
            with self._refusals.account(chunks) as account:
                for taken in chain.from_iterable(self._refusals.taken(chunk, self._take) for chunk in chunks):
                    if isinstance(taken, Erasure):
                        self._erasures.pass_on(taken, self._outbox, self._topics.labels_keyed, taken.subject)
                    else:
                        accepted.append(self._put(*taken))
                    account(1)
            self._telemetry.labels_accepted(accepted)
            await self._outbox.room()

    def _put(self, label: Label, recorded_ms: int) -> Label:
        key, value = label.subject.encode(), label.to_json()
        self._outbox.put(self._topics.labels_keyed, key, value, timestamp_ms=recorded_ms)
        return label


def recorded_at(label: Label, record: KafkaRecord, wall: float) -> float:
    """Kafka timestamp of a label's record (s since 1970), the label's time where there is none.

    Raises:
        InvalidMessage: `FUTURE_TIME`, where the label or its record is dated ahead of `wall` (s since 1970).
    """
    kind, milliseconds = record.timestamp()
    label_time = label.label_time.timestamp()
    recorded = milliseconds / 1_000 if kind else label_time
    refuse_ahead(label_time, wall, "label_time")
    refuse_ahead(recorded, wall, "timestamp")
    return recorded


def refuse_ahead(seconds: float, wall: float, field: str) -> None:
    """Raise InvalidMessage (`FUTURE_TIME`) for a time that is ahead of `wall`; both in s since 1970."""
    if seconds > wall + AHEAD_SECONDS:
        raise InvalidMessage(
            ErrorType.FUTURE_TIME,
            "is more than a day ahead of this worker's clock: nothing can be learned before that time",
            field,
        )


def _labelled(wall: Callable[[], float], privacy: Privacy, record: KafkaRecord) -> tuple[Label, int]:
    """The label, and when it was recorded (ms since 1970)."""
    label = decode_label(record.value() or b"", privacy)
    return label, round(1_000 * recorded_at(label, record, wall()))


def bind(
    app: App,
    topics: Topics,
    telemetry: Telemetry,
    *,
    key: bytes | None = None,
    wall: Callable[[], float] = time.time,
    privacy: Privacy = NETWORKS_ONLY,
) -> None:
    """Run the label intake agent in this app.

    Args:
        app: the worker's.
        topics: names of the topics.
        telemetry: is told what happened.
        key: that erasures must be signed with; without one they are refused.
        wall: gives the seconds since 1970.
        privacy: how card numbers are looked for.
    """
    agent = IntakeAgent(app, topics, telemetry, key, wall, privacy)
    app.bind(NAME, topics.labels, agent.process)
