"""Models on their way to the scorers: what is not right is refused and told, and scoring goes on."""

from __future__ import annotations

import asyncio
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import confluent_kafka as ck
import numpy as np
import pytest
from prometheus_client import CollectorRegistry

from agents.broadcast import (
    Broadcast,
    PublishedVersions,
    SnapshotHandler,
    control_handler,
    pin_handler,
)
from agents.model_in_force import ModelInForce, is_fallback
from agents.runtime import DeliveryOptions
from agents.telemetry import Telemetry
from models.controls import Controls
from models.learners.base import make_learner
from models.scoring.policy import FixedThresholdPolicy
from models.scoring.prior import PriorModel
from models.signing import seal
from models.snapshots.online_model import OnlineModel
from models.snapshots.scorer import SnapshotScorer
from models.snapshots.selector import ModelSelector
from schemas.errors import ErrorType, InvalidMessage
from tests.models.model_cases import (
    FEATURES_VERSION,
    KEY,
    N_FEATURES,
    NAME,
    START,
    pin,
    sealed,
    signed,
    snapshot,
    sound,
    telling_example,
    unpin,
)
from tests.models.unsound_models import ALIKE, UNSOUND

if TYPE_CHECKING:
    from agents.broadcast import Handler
    from models.scoring.scorer import Scorer
    from schemas.control import ModelPin, ModelUnpin


def learnt(count: int, *, name: str = NAME, features_version: int = FEATURES_VERSION) -> bytes:
    """A sealed model of the plainest learner, as of so many examples."""
    learner = make_learner("logistic", N_FEATURES, 1)
    model = OnlineModel(name, learner, features_version=features_version, seed=1, code_version="0.1.0")
    for number in range(count):
        model.fold(telling_example(number, features_version=features_version, weight=20.0), number)
    return seal(*model.snapshot(START), KEY)


class Scoring:
    """A shelf, its handler, and what scores."""

    def __init__(self, key: bytes | None = KEY) -> None:
        self.scorers: list[Scorer] = []
        self.shelf = ModelSelector(NAME, self.scorers.append)
        self.handler = SnapshotHandler(self.shelf, key, FEATURES_VERSION)

    def take(self, key: bytes | None, value: bytes | None) -> None:
        self.handler.prepare(key, value)()

    @property
    def names(self) -> list[str]:
        return [scorer.name for scorer in self.scorers]


@pytest.fixture
def scoring() -> Scoring:
    return Scoring()


def test_a_signed_model_scores(scoring: Scoring) -> None:
    scoring.take(b"forest@9", learnt(9))
    [scorer] = scoring.scorers
    assert isinstance(scorer, SnapshotScorer)
    scores = scorer.score(np.ones((4, N_FEATURES), dtype=np.float32))
    assert scores.shape == (4,)
    assert ((scores > 0.0) & (scores < 1.0)).all()


def test_a_model_is_made_ready_before_it_is_put_in_force(scoring: Scoring) -> None:
    put = scoring.handler.prepare(b"forest@9", learnt(9))
    assert scoring.names == [], "this may run in another thread, beside the scoring"
    put()
    assert scoring.names == ["forest@9"]


def altered(value: bytes, place: int) -> bytes:
    copy = bytearray(value)
    copy[place] ^= 1
    return bytes(copy)


BAD = [
    pytest.param(b"forest@9", sealed(9, b"another key altogether"), ErrorType.BAD_SIGNATURE, id="other key"),
    pytest.param(b"forest@9", b"\x08\x0aonnx", ErrorType.BAD_SIGNATURE, id="unsigned"),
    pytest.param(b"forest@9", b"", ErrorType.BAD_SIGNATURE, id="empty"),
    pytest.param(b"forest@9", altered(learnt(9), -1), ErrorType.BAD_SIGNATURE, id="other model"),
    pytest.param(b"forest@9", altered(learnt(9), 60), ErrorType.BAD_SIGNATURE, id="other description"),
    pytest.param(b"forest@9", altered(learnt(9), 10), ErrorType.BAD_SIGNATURE, id="other signature"),
    pytest.param(b"forest@10", learnt(9), ErrorType.KEY_MISMATCH, id="key of another version"),
    pytest.param(None, learnt(9), ErrorType.EMPTY_KEY, id="no key"),
    pytest.param(b"forest@9", learnt(9, features_version=2), ErrorType.FEATURES_MISMATCH, id="features"),
    pytest.param(b"forest@9", sealed(9, onnx=b"onnx"), ErrorType.INVALID_VALUE, id="signed, but no model"),
    pytest.param(b"forest@5", learnt(5), ErrorType.OLD_VERSION, id="older"),
    pytest.param(b"forest@7", learnt(7), ErrorType.OLD_VERSION, id="the same again"),
]


