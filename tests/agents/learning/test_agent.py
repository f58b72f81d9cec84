"""The learning agent: the model is the log's, wherever it was stopped; snapshots only go forward."""

from __future__ import annotations

import asyncio
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry

from agents.broadcast import PublishedVersions
from agents.learning import agent as learning
from agents.learning.agent import LearningState, Publication
from agents.learning.checkpoint import ModelFile
from agents.runtime.testing import FakeApp, FakeRecord, WrittenRecord
from agents.telemetry import Telemetry
from agents.topics import Topics
from models.learners.base import make_learner
from models.signing import unseal
from models.snapshots.online_model import READY_FRAUDS, READY_GENUINE, OnlineModel
from schemas.dead_letter import ERROR_TYPE_HEADER
from schemas.errors import ErrorType, InvalidMessage
from tests.models.model_cases import (
    FEATURES_VERSION,
    KEY,
    N_FEATURES,
    NAME,
    START,
    contents,
    example,
    new_model,
    pin,
    snapshot,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from schemas.snapshot import ModelSnapshot

READY = 11 * READY_FRAUDS  # every eleventh example is a fraud
assert READY - READY_FRAUDS >= READY_GENUINE


def value(number: int, **changes: Any) -> bytes:
    return example(number, fraud=number % 11 == 10, **changes).to_json()


@dataclass
class Life:
    """One life of a learning worker on a log, until it is killed; the folder outlives it."""

    folder: Path
    published: PublishedVersions = field(default_factory=lambda: PublishedVersions(NAME, KEY))
    pause: float = 0.0
    rows: int = 1_000_000
    kept: int = 100
    checkpoint: float = 0.0
    now: float = 0.0
    new_model: Callable[[], OnlineModel] = new_model
    examine: Callable[[ModelSnapshot, bytes], object] = lambda *_: None

    def __post_init__(self) -> None:
        self.app = FakeApp()
        self.registry = CollectorRegistry()
        self.check = learning.bind(
            self.app,  # type: ignore[arg-type]
            Topics(),
            Telemetry(self.registry),
            new_state=lambda: LearningState(
                ModelFile(self.folder / "a.model", KEY, print),
                self.new_model,
                self.checkpoint,
                lambda: self.now,
            ),
            publication=Publication(self.pause, self.rows, self.kept, KEY),
            published=self.published,
            prepared=self._prepared,
            log=self._log,
            examine=self.examine,
            clock=START.timestamp,
            monotonic=lambda: self.now,
        )
        self.is_prepared = False

    async def _prepared(self) -> None:
        self.is_prepared = True

    def _log(self) -> Any:
        raise AssertionError("nothing is erased here, so nothing is learnt again")

    @property
    def state(self) -> LearningState:
        state = self.app.states[learning.NAME]
        assert isinstance(state, LearningState)
        return state

    def resume(self, committed: int | None = None, topic_id: int = 0) -> int:
        self.app.log = topic_id
        start = self.state.resume(0, committed, "", topic_id)
        assert start is not None
        return start

    async def learn(self, values: Sequence[bytes], offset: int = 0, *, is_poison: bool = False) -> None:
        """Take these records as one chunk."""
        records = [FakeRecord(None, each, offset + number) for number, each in enumerate(values)]
        await self.app.run(learning.NAME, *records, is_poison=is_poison)

    @property
    def snapshots(self) -> list[ModelSnapshot]:
        """What was published, opened with the right key."""
        return [unseal(put.value, KEY)[0] for put in self._models if put.value is not None]

    @property
    def taken_back(self) -> list[bytes | None]:
        return [put.key for put in self._models if put.value is None]

    @property
    def _models(self) -> list[WrittenRecord]:
        return self.app.outbox.on("models")

    def passed_over(self) -> float | None:
        return self.registry.get_sample_value("fraudstream_examples_passed_over_total")


@pytest.fixture
def life(tmp_path: Path) -> Life:
    started = Life(tmp_path)
    started.resume()
    return started


def fold(count: int) -> Any:
    """The model that folds the first examples without ever being stopped."""
    model = new_model()
    for number in range(count):
        model.fold(example(number, fraud=number % 11 == 10), number)
    return contents(model)


# -- the same model, wherever it was stopped


@settings(max_examples=40, deadline=None)
@given(
    lives=st.lists(
        st.tuples(st.lists(st.integers(1, 16), max_size=5), st.booleans()), min_size=1, max_size=6
    ),
    committed_lag=st.integers(0, 60),
    checkpoint=st.sampled_from([0.0, 2.0, 1e9]),
)
def test_a_learner_that_was_killed_anywhere_is_node_for_node_the_one_that_was_not(
    lives: list[tuple[list[int], bool]], committed_lag: int, checkpoint: float
) -> None:
    """Each life learns some chunks, saves after each if it is time, and is killed or stopped in order.

    All are too few to publish, which would be told of the model, too.
    """

    async def live() -> None:
        reached, committed = 0, None
        with tempfile.TemporaryDirectory() as folder:
            for chunks, is_killed in lives:
                life = Life(Path(folder), checkpoint=checkpoint)
                start = life.resume(committed)
                assert start <= reached, "nothing is left out"
                for size in chunks:
                    await life.learn([value(number) for number in range(start, start + size)], start)
                    start += size
                    reached = max(reached, start)
                    life.now += 1.0
                    life.state.save()
                if not is_killed:
                    life.state.close()
                committed = max(0, start - committed_lag)
            last = Life(Path(folder))
            start = last.resume(committed)
            await last.learn([value(number) for number in range(start, reached + 30)], start)
            assert contents(last.state.model) == fold(reached + 30)

    asyncio.run(live())


async def test_a_forest_that_was_killed_is_byte_for_byte_the_one_that_was_not(tmp_path: Path) -> None:
    """Its random numbers go on where the checkpoint left them."""
    values = [value(number) for number in range(400)]
    unstopped = Life(tmp_path / "unstopped", new_model=new_forest)
    await unstopped.learn(values, unstopped.resume())
    for killed_at in (130, 131, 290):
        life = Life(tmp_path / "killed", new_model=new_forest)
        start = life.resume()
        await life.learn(values[start : killed_at - 10], start)
        life.state.save()
        await life.learn(values[killed_at - 10 : killed_at], killed_at - 10)
    last = Life(tmp_path / "killed", new_model=new_forest)
    start = last.resume()
    assert start == 280, "the last checkpoint"
    await last.learn(values[start:], start)
    assert contents(last.state.model) == contents(unstopped.state.model)


def new_forest() -> OnlineModel:
    learner = make_learner("forest", N_FEATURES, 7)
    return OnlineModel(NAME, learner, features_version=FEATURES_VERSION, seed=7, code_version="0.1.0")


async def test_a_lost_disk_costs_time_and_nothing_else(tmp_path: Path) -> None:
    life = Life(tmp_path / "lost")
    assert life.resume(committed=40) == 0
    await life.learn([value(number) for number in range(60)])
    assert contents(life.state.model) == fold(60)


def test_checkpoints_keep_their_distance_and_the_last_one_comes_at_the_end(tmp_path: Path) -> None:
    life = Life(tmp_path, checkpoint=60.0)
    life.resume()
    for number in range(100):
        life.state.model.fold(example(number), number)
        life.now += 1.0
        life.state.save()
    written = ModelFile(tmp_path / "a.model", KEY, print).read()
    assert written is not None
    assert written.version == 60
    life.state.close()
    written = ModelFile(tmp_path / "a.model", KEY, print).read()
    assert written is not None
    assert written.version == 100


async def test_nothing_is_learnt_before_it_is_known_what_was_published(life: Life) -> None:
    await life.learn([value(0)])
    assert life.is_prepared


# -- examples that cannot be learnt


async def test_a_bad_example_is_set_apart_and_the_next_is_learnt(life: Life) -> None:
    await life.learn([value(0), b"{", value(2)])
    [letter] = life.app.outbox.on("dead-letters")
    assert (letter.value, letter.header(ERROR_TYPE_HEADER)) == (b"{", b"not-json")
    assert life.state.model.examples == 2


async def test_an_example_that_makes_the_agent_fail_again_and_again_is_set_apart(life: Life) -> None:
    await life.learn([value(0)], is_poison=True)
    [letter] = life.app.outbox.on("dead-letters")
    assert letter.header(ERROR_TYPE_HEADER) == b"internal-error"
    assert life.state.model.examples == 0


async def test_a_bad_example_is_set_apart_once_however_often_the_log_is_read(tmp_path: Path) -> None:
    life = Life(tmp_path)
    assert life.resume(committed=2) == 0
    await life.learn([value(0), b"{", b"{", value(3)])
    assert [letter.header("__connect.errors.offset") for letter in life.app.outbox.on("dead-letters")] == [
        b"2"
    ]


async def test_a_dead_letter_that_was_not_committed_is_sent_again(tmp_path: Path) -> None:
    """A checkpoint on disk may be ahead of the commit that held the dead letter."""
    first = Life(tmp_path)
    first.resume()
    await first.learn([value(0), b"{", value(2)])
    first.state.close()
    second = Life(tmp_path)
    start = second.resume(committed=1)
    assert start == 1
    await second.learn([b"{", value(2), value(3)], start)
    assert len(second.app.outbox.on("dead-letters")) == 1
    assert second.state.model.examples == 3, "what was learnt is not learnt again"


async def test_examples_of_other_features_are_counted_and_passed_over(life: Life) -> None:
    await life.learn([value(0, features_version=2), value(1)])
    assert life.app.outbox.on("dead-letters") == []
    assert life.passed_over() == 1
    assert (life.state.model.examples, life.state.model.version) == (1, 2)


@pytest.mark.parametrize(
    ("changes", "error_type"),
    [
        ({"features": [1.0]}, b"invalid-value"),
        ({"features": [1e19, 1.0]}, b"invalid-value"),
        ({"sampling_rate": 1e-300}, b"invalid-value"),
        ({"weight": 1e4}, b"invalid-value"),
        ({"score": 1.5}, b"invalid-value"),
    ],
)
async def test_an_example_with_a_number_out_of_bounds_is_set_apart(
    life: Life, changes: dict[str, Any], error_type: bytes
) -> None:
    """A sampling rate of 1e-300 made every later snapshot fail."""
    await life.learn([orjson.dumps(orjson.loads(value(0)) | changes), value(1)])
    [letter] = life.app.outbox.on("dead-letters")
    assert letter.header(ERROR_TYPE_HEADER) == error_type
    assert life.state.model.examples == 1


# -- what is published


def log(count: int) -> list[bytes]:
    return [value(number) for number in range(count)]


async def test_a_snapshot_is_signed_and_keyed_by_its_version(life: Life) -> None:
    await life.learn(log(READY))
    [put] = life.app.outbox.on("models")
    assert put.key == b"forest@550"
    assert put.value is not None
    described, onnx = unseal(put.value, KEY)
    assert (described.version, described.examples_offset, described.parent) == (READY, READY - 1, None)
    assert (onnx, described.quality) == (fold(READY)[1], fold(READY)[0].quality)


async def test_nothing_is_published_before_enough_was_learnt(life: Life) -> None:
    await life.learn(log(READY - 1))
    assert life.snapshots == []


async def test_a_fraud_is_worth_a_snapshot_and_a_few_genuine_rows_are_not(tmp_path: Path) -> None:
    life = Life(tmp_path, rows=5)
    life.resume()
    await life.learn(log(READY))
    for number in range(READY, READY + 11):  # the last is a fraud
        await life.learn([value(number)], number)
    assert [each.version for each in life.snapshots] == [READY, READY + 5, READY + 10, READY + 11]
    assert [each.parent for each in life.snapshots] == [None, READY, READY + 5, READY + 10]


async def test_labels_are_told_once(tmp_path: Path) -> None:
    life = Life(tmp_path, rows=1)
    life.resume()
    for start in (0, READY, READY + 11):
        await life.learn([value(number) for number in range(start, max(READY, start + 11))], start)
    labels = [label - START.timestamp() for each in life.snapshots for label in each.labels_recorded]
    assert labels == [float(number) for number in range(10, READY + 22, 11)]


async def test_the_pause_is_kept_and_what_came_in_it_is_published_at_its_end(tmp_path: Path) -> None:
    life = Life(tmp_path, pause=0.2)
    life.resume()
    await life.learn(log(READY))
    await life.learn([value(READY + 10)], READY)
    await life.learn([value(READY + 21)], READY + 1)
    assert [each.version for each in life.snapshots] == [READY], "the pause is not over"
    await asyncio.sleep(0.3)
    assert [each.version for each in life.snapshots] == [READY, READY + 2], "in one snapshot"


async def test_a_model_that_scorers_would_refuse_is_withheld_and_the_next_sound_one_is_published(
    tmp_path: Path,
) -> None:
    def examine(snapshot: ModelSnapshot, _onnx: bytes) -> None:
        if snapshot.version == READY:
            raise InvalidMessage(ErrorType.UNSOUND_MODEL, "it scores all alike")

    life = Life(tmp_path, examine=examine)
    life.resume()
    await life.learn(log(READY))
    assert life.snapshots == []
    assert life.registry.get_sample_value("fraudstream_snapshots_withheld_total") == 1
    await life.learn([value(READY)], READY)
    assert [(each.version, each.parent) for each in life.snapshots] == [(READY + 1, None)]


@pytest.mark.parametrize("pause", [0.0, 0.05])
async def test_a_snapshot_that_cannot_be_made_is_reported_and_the_next_one_is_published(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, pause: float
) -> None:
    def refuse(*_: object) -> None:
        raise MemoryError("no room to compile it")

    life = Life(tmp_path, pause=pause)
    life.resume()
    await life.learn(log(READY))
    with monkeypatch.context() as patch:
        patch.setattr(OnlineModel, "snapshot", refuse)
        await life.learn([value(READY + 10)], READY)
        await asyncio.sleep(0.2)
    assert life.app.failure is None
    assert life.registry.get_sample_value("fraudstream_snapshots_failed_total") == 1
    assert "could not be made (MemoryError)" in (life.check() or "")
    assert [each.version for each in life.snapshots] == [READY], "the one before stays"
    life.now += 1.0
    await life.learn([value(READY + 21)], READY + 1)
    assert [each.version for each in life.snapshots] == [READY, READY + 2]
    assert life.check() is None


async def test_a_checkpoint_that_cannot_be_written_is_reported_and_ends_nobody(
    life: Life, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise OSError("no space left on device")

    await life.learn(log(3))
    with monkeypatch.context() as patch:
        patch.setattr(ModelFile, "write", refuse)
        life.state.save()
        assert "no space left on device" in (life.check() or "")
    life.state.save()
    assert life.check() is None


async def test_a_partition_that_went_away_in_the_pause_is_not_published(tmp_path: Path) -> None:
    life = Life(tmp_path, pause=0.05)
    life.resume()
    await life.learn(log(READY))
    await life.learn([value(READY + 10)], READY)
    life.state.close()
    await asyncio.sleep(0.1)
    assert [each.version for each in life.snapshots] == [READY]


def published_up_to(version: int) -> PublishedVersions:
    known = PublishedVersions(NAME, KEY)
    known.add(snapshot(version), 100)
    return known


async def test_an_old_checkpoint_publishes_nothing_that_is_not_newer(tmp_path: Path) -> None:
    life = Life(tmp_path, published=published_up_to(READY + 11))
    life.resume()
    await life.learn(log(READY + 11))
    assert life.snapshots == []
    await life.learn([value(number) for number in range(READY + 11, READY + 22)], READY + 11)
    [first] = life.snapshots
    assert (first.version, first.parent) == (READY + 22, READY + 11)
    assert [label - START.timestamp() for label in first.labels_recorded] == [READY + 21.0], "told before"


async def test_only_so_many_versions_are_kept(tmp_path: Path) -> None:
    life = Life(tmp_path, rows=1, kept=2)
    life.resume()
    await life.learn(log(READY))
    for number in range(READY, READY + 3):
        await life.learn([value(number)], number)
    assert [each.version for each in life.snapshots] == [550, 551, 552, 553]
    assert life.taken_back == [b"forest@551", b"forest@552"]


async def test_the_pinned_version_stays(tmp_path: Path) -> None:
    life = Life(tmp_path, rows=1, kept=2)
    life.published.pin(pin(READY + 1))
    life.resume()
    await life.learn(log(READY))
    for number in range(READY, READY + 3):
        await life.learn([value(number)], number)
    assert life.taken_back == [b"forest@552"]
    life.published.pin(None)
    await life.learn([value(READY + 3)], READY + 3)
    assert life.taken_back == [b"forest@552", b"forest@551", b"forest@553"]


async def test_learning_is_told_in_metrics(life: Life) -> None:
    await life.learn(log(READY))
    labels = {"outcome": "fraud", "maturity": "early"}
    assert life.registry.get_sample_value("fraudstream_examples_learnt_total", labels) == READY_FRAUDS
    assert life.registry.get_sample_value("fraudstream_learner_version", {"model": "forest"}) == READY


# -- another log of examples


def numbered(numbers: Sequence[int]) -> list[bytes]:
    return [value(number) for number in numbers]


async def test_in_a_topic_that_was_made_again_the_model_goes_on_and_versions_rise(tmp_path: Path) -> None:
    first = Life(tmp_path)
    first.resume(topic_id=5)
    await first.learn(log(READY))
    first.state.close()
    second = Life(tmp_path, published=first.published)
    assert second.resume(topic_id=7) == 0, "offsets begin again"
    await second.learn(numbered(range(READY, READY + 11)))
    [snapshot] = second.snapshots
    assert (snapshot.version, snapshot.examples_offset, snapshot.examples_log) == (READY + 11, 10, 7)
    assert second.state.model.examples == READY + 11, "what was learned stays"
    second.state.close()
    third = Life(tmp_path, published=first.published)
    assert third.resume(committed=11, topic_id=7) == 11
    await third.learn(numbered(range(READY + 11, READY + 22)), 11)
    assert [each.version for each in third.snapshots] == [READY + 22]


@pytest.mark.parametrize("checkpoint", ["lost", "old"])
async def test_versions_rise_although_the_checkpoint_does_not_know_what_was_published_of_another_log(
    tmp_path: Path, checkpoint: str
) -> None:
    first = Life(tmp_path, checkpoint=1e9)
    first.resume(topic_id=5)
    await first.learn(log(READY - 11))
    if checkpoint == "old":
        first.state._write()
    await first.learn(numbered(range(READY - 11, READY + 22)), READY - 11)
    newest = first.published.newest
    assert newest == READY + 22
    second = Life(tmp_path, published=first.published)
    assert second.resume(topic_id=7) == 0
    await second.learn(numbered(range(2_000, 2_000 + READY)))
    assert second.snapshots[-1].version == newest + READY
    assert second.snapshots[-1].examples_offset == READY - 1


async def test_a_broker_that_gives_no_identity_changes_no_version(tmp_path: Path) -> None:
    for topic_id in (5, 0, 5):
        life = Life(tmp_path)
        start = life.resume(topic_id=topic_id)
        await life.learn([value(start)], start)
        life.state.close()
    assert (life.state.model.version, life.state.model.examples) == (3, 3)
