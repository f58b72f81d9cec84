"""The label intake agent.

In: `labels`, keyed by anything: banks' systems and analysts' tools partition as they like. Out: the valid
ones on `labels.keyed`, keyed by their subject; the others among the dead letters.
Remembers: nothing.
Promises: each record becomes a keyed label or a dead letter; labels of one subject keep their order within a
source partition, and each its own timestamp, from which the time to learn is counted.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from agents.refusals import Refusals
from schemas.label import decode_label

if TYPE_CHECKING:
    from collections.abc import AsyncIterable, Sequence

    from confluent_kafka import Message

    from agents.runtime import App, Chunk
    from agents.telemetry import Telemetry
    from agents.topics import Topics
    from schemas.label import Label

NAME = "intake"


class IntakeAgent:
    """Takes chunks of labels and puts keyed labels and dead letters into the outbox."""

    def __init__(self, app: App, topics: Topics, telemetry: Telemetry) -> None:
        self._outbox = app.outbox
        self._refusals = Refusals(NAME, app.outbox, topics.dead_letters, telemetry)
        self._topics = topics
        self._telemetry = telemetry

    async def process(self, waiting: AsyncIterable[Sequence[Chunk]]) -> None:
        """Take in the labels that wait, again and again."""
        async for chunks in waiting:
            labels = [taken for chunk in chunks for taken in self._refusals.taken(chunk, _labelled)]
            for label, recorded_ms in labels:
                self._outbox.put(
                    self._topics.labels_keyed,
                    label.subject.encode(),
                    label.to_json(),
                    timestamp_ms=recorded_ms,
                )
            self._telemetry.labels_accepted([label for label, _ in labels])
            await self._outbox.room()


def _labelled(record: Message) -> tuple[Label, int]:
    """The label, and when it was recorded."""
    return decode_label(record.value() or b""), record.timestamp()[1]


def bind(app: App, topics: Topics, telemetry: Telemetry) -> None:
    """Run the label intake agent in this app."""
    agent = IntakeAgent(app, topics, telemetry)
    app.bind(NAME, topics.labels, agent.process)
