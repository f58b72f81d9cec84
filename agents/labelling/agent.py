"""The labelling agent.

In: `scores` and `labels.keyed`, both keyed by card or account, the same partition of both by the same worker.
Out: examples on `examples`, what came of transactions on `outcomes`, dead letters for what is neither.
Remembers: each scored transaction and what was said of it, on disk, until no correction is taken any more.
Promises: each label version of a transaction is learnt once; what a label says has no effect before its own
time. Outputs and source offsets are committed together, the store follows; a store that is behind, or lost,
is filled again from the topics, and what was told before the commit is not told again. In at-least-once mode
a crash may repeat examples, which the learner knows again, and outcomes, which it cannot. An erasure on
`scores` takes all that is kept of its subject away and goes on to `outcomes` and `examples`; one on
`labels.keyed` takes the labels away that no transaction here is known to.
"""

from __future__ import annotations

import asyncio
import time
from contextlib import suppress
from functools import partial
from math import nan
from typing import TYPE_CHECKING, Final, cast

from agents.dead_letters import DeadLetterWriter
from agents.erasures import Erasures
from agents.intake import recorded_at, refuse_ahead
from agents.labelling.store import RocksPendingStore
from agents.reputation import ERASED_KINDS
from agents.runtime import Replays
from models.decay import NEVER
from models.labelling.core import LabellingCore
from models.labelling.pending import ScoredTransaction
from models.labelling.watermark import SKEW, Watermark
from schemas.erasure import Erasure
from schemas.label import decode_label
from schemas.outcome import Outcomes
from schemas.reputation import reputation_key
from schemas.score import decode_score

if TYPE_CHECKING:
    from collections.abc import AsyncIterable, Callable, Sequence
    from pathlib import Path

    from agents.runtime import App, Chunk
    from agents.runtime.records import KafkaRecord
    from agents.telemetry import Telemetry
    from agents.topics import Topics
    from models.labelling.core import LabellingResult, LabellingRules
    from models.quality.live import LiveQuality

SCORES: Final = "labelling"
LABELS: Final = "labelling-labels"
_MOST_AT_ONCE: Final = 500
_MOST_REPLAYED: Final = 1_000


class LabellingPartition:
    """One partition of scores and its labels: the core, its store, and how far each source has come."""

    def __init__(
        self,
        rules: LabellingRules,
        folder: Path,
        grace: float,
        quality: LiveQuality,
        erasures: Erasures,
        wall: Callable[[], float] = time.time,
    ) -> None:
        self.quality = quality
        self.wall = wall
        self.rows = RocksPendingStore(folder)
        self.core = LabellingCore(rules, self.rows)
        self.watermark = Watermark(grace)
        self._takers = {source: erasures.beside(partial(take, self)) for source, take in _TAKE.items()}
        self._logs: dict[str, int] = {}
        self._positions: dict[str, int] = {}
        self._replayed = 0
        self._told_until = NEVER
        self._is_settled = False
        if (sampler := self.rows.sampler()) is not None:
            self.core.sampler.unpack(sampler)

    def resume(self, source: str, note: str | None, log: int) -> int:
        """Return the offset from which a source is to be read.

        Args:
            source: `SCORES` or `LABELS`.
            note: that of its last commit.
            log: identity of its topic, 0 where that is not known. In another one than before offsets begin
                again; what is kept stays.
        """
        told_until = float(note) if note else NEVER
        self._told_until = max(self._told_until, min(told_until, self.wall() + SKEW))
        self._is_settled = False
        known, offset = self.rows.position(source)
        self._logs[source] = log or known
        return offset if self._logs[source] == (known or log) else 0

    def replay(self, source: str, record: KafkaRecord) -> None:
        """Take a record whose effects were told before; one that was set apart then is passed over."""
        with suppress(Exception):  # whatever it raised then, it is among the dead letters
            self.take(source, record)
        self._positions[source] = record.offset() + 1
        self._replayed += 1
        if self._replayed % _MOST_REPLAYED == 0:
            positions = {each: (self._logs[each], offset) for each, offset in self._positions.items()}
            self.rows.freeze(positions, self.core.sampler.pack())
            self.rows.save()

    def take(self, source: str, record: KafkaRecord) -> Erasure | None:
        """Take a record of a source; gives the erasure that it was, if it was one.

        Raises:
            InvalidMessage: it is neither what the source should hold nor an erasure.
        """
        taken = self._takers[source](record)
        if isinstance(taken, Erasure):
            _ERASE[source](self.core, taken.subject)
            self.rows.erased(taken.subject)
        return taken

    def settle(self) -> bool:
        """Pass over what was told before the last commit, some of it at a time; tell whether that was all.

        This comes before the first new record, which may be late: what it changes nobody has told yet.
        """
        if not self._is_settled:
            self._is_settled = self.core.advance(self._told_until, _MOST_AT_ONCE).is_whole
        return self._is_settled

    def advance(self, now: float) -> LabellingResult:
        """Tell what is due by the clock at `now` (monotonic s), some of it at a time."""
        return self.core.advance(self.watermark.clock(now), _MOST_AT_ONCE)

    @property
    def note(self) -> str:
        """Event time up to which everything due was told."""
        return repr(max(self.core.clock, self._told_until))

    def freeze(self, source: str, position: int) -> None:
        """Keep apart what the commit that follows holds."""
        self.rows.freeze({source: (self._logs[source], position)}, self.core.sampler.pack())


