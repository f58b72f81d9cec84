"""A learner that meets an erasure learns its log again without it, and publishes nothing else meanwhile."""

from __future__ import annotations

import asyncio
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agents.erasures import Erasures
from agents.learning.agent import NAME
from agents.learning.checkpoint import ModelFile
from agents.learning.relearning import fold_record
from agents.runtime import Chunk
from agents.runtime.testing import FakeRecord
from models.snapshots.online_model import OnlineModel
from schemas.example import decode_example
from tests.agents.erasure_records import KEY, erasing_examples
from tests.agents.learning.test_agent import READY, Life
from tests.models.model_cases import FEATURES_VERSION, CountingLearner, contents, example, new_model

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Sequence

ERASED = "card_x"


@dataclass
class Learner(Life):
    """A learning worker whose log can be read again from its beginning."""

    records: list[FakeRecord] = field(default_factory=list)
    readings: int = 0

    async def _log(self) -> AsyncGenerator[Sequence[FakeRecord], None]:
        self.readings += 1
        position = 0
        while True:
            await asyncio.sleep(0)
            batch, position = self.records[position : position + 7], min(len(self.records), position + 7)
            yield batch

    def start(self) -> None:
        """Let the agent run until it is killed."""
        self._chunks = asyncio.Queue[Chunk]()
        self._task = asyncio.create_task(self.app.processes[NAME](self._waiting()))

    async def _waiting(self) -> AsyncGenerator[Sequence[Chunk], None]:
        while True:
            yield [await self._chunks.get()]
            self._chunks.task_done()  # the agent asks for the next

    async def take(self, *records: FakeRecord) -> None:
        """Take records as one chunk; what they begin beside goes on."""
        self._chunks.put_nowait(Chunk("examples", 0, records, self.app.states))
        await self._chunks.join()

    async def settle(self) -> None:
        """Let what was begun come to its end."""
        while self.state.model.may_hold_erased:  # noqa: ASYNC110 - waits for nothing, gives others their turn
            await asyncio.sleep(0)

    async def kill(self) -> None:
        self._task.cancel()
        await asyncio.wait([self._task])


def record(number: int, subject: str = "card_a") -> FakeRecord:
    value = example(number, fraud=number % 11 == 10, subject=subject)
    return FakeRecord(None, value.to_json(), number)


def plain(records: Sequence[FakeRecord]) -> OnlineModel:
    """The fold of the log as if what is erased had never been there."""
    marks = [each.offset() for each in records if each.headers()]
    model = new_model()
    for each in records:
        if each.headers():
            continue
        found = decode_example(each.value() or b"")
        if found.subject != ERASED or each.offset() > max(marks, default=-1):
            model.fold(found, each.offset())
    return model


def learnt(model: OnlineModel) -> Any:
    """All that a model consists of, but where it is in the log."""
    described, onnx, known = contents(model)
    places = {"version", "examples_offset", "examples_log", "parent", "labels_recorded"}
    return described.model_dump(exclude=places), onnx, known


@settings(max_examples=60, deadline=None)
@given(
    subjects=st.lists(st.booleans(), min_size=1, max_size=50),
    marks=st.sets(st.integers(0, 60), min_size=1, max_size=3),
    sizes=st.lists(st.integers(1, 20), min_size=1, max_size=8),
    kills=st.sets(st.integers(0, 7)),
    checkpoint=st.sampled_from([0.0, 1e9]),
)
def test_the_model_is_that_of_the_log_without_what_is_erased_wherever_it_was_killed(
    subjects: list[bool], marks: set[int], sizes: list[int], kills: set[int], checkpoint: float
) -> None:
    numbers = iter(range(200))
    log: list[FakeRecord] = []
    for place, is_erased in enumerate([*subjects, *[False] * 60]):
        if place in marks:
            log.append(erasing_examples(ERASED, next(numbers)))
        log.append(record(next(numbers), ERASED if is_erased else "card_a"))

    async def live() -> None:
        with tempfile.TemporaryDirectory() as folder:
            life, position = await new_life(Path(folder), log, None, checkpoint)
            for turn, size in enumerate(sizes):
                await life.take(*log[position : position + size])
                position += size
                if turn in kills:
                    life.state.save()
                    await life.kill()
                    life, position = await new_life(Path(folder), log, position, checkpoint)
            await life.take(*log[position:])
            await life.settle()
            assert learnt(life.state.model) == learnt(plain(log))
            assert life.state.model.examples_offset == log[-1].offset()
            await life.kill()

    asyncio.run(live())


