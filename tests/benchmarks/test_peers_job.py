"""Every peer does the worker's job: the same features, and the same forest in each of its forms."""

from __future__ import annotations

import json
from dataclasses import asdict
from datetime import date
from typing import TYPE_CHECKING, Any

import numpy as np
import onnxruntime
import orjson
import pytest

from benchmarks.peers import forest
from benchmarks.peers.plain_job import Model, Profile, Transaction, encode, judge
from fraudstream.simulate.cards import CardWorld
from fraudstream.simulate.handbook import Handbook
from models.scoring.features import FEATURES, NAMES

if TYPE_CHECKING:
    from pathlib import Path

    from models.arrays import Singles

DRAWS = np.random.default_rng(1)
WORLD = Handbook(customers=12, terminals=2_000, days=20, start=date(2025, 1, 1), seed=3)


@pytest.fixture(scope="module")
def values() -> list[bytes]:
    """A few hundred transactions of few cards; each seventh comes later than it happened."""
    drawn = [each.encode() for each in CardWorld(WORLD)]
    for place in range(0, len(drawn) - 20, 7):
        drawn.insert(place + 20, drawn.pop(place))
    return drawn


@pytest.fixture(scope="module")
def rows() -> Singles:
    return DRAWS.normal(size=(2_000, forest.FEATURES)).astype(np.float32)


@pytest.fixture(scope="module")
def grown(rows: Singles) -> forest.Forest:
    return forest.grow(rows, rows[:, 3] + rows[:, 7] * rows[:, 11] > 2.5)


@pytest.fixture(scope="module")
def model(grown: forest.Forest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("model")
    grown.write(folder)
    return folder


def plain_features(values: list[bytes]) -> list[list[float]]:
    profiles: dict[str, Profile] = {}
    transactions = [Transaction.model_validate_json(value) for value in values]
    return [profiles.setdefault(each.card_id, Profile()).observe(each) for each in transactions]


def test_the_plain_features_are_the_cores_first_ones(values: list[bytes]) -> None:
    core = forest.features(values)
    assert len(core) == len(values) > 300
    constant = {name for name, column in zip(NAMES, core.T, strict=False) if np.ptp(column) == 0}
    assert constant <= {"country_changed"}, "a column that never changes proves nothing"
    np.testing.assert_allclose(np.array(plain_features(values), dtype=np.float32), core, rtol=1e-6, atol=1e-6)


def test_a_profile_goes_through_json_unchanged(values: list[bytes]) -> None:
    first, *others = [Transaction.model_validate_json(value) for value in values[:40]]
    straight, kept = Profile(), Profile()
    for each in [first, *others]:
        kept = Profile(**orjson.loads(orjson.dumps(vars(kept))))
        assert kept.observe(each) == straight.observe(each)


def test_another_country_than_the_last_one_is_told() -> None:
    profile, told = Profile(), []
    for country in ("FR", None, "FR", "DE"):
        payment = transaction(country=country)
        told.append(profile.observe(payment)[NAMES.index("country_changed")])
    assert told == [0.0, 0.0, 0.0, 1.0]


@pytest.mark.parametrize("wrong", [{"amount": "-1"}, {"event_time": "2025-01-01T00:00:00"}, {"card_id": ""}])
def test_what_is_no_transaction_is_refused(wrong: dict[str, str]) -> None:
    with pytest.raises(ValueError, match=next(iter(wrong))):
        transaction(**wrong)


def transaction(**fields: Any) -> Transaction:
    usual = {
        "transaction_id": "t",
        "event_time": "2025-01-01T00:00:00Z",
        "card_id": "c",
        "merchant_id": "m",
        "amount": "12.50",
        "currency": "EUR",
    }
    return Transaction.model_validate(usual | fields)


def test_plain_arrays_and_onnx_score_alike(model: Path, rows: Singles) -> None:
    told = json.loads((model / "forest.json").read_text())
    walked = [sum(leaf(tree, row) for tree in told["trees"]) / 10 for row in rows[:300].tolist()]
    np.testing.assert_allclose(Model(str(model)).scores(rows[:300]), walked, atol=1e-6)
    assert len(set(walked)) > 50


def leaf(tree: dict[str, list[Any]], row: list[float]) -> float:
    node = 0
    while (feature := tree["feature"][node]) >= 0:
        node = tree["left" if row[feature] <= tree["threshold"][node] else "right"][node]
    return float(tree["value"][node])


def test_the_workers_forest_scores_alike_whatever_its_further_columns_hold(
    grown: forest.Forest, rows: Singles
) -> None:
    wide = np.concatenate(
        [rows, DRAWS.normal(size=(len(rows), len(FEATURES) - 25))], axis=1, dtype=np.float32
    )
    [scores] = onnxruntime.InferenceSession(grown.onnx(len(FEATURES))).run(None, {"features": wide})
    np.testing.assert_allclose(scores[:, 0], forest.score(grown.table, rows), atol=1e-6)


def test_thresholds_are_far_from_any_score_that_can_be(grown: forest.Forest, rows: Singles) -> None:
    scores = forest.score(grown.table, rows)
    for threshold, share in ((grown.review, forest.REVIEWED), (grown.decline, forest.DECLINED)):
        assert (scores >= threshold).mean() == pytest.approx(share, abs=0.005)
        tenths = threshold * 10 * 1024
        assert tenths % 1 == pytest.approx(0.5), "leaves are 1024ths"
    assert not (grown.table.value * 1024 % 1).any()


def test_a_forest_is_the_same_each_time_and_ten_trees_of_at_most_eight_levels(
    grown: forest.Forest, rows: Singles
) -> None:
    again = forest.grow(rows, rows[:, 3] + rows[:, 7] * rows[:, 11] > 2.5)
    assert again.to_json() == grown.to_json()
    assert len(np.unique(grown.table.tree)) == forest.TREES
    deepest = [depth(tree) for tree in json.loads(grown.to_json())["trees"]]
    assert 4 < max(deepest) <= forest.DEPTH


def depth(tree: dict[str, list[Any]], node: int = 0) -> int:
    if tree["feature"][node] < 0:
        return 0
    return 1 + max(depth(tree, tree[side][node]) for side in ("left", "right"))


def test_splits_lie_between_values_and_far_from_both() -> None:
    column = np.repeat(np.arange(50, dtype=np.float32), 8)
    edges = forest.gap_middles(column)
    assert set(edges) <= {number + 0.5 for number in range(49)}
    assert len(edges) > 40


def test_an_alert_has_the_amount_and_a_score_the_features(model: Path) -> None:
    payment = transaction(billing_amount="3.00", terminal_id="p")
    [judged] = judge(Model(str(model)), [payment], [Profile().observe(payment)])
    score, alert = json.loads(encode(judged.score_fields())), json.loads(encode(judged.alert_fields()))
    assert len(score.pop("features")) == forest.FEATURES
    assert alert.pop("amount") == 3.0
    assert score == alert
    assert (score["subject"], score["counterparty"]) == ("c", "p")
    assert asdict(judged)["decision"] == score["decision"]
