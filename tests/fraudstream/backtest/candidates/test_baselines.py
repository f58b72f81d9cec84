"""The batch yardsticks learn from what was known, and go on after an interruption."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from fraudstream.backtest.candidates import baselines
from fraudstream.backtest.candidates.baselines import Bench
from fraudstream.backtest.files import Folder
from models.decay import DAY
from tests.fraudstream.backtest.worlds import DELAY, small_past, with_truth

if TYPE_CHECKING:
    from pathlib import Path

    from fraudstream.backtest.sources.dataset import Dataset


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(baselines, "ROUNDS", 20)


def bench_of(folder: Path, data: Dataset) -> Bench:
    rows = np.stack([data.amounts, data.counterparties, data.times % DAY], axis=1).astype(np.float32)
    np.save(Folder(folder).features, rows)
    days = np.arange(data.days[0] + 20, data.days[0] + 25)
    return Bench("nightly", data, DELAY, days, Folder(folder), lambda _: None)


def test_only_known_labels_are_learnt(tmp_path: Path) -> None:
    data = small_past()
    midnight = float((data.days[0] + 22) * DAY)
    unknown = data.times + DELAY > midnight
    other = with_truth(data, np.where(unknown, ~data.frauds, data.frauds))
    one, same = (baselines.nightly(bench_of(tmp_path, each)) for each in (data, other))
    until = data.days <= data.days[0] + 22
    assert np.isfinite(one[data.days == data.days[0] + 22]).all()
    assert np.array_equal(one[until], same[until], equal_nan=True)
    Folder(tmp_path).finish("nightly", one)
    later = baselines.nightly(bench_of(tmp_path, other))
    assert not np.array_equal(one, later, equal_nan=True)


def test_the_frozen_model_is_that_of_the_first_night(tmp_path: Path) -> None:
    bench = bench_of(tmp_path, small_past())
    frozen, nightly = baselines.frozen(bench), baselines.nightly(bench)
    first = bench.data.days == bench.test_days[0]
    later = bench.data.days == bench.test_days[-1]
    assert (frozen[first] == nightly[first]).all()
    assert (frozen[later] != nightly[later]).any()
    assert np.isnan(frozen[bench.data.days < bench.test_days[0]]).all()


def test_an_interrupted_night_goes_on_to_the_same_scores(tmp_path: Path) -> None:
    bench = bench_of(tmp_path, small_past())
    whole = baselines.nightly(bench)
    partly = np.where(bench.data.days < bench.test_days[2], whole, np.nan)
    bench.folder.keep_checkpoint("nightly", partly.tobytes())
    assert np.array_equal(baselines.nightly(bench), whole, equal_nan=True)


def test_thinning_out_genuine_rows_is_corrected_in_the_probabilities(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(baselines, "GENUINE_ROWS", 400)
    bench = bench_of(tmp_path, small_past())
    scores = baselines.frozen(bench)
    known, frauds = bench.data.known_by(float(bench.test_days[0] * DAY), DELAY)
    assert np.count_nonzero(~frauds) > 800  # so that most were left out
    tested = np.isfinite(scores)
    assert len(known) > 1_000
    assert scores[tested].mean() == pytest.approx(bench.data.frauds[tested].mean(), rel=0.6)
