"""What the learning benchmarks measure: the same rows for all learners, sizes as asked, a growing store."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
import pytest

from benchmarks.learning import learners, store
from benchmarks.learning.learners import Ours, Stage
from benchmarks.learning.snapshots import boosted, shape
from models.decay import DAY
from models.labelling.core import LabellingRules
from models.labelling.pending import ScoredTransaction
from models.scoring.features import FEATURES, FEATURES_VERSION
from schemas.example import Example, Maturity
from schemas.label import Outcome

if TYPE_CHECKING:
    from pathlib import Path

RULES = LabellingRules()


def examples(count: int) -> list[Example]:
    """Every fifth is a fraud, which all features tell."""
    draws = np.random.default_rng(1)
    return [
        Example(
            transaction_id=f"t{number}",
            subject="card_a",
            event_time="2026-01-01T00:00:00Z",
            score=0.5,
            scored_by="prior",
            features=tuple(draws.normal(number % 5 == 0, 0.5, len(FEATURES)).tolist()),
            features_version=FEATURES_VERSION,
            outcome=Outcome.GENUINE if number % 5 else Outcome.FRAUD,
            maturity=Maturity.MATURED,
            weight=1.0,
            sampling_rate=1.0,
            learn_time="2026-01-08T00:00:00Z",
        )
        for number in range(count)
    ]


def scored_rows(count: int) -> list[ScoredTransaction]:
    return [
        ScoredTransaction(
            *(f"t{number}", "card_a", "terminal_a", {"country": "MA"}, 1.0, 0.2, False, "prior"),
            *(np.full(len(FEATURES), float(number), dtype=np.float32), FEATURES_VERSION, False),
        )
        for number in range(count)
    ]


def test_every_learner_scores_each_row_once_before_it_learns_it(monkeypatch: pytest.MonkeyPatch) -> None:
    made = {"logistic": Ours("logistic"), learners.PEER: learners.RiverForest()}
    monkeypatch.setattr(learners, "contestants", lambda: made)
    found = examples(64)
    runs = learners.measure(found, [Stage(16), Stage(40, ("logistic",))], 8)
    assert [(run.learner, run.grown, run.judged) for run in runs] == [
        ("logistic", 16, 12),
        (learners.PEER, 16, 12),
        ("logistic", 40, 24),
    ]
    assert (len(made["logistic"].scores), len(made[learners.PEER].scores)) == (48, 24)
    assert made["logistic"].scores[0] == Ours("logistic").learner.score(found[0].features)


def test_too_few_examples_are_an_error_and_no_short_run() -> None:
    with pytest.raises(ValueError, match="9 examples are less than 10"):
        learners.measure(examples(9), [Stage(6)], 2)


def test_only_rows_at_which_a_tree_is_grown_are_a_trees_time() -> None:
    model = learners.grown("boost", examples(200))
    spent = model.tree_seconds(examples(236)[200:])
    assert len(spent) == 1, "8 frauds count for 10 rows each, 28 others for one: a tree is due once"


def test_a_snapshot_has_about_the_nodes_that_were_asked_for() -> None:
    trees, nodes = shape(boosted(1_000, examples(500)).learner.compile())
    assert trees == 20
    assert nodes == pytest.approx(1_000, rel=0.3)


def test_a_flow_fills_the_store_in_the_time_for_which_a_transaction_is_kept() -> None:
    flow = store.Flow(scored_rows(7), 1_000, RULES.keep)
    batches = [flow.batch() for _ in range(10)]
    rows = [row for batch in batches for row in batch.rows]
    times = [row.event_time for row in rows]
    assert times[-1] - times[0] == pytest.approx(45 * DAY, rel=0.01)
    assert all(before < after for before, after in pairwise(times))
    assert len({row.key for row in rows}) == 1_000
    labels = [label for batch in batches for label in batch.labels]
    assert {label.transaction_id for label in labels} <= {row.transaction_id for row in rows}
    assert labels


def test_a_store_holds_what_filled_it_and_then_as_many_go_as_come(tmp_path: Path) -> None:
    told: list[str] = []
    batch = store.Flow(scored_rows(7), 1_000, RULES.keep).batch()
    run = store.measure([batch], store.Plan(rows=1_000), tmp_path / "store", told.append)
    assert [step.kept for step in run.steps] == [*range(100, 1_001, 100), 1_000]
    assert [step.examples > 0 for step in run.steps] == [False, *[True] * 10]
    assert len(told) == 11
    assert run.compacted_bytes > 0
    assert not (tmp_path / "store").exists()


def test_a_store_stops_growing_when_time_is_up(tmp_path: Path) -> None:
    batch = store.Flow(scored_rows(7), 1_000, RULES.keep).batch()
    run = store.measure([batch], store.Plan(rows=1_000, minutes=0.0), tmp_path / "store", lambda _: None)
    assert [step.rows for step in run.steps] == [100]
