"""What a person reads: the live screen, the plain lines and the summary."""

from __future__ import annotations

import doctest
import io
from datetime import UTC, datetime
from math import inf
from typing import TYPE_CHECKING

import pytest
from rich.console import Console

from fraudstream.demo import words
from fraudstream.demo.catches import DAY
from fraudstream.demo.display import LiveDisplay, PlainDisplay, display_on, say
from fraudstream.demo.events import (
    AlertRead,
    DeadLetterRead,
    LearnerScraped,
    MalformedSent,
    ScoreRead,
    TransactionSent,
    WorkerScraped,
)
from fraudstream.demo.plain import alert_line, learning_line, line
from fraudstream.demo.screen import screen
from fraudstream.demo.summary import summary
from fraudstream.demo.tally import Tally
from fraudstream.simulate.produce import SendProgress

if TYPE_CHECKING:
    from collections.abc import Callable

    from fraudstream.demo.figures import Figures
    from schemas.alert import Alert


@pytest.fixture
def figures(make_alert: Callable[..., Alert]) -> Figures:
    """Ten transactions in, two of them frauds; nine scored, one alerted; a message refused."""
    tally = Tally()
    tally.figures(0.0)
    alert = make_alert("t0")
    now = alert.transaction.event_timestamp + 60
    for number in range(10):
        tally.take(TransactionSent(f"t{number}", 0.0, now, fraud=number < 2))
    for number in range(9):
        tally.take(ScoreRead(f"t{number}", 0.118, "prior"))
    tally.take(MalformedSent())
    tally.take(DeadLetterRead("pan"))
    tally.take(AlertRead(alert))
    return tally.figures(1.0)


def rendered(renderable: object, *, terminal: bool = False, width: int = 100) -> str:
    console = Console(file=io.StringIO(), force_terminal=terminal, width=width, color_system=None)
    console.print(renderable)
    output = console.file
    assert isinstance(output, io.StringIO)
    return output.getvalue()


def test_the_examples_of_the_words_hold() -> None:
    outcome = doctest.testmod(words)
    assert outcome.attempted
    assert not outcome.failed


def test_the_screen_shows_counts_latency_dead_letters_and_why_an_alert_was_raised(figures: Figures) -> None:
    text = rendered(screen(figures, "streaming", height=40))
    for shown in (
        "streaming",
        "messages in    11",
        "scored         9",
        "p50 118 ms, p99 118 ms",
        "1: 1 pan",
        "1 review",
        "Mon 2026-03-02 12:01",
        "250.00 EUR by card_abc",
        "The amount is far from normal (250, normally 20).",
        "It came at an unusual time (UTC).",
    ):
        assert shown in text


@pytest.mark.parametrize("height", [10, 24, 40])
@pytest.mark.parametrize("alerts", [0, 1, 30])
def test_the_screen_fits_the_terminal_when_that_holds_the_figures(
    make_alert: Callable[..., Alert], height: int, alerts: int
) -> None:
    tally = Tally()
    for number in range(alerts):
        tally.take(AlertRead(make_alert(f"t{number}")))
    lines = rendered(screen(tally.figures(0.0), "streaming", height), width=80).splitlines()
    assert len(lines) <= max(height, 18)


def test_before_anything_happens_the_screen_and_the_line_show_dashes() -> None:
    nothing = Tally().figures(0.0)
    assert "latency        -" in rendered(screen(nothing, "streaming", 24))
    assert "latency -; alerts none" in line(nothing, 0.0)
    assert "model -, 0 versions" in learning_line(nothing)


def test_a_line_of_figures_is_one_line(figures: Figures) -> None:
    text = line(figures, 12.3)
    assert text.startswith(" 12 s  in 11 (")
    assert "scored 9 (" in text
    assert "dead letters 1;" in text
    assert "\n" not in text


def test_an_alert_on_a_line_gives_every_reason(make_alert: Callable[..., Alert]) -> None:
    assert alert_line(make_alert("t0")).strip() == (
        "review (0.75): 250.00 EUR by card_abc, Mon 2026-03-02 12:00. The amount is far from normal "
        "(250, normally 20). It came at an unusual time (UTC)."
    )


def read(figures: Figures) -> str:
    """The summary's words, however they are laid out."""
    return " ".join(rendered(summary(figures, SendProgress(transactions=10, seconds=2.0))).split())


