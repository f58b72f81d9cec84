"""The label intake agent.

In: `labels`, keyed by anything: banks' systems and analysts' tools partition as they like. Out: the valid
ones on `labels.keyed`, keyed by their subject; the others among the dead letters.
Remembers: nothing.
Promises: each record becomes a keyed label or a dead letter; labels of one subject keep their order within a
source partition, and each its own timestamp, from which the time to learn is counted. An erasure goes on
behind the labels before it.
"""

from __future__ import annotations

from functools import partial
from itertools import chain
from typing import TYPE_CHECKING

from agents.erasures import Erasures
from agents.refusals import Refusals
from schemas.erasure import Entry, Erasure
from schemas.label import decode_label
from schemas.privacy import NETWORKS_ONLY

if TYPE_CHECKING:
    from collections.abc import AsyncIterable, Sequence

    from agents.dead_letters import KafkaRecord
    from agents.runtime import App, Chunk
    from agents.telemetry import Telemetry
    from agents.topics import Topics
    from schemas.label import Label
    from schemas.privacy import Privacy

NAME = "intake"


class IntakeAgent:
    """Takes chunks of labels and puts keyed labels and dead letters into the outbox."""

    def __init__(
        self, app: App, topics: Topics, telemetry: Telemetry, key: bytes | None, privacy: Privacy
    ) -> None:
        self._outbox = app.outbox
        self._erasures = Erasures(key, Entry.LABELS)
        self._take = self._erasures.beside(partial(_labelled, privacy))
        self._refusals = Refusals(NAME, app.outbox, topics.dead_letters, telemetry)
        self._topics = topics
        self._telemetry = telemetry

    async def process(self, waiting: AsyncIterable[Sequence[Chunk]]) -> None:
        """Take in the labels that wait, again and again."""
        async for chunks in waiting:
            accepted: list[Label] = []
            for taken in chain.from_iterable(self._refusals.taken(chunk, self._take) for chunk in chunks):
                if isinstance(taken, Erasure):
                    self._erasures.pass_on(taken, self._outbox, self._topics.labels_keyed, taken.subject)
                else:
                    accepted.append(self._put(*taken))
            self._telemetry.labels_accepted(accepted)
            await self._outbox.room()

    def _put(self, label: Label, recorded_ms: int) -> Label:
        key, value = label.subject.encode(), label.to_json()
        self._outbox.put(self._topics.labels_keyed, key, value, timestamp_ms=recorded_ms)
        return label


def _labelled(privacy: Privacy, record: KafkaRecord) -> tuple[Label, int]:
    """The label, and when it was recorded."""
    return decode_label(record.value() or b"", privacy), record.timestamp()[1]


def bind(
    app: App,
    topics: Topics,
    telemetry: Telemetry,
    *,
    key: bytes | None = None,
    privacy: Privacy = NETWORKS_ONLY,
) -> None:
    """Run the label intake agent in this app.

    Args:
        app: the worker's.
        topics: names of the topics.
        telemetry: is told what happened.
        key: that erasures must be signed with; without one they are refused.
        privacy: how card numbers are looked for.
    """
    agent = IntakeAgent(app, topics, telemetry, key, privacy)
    app.bind(NAME, topics.labels, agent.process)
