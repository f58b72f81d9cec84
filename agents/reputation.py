"""The reputation agent.

In: `outcomes`, keyed by what they are about. Out: the reputation of each key that changed on `reputations`,
dead letters for what is no outcome.
Remembers: the decayed sums of each key of its partitions, in a changelog.
Promises: outcomes of one key are folded in their order, each offset once; a reputation that was published
holds every outcome before it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, cast

from agents.refusals import Refusals
from models.reputation_ledger import ReputationLedger
from schemas.outcome import decode_outcomes

if TYPE_CHECKING:
    from collections.abc import AsyncIterable, Sequence

    from confluent_kafka import Message

    from agents.runtime import App, Chunk
    from agents.telemetry import Telemetry
    from agents.topics import Topics
    from schemas.outcome import Outcomes

NAME: Final = "reputation"
_OFFSET_BYTES: Final = 8


class ReputationState:
    """The ledger of one partition, with the offset that each key's sums include."""

    def __init__(self) -> None:
        self.ledger = ReputationLedger()
        self._included: dict[str, int] = {}

    def __len__(self) -> int:
        return len(self.ledger)

    def fold(self, outcomes: Outcomes, offset: int) -> None:
        """Fold outcomes that stood at `offset`, unless they are in the sums already."""
        if offset > self._included.get(outcomes.key, -1):
            self._included[outcomes.key] = offset
            self.ledger.fold(outcomes.key, outcomes.events)

    def restore(self, key: bytes, payload: bytes | None) -> None:
        """Take one record of the changelog."""
        if payload is not None:
            self._included[key.decode()] = int.from_bytes(payload[:_OFFSET_BYTES], "big")
            self.ledger.unpack(key.decode(), payload[_OFFSET_BYTES:])

    def changes(self) -> list[tuple[bytes, bytes | None]]:
        """Records of the keys that changed since the last call."""
        return [(key.encode(), self._packed(key)) for key in self.ledger.take_dirty()]

    def _packed(self, key: str) -> bytes:
        return self._included[key].to_bytes(_OFFSET_BYTES, "big") + self.ledger.pack(key)


class ReputationAgent:
    """Takes chunks of outcomes and puts reputations into the outbox."""

    def __init__(self, app: App, topics: Topics, telemetry: Telemetry) -> None:
        self._outbox = app.outbox
        self._refusals = Refusals(NAME, app.outbox, topics.dead_letters, telemetry)
        self._topics = topics
        self._telemetry = telemetry

    async def process(self, waiting: AsyncIterable[Sequence[Chunk]]) -> None:
        """Fold the outcomes that wait, again and again; what changed is published once a chunk."""
        async for chunks in waiting:
            for chunk in chunks:
                self._fold(chunk)
            await self._outbox.room()

    def _fold(self, chunk: Chunk) -> None:
        state = cast("ReputationState", chunk.states[NAME])
        touched: dict[str, None] = {}
        for outcomes, offset in self._refusals.taken(chunk, _placed):
            state.fold(outcomes, offset)
            touched[outcomes.key] = None
        for key in touched:
            reputation = state.ledger.reputation(key)
            self._outbox.put(self._topics.reputations, key.encode(), reputation.to_json())
        self._telemetry.reputations_published(len(touched))


def _placed(record: Message) -> tuple[Outcomes, int]:
    """The outcomes, and the offset at which they stand."""
    return decode_outcomes(record.value() or b""), record.offset()


def bind(app: App, topics: Topics, telemetry: Telemetry) -> None:
    """Run the reputation agent in this app."""
    agent = ReputationAgent(app, topics, telemetry)
    app.bind(
        NAME,
        topics.outcomes,
        agent.process,
        new_state=ReputationState,
        changelog=topics.reputation_changelog,
    )
