"""Plots of the capacity model as SVG files that need nothing else."""

from __future__ import annotations

from dataclasses import dataclass
from html import escape
from math import ceil, floor, isfinite, log10
from typing import TYPE_CHECKING, Final

from benchmarks.capacity.model import LAG_SECONDS, LOST, TARGET_SECONDS
from fraudstream.backtest.report.plots import COLOURS, REFERENCE_COLOUR, Series

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from benchmarks.capacity.results import CapacityResults, RecoveryRun

_WIDTH: Final = 820
_HEIGHT: Final = 340
_LEFT, _RIGHT, _TOP, _BOTTOM = 78, 220, 34, 44
_TARGET: Final = 1e3 * TARGET_SECONDS
_MOST_MS: Final = 1e6
"""What takes longer, or never ends, is drawn here."""
_MOST_LINES: Final = 6


@dataclass(frozen=True)
class Chart:
    """Lines in a frame; `is_log`: the y axis shows powers of ten."""

    title: str
    x_title: str
    series: Sequence[Series]
    is_log: bool = False


def write(results: CapacityResults, out: Path) -> list[str]:
    """Write every plot beside the results; gives the files' names."""
    out.parent.mkdir(parents=True, exist_ok=True)
    names = []
    for name, chart in charts(results).items():
        path = out.with_name(f"{out.stem}-{name}.svg")
        path.write_text(svg(chart))
        names.append(path.name)
    return names


def markdown(names: Sequence[str]) -> str:
    """The plots in a report that lies beside them."""
    return "\n".join(["", "## Plots", "", *(f"![{name}]({name})\n" for name in names)])


def charts(results: CapacityResults) -> dict[str, Chart]:
    """Every plot by its name."""
    return {
        "workers": Chart(
            "p99 in ms from due to seen, by number of workers",
            "workers",
            list(_by_workers(results)),
            is_log=True,
        ),
        "burst": Chart(
            "p99 in ms of each minute from 19 to 22 o'clock",
            "minutes",
            list(_by_minute(results)),
            is_log=True,
        ),
        "lost": Chart(
            "Seconds that the oldest waiting transaction had waited; one worker killed, not replaced",
            "seconds after the kill",
            list(_after_loss(results.recoveries)),
        ),
    }


def _by_workers(results: CapacityResults) -> Iterator[Series]:
    last = max(run.runs[-1].workers for run in results.scenarios)
    for colour, run in zip(COLOURS, results.scenarios, strict=False):
        yield Series(run.name, [(each.workers, _drawn(each.ms.p99)) for each in run.runs], colour)
    yield _target(1.0, float(last))


def _by_minute(results: CapacityResults) -> Iterator[Series]:
    """Bursts with one worker too few, the least, and one more."""
    colours, minutes = iter(COLOURS), 0
    for run in results.scenarios[1:]:
        for each in run.runs:
            if run.least is not None and abs(each.workers - run.least) <= 1:
                minutes = len(each.p99_by_minute)
                points = [(float(minute), _drawn(p99)) for minute, p99 in enumerate(each.p99_by_minute)]
                yield Series(f"{_top(run.name)}, {each.workers} workers", points, next(colours))
    yield _target(0.0, float(minutes))


def _after_loss(runs: Sequence[RecoveryRun]) -> Iterator[Series]:
    lost = [run for run in runs if run.event == LOST][:_MOST_LINES]
    for colour, run in zip(COLOURS, lost, strict=False):
        points = [(float(LAG_SECONDS * place), lag) for place, lag in enumerate(run.lag)]
        yield Series(f"{run.workers} workers before", points, colour)


def _target(low: float, high: float) -> Series:
    return Series(f"target {_TARGET:.0f} ms", [(low, _TARGET), (high, _TARGET)], REFERENCE_COLOUR)


def _top(name: str) -> str:
    return name.rpartition(" to ")[2]


def _drawn(milliseconds: float) -> float:
    return min(milliseconds, _MOST_MS)


def svg(chart: Chart) -> str:
    """A chart as the text of an SVG file."""
    xs = [x for series in chart.series for x, _ in series.points]
    ys = [_height(y, chart.is_log) for series in chart.series for _, y in series.points]
    across = _Axis(min(xs, default=0.0), max(xs, default=1.0), _LEFT, _WIDTH - _RIGHT)
    bottom = floor(min(ys, default=0.0)) if chart.is_log else 0.0
    top = ceil(max(ys, default=1.0)) if chart.is_log else max(ys, default=1.0)
    up = _Axis(bottom, top, _HEIGHT - _BOTTOM, _TOP)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {_HEIGHT}" '
        'font-family="sans-serif" font-size="12">'
        f'<rect width="{_WIDTH}" height="{_HEIGHT}" fill="#fff"/>'
        f'<text x="{_LEFT}" y="20" font-size="14">{escape(chart.title)}</text>'
        f"{''.join(_grid(chart, across, up))}{''.join(_lines(chart, across, up))}</svg>\n"
    )


@dataclass(frozen=True)
class _Axis:
    """Places values of a range on a stretch of the picture."""

    low: float
    high: float
    start: float
    end: float

    def __call__(self, value: float) -> float:
        return self.start + (value - self.low) / ((self.high - self.low) or 1.0) * (self.end - self.start)

    def ticks(self) -> Iterator[float]:
        """Yield about six round values."""
        rough = ((self.high - self.low) or 1.0) / 6.0
        power = 10.0 ** floor(log10(rough))
        step = next(power * factor for factor in (1.0, 2.0, 5.0, 10.0) if power * factor >= rough)
        for number in range(ceil(self.low / step), floor(self.high / step) + 1):
            yield number * step


def _height(value: float, is_log: bool) -> float:  # noqa: FBT001 - the chart's own word
    return log10(value) if is_log else value


def _grid(chart: Chart, across: _Axis, up: _Axis) -> Iterator[str]:
    """Yield the ticks of both axes."""
    powers = map(float, range(int(up.low), int(up.high) + 1))
    for value in powers if chart.is_log else up.ticks():
        name = f"{10.0**value:,.0f}" if chart.is_log else f"{value:g}"
        yield f'<path d="M{_LEFT} {up(value):.1f}H{_WIDTH - _RIGHT}" stroke="#e4e8ec"/>'
        yield f'<text x="{_LEFT - 6}" y="{up(value) + 4:.1f}" text-anchor="end">{name}</text>'
    for value in across.ticks():
        x, y = across(value), _HEIGHT - _BOTTOM + 18
        yield f'<text x="{x:.1f}" y="{y}" text-anchor="middle">{value:g}</text>'
    yield f'<text x="{_LEFT}" y="{_HEIGHT - 8}">{escape(chart.x_title)}</text>'


def _lines(chart: Chart, across: _Axis, up: _Axis) -> Iterator[str]:
    """Yield every line, and its name beside the frame."""
    for place, series in enumerate(chart.series):
        points = [(across(x), up(_height(y, chart.is_log))) for x, y in series.points if isfinite(y)]
        path = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
        yield f'<polyline points="{path}" fill="none" stroke="{series.colour}" stroke-width="1.8"/>'
        y = _TOP + 12 + 18 * place
        x = _WIDTH - _RIGHT + 12
        yield f'<path d="M{x} {y - 4}h14" stroke="{series.colour}" stroke-width="3"/>'
        yield f'<text x="{x + 20}" y="{y}">{escape(series.label)}</text>'
