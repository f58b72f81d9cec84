"""Live quality in the labelling worker: of matured transactions only, and drift of what comes in."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from agents.labelling.agent import LABELS, SCORES
from models.decay import DAY
from tests.agents.labelling_worker import RULES, START, Committed, Worker, label, log, score

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

MANY = 1_100
HORIZON = RULES.horizon / DAY


@pytest.fixture
def worker(tmp_path: Path) -> Iterator[Worker]:
    """Scores spread over two days and labels on the first thirty."""
    scores = log(*(score(f"t{number}", day=number * 2 / MANY) for number in range(MANY)))
    labels = log(*(label(f"t{number}", day=1) for number in range(30)))
    running = Worker(tmp_path, {SCORES: scores, LABELS: labels}, Committed())
    yield running
    running.close()


def live(worker: Worker, name: str) -> float | None:
    return worker.registry.get_sample_value(f"fraudstream_{name}")


def test_quality_is_that_of_transactions_whose_horizon_has_passed(worker: Worker) -> None:
    worker.take(LABELS, 30, START)
    worker.take(SCORES, MANY, START + 2 * DAY)
    assert live(worker, "live_matured_transactions") == 0.0, "labels are known, but no horizon has passed"
    assert live(worker, "live_average_precision") is None
    worker.take(SCORES, 0, START + (HORIZON + 2) * DAY)
    frauds = live(worker, "live_fraud_ratio")
    assert frauds is not None
    assert 0.02 < frauds < 30 / MANY, "they are the oldest, so they count a little less"
    assert live(worker, "live_average_precision") == pytest.approx(frauds), "all scores are the same"
    assert live(worker, "live_label_coverage_ratio") == pytest.approx(frauds)
    assert live(worker, "live_calibration_error") == pytest.approx(0.25 - frauds)


def test_drift_sets_what_comes_in_against_what_matured(worker: Worker) -> None:
    worker.take(SCORES, MANY, START + 2 * DAY)
    assert live(worker, "score_stability_index") is None, "nothing has matured"
    worker.take(SCORES, 0, START + (HORIZON + 2) * DAY)
    assert live(worker, "score_stability_index") == pytest.approx(0.0)