class LabellingPartitions:
    """The partitions in this worker's hands, by number; both sources of a partition share one."""

    def __init__(self, open_partition: Callable[[int], LabellingPartition]) -> None:
        self._open = open_partition
        self._held: dict[int, LabellingPartition] = {}
        self._holders: dict[int, int] = {}

    def hold(self, number: int) -> LabellingPartition:
        """The partition, opened by its first source."""
        if number not in self._held:
            self._held[number] = self._open(number)
        self._holders[number] = self._holders.get(number, 0) + 1
        return self._held[number]

    def let_go(self, number: int) -> None:
        """Close the partition once neither source holds it."""
        self._holders[number] -= 1
        if not self._holders[number]:
            self._held.pop(number).rows.close()

    def cases(self) -> int:
        """Transactions kept."""
        return sum(len(held.core) for held in self._held.values())

    def disk_bytes(self) -> int:
        """Size of the stores."""
        return sum(held.rows.disk_bytes() for held in self._held.values())

    def free_bytes(self) -> float:
        """Free bytes of the file system that the stores are on; nan while there is no store."""
        return next((float(held.rows.free_bytes()) for held in self._held.values()), nan)


class LabellingState(Replays):
    """One source's part in a labelling partition, as the delivery engine sees it."""

    def __init__(self, partitions: LabellingPartitions, source: str) -> None:
        """Keep one source's part; `source` is `SCORES` or `LABELS`."""
        self._partitions = partitions
        self._source = source
        self._number = -1
        self.partition: LabellingPartition = cast("LabellingPartition", None)

    def __len__(self) -> int:
        return len(self.partition.core)

    def resume(self, partition: int, committed: int | None, note: str | None, log: int) -> int | None:
        """Open the store."""
        del committed  # the engine replays what lies between
        self._number = partition
        self.partition = self._partitions.hold(partition)
        return self.partition.resume(self._source, note, log)

    def replay(self, record: KafkaRecord) -> None:
        """Take a record that the store lacks, although what followed from it is committed."""
        self.partition.replay(self._source, record)

    def note(self) -> str:
        """Up to when everything was told."""
        return self.partition.note

    def freeze(self, position: int) -> None:
        """Keep apart what the commit that follows holds."""
        self.partition.freeze(self._source, position)

    def save(self) -> None:
        """Write it."""
        self.partition.rows.save()

    def close(self) -> None:
        """Let go of the store."""
        self._partitions.let_go(self._number)


