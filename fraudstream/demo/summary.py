"""What a demo has shown, at its end: figures in, sentences out."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.table import Table

from fraudstream.demo import words
from fraudstream.demo.tally import WARM_UP_SECONDS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fraudstream.demo.figures import Figures
    from fraudstream.simulate.produce import Progress

_MEASURE = "From a transaction's arrival in Kafka until a reader of committed records has its score"


def summary(figures: Figures, sent: Progress) -> Table:
    """The summary as names and sentences."""
    table = Table.grid(padding=(0, 2))
    table.add_column(style="bold", no_wrap=True)
    table.add_column()
    for name, sentence in summary_rows(figures, sent):
        table.add_row(name, sentence)
    return table


def summary_rows(figures: Figures, sent: Progress) -> Iterator[tuple[str, str]]:
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
    yield "the model", "The prior model scored: weights set by hand. It does not learn from the labels yet."
    yield "labels", f"{figures.labels_taken:,} came late and were taken in, keyed by card or account."
    yield "dead letters", f"{figures.refused:,}: {words.counts(figures.dead_letters) or 'none'}"
    yield "workers", words.shares(figures.shares)


def _account(figures: Figures) -> str:
    again = f" {figures.scored_again:,} scores were read twice." if figures.scored_again else ""
    return (
        f"{figures.messages:,} in = {figures.scored:,} scored + {figures.refused:,} dead letters "
        f"+ {figures.repeats:,} repeats.{again}"
    )


def _rate(figures: Figures, sent: Progress) -> str:
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
