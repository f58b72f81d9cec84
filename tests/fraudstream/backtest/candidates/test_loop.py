"""The loop in one process: nothing is known before its time, and an interruption changes nothing."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import numpy as np

from fraudstream.backtest.candidates.loop import Loop
from models.decay import DAY, HOUR
from models.labelling.core import LabellingRules
from models.learners.base import make_learner
from models.scoring.features import FEATURES, FEATURES_VERSION
from models.scoring.pipeline import Scored
from models.snapshots.online_model import OnlineModel
from schemas.label import Label, LabelOrigin, Outcome
from tests.fraudstream.backtest.worlds import DELAY, small_past

if TYPE_CHECKING:
    from collections.abc import Iterable

    from models.arrays import Floats

ROWS = len(small_past())
RULES = LabellingRules(horizon=DELAY, keep=DELAY + DAY, genuine_share=0.5)


def new_loop() -> Loop:
    learner = make_learner("logistic", len(FEATURES), 0)
    return Loop(
        RULES, OnlineModel("m", learner, features_version=FEATURES_VERSION, seed=0, code_version="test")
    )


def label_of(row: int, outcome: Outcome, time: float) -> Label:
    data = small_past()
    return Label(
        transaction_id=data.ids[row],
        subject=data.subject_names[data.subjects[row]],
        outcome=outcome,
        origin=LabelOrigin.CUSTOMER,
        label_time=datetime.fromtimestamp(time, UTC),
    )


def truth() -> list[tuple[float, Label]]:
    data = small_past()
    return [
        (float(data.label_times[row]), label_of(row, Outcome.FRAUD, float(data.label_times[row])))
        for row in np.flatnonzero(data.frauds).tolist()
    ]


def run(loop: Loop, labels: Iterable[tuple[float, Label]], start: int = 0, stop: int = ROWS) -> Floats:
    """Scores of rows [start, stop); each label is handed over at the time beside it."""
    data, waiting = small_past(), sorted(labels, key=lambda each: each[0])
    scores = np.full(ROWS, np.nan)
    for row in range(start, stop, 50):
        end, clock = min(row + 50, stop), float(data.times[row])
        while waiting and waiting[0][0] <= clock:
            loop.label([waiting.pop(0)[1]])
        loop.advance(clock)
        loop.publish(clock)
        for place, result in enumerate(loop.score(data.transactions(row, end), range(row, end)), row):
            assert isinstance(result, Scored)
            scores[place] = result.score
    return scores


def test_a_label_handed_over_early_changes_no_score_before_its_time() -> None:
    data = small_past()
    row = ROWS // 2
    while data.frauds[row]:
        row += 1
    time = float(data.times[row] + DAY)
    planted = label_of(row, Outcome.FRAUD, time)
    without = run(new_loop(), truth())
    with_it = run(new_loop(), [*truth(), (0.0, planted)])  # before its own transaction, even
    before = data.times < time
    assert (with_it[before] == without[before]).all()
    assert (with_it[~before] != without[~before]).any()


def test_all_labels_handed_over_at_the_start_give_the_same_scores() -> None:
    assert (run(new_loop(), [(0.0, label) for _, label in truth()]) == run(new_loop(), truth())).all()


def test_the_prior_model_scores_until_enough_was_learnt() -> None:
    data, loop = small_past(), new_loop()
    scorers = []
    for row in range(0, ROWS, 50):
        clock = float(data.times[row])
        loop.label(label for time, label in truth() if clock - HOUR * 24 < time <= clock)
        loop.advance(clock)
        loop.publish(clock)
        stop = min(row + 50, ROWS)
        results = loop.score(data.transactions(row, stop), range(row, stop))
        scorers += [each.scored_by for each in results if isinstance(each, Scored)]
    assert scorers[0] == "prior"
    assert scorers[-1].startswith("m@")


def test_a_packed_loop_goes_on_as_if_nothing_had_been() -> None:
    whole = run(new_loop(), truth())
    middle, time = 1_000, float(small_past().times[1_000])
    loop, other = new_loop(), new_loop()
    run(loop, truth(), stop=middle)
    other.unpack(loop.pack())
    last_told = float(small_past().times[middle - 50])
    rest = [(told, label) for told, label in truth() if told > last_told]
    assert (run(other, rest, start=middle)[middle:] == whole[middle:]).all()
    assert time > last_told
