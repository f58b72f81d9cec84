"""The online candidates: who knows what when, over the whole past."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from fraudstream.backtest.candidates.online import BATCH, VERDICT_CARDS, OnlineOptions, OnlineRun, batches
from models.decay import DAY, HOUR
from schemas.label import LabelOrigin, Outcome
from tests.fraudstream.backtest.worlds import DELAY, small_past, with_truth

if TYPE_CHECKING:
    import pytest

    from fraudstream.backtest.sources.dataset import Dataset
    from models.arrays import Floats
    from schemas.label import Label

OPTIONS = OnlineOptions("logistic")


def scores_of(data: Dataset, options: OnlineOptions = OPTIONS) -> Floats:
    run = OnlineRun(data, DELAY, options)
    for stop in batches(data.times, 0):
        run.step(stop)
    return run.scores


@given(st.lists(st.floats(0, 3e5), min_size=1, max_size=400), st.data())
@settings(max_examples=50)
def test_batches_cover_every_row_once_within_an_hour(drawn: list[float], choice: st.DataObject) -> None:
    times = np.sort(drawn)
    start = choice.draw(st.integers(0, len(times) - 1))
    ends = list(batches(times, start))
    starts = [start, *ends[:-1]]
    assert ends[-1] == len(times)
    for first, end in zip(starts, ends, strict=True):
        assert 0 < end - first <= BATCH
        assert times[first] // HOUR == times[end - 1] // HOUR


def test_a_truth_is_unknown_until_the_delay_has_passed() -> None:
    data = small_past()
    row = len(data) // 2
    flipped = data.frauds.copy()
    flipped[row] = not flipped[row]
    one, other = scores_of(data), scores_of(with_truth(data, flipped))
    unknown = data.times < data.times[row] + DELAY
    assert not np.isnan(one).any()
    assert (one[unknown] == other[unknown]).all()
    assert (one[~unknown] != other[~unknown]).any()


def test_the_model_takes_over_from_the_prior_one() -> None:
    learnt, prior = scores_of(small_past()), scores_of(small_past(), OnlineOptions(None))
    changed = np.flatnonzero(learnt != prior)
    assert small_past().times[changed[0]] > small_past().times[0] + DELAY
    assert len(changed) > 500


def test_verdicts_come_at_the_midnight_after_on_the_days_highest_cards(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("fraudstream.backtest.candidates.online.VERDICT_CARDS", 3)
    monkeypatch.setattr("fraudstream.backtest.candidates.online.VERDICT_SHARE", 1.0)
    data = small_past()
    run = OnlineRun(data, DELAY, OnlineOptions(None, verdicts=True))
    told: list[tuple[int, Label]] = []
    label = run._loop.label

    def listen(labels: object) -> None:
        heard = list(labels)  # type: ignore[call-overload]
        told.extend((run.position, each) for each in heard if each.origin is LabelOrigin.ANALYST)
        label(heard)

    monkeypatch.setattr(run._loop, "label", listen)
    for stop in batches(data.times, 0):
        run.step(stop)
    rows = {transaction_id: row for row, transaction_id in enumerate(data.ids)}
    verdicts: dict[int, set[int]] = {}
    for position, verdict in told:
        row = rows[verdict.transaction_id]
        midnight = (data.times[row] // DAY + 1) * DAY
        assert verdict.label_time.timestamp() == midnight
        assert data.times[position] >= midnight  # handed over with the first transaction of the next day
        assert data.times[position - 1] < midnight
        assert (verdict.outcome is Outcome.FRAUD) == data.frauds[row]
        verdicts.setdefault(int(data.days[row]), set()).add(row)
    assert len(verdicts) == data.days[-1] - data.days[0]  # every day but the last
    for day, looked_at in verdicts.items():
        today = np.flatnonzero(data.days == day)
        best = sorted(
            {data.subjects[row] for row in today},
            key=lambda card: -run.scores[today][data.subjects[today] == card].max(),
        )
        assert looked_at == {int(row) for row in today if data.subjects[row] in best[:3]}


def test_verdicts_change_scores_from_the_next_day_on_only() -> None:
    data = small_past()
    alone, helped = scores_of(data), scores_of(data, OnlineOptions("logistic", verdicts=True))
    first_day = data.days == data.days[0]
    assert (alone[first_day] == helped[first_day]).all()
    assert (alone != helped).any()
    assert VERDICT_CARDS == 100


def test_an_interrupted_run_goes_on_to_the_same_scores() -> None:
    data = small_past()
    options = OnlineOptions("forest", verdicts=True)
    whole = scores_of(data, options)
    stops = list(batches(data.times, 0))
    first, second = OnlineRun(data, DELAY, options), OnlineRun(data, DELAY, options)
    for stop in stops[: len(stops) * 2 // 3]:
        first.step(stop)
    second.unpack(first.pack())
    for stop in batches(data.times, second.position):
        second.step(stop)
    assert (second.scores == whole).all()
