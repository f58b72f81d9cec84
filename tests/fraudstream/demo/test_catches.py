"""What was caught, day by day and week by week of the bank's time."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from fraudstream.demo.catches import DAY, Catch, CatchesByDay, total

START = 20_000 * DAY
TIMES = st.floats(0.0, 40.0, allow_nan=False).map(lambda days: START + days * DAY)


def fed(times: list[tuple[float, bool]]) -> CatchesByDay:
    """The counts of transactions at these times, each a fraud or not, and all of them alerted."""
    counts = CatchesByDay()
    counts.scored(START, fraud=False)
    for time, fraud in times:
        counts.scored(time, fraud=fraud)
        counts.alerted(time, fraud=fraud)
    return counts


def test_nothing_was_caught_before_anything_was_scored() -> None:
    catches = CatchesByDay().catches()
    assert (catches.days, catches.weeks, catches.now) == ((), (), Catch())


@given(st.lists(st.tuples(TIMES, st.booleans())))
def test_the_last_bar_is_the_sum_of_the_last_seven_days(times: list[tuple[float, bool]]) -> None:
    days = fed(times).catches().days
    last = max((int(time // DAY) for time, _ in times), default=int(START // DAY))
    recent = [fraud for time, fraud in times if time // DAY > last - 7]
    assert days[-1].alerts == len(recent)
    assert days[-1].caught == days[-1].frauds == sum(recent)


@given(st.lists(st.tuples(TIMES, st.booleans())))
def test_weeks_are_whole_part_the_days_and_leave_out_the_last_day(times: list[tuple[float, bool]]) -> None:
    catches = fed(times).catches()
    days = len(catches.days)
    assert len(catches.weeks) == (days - 1) // 7
    counted = [time for time, _ in times if time < START + len(catches.weeks) * 7 * DAY]
    assert total(catches.weeks).alerts == len(counted)
    assert [week.alerts for week in catches.weeks] == [
        catches.days[number * 7 + 6].alerts for number in range(len(catches.weeks))
    ]


@given(st.permutations([(START + day * DAY, day % 2 == 0) for day in range(10)]))
def test_the_order_in_which_records_are_read_does_not_matter(times: list[tuple[float, bool]]) -> None:
    assert fed(times).catches() == fed(sorted(times)).catches()


def test_a_record_from_before_the_first_day_counts_on_the_first() -> None:
    counts = CatchesByDay()
    counts.scored(START, fraud=False)
    counts.scored(START - 1.0, fraud=True)
    assert counts.catches().days == (Catch(transactions=2, frauds=1),)


def test_shares_are_of_frauds_of_alerts_and_of_transactions() -> None:
    catch = Catch(transactions=200, frauds=4, alerts=3, caught=1)
    assert (catch.caught_share, catch.right_share, catch.alerts_per_10000) == (1 / 4, 1 / 3, 150.0)


def test_of_nothing_no_share_was_caught_and_never_more_than_all() -> None:
    nothing = Catch()
    assert (nothing.caught_share, nothing.right_share, nothing.alerts_per_10000) == (0.0, 0.0, 0.0)
    assert Catch(frauds=1, alerts=2, caught=2).caught_share == 1.0