@pytest.mark.parametrize(("key", "value", "error_type"), BAD)
def test_a_bad_model_is_refused_and_the_one_in_force_scores_on(
    scoring: Scoring, key: bytes | None, value: bytes, error_type: ErrorType
) -> None:
    scoring.take(b"forest@7", learnt(7))
    with pytest.raises(InvalidMessage) as refused:
        scoring.take(key, value)
    assert refused.value.error_type is error_type
    assert scoring.names == ["forest@7"]
    scoring.take(b"forest@8", learnt(8))
    assert scoring.names == ["forest@7", "forest@8"]


def test_another_models_versions_are_passed_over(scoring: Scoring) -> None:
    scoring.take(b"forest@7", learnt(7))
    scoring.take(b"challenger@9", learnt(9, name="challenger"))
    scoring.take(b"forest@8", learnt(8))
    scoring.take(b"challenger@7", None)
    scoring.shelf.pin(pin(7))
    assert scoring.names == ["forest@7", "forest@8", "forest@7"], "neither put in force nor taken back"


@pytest.mark.parametrize("key", [b"forest@7", None, b"forest", b"forest@x", b"\xff@7"])
def test_a_version_that_is_taken_back_while_it_scores_goes_on_scoring(
    scoring: Scoring, key: bytes | None
) -> None:
    scoring.take(b"forest@7", learnt(7))
    scoring.take(key, None)
    assert scoring.names == ["forest@7"]


def test_a_worker_without_a_key_refuses_every_model() -> None:
    scoring = Scoring(key=None)
    with pytest.raises(InvalidMessage, match="FRAUDSTREAM_LEARNING__SIGNING_KEY is not set") as refused:
        scoring.take(b"forest@9", learnt(9))
    assert refused.value.error_type is ErrorType.BAD_SIGNATURE


# -- models that are rightly signed and do not score as they say


@pytest.mark.parametrize("changes", UNSOUND.values(), ids=UNSOUND)
def test_a_model_that_is_rightly_signed_and_does_not_score_as_it_says_is_refused(
    scoring: Scoring, changes: dict[str, Any]
) -> None:
    scoring.take(b"forest@7", sealed(7))
    with pytest.raises(InvalidMessage, match=r"^forest@9 ") as refused:
        scoring.take(b"forest@9", sealed(9, **changes))
    assert refused.value.error_type is ErrorType.UNSOUND_MODEL
    assert scoring.names == ["forest@7"]
    assert scoring.handler.refused == {9: str(refused.value)}


# -- what a worker says of the model in force


def test_a_first_start_without_any_model_is_no_fault(scoring: Scoring) -> None:
    in_force = ModelInForce(PriorModel(), START.timestamp)
    assert in_force.failure(scoring.shelf, scoring.handler.refused) is None
    assert in_force.note() == "the cold-start scorecard (prior) in force since 2026-03-01T00:00:00Z"


def test_a_worker_whose_peers_use_a_model_that_it_refuses_says_so(scoring: Scoring) -> None:
    in_force = ModelInForce(PriorModel(), START.timestamp)
    with pytest.raises(InvalidMessage):
        scoring.take(b"forest@9", sealed(9, b"another key altogether"))
    failure = in_force.failure(scoring.shelf, scoring.handler.refused)
    assert failure is not None
    assert "1 version(s) of forest are refused" in failure
    assert "FRAUDSTREAM_LEARNING__SIGNING_KEY" in failure
    assert is_fallback(scoring.shelf, scoring.handler.refused)


@pytest.mark.parametrize("cure", ["taken back", "pinned to the prior model", "a model that is taken"])
def test_a_worker_that_refused_models_is_well_once_they_are_not_its_peers_either(
    scoring: Scoring, cure: str
) -> None:
    in_force = ModelInForce(PriorModel(), START.timestamp)
    with pytest.raises(InvalidMessage):
        scoring.take(b"forest@9", sealed(9, b"another key altogether"))
    if cure == "taken back":
        scoring.take(b"forest@9", None)
    elif cure == "pinned to the prior model":
        scoring.shelf.pin(pin(0))
    else:
        scoring.take(b"forest@9", sealed(9))
    assert in_force.failure(scoring.shelf, scoring.handler.refused) is None
    assert not is_fallback(scoring.shelf, scoring.handler.refused)


