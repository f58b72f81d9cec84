"""A demo in plain lines, for where there is no terminal: logs, pipes, continuous integration."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fraudstream.demo import words

if TYPE_CHECKING:
    from fraudstream.demo.figures import Figures
    from schemas.alert import Alert


def line(figures: Figures, seconds: float) -> str:
    """The figures on one line, `seconds` after the demo's start."""
    parts = (
        f"in {figures.messages:,} ({figures.sent_rate:,.0f}/s)",
        f"scored {figures.scored:,} ({figures.scored_rate:,.0f}/s)",
        f"latency {words.latency(figures.recent_latency)}",
        f"alerts {words.counts(figures.alerts) or 'none'}",
        f"dead letters {figures.refused:,}",
        f"repeats {figures.repeats:,}",
        f"labels {figures.labels_taken:,}",
        f"workers {words.shares(figures.shares) or '-'}",
        f"bank's time {words.moment(figures.simulated_time) if figures.transactions else '-'}",
    )
    return f"{seconds:3.0f} s  " + "; ".join(parts)


def learning_line(figures: Figures) -> str:
    """What is learnt and what comes of it, on one line, with a plot of the share of frauds caught."""
    lessons, catches = figures.lessons, figures.catches
    plot = words.bars([day.caught_share for day in catches.days])
    parts = (
        f"caught {plot} {words.share(catches.now.caught_share)} of the frauds of 7 days",
        f"{words.share(catches.now.right_share)} of the alerts right",
        f"model {words.model(lessons.model)}, {lessons.versions:,} versions so far",
        f"labels learnt {lessons.labels_learnt:,}",
    )
    return "       " + "; ".join(parts)


def alert_line(alert: Alert) -> str:
    """An alert with all its reasons on one line."""
    reasons = " ".join(words.reason(each) for each in alert.reasons)
    return f"       {alert.decision} ({alert.score:.2f}): {words.subject_and_amount(alert)}. {reasons}"
