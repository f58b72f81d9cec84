"""Plots as SVG files that stand beside a report."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from fraudstream.backtest.report.plots import COLOURS, Bar, bars

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

STAGE_BATCH: Final = "100"
"""Batch size whose stages are drawn."""
_SVG: Final = (
    '<svg xmlns="http://www.w3.org/2000/svg" font-family="sans-serif" font-size="13" style="background:#fff" '
)


def bar_file(chart: Sequence[Bar]) -> str:
    """Bars as a file of their own."""
    return standalone(bars(chart))


def standalone(svg: str) -> str:
    """A plot of a page as a file of its own."""
    return svg.replace("<svg ", _SVG, 1)


def stages(costs: Mapping[str, Mapping[str, float]]) -> str:
    """Where the CPU microseconds of a transaction go, stage by stage: a file."""
    return bar_file([Bar(stage, sizes[STAGE_BATCH], 0.0, COLOURS[0]) for stage, sizes in costs.items()])
