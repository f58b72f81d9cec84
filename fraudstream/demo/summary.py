"""What a demo has shown, at its end: figures in, sentences out."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.table import Table

from fraudstream.demo import words
from fraudstream.demo.tally import WARM_UP_SECONDS

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from fraudstream.demo.catches import Catch
    from fraudstream.demo.figures import Figures
    from fraudstream.demo.lessons import Lessons
    from fraudstream.simulate.produce import SendProgress

_MEASURE = "From a transaction's arrival in Kafka until a reader of committed records has its score"


def summary(figures: Figures, sent: SendProgress) -> Table:
    """The summary as names and sentences."""
    table = Table.grid(padding=(0, 2))
    table.add_column(style="bold", no_wrap=True)
    table.add_column()
    for name, sentence in summary_rows(figures, sent):
        table.add_row(name, sentence)
    return table


def summary_rows(figures: Figures, sent: SendProgress) -> Iterator[tuple[str, str]]:
    """The summary's names and sentences.

    Args:
        figures: the last ones, with everything accounted for.
        sent: the producer's own summary.
    """
    yield "accounted for", _account(figures)
    yield "rate", _rate(figures, sent)
    yield "latency", _latency(figures)
    yield "alerts", f"{figures.alerted:,}: {words.counts(figures.alerts) or 'none'}"
    yield "frauds", _frauds(figures)
    yield from _weeks(figures.catches.weeks)
    yield "the model", _model(figures.lessons)
    yield "time to learn", _time_to_learn(figures.lessons)
    yield "labels", _labels(figures)
    yield "dead letters", f"{figures.refused:,}: {words.counts(figures.dead_letters) or 'none'}"
    yield "workers", words.shares(figures.shares)


def _account(figures: Figures) -> str:
    again = f" {figures.scored_again:,} scores were read twice." if figures.scored_again else ""
    return (
        f"{figures.messages:,} in = {figures.scored:,} scored + {figures.refused:,} dead letters "
        f"+ {figures.repeats:,} repeats.{again}"
    )


def _rate(figures: Figures, sent: SendProgress) -> str:
    pace = sent.transactions / sent.seconds if sent.seconds else 0.0
    return (
        f"{figures.transactions:,} transactions in {sent.seconds:.1f} s: {pace:,.0f} a second, up to "
        f"{words.moment(figures.simulated_time)} of the bank's time."
    )


def _latency(figures: Figures) -> str:
    """Where the run was long enough, what was warm is told apart from the start."""
    over_all = f"{words.latency(figures.latency)}, at most {words.milliseconds(figures.slowest)}"
    own = f"until the worker hands the score over (its histogram): {words.latency(figures.own_latency)}"
    if figures.warm_latency is None:
        return f"{_MEASURE}: {over_all}; {own}."
    return (
        f"{_MEASURE}: {words.latency(figures.warm_latency)}; {own}; both without the first "
        f"{WARM_UP_SECONDS:.0f} s, in which Java warms up. With them: {over_all}."
    )


def _frauds(figures: Figures) -> str:
    return (
        f"Of {figures.frauds:,} frauds sent {figures.frauds_alerted:,} were alerted "
        f"({words.percent(figures.frauds_alerted, figures.frauds)}); of {figures.alerted:,} alerts "
        f"{figures.frauds_alerted:,} were frauds ({words.percent(figures.frauds_alerted, figures.alerted)})."
    )


def _labels(figures: Figures) -> str:
    return (
        f"{figures.labels_sent:,} came late = {figures.labels_taken:,} taken in, keyed by card or account; "
        f"{figures.lessons.labels_learnt:,} of them learnt so far."
    )


def _weeks(weeks: Sequence[Catch]) -> Iterator[tuple[str, str]]:
    """The first week and the last whole one."""
    if len(weeks) < 2:  # noqa: PLR2004 - a first and another
        yield "learning", "There is no second whole week to compare the first one with."
        return
    yield "first week", _week(weeks[0])
    yield "last week", f"{_week(weeks[-1])} This was week {len(weeks)}."
    plot = words.bars([week.caught_share for week in weeks])
    yield "week by week", f"{plot} of the frauds caught. Profiles were empty at first: a part is their gain."


def _week(week: Catch) -> str:
    return (
        f"{week.caught:,} of {week.frauds:,} frauds caught ({words.share(week.caught_share)}) by "
        f"{week.alerts_per_10000:.0f} alerts in 10,000; {words.share(week.right_share)} of the alerts right."
    )


def _model(lessons: Lessons) -> str:
    prior = f"The prior model, its weights set by hand, scored {lessons.scored_by_prior:,}"
    if not lessons.versions:
        return f"{prior}; there was not enough to learn from for another."
    return (
        f"{prior}; then {lessons.versions:,} versions that learnt scored {lessons.scored_by_learnt:,}, the "
        f"last of them {words.model(lessons.model)}. Learnt from: {lessons.examples:,} transactions, "
        f"{lessons.frauds:,} of them frauds."
    )


def _time_to_learn(lessons: Lessons) -> str:
    if lessons.time_to_learn is None:
        return "No label was learnt after a first model."
    labels = lessons.labels_learnt - lessons.labels_before
    return (
        f"From a label's arrival in Kafka until a worker scores by a model that has learnt it: "
        f"{words.seconds(lessons.time_to_learn)}, of {labels:,} labels; {lessons.labels_before:,} before "
        "them waited for the first model."
    )