class LabellingAgent:
    """Takes scores and labels; puts examples, outcomes and dead letters into the outbox."""

    def __init__(
        self,
        app: App,
        topics: Topics,
        telemetry: Telemetry,
        *,
        monotonic: Callable[[], float],
        erasures: Erasures,
    ) -> None:
        self._outbox = app.outbox
        self._erasures = erasures
        self._topics = topics
        self._telemetry = telemetry
        self._monotonic = monotonic
        self._refusals = {
            name: DeadLetterWriter(name, app.outbox, topics.dead_letters, telemetry)
            for name in (SCORES, LABELS)
        }

    async def take_scores(self, waiting: AsyncIterable[Sequence[Chunk]]) -> None:
        """Keep the scored transactions that wait, again and again."""
        await self._take(waiting, SCORES)

    async def take_labels(self, waiting: AsyncIterable[Sequence[Chunk]]) -> None:
        """Keep the labels that wait, again and again."""
        await self._take(waiting, LABELS)

    async def _take(self, waiting: AsyncIterable[Sequence[Chunk]], source: str) -> None:
        async for chunks in waiting:
            for chunk in chunks:
                held = cast("LabellingState", chunk.states[source]).partition
                while not held.settle():  # noqa: ASYNC110 - waits for nothing, gives others their turn
                    await asyncio.sleep(0)
                with self._telemetry.step("keep"):
                    for erasure in self._refusals[source].taken(chunk, partial(held.take, source)):
                        if erasure is not None:
                            self._pass_on(erasure, source)
                with self._telemetry.step("tell"):
                    while not self._tell(held, chunk.partition):  # noqa: ASYNC110 - waits for nothing, gives others their turn
                        await asyncio.sleep(0)
                if (files := held.rows.rewritten()) is not None:
                    self._telemetry.labelling_rewritten(files)
            await self._outbox.room()

    def _pass_on(self, erasure: Erasure, source: str) -> None:
        """Tell those who learnt from the scores, behind all that was told of them."""
        self._telemetry.subject_erased(source)
        if source == LABELS:
            return
        for kind in ERASED_KINDS:
            key = reputation_key(kind, erasure.subject)
            self._erasures.pass_on(erasure, self._outbox, self._topics.outcomes, key)
        self._erasures.pass_on_to_examples(erasure, self._outbox, self._topics.examples)

    def _tell(self, held: LabellingPartition, partition: int) -> bool:
        """Publish what is due, some of it at a time; tell whether that was all."""
        emission = held.advance(self._monotonic())
        for example in emission.examples:
            self._outbox.put(self._topics.examples, None, example.to_json(), partition=0)
        for (kind, name), events in emission.outcomes.items():
            # Not checked: its reader does, where one that an earlier release took stops no other.
            outcomes = Outcomes.model_construct(kind=kind, id=name, events=tuple(events))
            self._outbox.put(self._topics.outcomes, outcomes.key.encode(), outcomes.to_json())
        for each in emission.set_apart:
            source, topic = (
                (LABELS, self._topics.labels_keyed) if each.is_label else (SCORES, self._topics.scores)
            )
            self._refusals[source].put_position(topic, partition, each.offset, each.refusal)
        held.quality.take_matured(emission.observations)
        self._telemetry.labelled(emission)
        return emission.is_whole


def bind(
    app: App,
    topics: Topics,
    telemetry: Telemetry,
    *,
    rules: LabellingRules,
    folder: Path,
    grace: float,
    monotonic: Callable[[], float],
    wall: Callable[[], float] = time.time,
    key: bytes | None = None,
) -> LabellingPartitions:
    """Run the labelling agent in this app.

    Args:
        app: the worker's.
        topics: names of the topics.
        telemetry: is told what happened.
        rules: of each partition.
        folder: holds a store for each partition.
        grace: seconds by which a label may come after the scores of its time.
        monotonic: gives seconds that only rise.
        wall: gives the seconds since 1970.
        key: that erasures must be signed with; without one they are refused.
    """
    from models.quality.live import LiveQuality  # noqa: PLC0415 - brings River, which scorers do without

    quality, erasures = LiveQuality(), Erasures(key)
    telemetry.read_quality_at_scrape(quality)
    partitions = LabellingPartitions(
        lambda number: LabellingPartition(rules, folder / str(number), grace, quality, erasures, wall)
    )
    agent = LabellingAgent(app, topics, telemetry, monotonic=monotonic, erasures=erasures)
    for name, topic, process in (
        (SCORES, topics.scores, agent.take_scores),
        (LABELS, topics.labels_keyed, agent.take_labels),
    ):
        app.bind(name, topic, process, new_state=partial(LabellingState, partitions, name))
    return partitions


def _take_score(held: LabellingPartition, record: KafkaRecord) -> None:
    wall = held.wall()
    row = ScoredTransaction.of_score(decode_score(record.value() or b""), record.offset())
    refuse_ahead(row.event_time, wall, "event_time")
    held.core.take_score(row)
    held.quality.take_score(row)
    held.watermark.saw_score(row.event_time, wall)


def _take_label(held: LabellingPartition, record: KafkaRecord) -> None:
    wall = held.wall()
    label = decode_label(record.value() or b"")
    held.core.take_label(label, recorded_at(label, record, wall), record.offset())
    held.watermark.saw_label(label.label_time.timestamp(), wall)


_TAKE: Final = {SCORES: _take_score, LABELS: _take_label}
_ERASE: Final = {SCORES: LabellingCore.erase, LABELS: LabellingCore.erase_labels}