def test_any_number_of_refused_versions_takes_no_more_memory(scoring: Scoring) -> None:
    for version in range(1, 300):
        with pytest.raises(InvalidMessage):
            scoring.take(b"forest@%d" % version, b"junk")
    assert [*scoring.handler.refused] == [*range(200, 300)]


def test_the_canary_of_the_model_in_force_sees_that_it_scores_otherwise_than_it_says(
    scoring: Scoring,
) -> None:
    scoring.take(b"forest@7", sealed(7))
    in_force = ModelInForce(scoring.scorers[0], START.timestamp)
    assert in_force.failure(scoring.shelf, {}) is None
    assert in_force.note() == "forest@7 in force since 2026-03-01T00:00:00Z"
    broken = snapshot(7, calibration=ALIKE)
    in_force.use(SnapshotScorer(broken, sound()[1], FEATURES_VERSION))
    failure = in_force.failure(scoring.shelf, {})
    assert failure is not None
    assert failure.startswith("forest@7 gives 24 of its 24 example rows other scores than it describes: ")


# -- pins


def test_a_control_pins_the_model_and_another_gives_the_pin_up() -> None:
    pins: list[ModelPin | None] = []
    take = scorers_handler(pins)
    take(*signed(pin(7)))
    take(*signed(unpin(minutes=1)))
    assert pins == [pin(7), None]


def scorers_handler(pins: list[ModelPin | None]) -> Handler:
    def no_policy(_: object) -> None:
        pytest.fail("no policy was chosen")

    def no_rates(_: object) -> None:
        pytest.fail("no rates were given")

    return control_handler(
        Controls(KEY), no_policy, lambda: FixedThresholdPolicy(0.5, 0.9), pins.append, no_rates
    )


BAD_PINS = {
    "deleted": (b"model", None),
    "unsigned": (b"model", pin(9, minutes=1).to_json()),
    "other key": signed(pin(9, minutes=1), b"another key altogether"),
    "altered": (b"model", signed(pin(9, minutes=1))[1].replace(b":9,", b":8,")),
    "under another name": (b"decision-policy", signed(pin(9, minutes=1))[1]),
    "signed as a model is": (b"model", sealed(9)),
}


@pytest.mark.parametrize(("key", "value"), BAD_PINS.values(), ids=BAD_PINS)
def test_a_pin_that_is_not_rightly_signed_changes_nothing(key: bytes, value: bytes | None) -> None:
    pins: list[ModelPin | None] = []
    take = scorers_handler(pins)
    take(*signed(pin(7)))
    with pytest.raises(InvalidMessage) as refused:
        take(key, value)
    assert refused.value.error_type is ErrorType.BAD_SIGNATURE
    assert pins == [pin(7)]


@pytest.mark.parametrize("again", [pin(7), pin(5)], ids=["the same", "another of the same time"])
def test_a_pin_that_was_given_up_does_not_come_back_when_somebody_sends_it_again(again: ModelPin) -> None:
    pins: list[ModelPin | None] = []
    take = scorers_handler(pins)
    take(*signed(pin(7)))
    take(*signed(unpin(minutes=1)))
    with pytest.raises(InvalidMessage) as refused:
        take(*signed(again))
    assert refused.value.error_type is ErrorType.OLD_CONTROL
    assert pins == [pin(7), None]


# -- what the learner knows of its own topic


@pytest.fixture
def published() -> PublishedVersions:
    return PublishedVersions(NAME, KEY)


def test_the_learner_knows_the_newest_version(published: PublishedVersions) -> None:
    for version in (3, 9, 7):
        published.take(b"forest@%d" % version, sealed(version))
    published.take(b"forest@9", None)
    assert published.newest == 9, "also when it was taken back"


@pytest.mark.parametrize(
    ("key", "value"),
    [
        (b"forest@99", b"junk"),
        (b"forest@99", sealed(99, b"another key altogether")),
        (b"forest@99", sealed(9)),
        (b"forest@9", sealed(9, name="challenger")),
    ],
)
def test_what_is_not_signed_cannot_keep_the_learner_from_publishing(
    published: PublishedVersions, key: bytes, value: bytes
) -> None:
    published.take(b"forest@3", sealed(3))
    with pytest.raises(InvalidMessage):
        published.take(key, value)
    assert published.newest == 3


def test_another_models_versions_are_none_of_the_learners(published: PublishedVersions) -> None:
    published.take(b"challenger@99", sealed(99, name="challenger"))
    published.take(b"forest", b"junk")
    assert published.newest == 0


