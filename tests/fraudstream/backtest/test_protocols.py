"""The protocols test exactly what was published, and any data by their last weeks."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from fraudstream.backtest.protocols.cards import HandbookProtocol, SecondProtocol
from fraudstream.backtest.protocols.holdout import LastPart
from fraudstream.errors import FraudstreamError
from models.decay import DAY
from tests.fraudstream.backtest.worlds import first_rows, published_past, small_past, with_truth


def test_the_handbooks_four_folds_have_the_published_counts() -> None:
    data = published_past()
    folds = HandbookProtocol().folds(data)
    counts = [(len(fold.rows), np.count_nonzero(data.frauds[fold.rows])) for fold in folds]
    assert counts == [(58_264, 385), (57_937, 387), (58_337, 408), (57_604, 422)]
    assert [fold.name for fold in folds] == [
        "2018-08-08 to 2018-08-14",
        "2018-08-15 to 2018-08-21",
        "2018-08-22 to 2018-08-28",
        "2018-08-29 to 2018-09-04",
    ]


def test_a_perfect_scorer_reaches_the_published_ceilings_and_no_more() -> None:
    data, handbook, second = published_past(), HandbookProtocol(), SecondProtocol()
    perfect = data.frauds.astype(np.float64)
    figures = [handbook.measure(data, fold, perfect) for fold in handbook.folds(data)]
    assert np.mean([each["cp100"] for each in figures]) == pytest.approx(0.419, abs=5e-4)
    assert all(each["auc"] == each["ap"] == 1.0 for each in figures)
    [fold] = second.folds(data)
    assert (len(fold.rows), np.count_nonzero(data.frauds[fold.rows])) == (813_843, 7_238)
    ceilings = second.measure(data, fold, perfect)
    assert ceilings["cards_top100"] == pytest.approx(0.752, abs=5e-4)
    assert ceilings["transactions_top100"] == pytest.approx(0.848, abs=5e-4)


def test_every_measure_is_explained() -> None:
    data = small_past()
    protocol = LastPart(3.0)
    figures = protocol.measure(data, protocol.folds(data)[0], np.linspace(0.0, 1.0, len(data)))
    assert list(figures) == list(protocol.measures)


def test_the_last_part_is_tested_by_weeks() -> None:
    data = small_past()  # 30 days
    folds = LastPart(delay_days=3.0, share=0.5).folds(data)
    assert [fold.name for fold in folds] == ["2024-01-16 to 2024-01-22", "2024-01-23 to 2024-01-30"]
    tested = np.concatenate([fold.rows for fold in folds])
    assert tested.tolist() == np.flatnonzero(data.days >= data.days[-1] - 14).tolist()


def test_a_week_without_frauds_is_tested_with_the_next() -> None:
    data = small_past()
    days = data.days - data.days[0]
    frauds = data.frauds & ~((days >= 15) & (days < 22))
    [fold] = LastPart(delay_days=3.0, share=0.5).folds(with_truth(data, frauds))
    assert fold.name == "2024-01-16 to 2024-01-30"


def test_data_in_which_nothing_can_be_learnt_or_found_are_refused() -> None:
    data = small_past()
    with pytest.raises(FraudstreamError, match="span 30 days: with labels 25 days late"):
        LastPart(delay_days=25.0).folds(data)
    with pytest.raises(FraudstreamError, match="have no fraud"):
        LastPart(delay_days=3.0).folds(with_truth(data, np.zeros(len(data), dtype=np.bool_)))
    week = first_rows(data, int(np.searchsorted(data.times, data.times[0] + 2 * DAY)))
    with pytest.raises(FraudstreamError, match="give more days"):
        LastPart(delay_days=7.0).folds(week)


def test_a_card_known_to_be_compromised_is_not_tested() -> None:
    data = published_past()
    fold = HandbookProtocol().folds(data)[0]
    training = (data.days >= 17_737) & (data.days < 17_744)  # 2018-07-25 is day 17,737
    known = np.unique(data.subjects[training & data.frauds])
    assert known.size
    assert not np.isin(data.subjects[fold.rows], known).any()
    everyone_genuine = replace(data, frauds=np.zeros(len(data), dtype=np.bool_))
    assert len(HandbookProtocol().folds(everyone_genuine)[0].rows) == np.count_nonzero(
        (data.days >= 17_751) & (data.days < 17_758)
    )