def test_the_summary_accounts_for_everything_and_compares_alerts_with_the_truth(figures: Figures) -> None:
    text = read(figures)
    assert "11 in = 9 scored + 1 dead letters + 0 repeats." in text
    assert "Of 2 frauds sent 1 were alerted (50 %); of 1 alerts 1 were frauds (100 %)." in text
    assert "10 transactions in 2.0 s: 5 a second" in text


def test_a_run_that_was_too_short_to_learn_says_so(figures: Figures) -> None:
    text = read(figures)
    assert "no second whole week" in text
    assert "The prior model, its weights set by hand, scored 9; there was not enough to learn from" in text
    assert "No label was learnt after a first model." in text


@pytest.fixture
def after_weeks(make_alert: Callable[..., Alert]) -> Figures:
    """Three weeks and a day, a fraud each day; alerts on the last seven, by models that learnt."""
    tally = Tally()
    for day in range(22):
        alert = make_alert(f"t{day}")
        moment = alert.transaction.event_timestamp + (day - 21) * DAY
        transaction = alert.transaction.model_copy(update={"event_time": datetime.fromtimestamp(moment, UTC)})
        tally.take(TransactionSent(f"t{day}", 0.0, moment, fraud=True))
        tally.take(ScoreRead(f"t{day}", float(day), "prior" if day < 14 else f"forest@{1_000 + day}"))
        if day >= 15:
            tally.take(AlertRead(alert.model_copy(update={"transaction": transaction})))
    for labels in (3, 10):
        tally.take(WorkerScraped("demo-1", 0.0, 22, 0, {}, {2.0: labels - 3, inf: labels}))
    tally.take(LearnerScraped(1_021, 8))
    return tally.figures(30.0)


def test_the_summary_compares_the_first_week_with_the_last_whole_one(after_weeks: Figures) -> None:
    text = read(after_weeks)
    assert "first week 0 of 7 frauds caught (0 %) by 0 alerts in 10,000" in text
    assert (
        "last week 6 of 7 frauds caught (86 %) by 8571 alerts in 10,000; 100 % of the alerts right." in text
    )
    assert "This was week 3." in text


def test_the_summary_says_which_models_scored_and_how_soon_labels_told(after_weeks: Figures) -> None:
    text = read(after_weeks)
    assert "scored 14; then 8 versions that learnt scored 8, the last of them forest@1,021." in text
    assert "1,021 transactions, 8 of them frauds." in text
    assert "p50 1.0 s, p99 2.0 s, of 7 labels; 3 before them" in text


def test_screen_and_line_show_the_model_and_the_plot_of_what_is_caught(after_weeks: Figures) -> None:
    plot = "\u2581" * 15 + "\u2582\u2583\u2584\u2585\u2586\u2587\u2588"
    screen_text = rendered(screen(after_weeks, "streaming", height=40), width=80)
    assert f"frauds caught  100 %  {plot}" in screen_text
    assert "forest@1,021   for 0 s; 8 versions so far" in screen_text
    assert "10 learnt" in screen_text
    text = learning_line(after_weeks)
    assert f"caught {plot} 100 %" in text
    assert "model forest@1,021, 8 versions so far; labels learnt 10" in text
    assert "\n" not in text


def test_the_screen_keeps_to_the_newest_days_that_fit_a_terminal() -> None:
    tally = Tally()
    for day in range(100):
        tally.take(TransactionSent(f"t{day}", 0.0, day * DAY, fraud=False))
        tally.take(ScoreRead(f"t{day}", 0.0, "prior"))
    text = rendered(screen(tally.figures(1.0), "streaming", height=24), width=80)
    assert "\u2581" * 50 in text
    assert "\u2026" not in text


def test_without_a_terminal_there_are_no_control_characters_and_a_sentence_stays_on_its_line(
    figures: Figures,
) -> None:
    console = Console(file=io.StringIO(), force_terminal=False, width=40)
    display = display_on(console)
    assert isinstance(display, PlainDisplay)
    with display.running():
        display.show(figures, "streaming")
        say(console, "word " * 30)
    console.print(summary(figures, SendProgress()))
    output = console.file
    assert isinstance(output, io.StringIO)
    assert "word " * 29 in output.getvalue()
    assert all(character.isprintable() or character == "\n" for character in output.getvalue())


def test_a_terminal_gets_the_live_screen_and_a_dumb_one_plain_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = Console(file=io.StringIO(), force_terminal=True)
    monkeypatch.setenv("TERM", "xterm")
    assert isinstance(display_on(terminal), LiveDisplay)
    monkeypatch.setenv("TERM", "dumb")
    assert isinstance(display_on(Console(file=io.StringIO(), force_terminal=True)), PlainDisplay)