async def new_life(
    folder: Path, log: list[FakeRecord], committed: int | None, checkpoint: float
) -> tuple[Learner, int]:
    life = Learner(folder, checkpoint=checkpoint, records=log)
    position = life.resume(committed)
    life.start()
    return life, position


async def test_versions_that_learnt_what_is_erased_are_taken_back_and_one_without_takes_their_place(
    tmp_path: Path,
) -> None:
    log: list[FakeRecord] = [
        record(number, ERASED if number == READY + 5 else "card_a") for number in range(READY + 22)
    ]
    log += [erasing_examples(ERASED, len(log))]
    life, _ = await new_life(tmp_path, log, None, 1e9)
    for start in range(0, len(log) - 1, 11):
        await life.take(*log[start : min(start + 11, len(log) - 1)])
    before = [each.version for each in life.snapshots]
    stained = [version for version in before if version > READY + 5]
    assert stained
    assert min(before) < READY + 5
    await life.take(log[-1])
    await life.settle()
    assert sorted(life.taken_back) == sorted(b"forest@%d" % version for version in stained)
    newest = life.snapshots[-1]
    assert newest.version == len(log)
    assert newest.onnx_sha256 == plain(log).snapshot(newest.created_at)[0].onnx_sha256
    await life.kill()


async def test_nothing_is_published_between_an_erasure_and_the_model_without_it(tmp_path: Path) -> None:
    log: list[FakeRecord] = [
        record(number, ERASED if number == 3 else "card_a") for number in range(READY + 22)
    ]
    log.insert(READY, erasing_examples(ERASED, READY))
    log = [each if place <= READY else record(place) for place, each in enumerate(log)]
    life, _ = await new_life(tmp_path, log, None, 1e9)
    await life.take(*log[:READY])
    published = len(life.snapshots)
    life.published.newest = 0
    await life.take(*log[READY:])
    assert len(life.snapshots) == published, "it may hold what is erased"
    await life.settle()
    assert life.snapshots[-1].quality["examples"] == len(log) - 2
    await life.kill()


async def test_an_erasure_of_somebody_who_was_never_learnt_changes_no_model(tmp_path: Path) -> None:
    log: list[FakeRecord] = [
        *(record(number) for number in range(20)),
        erasing_examples(ERASED, 20),
        record(21),
    ]
    life, _ = await new_life(tmp_path, log, None, 1e9)
    await life.take(*log)
    model = life.state.model
    await life.settle()
    assert life.state.model is model
    assert life.readings == 1
    assert model.examples == 21
    assert model.version == 22
    await life.kill()


async def test_an_erasure_that_is_not_rightly_signed_is_set_apart(tmp_path: Path) -> None:
    log: list[FakeRecord] = [record(0, ERASED), erasing_examples(ERASED, 1, key=b"another key"), record(2)]
    life, _ = await new_life(tmp_path, log, None, 1e9)
    await life.take(*log)
    assert not life.state.model.may_hold_erased
    assert life.state.model.examples == 2
    assert len(life.app.outbox.on("dead-letters")) == 1
    await life.kill()


async def test_a_learner_killed_before_it_was_cleared_goes_on_with_that_though_nothing_new_comes(
    tmp_path: Path,
) -> None:
    log: list[FakeRecord] = [record(0, ERASED), erasing_examples(ERASED, 1), record(2)]
    life = Learner(tmp_path, records=log)
    life.resume()
    for each in log:
        fold_record(life.state.model, each, Erasures(KEY))
    life.state.close()
    again, position = await new_life(tmp_path, log, 3, 1e9)
    assert position == 1, "where the erasure stands"
    await again.take(*log[position:])
    await again.settle()
    assert learnt(again.state.model) == learnt(plain(log))
    await again.kill()


