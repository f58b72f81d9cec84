"""The learning agent.

In: `examples`, one ordered partition. Out: signed snapshots of the model on `models`, the oldest ones taken
back; dead letters for what is no example.
Remembers: the model, in memory, and now and then on disk with the offset that it is of.
Promises: the model is the fold of all examples in their order, whenever and wherever it was stopped; a
version names the place in that order, and none is published after a newer one. Examples of another list of
features are counted and passed over. Behind an erasure none is published that learnt what was erased, and
those that did are taken back. A second worker stands by: the group gives the one partition to one.
What keeps it from learning is a state, and ends no worker: labelling and reputation run in the same one.
While it rests it passes over the examples that come, tries again, and then learns them from the log.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, Final, cast

from agents.dead_letters import DeadLetterWriter, refuse_poison
from agents.erasures import Erasures, is_erasure
from agents.learning.checkpoint import ForeignModelError
from agents.learning.relearning import TURN_SECONDS, LearnerFailed, Relearner, fold_record
from agents.runtime import KeepsItself
from models.signing import seal
from schemas.errors import ErrorType, InvalidMessage
from schemas.example import decode_example
from schemas.label import Outcome

if TYPE_CHECKING:
    from collections.abc import AsyncIterable, Awaitable, Callable, Sequence

    from agents.broadcast.published import PublishedVersions
    from agents.learning.checkpoint import ModelFile
    from agents.learning.relearning import Batches
    from agents.runtime import App, Chunk
    from agents.runtime.records import KafkaRecord
    from agents.telemetry import Telemetry
    from agents.topics import Topics
    from agents.web import Check
    from models.snapshots.online_model import OnlineModel
    from schemas.example import Example
    from schemas.snapshot import ModelSnapshot

NAME: Final = "learning"
RETRY_SECONDS: Final = 5.0


@dataclass(frozen=True)
class Publication:
    """When snapshots are published, and for how long they stay.

    Attributes:
        pause: seconds between two snapshots, at least.
        rows: examples without a fraud among them that are worth a snapshot.
        kept: versions that stay on the topic.
        key: signs snapshots.
    """

    pause: float
    rows: int
    kept: int
    key: bytes


class LearningState(KeepsItself):
    """The model, as the delivery engine sees it: the same function of the log, committed or not.

    Args:
        file: keeps the model between two starts.
        new_model: makes one that has learnt nothing.
        pause: seconds between two checkpoints on disk, at least.
        monotonic: gives seconds that only rise.
    """

    def __init__(
        self,
        file: ModelFile,
        new_model: Callable[[], OnlineModel],
        pause: float,
        monotonic: Callable[[], float],
    ) -> None:
        self._file = file
        self.new_model = new_model
        self._pause = pause
        self._monotonic = monotonic
        self._written_at = monotonic()
        self._written = 0
        self._log = 0
        self.is_open = False
        self.committed = 0
        """Offset up to which the group had committed: dead letters of what stands before it were sent."""
        self.rest: str | None = None
        """Why nothing is learned for now, without a full stop; the model is an empty one then."""
        self.unwritten: str | None = None
        """Why the model is not on disk, likewise."""
        self.passed = -1
        """Offset of the last record that was passed over while nothing was learned."""
        self.poison: set[int] = set()
        """Offsets of examples that the learner failed at."""
        self.model = cast("OnlineModel", None)

    def __len__(self) -> int:
        """Count the examples learnt."""
        return self.model.examples

    def resume(self, partition: int, committed: int | None, note: str | None, log: int) -> int | None:
        """Go on from the checkpoint on disk, or from what the group has committed, where that is less.

        What lies between is learnt already, but a dead letter of it may not have been sent. A model that was
        not cleared of an erasure meets it again. In another log of examples offsets begin again.
        """
        del partition, note
        self._log, self.is_open, self.committed = log, True, committed or 0
        try:
            self.goes_on(self.read())
        except Exception as failure:  # noqa: BLE001 - whatever it is, others of this worker go on
            self.rests(failure, self.committed - 1)
            return self.committed
        start = self.model.last_erasure if self.model.may_hold_erased else self.model.position
        return start if committed is None else min(committed, start)

    def read(self) -> OnlineModel:
        """Read the model of the checkpoint, or make a new one where there is none.

        Raises:
            ForeignModelError: it is not signed with the key of the settings.
            OSError, ValueError: it cannot be read.
        """
        model = self._file.read() or self.new_model()
        model.follow(self._log)
        return model

    def goes_on(self, model: OnlineModel) -> None:
        """Learn from now on, by this model."""
        self.model, self.rest = model, None
        self._written = model.version

    def rests(self, failure: Exception, passed: int) -> None:
        """Learn nothing from now on.

        Args:
            failure: why.
            passed: offset of the last record that was read.
        """
        is_said = isinstance(failure, ForeignModelError | LearnerFailed | OSError)
        self.rest = f"learning rests: {failure if is_said else type(failure).__name__}"
        self.model, self.passed = self.new_model(), passed

    def save(self) -> None:
        """Write the model to disk, if the last time is long enough ago."""
        if self._monotonic() - self._written_at >= self._pause:
            self._write()

    def close(self) -> None:
        """Write what is not on disk yet."""
        self._write()
        self.is_open = False

    def _write(self) -> None:
        if self.rest is None and self.model.version != self._written:
            try:
                self._file.write(self.model)
            except OSError as failure:
                self.unwritten = f"the model cannot be written to disk: {failure}"
            else:
                self.unwritten, self._written = None, self.model.version
        self._written_at = self._monotonic()


class LearningAgent:
    """Takes chunks of examples and puts snapshots into the outbox."""

    def __init__(
        self,
        app: App,
        topics: Topics,
        telemetry: Telemetry,
        *,
        publication: Publication,
        published: PublishedVersions,
        prepared: Callable[[], Awaitable[None]],
        log: Callable[[], Batches],
        examine: Callable[[ModelSnapshot, bytes], object],
        clock: Callable[[], float],
        monotonic: Callable[[], float],
    ) -> None:
        self._examine = examine
        self._outbox = app.outbox
        self._beside = partial(app.beside, NAME)
        self._refusals = DeadLetterWriter(NAME, app.outbox, topics.dead_letters, telemetry)
        self._topics = topics
        self._telemetry = telemetry
        self._publication = publication
        self._erasures = Erasures(publication.key)
        self._relearner = Relearner(log, self._erasures, monotonic)
        self._relearning: dict[LearningState, asyncio.Task[None]] = {}
        self._state: LearningState | None = None
        self._unmade: str | None = None
        self._said: str | None = None
        self._published = published
        self._prepared = prepared
        self._clock = clock
        self._monotonic = monotonic
        self._published_at = -publication.pause
        self._rows = 0
        self._has_fraud = False
        self._timer: asyncio.TimerHandle | None = None

    def watched(self, state: LearningState) -> LearningState:
        """Note the newest state, and give it back."""
        self._state = state
        return state

    def check(self) -> str | None:
        """Say in a sentence what keeps this worker from learning or publishing; None where nothing does."""
        state = self._state
        if state is None or not state.is_open:
            return None
        return state.rest or self._unmade or state.unwritten

    async def process(self, waiting: AsyncIterable[Sequence[Chunk]]) -> None:
        """Learn the examples that wait, again and again, once it is known what was published before."""
        await self._prepared()
        recovering = asyncio.create_task(self._recover_again_and_again())
        try:
            async for chunks in waiting:
                for chunk in chunks:
                    state = cast("LearningState", chunk.states[NAME])
                    with self._telemetry.step("fold"):
                        await self._learn(chunk, state)
                    self._clear(state)
                    self._publish_in_time(state)
                await self._outbox.room()
        finally:
            for task in (recovering, *self._relearning.values()):
                task.cancel()

    async def _learn(self, chunk: Chunk, state: LearningState) -> None:
        turn = self._monotonic()
        self._refusals.put_gap(chunk)
        if state.rest is None:
            state.model.follow(chunk.log, self._published.newest_elsewhere(chunk.log))
        for record in chunk.records:
            try:
                refuse_poison(chunk)
                self._take(record, state)
            except InvalidMessage as refusal:
                self._pass_over(record, refusal, state)
            if self._monotonic() - turn >= TURN_SECONDS:
                await asyncio.sleep(0)
                turn = self._monotonic()

    def _take(self, record: KafkaRecord, state: LearningState) -> None:
        """Learn an example, or pass over it while learning rests.

        Raises:
            InvalidMessage: it cannot be learned.
        """
        if state.rest is not None:
            state.passed = record.offset()
            if is_erasure(record):
                self._erasures.open_on_examples(record)
            else:
                decode_example(record.value() or b"")
            return
        if record.offset() in state.poison:
            return
        try:
            example = fold_record(state.model, record, self._erasures)
        except LearnerFailed as failure:
            self._failed(failure, state, record.offset())
            return
        if example is not None:
            self._count(example)
        if state.model.version <= self._published.newest:
            state.model.goes_on_from(self._published.newest)

    def _failed(self, failure: LearnerFailed, state: LearningState, passed: int) -> None:
        """Rest until the model was learned again, without the example where that is to blame."""
        state.rests(failure, passed)
        self._say_rest(state)
        if failure.is_of_example:
            state.poison.add(failure.offset)
        if failure.is_of_example and failure.offset >= state.committed:
            refusal = InvalidMessage(ErrorType.INTERNAL_ERROR, "the learner failed at this example")
            self._refusals.put_position(self._topics.examples, 0, failure.offset, refusal)

    async def _recover_again_and_again(self) -> None:
        """Go on learning whenever that has become possible."""
        with self._beside():
            while True:
                state = self._state
                if state is not None and state.is_open and state.rest is not None:
                    self._say_rest(state)
                    await self._recover(state)
                await asyncio.sleep(RETRY_SECONDS)

    def _say_rest(self, state: LearningState) -> None:
        """Report why learning rests, once for each reason."""
        if state.rest != self._said:
            self._said = state.rest
            self._telemetry.learning_rests(str(state.rest))

    async def _recover(self, state: LearningState) -> None:
        """Learn from the checkpoint on what was passed over, and go on from there."""
        try:
            model = state.read()
            model.follow(0, self._published.newest_elsewhere(model.log))
            is_there = await self._relearner.catch_up(
                state, model, lambda: self._published.newest, lambda: state.passed
            )
        except LearnerFailed as failure:
            self._failed(failure, state, state.passed)
        except Exception as failure:  # noqa: BLE001 - whatever it is, it is tried again
            state.rests(failure, state.passed)
        else:
            if is_there and state.is_open:
                state.goes_on(model)
                self._said = None
                self._telemetry.learning_goes_on()
                self._clear(state)
                self._publish_in_time(state)

    def _pass_over(self, record: KafkaRecord, refusal: InvalidMessage, state: LearningState) -> None:
        """Set a bad example apart, once however often the log is read; one of other features is not bad."""
        if refusal.error_type is ErrorType.FEATURES_MISMATCH:
            self._telemetry.example_passed_over()
        elif record.offset() >= state.committed:
            self._refusals.put(record, refusal)

    def _count(self, example: Example) -> None:
        self._rows += 1
        self._has_fraud |= example.outcome is Outcome.FRAUD
        self._telemetry.example_learnt(example.outcome, example.maturity)

    def _clear(self, state: LearningState) -> None:
        """Have the model cleared of what was erased, beside all else."""
        if state.model.may_hold_erased and state not in self._relearning:
            self._relearning[state] = asyncio.create_task(self._relearn(state))

    async def _relearn(self, state: LearningState) -> None:
        with self._beside():
            await self._relearn_until_clear(state)

    async def _relearn_until_clear(self, state: LearningState) -> None:
        while state.is_open and state.model.may_hold_erased:
            self._telemetry.relearning()
            try:
                await self._relearner.clear(state, lambda: self._published.newest)
            except LearnerFailed as failure:
                if failure.is_of_example:
                    state.poison.add(failure.offset)
                self._telemetry.relearning(failure)
            except Exception as failure:  # noqa: BLE001 - whatever it is, it is tried again
                self._telemetry.relearning(failure)
                await asyncio.sleep(RETRY_SECONDS)
        del self._relearning[state]
        if state.is_open:
            self._publish_in_time(state)

    def _take_back_erased(self, state: LearningState) -> bool:
        """Take the versions back that learnt what was erased; tells whether there were any."""
        first, last = state.model.first_erased, state.model.base + state.model.last_erasure
        keys = [] if first is None else self._published.take_back(first, last)
        for key in keys:
            self._outbox.put(self._topics.models, key, None)
        return bool(keys)

    def _publish_in_time(self, state: LearningState) -> None:
        """Publish now, or as soon as the pause is over, if there is something worth knowing."""
        model = state.model
        if model.is_past_erasures and not model.may_hold_erased and self._take_back_erased(state):
            self._has_fraud = True  # what scores in its place is worth knowing
        is_worth_it = self._has_fraud or self._rows >= self._publication.rows
        if self._timer is not None or not is_worth_it or not model.is_ready():
            return
        wait = self._published_at + self._publication.pause - self._monotonic()
        if wait <= 0.0:
            self._publish(state)
        else:
            self._timer = asyncio.get_running_loop().call_later(wait, self._publish_late, state)

    def _publish_late(self, state: LearningState) -> None:
        with self._beside():
            self._publish(state)

    def _publish(self, state: LearningState) -> None:
        """Publish the model as it is; nothing here waits, so it is whole in one commit."""
        self._timer = None
        if not state.is_open or not state.model.is_ready() or state.model.version <= self._published.newest:
            return
        began = self._published_at = self._monotonic()
        try:
            snapshot, onnx = state.model.snapshot(datetime.fromtimestamp(self._clock(), UTC))
            value = seal(snapshot, onnx, self._publication.key)
            refusal = self._refused(snapshot, onnx)
        except Exception as failure:  # noqa: BLE001 - the version before goes on scoring
            self._unmade = (
                f"the last snapshot could not be made ({type(failure).__name__}): if that goes on, remove "
                "the learner's checkpoint to learn again from the examples"
            )
            self._telemetry.snapshot_failed(failure)
            return
        if refusal is not None:
            state.model.goes_on_from(self._published.newest or None)
            self._telemetry.snapshot_withheld(snapshot, refusal)
            return
        self._unmade = None
        self._outbox.put(self._topics.models, snapshot.scored_by.encode(), value)
        for key in self._published.add(snapshot, self._publication.kept):
            self._outbox.put(self._topics.models, key, None)
        self._rows, self._has_fraud = 0, False
        self._published_at = self._monotonic()
        self._telemetry.snapshot_published(snapshot, len(value), self._published_at - began)

    def _refused(self, snapshot: ModelSnapshot, onnx: bytes) -> InvalidMessage | None:
        """Say why scorers would refuse a snapshot; None where they would take it."""
        try:
            self._examine(snapshot, onnx)
        except InvalidMessage as refusal:
            return refusal
        return None


def bind(
    app: App,
    topics: Topics,
    telemetry: Telemetry,
    *,
    new_state: Callable[[], LearningState],
    publication: Publication,
    published: PublishedVersions,
    prepared: Callable[[], Awaitable[None]],
    log: Callable[[], Batches],
    examine: Callable[[ModelSnapshot, bytes], object],
    clock: Callable[[], float],
    monotonic: Callable[[], float],
) -> Check:
    """Run the learning agent in this app; returns the readiness check of learning.

    Args:
        app: the worker's.
        topics: names of the topics.
        telemetry: is told what happened.
        new_state: makes the state of the one partition.
        publication: when snapshots are published.
        published: the versions that are on the topic.
        prepared: awaited before the first example, so that these are known.
        log: gives all of `examples` from its beginning, for when it is to be learnt again.
        examine: raises `InvalidMessage` for a model that scorers would refuse; it is not published.
        clock: gives the seconds since 1970.
        monotonic: gives seconds that only rise.
    """
    agent = LearningAgent(
        app,
        topics,
        telemetry,
        publication=publication,
        published=published,
        prepared=prepared,
        log=log,
        examine=examine,
        clock=clock,
        monotonic=monotonic,
    )
    app.bind(NAME, topics.examples, agent.process, new_state=lambda: agent.watched(new_state()))
    return agent.check
