"""The live screen of a demo: figures in, rich renderables out."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.console import Group
from rich.rule import Rule
from rich.table import Table
from rich.text import Text

from fraudstream.demo import words
from fraudstream.settings.sections import ScoringSettings

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fraudstream.demo.catches import Catches
    from fraudstream.demo.figures import Figures
    from fraudstream.demo.lessons import Lessons
    from schemas.alert import Alert

_STYLES = {"review": "yellow", "decline": "bold red"}
_LINES_OF_FIGURES = 18
_LINES_OF_AN_ALERT = 3
_REASONS = 2
_BARS = 56
_NAMES = 13  # rich would rather shorten the names than a long value


def screen(figures: Figures, phase: str, height: int) -> Group:
    """The whole screen.

    Args:
        figures: what it shows.
        phase: what the demo is doing, in words.
        height: lines of the terminal; as many of the latest alerts are shown as fit.
    """
    fitting = max(0, (height - _LINES_OF_FIGURES) // _LINES_OF_AN_ALERT)
    latest = figures.latest_alerts[:fitting]
    return Group(
        Rule(f"fraudstream demo: {phase}", align="left", style="cyan"),
        _figures(figures),
        Rule("latest alerts", align="left", style="cyan"),
        *(_alert(alert) for alert in latest),
    )


def _figures(figures: Figures) -> Table:
    table = Table.grid(padding=(0, 2))
    table.add_column(style="bold", no_wrap=True, min_width=_NAMES)
    table.add_column(overflow="ellipsis", no_wrap=True)
    for name, value in _rows(figures):
        table.add_row(name, value)
    return table


def _rows(figures: Figures) -> Iterator[tuple[str, str]]:
    yield "bank's time", words.moment(figures.simulated_time) if figures.transactions else "-"
    yield "messages in", f"{figures.messages:,}   now {figures.sent_rate:,.0f} a second"
    yield "scored", f"{figures.scored:,}   now {figures.scored_rate:,.0f} a second"
    yield "on the way", f"{max(0, figures.on_the_way):,}"
    yield (
        "latency",
        f"{words.latency(figures.recent_latency)}   arrival in Kafka to a read_committed reader, last 5 s",
    )
    yield "", f"{words.latency(figures.own_latency)}   arrival in Kafka to score written, by the workers"
    yield "alerts", words.counts(figures.alerts) or "none yet"
    yield from _learning(figures.catches, figures.lessons)
    yield "dead letters", _total(figures.refused, words.counts(figures.dead_letters))
    yield "repeats", f"{figures.repeats:,}   sent again by the bank, counted, not scored twice"
    learnt = f"{figures.lessons.labels_learnt:,} learnt"
    yield "labels", f"{figures.labels_taken:,} of {figures.labels_sent:,} taken in, {learnt}"
    yield "workers", words.shares(figures.shares) or "-"


def _learning(catches: Catches, lessons: Lessons) -> Iterator[tuple[str, str]]:
    """The model, and what of the frauds it catches: a bar for each of the last days that fit."""
    days = catches.days[-_BARS:]
    caught, right = [day.caught_share for day in days], [day.right_share for day in days]
    yield (
        "model",
        f"{words.model(lessons.model)}   for {lessons.in_force:.0f} s; {lessons.versions:,} versions so far",
    )
    yield "frauds caught", f"{words.share(catches.now.caught_share):>5}  {words.bars(caught)}"
    yield "alerts right", f"{words.share(catches.now.right_share):>5}  {words.bars(right)}"
    yield "", f"of seven days each, by {ScoringSettings().alerts_per_10000:g} alerts in 10,000 transactions"


def _total(count: int, parts: str) -> str:
    return f"{count:,}: {parts}" if parts else f"{count:,}"


def _alert(alert: Alert) -> Text:
    """An alert in lines: what it is about, then its weightiest reasons."""
    text = Text(no_wrap=True, overflow="ellipsis")
    text.append(f"{alert.decision:<7}", style=_STYLES[alert.decision])
    text.append(f" {alert.score:.2f}  {words.subject_and_amount(alert)}")
    for each in alert.reasons[:_REASONS]:
        text.append(f"\n              {words.reason(each)}", style="dim")
    return text