async def test_a_learner_that_cannot_learn_its_log_again_tries_until_it_can(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It publishes nothing meanwhile, and the agents beside it go on."""
    monkeypatch.setattr("agents.learning.agent.RETRY_SECONDS", 0.0)

    class Broken(Learner):
        def _log(self) -> AsyncGenerator[Sequence[FakeRecord], None]:
            if self.readings < 3:
                self.readings += 1
                raise MemoryError("no room for a second model")
            return super()._log()

    log: list[FakeRecord] = [record(0), record(1, ERASED), erasing_examples(ERASED, 2)]
    life = Broken(tmp_path, records=log)
    life.resume()
    life.start()
    await life.take(*log)
    async with asyncio.timeout(10):
        await life.settle()
    assert life.app.failure is None
    assert learnt(life.state.model) == learnt(plain(log))
    await life.kill()


async def test_an_erasure_behind_another_log_leaves_nothing_of_what_was_learned_before(
    tmp_path: Path,
) -> None:
    """The log before cannot be looked through any more, so nobody can tell whether it held the subject."""
    first = Learner(tmp_path)
    first.resume(topic_id=5)
    await first.learn([record(number).value() or b"" for number in range(READY)])
    first.state.close()
    log: list[FakeRecord] = [record(0), record(1), erasing_examples(ERASED, 2), record(3)]
    second = Learner(tmp_path, records=log, published=first.published)
    assert second.resume(topic_id=7) == 0
    second.start()
    await second.take(*log)
    await second.settle()
    assert learnt(second.state.model) == learnt(plain(log))
    assert second.state.model.version == READY + 4, "versions go on"
    assert second.taken_back == [b"forest@%d" % READY]
    await second.kill()


# -- a learner that rests, and goes on


async def rested(life: Learner) -> None:
    """Let a learner that rests go on."""
    async with asyncio.timeout(10):
        while life.state.rest is not None:  # noqa: ASYNC110 - waits for nothing, gives others their turn
            await asyncio.sleep(0)


async def test_a_checkpoint_of_another_key_lets_learning_rest_and_ends_nobody(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("agents.learning.agent.RETRY_SECONDS", 0.0)
    log = [record(number) for number in range(40)]
    foreign = ModelFile(tmp_path / "a.model", b"the key of before", print)
    foreign.write(plain(log[:9]))
    life = Learner(tmp_path, records=log)
    assert life.resume(committed=20) == 20
    life.start()
    await life.take(*log[20:30], FakeRecord(None, b"{", 30))
    assert "a.model is not signed with FRAUDSTREAM_LEARNING__SIGNING_KEY" in (life.check() or "")
    assert "set the key" in (life.check() or "")
    assert life.app.failure is None
    assert len(life.app.outbox.on("dead-letters")) == 1, "what is no example is set apart all the same"
    life.state.close()
    assert foreign.read() is not None, "it is not overwritten"
    life.state.is_open = True
    (tmp_path / "a.model").unlink()
    log[30] = FakeRecord(None, b"{", 30)
    await rested(life)
    assert life.check() is None
    await life.take(*log[31:])
    assert learnt(life.state.model) == learnt(plain([*log[:30], *log[31:]]))
    await life.kill()


class FailingLearner(CountingLearner):
    """Fails at one row, half changed."""

    def learn(self, features: Any, outcome: bool, *, weight: float) -> None:  # noqa: FBT001
        super().learn(features, outcome, weight=weight)
        if features[1] == 13.0:
            raise FloatingPointError("a row that it cannot learn")


def failing_model() -> OnlineModel:
    return OnlineModel(
        "forest", FailingLearner(), features_version=FEATURES_VERSION, seed=7, code_version="0.1.0"
    )


@pytest.mark.parametrize("saved", [0, 5, 17])
async def test_an_example_that_the_learner_fails_at_is_set_apart_and_all_others_are_learned(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, saved: int
) -> None:
    monkeypatch.setattr("agents.learning.agent.RETRY_SECONDS", 0.0)
    log = [record(number) for number in range(60)]
    log[20] = FakeRecord(None, example(20, features=(1.0, 13.0)).to_json(), 20)
    life = Learner(tmp_path, records=log, new_model=failing_model)
    life.resume()
    life.start()
    await life.take(*log[:saved])
    life.state.save()
    await life.take(*log[saved:30])
    assert life.app.failure is None
    await life.take(*log[30:40])
    await rested(life)
    await life.take(*log[40:])
    assert learnt(life.state.model) == learnt(plain([*log[:20], *log[21:]]))
    [letter] = life.app.outbox.on("dead-letters")
    assert letter.header("__connect.errors.offset") == b"20"
    await life.kill()
