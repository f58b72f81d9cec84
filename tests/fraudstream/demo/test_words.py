"""What a person reads: the live screen, the plain lines and the summary."""

from __future__ import annotations

import doctest
import io
from typing import TYPE_CHECKING

import pytest
from rich.console import Console

from fraudstream.demo import words
from fraudstream.demo.display import LiveDisplay, PlainDisplay, display_on, say
from fraudstream.demo.events import AlertRead, DeadLetterRead, MalformedSent, ScoreRead, TransactionSent
from fraudstream.demo.plain import alert_line, line
from fraudstream.demo.screen import screen
from fraudstream.demo.summary import summary
from fraudstream.demo.tally import Figures, Tally
from fraudstream.simulate.produce import Progress

if TYPE_CHECKING:
    from collections.abc import Callable

    from schemas.alert import Alert


@pytest.fixture
def figures(make_alert: Callable[..., Alert]) -> Figures:
    """Ten transactions in, two of them frauds; nine scored, one alerted; a message refused."""
    tally = Tally()
    tally.figures(0.0)
    for number in range(10):
        tally.take(TransactionSent(f"t{number}", 0.0, 1_522_540_831.0, fraud=number < 2))
    for number in range(9):
        tally.take(ScoreRead(f"t{number}", 0.118))
    tally.take(MalformedSent())
    tally.take(DeadLetterRead("pan"))
    tally.take(AlertRead(make_alert("t0")))
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
        "messages in   11",
        "scored        9",
        "p50 118 ms, p99 118 ms",
        "1: 1 pan",
        "1 review",
        "Sun 2018-04-01 00:00",
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
    assert len(lines) <= max(height, 14)


def test_before_anything_happens_the_screen_and_the_line_show_dashes() -> None:
    nothing = Tally().figures(0.0)
    assert "latency       -" in rendered(screen(nothing, "streaming", 24))
    assert "latency -; alerts none" in line(nothing, 0.0)


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


def test_the_summary_compares_alerts_with_the_truth_and_says_that_nothing_learns(figures: Figures) -> None:
    text = " ".join(rendered(summary(figures, Progress(transactions=10, seconds=2.0))).split())
    assert "11 in = 9 scored + 1 dead letters + 0 repeats." in text
    assert "Of 2 frauds sent 1 were alerted (50 %); of 1 alerts 1 were frauds (100 %)." in text
    assert "10 transactions in 2.0 s: 5 a second" in text
    assert "does not learn" in text


def test_without_a_terminal_there_are_no_control_characters_and_a_sentence_stays_on_its_line(
    figures: Figures,
) -> None:
    console = Console(file=io.StringIO(), force_terminal=False, width=40)
    display = display_on(console)
    assert isinstance(display, PlainDisplay)
    with display.running():
        display.show(figures, "streaming")
        say(console, "word " * 30)
    console.print(summary(figures, Progress()))
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