def test_versions_that_were_there_before_count_among_those_kept(published: PublishedVersions) -> None:
    for version in (3, 5, 7):
        published.take(b"forest@%d" % version, sealed(version))
    published.take(b"forest@5", None)
    assert published.add(snapshot(9), kept=2) == [b"forest@7"]
    assert published.add(snapshot(11), kept=2) == [b"forest@9"]


def test_the_versions_kept_reach_far_back_and_are_dense_where_they_are_new(
    published: PublishedVersions,
) -> None:
    kept = set()
    for version in range(1, 2_001):
        kept.add(version)
        for key in published.add(snapshot(version), kept=12):
            kept.remove(int(key.partition(b"@")[2]))
    ages = sorted(2_000 - version for version in kept)
    assert len(ages) == 12
    assert ages[0] == 0
    assert ages[-1] == 1_999
    assert ages[2] < 30
    assert all(older <= 8 * newer for newer, older in pairwise(ages[2:]))


@pytest.mark.parametrize(
    ("told", "pinned"),
    [(pin(3, minutes=1), 3), (pin(3, "challenger", minutes=1), None), (unpin(minutes=1), None)],
)
def test_the_learner_hears_of_a_pin(
    published: PublishedVersions, told: ModelPin | ModelUnpin, pinned: int | None
) -> None:
    take = pin_handler(Controls(KEY), published)
    take(*signed(pin(9)))
    take(b"decision-policy", b"of no interest here")
    assert published.pinned == 9
    take(*signed(told))
    assert published.pinned == pinned


@pytest.mark.parametrize(("key", "value"), [each for each in BAD_PINS.values() if each[0] == b"model"])
def test_a_bad_pin_leaves_the_learner_what_it_knew(
    published: PublishedVersions, key: bytes, value: bytes | None
) -> None:
    take = pin_handler(Controls(KEY), published)
    take(*signed(pin(7)))
    with pytest.raises(InvalidMessage):
        take(key, value)
    assert published.pinned == 7


# -- through the reader


async def test_the_reader_prepares_models_in_its_thread_and_reports_what_is_refused() -> None:
    brokers = ck.Producer({"test.mock.num.brokers": 1, "bootstrap.servers": "mock:1", "log_level": 2})
    [broker] = brokers.list_topics(timeout=5).brokers.values()
    for key, value in (
        (b"forest@7", learnt(7)),
        (b"forest@8", b"junk"),
        (b"forest@5", learnt(5)),
        (b"forest@9", learnt(9, features_version=2)),
        (b"forest@10", learnt(10)),
        (b"forest@6", None),
    ):
        brokers.produce("models", value, key, partition=0)
    assert brokers.flush(5) == 0
    scoring, registry = Scoring(), CollectorRegistry()
    options = DeliveryOptions(
        client={"bootstrap.servers": f"{broker.host}:{broker.port}"}, group="test", member="1"
    )
    reader = Broadcast(
        options.reader_properties(),
        {},
        Telemetry(registry),
        preparers={"models": scoring.handler.prepare},
    )
    assert reader.check() == "not read to the end yet: models"
    async with reader:
        await asyncio.wait_for(reader.wait_caught_up(), 10)
    assert scoring.names == ["forest@7", "forest@10"]
    for error_type in ("bad-signature", "old-version", "features-mismatch"):
        labels = {"topic": "models", "error_type": error_type}
        assert registry.get_sample_value("fraudstream_broadcast_records_refused_total", labels) == 1
    applied = registry.get_sample_value("fraudstream_broadcast_records_applied_total", {"topic": "models"})
    assert applied == 3


async def test_a_preparer_that_breaks_stops_nothing() -> None:
    brokers = ck.Producer({"test.mock.num.brokers": 1, "bootstrap.servers": "mock:1", "log_level": 2})
    [broker] = brokers.list_topics(timeout=5).brokers.values()
    for number in range(2):
        brokers.produce("models", value := b"%d" % number, value, partition=0)
    assert brokers.flush(5) == 0
    registry, taken = CollectorRegistry(), list[bytes | None]()

    def prepare(_key: bytes | None, value: bytes | None) -> Any:
        if value == b"0":
            raise RuntimeError("broken")
        return lambda: taken.append(value)

    options = DeliveryOptions(
        client={"bootstrap.servers": f"{broker.host}:{broker.port}"}, group="test", member="1"
    )
    async with Broadcast(
        options.reader_properties(), {}, Telemetry(registry), preparers={"models": prepare}
    ) as reader:
        await asyncio.wait_for(reader.wait_caught_up(), 10)
    assert taken == [b"1"]
    labels = {"topic": "models", "error_type": "internal-error"}
    assert registry.get_sample_value("fraudstream_broadcast_records_refused_total", labels) == 1
