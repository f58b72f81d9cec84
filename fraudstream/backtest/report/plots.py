"""Plots as SVG text, for a page that needs no network: bars, lines over time, a reliability diagram."""

from __future__ import annotations

import math
from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Sequence

COLOURS: Final = (
    *("#1f5fa8", "#d1662b", "#2c8a57", "#8a4fa3", "#b3273c"),
    *("#5f6b76", "#a98500", "#2196a6", "#7a5230", "#c2458f"),
)
REFERENCE_COLOUR: Final = "#c3cad1"
_WIDTH: Final = 760
_ROW: Final = 22
_LABELS: Final = 270
_HEIGHT: Final = 300
_LEFT, _RIGHT, _TOP, _BOTTOM = 52, 12, 10, 34

_SHARES: Final = ((0.0, "0 %"), (0.25, "25 %"), (0.5, "50 %"), (0.75, "75 %"), (1.0, "100 %"))


@dataclass(frozen=True, slots=True)
class Bar:
    """A value with its standard deviation, 0 where there is none."""

    label: str
    value: float
    deviation: float
    colour: str


@dataclass(frozen=True, slots=True)
class Series:
    """Points (x, y) that are joined by a line."""

    label: str
    points: Sequence[tuple[float, float]]
    colour: str


def bars(chart: Sequence[Bar]) -> str:
    """Horizontal bars from 0, each with its value and a whisker of one standard deviation to either side."""
    longest = max((bar.value + bar.deviation for bar in chart), default=0.0) or 1.0
    unit = (_WIDTH - _LABELS - 60) / longest
    rows = [_bar(bar, place * _ROW, unit) for place, bar in enumerate(chart)]
    return _svg(_ROW * len(chart) + 4, "".join(rows))


def lines(chart: Sequence[Series], x_names: Sequence[str]) -> str:
    """Lines of shares over places on the x axis, which are named at about eight of them."""
    step = max(1, math.ceil(len(x_names) / 8))
    ticks = [(float(place), x_names[place]) for place in range(0, len(x_names), step)]
    return _plot(chart, (0.0, max(len(x_names) - 1.0, 1.0)), (0.0, 1.0), ticks)


def reliability_diagram(chart: Sequence[Series]) -> str:
    """Fraud share over mean score, both as logarithms; what is calibrated lies on the diagonal."""
    low = -4.0
    ticks = [(exponent, f"{10.0**exponent:g}") for exponent in (-4.0, -3.0, -2.0, -1.0, 0.0)]
    scaled = [
        Series(each.label, [(_log(x, low), _log(y, low)) for x, y in each.points], each.colour)
        for each in chart
    ]
    diagonal = Series("calibrated", [(low, low), (0.0, 0.0)], REFERENCE_COLOUR)
    return _plot([diagonal, *scaled], (low, 0.0), (low, 0.0), ticks, y_ticks=ticks)


def legend(chart: Sequence[tuple[str, str]]) -> str:
    """Names beside their colours."""
    entries = [f'<span><i style="background:{colour}"></i>{escape(label)}</span>' for label, colour in chart]
    return f'<p class="legend">{"".join(entries)}</p>'


def _bar(bar: Bar, top: int, unit: float) -> str:
    end = _LABELS + bar.value * unit
    middle = top + _ROW / 2
    whisker = ""
    if bar.deviation:
        reach = bar.deviation * unit
        whisker = f'<path d="M{end - reach:.1f} {middle}H{end + reach:.1f}" stroke="#222" fill="none"/>'
    return (
        f'<text x="{_LABELS - 8}" y="{middle + 4}" text-anchor="end">{escape(bar.label)}</text>'
        f'<rect x="{_LABELS}" y="{top + 4}" width="{bar.value * unit:.1f}" height="{_ROW - 8}" '
        f'fill="{bar.colour}"/>{whisker}'
        f'<text x="{end + bar.deviation * unit + 6:.1f}" y="{middle + 4}">{bar.value:.3f}</text>'
    )


def _plot(
    chart: Sequence[Series],
    x_range: tuple[float, float],
    y_range: tuple[float, float],
    x_ticks: Sequence[tuple[float, str]],
    y_ticks: Sequence[tuple[float, str]] = _SHARES,
) -> str:
    """A frame with ticks and the lines in it."""

    def x(value: float) -> float:
        return _LEFT + (value - x_range[0]) / (x_range[1] - x_range[0]) * (_WIDTH - _LEFT - _RIGHT)

    def y(value: float) -> float:
        share = (value - y_range[0]) / (y_range[1] - y_range[0])
        return _HEIGHT - _BOTTOM - share * (_HEIGHT - _TOP - _BOTTOM)

    grid = [
        f'<path d="M{_LEFT} {y(value):.1f}H{_WIDTH - _RIGHT}" stroke="#e4e8ec"/>'
        f'<text x="{_LEFT - 6}" y="{y(value) + 4:.1f}" text-anchor="end">{escape(name)}</text>'
        for value, name in y_ticks
    ]
    feet = [
        f'<text x="{x(value):.1f}" y="{_HEIGHT - 12}" text-anchor="middle">{escape(name)}</text>'
        for value, name in x_ticks
    ]
    drawn = [_line(each, [(x(a), y(b)) for a, b in each.points]) for each in chart]
    return _svg(_HEIGHT, "".join([*grid, *feet, *drawn]))


def _line(series: Series, points: Sequence[tuple[float, float]]) -> str:
    path = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
    return (
        f'<polyline points="{path}" fill="none" stroke="{series.colour}" stroke-width="1.8">'
        f"<title>{escape(series.label)}</title></polyline>"
    )


def _svg(height: float, content: str) -> str:
    return f'<svg viewBox="0 0 {_WIDTH} {height}" role="img">{content}</svg>'


def _log(value: float, low: float) -> float:
    """Decimal logarithm, cut off at ``low``."""
    return max(math.log10(value), low) if value > 0.0 else low
