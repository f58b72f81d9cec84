"""The reputation agent.

In: `outcomes`, keyed by what they are about. Out: the reputation of each key that changed on `reputations`,
dead letters for what is no outcome. An erasure takes the reputation of its key away from both.
Remembers: the decayed sums of each key of its partitions, in a changelog.
Promises: outcomes of one key are folded in their order, each offset once; a reputation that was published
holds every outcome before it.
"""

from __future__ import annotations

import time
from struct import Struct
from typing import TYPE_CHECKING, Final, cast

from agents.dead_letters import DeadLetterWriter
from agents.erasures import Erasures
from agents.intake import refuse_ahead
from models.reputations.ledger import PACKED_BYTES, ReputationLedger
from schemas.erasure import Erasure
from schemas.errors import ErrorType, InvalidMessage
from schemas.outcome import decode_outcomes
from schemas.reputation import COUNTERPARTY, SUBJECT, reputation_key

if TYPE_CHECKING:
    from collections.abc import AsyncIterable, Callable, Sequence

    from agents.runtime import App, Chunk
    from agents.runtime.records import KafkaRecord
    from agents.telemetry import Telemetry
    from agents.topics import Topics
    from schemas.outcome import Outcomes

NAME: Final = "reputation"
ERASED_KINDS: Final = (SUBJECT, COUNTERPARTY)
"""Kinds of reputation that may be about a card or an account, and so about a person."""
_POSITION: Final = Struct(">qq")
"""Identity of a log, and an offset in it; before the sums of each key in the changelog."""
_WITHOUT_LOG: Final = 8 + PACKED_BYTES
"""Size of what earlier releases wrote: an offset and the sums."""
_NO_LOG: Final = bytes(8)


class ReputationState:
    """The ledger of one partition, with the position up to which each key's sums include what came."""

    def __init__(self) -> None:
        self.ledger = ReputationLedger()
        self._included: dict[str, tuple[int, int]] = {}
        self._erased: dict[str, None] = {}

    def __len__(self) -> int:
        return len(self.ledger)

    def fold(self, outcomes: Outcomes, offset: int, log: int = 0) -> None:
        """Fold outcomes that stood at `offset` of this log, unless they are in the sums already."""
        included_log, included = self._included.get(outcomes.key, (log, -1))
        if log != included_log or offset > included:
            self._included[outcomes.key] = log, offset
            self.ledger.fold(outcomes.key, outcomes.events)

    def restore(self, key: bytes, payload: bytes | None) -> None:
        """Take one record of the changelog.

        Raises:
            ValueError: another release wrote it, or it holds what no outcomes can give.
        """
        name = key.decode()
        if payload is None:
            self._forget(name)
        else:
            if len(payload) == _WITHOUT_LOG:
                payload = _NO_LOG + payload
            self.ledger.unpack(name, payload[_POSITION.size :])
            self._included[name] = _POSITION.unpack_from(payload)

    def erase(self, key: str) -> None:
        """Forget what came of a key; what comes later begins its sums anew."""
        self._forget(key)
        self._erased[key] = None

    def changes(self) -> list[tuple[bytes, bytes | None]]:
        """Records of the keys that changed since the last call; without a payload of those erased."""
        gone = [key for key in self._erased if key not in self.ledger]
        self._erased.clear()
        changed = [(key.encode(), self._packed(key)) for key in self.ledger.take_dirty()]
        return [*((key.encode(), None) for key in gone), *changed]

    def _forget(self, key: str) -> None:
        self.ledger.forget(key)
        self._included.pop(key, None)

    def _packed(self, key: str) -> bytes:
        return _POSITION.pack(*self._included[key]) + self.ledger.pack(key)


class ReputationAgent:
    """Takes chunks of outcomes and puts reputations into the outbox."""

    def __init__(
        self, app: App, topics: Topics, telemetry: Telemetry, key: bytes | None, wall: Callable[[], float]
    ) -> None:
        self._wall = wall
        self._outbox = app.outbox
        self._decode = Erasures(key).beside(lambda record: decode_outcomes(record.value() or b""))
        self._refusals = DeadLetterWriter(NAME, app.outbox, topics.dead_letters, telemetry)
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
        for taken in self._refusals.taken(chunk, self._take):
            if isinstance(taken, str):
                state.erase(taken)
                self._telemetry.subject_erased(NAME)
                touched[taken] = None
                continue
            outcomes, offset = taken
            state.fold(outcomes, offset, chunk.log)
            touched[outcomes.key] = None
        for key in touched:
            value = state.ledger.reputation(key).to_json() if key in state.ledger else None
            self._outbox.put(self._topics.reputations, key.encode(), value)
        self._telemetry.reputations_published(len(touched))

    def _take(self, record: KafkaRecord) -> tuple[Outcomes, int] | str:
        """The outcomes and the offset at which they stand, or the key whose reputation is to be erased."""
        taken = self._decode(record)
        if not isinstance(taken, Erasure):
            # Sums as of a later time would take whatever comes after for late, for as long.
            refuse_ahead(max((event.time for event in taken.events), default=0.0), self._wall(), "events")
            return taken, record.offset()
        for kind in ERASED_KINDS:
            key = reputation_key(kind, taken.subject)
            if record.key() == key.encode():
                return key
        raise InvalidMessage(ErrorType.KEY_MISMATCH, "the record's key is none of the erasure's subject")


def bind(
    app: App,
    topics: Topics,
    telemetry: Telemetry,
    *,
    key: bytes | None = None,
    wall: Callable[[], float] = time.time,
) -> None:
    """Run the reputation agent in this app.

    Args:
        app: the worker's.
        topics: names of the topics.
        telemetry: is told what happened.
        key: that erasures must be signed with; without one they are refused.
        wall: gives the seconds since 1970.
    """
    agent = ReputationAgent(app, topics, telemetry, key, wall)
    app.bind(
        NAME,
        topics.outcomes,
        agent.process,
        new_state=ReputationState,
        changelog=topics.reputation_changelog,
    )
