"""The clock of event time: never back, not ahead of the labels, and not stopped by their absence."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from models.decay import NEVER
from models.labelling.watermark import SKEW, Watermark

GRACE = 10.0
WALL = 1e9

steps = st.lists(
    st.tuples(st.sampled_from(["score", "label", "look"]), st.floats(0, 1e6), st.floats(0, 30)), max_size=60
)


def run(
    watermark: Watermark, history: list[tuple[str, float, float]]
) -> list[tuple[float, float, float, float]]:
    """At each look: reader's time, clock, newest score and newest label."""
    now, newest, looks = 0.0, {"score": NEVER, "label": NEVER}, []
    for kind, time, waited in history:
        now += waited
        if kind == "look":
            looks.append((now, watermark.clock(now), newest["score"], newest["label"]))
        else:
            (watermark.saw_score if kind == "score" else watermark.saw_label)(time, WALL)
            newest[kind] = max(newest[kind], time)
    return looks


@given(steps)
def test_it_never_goes_back(history: list[tuple[str, float, float]]) -> None:
    clocks = [clock for _, clock, _, _ in run(Watermark(GRACE), history)]
    assert clocks == sorted(clocks)


@given(steps)
def test_it_never_passes_the_newest_score_and_comes_at_least_as_far_as_both_sources_have(
    history: list[tuple[str, float, float]],
) -> None:
    for _, clock, score, label in run(Watermark(GRACE), history):
        assert min(score, label) <= clock <= score


@given(steps)
def test_ahead_of_the_labels_it_only_tells_what_scores_were_a_grace_ago(
    history: list[tuple[str, float, float]],
) -> None:
    looks = run(Watermark(GRACE), history)
    for place, (now, clock, score, label) in enumerate(looks):
        waited_for = [seen for then, _, seen, _ in looks[: place + 1] if then <= now - GRACE]
        known_by_both = [min(seen, told) for _, _, seen, told in looks[: place + 1]]
        assert clock <= max([*waited_for, *known_by_both]), (score, label)


def test_labels_hold_the_clock_back_while_both_are_read_quickly() -> None:
    watermark = Watermark(GRACE)
    watermark.saw_score(1_000.0, WALL)
    watermark.saw_label(400.0, WALL)
    assert watermark.clock(0.0) == 400.0
    watermark.saw_label(2_000.0, WALL)
    assert watermark.clock(1.0) == 1_000.0


def test_without_labels_it_follows_the_scores_after_the_grace() -> None:
    watermark = Watermark(GRACE)
    watermark.saw_score(100.0, WALL)
    assert watermark.clock(0.0) == NEVER
    watermark.saw_score(200.0, WALL)
    assert watermark.clock(GRACE - 1) == NEVER
    assert watermark.clock(GRACE) == 100.0
    assert watermark.clock(2 * GRACE - 1) == 200.0


def test_one_that_saw_nothing_knows_no_time() -> None:
    watermark = Watermark(GRACE)
    assert [watermark.clock(now) for now in (0.0, 5.0, 50.0)] == [NEVER] * 3
    watermark.saw_label(77.0, WALL)
    assert watermark.clock(100.0) == NEVER, "labels alone tell nothing of the scores that they are about"


@given(steps, st.floats(0, 1e6))
def test_it_never_runs_ahead_of_the_wall_clock(history: list[tuple[str, float, float]], wall: float) -> None:
    watermark = Watermark(GRACE)
    now = 0.0
    for kind, time, waited in history:
        now += waited
        if kind == "score":
            watermark.saw_score(time, wall)
        elif kind == "label":
            watermark.saw_label(time, wall)
        assert watermark.clock(now) <= wall + SKEW


def test_a_score_that_is_dated_ahead_holds_it_at_the_wall_clock_and_not_for_ever() -> None:
    watermark = Watermark(GRACE)
    watermark.saw_score(1e10, 1_000.0)
    watermark.clock(0.0)
    assert watermark.clock(GRACE) == 1_000.0 + SKEW
    watermark.saw_score(5_000.0, 5_000.0)
    watermark.clock(GRACE)
    assert watermark.clock(2 * GRACE) == 5_000.0


def test_a_label_that_is_dated_ahead_does_not_end_the_waiting_for_labels() -> None:
    watermark = Watermark(GRACE)
    watermark.saw_label(1e10, 1_000.0)
    watermark.saw_score(900.0, 1_000.0)
    assert watermark.clock(0.0) == NEVER
    assert watermark.clock(GRACE) == 900.0
