"""The report of a backtest as one HTML page without scripts, fonts or pictures from elsewhere."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING, Any, Final

from fraudstream.backtest.report import plots

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    Report = Mapping[str, Any]
    Candidates = Sequence[tuple[Mapping[str, Any], str]]

PLOTTED: Final = 3
"""Measures that get a bar chart: those that matter most."""
DRAWN: Final = 50
"""Transactions that a bin must have to be drawn: a share among fewer says nothing."""
_CEILING: Final = "oracle"
_STYLE: Final = """
body{font:15px/1.5 system-ui,sans-serif;color:#1d2329;max-width:860px;margin:2rem auto;padding:0 1rem}
h1{font-size:1.5rem;margin-bottom:.2rem} h2{font-size:1.1rem;margin:2rem 0 .3rem}
table{border-collapse:collapse;width:100%;font-variant-numeric:tabular-nums}
td,th{padding:.2rem .5rem;text-align:right;border-bottom:1px solid #e4e8ec}
td:first-child,th:first-child{text-align:left} tr.published td{color:#5f6b76}
svg{width:100%;height:auto;font:12px system-ui,sans-serif} code{overflow-wrap:anywhere}
dt{font-weight:600} dd{margin:0 0 .4rem} .legend span{margin-right:1rem;white-space:nowrap}
.legend i{display:inline-block;width:.8em;height:.8em;margin-right:.3em}
""".strip()


def render(report: Report) -> str:
    """The page of a report as ``report.summarise`` makes it."""
    candidates = [
        (each, plots.COLOURS[place % len(plots.COLOURS)]) for place, each in enumerate(report["candidates"])
    ]
    learners = [(each, colour) for each, colour in candidates if each["name"] != _CEILING]
    title = f"Backtest: {report['protocol']}"
    parts = [
        f"<h1>{escape(title)}</h1>{_facts(report)}",
        f"<h2>Figures</h2>{_figures(report)}{_meanings(report)}",
        *(_bars(report, candidates, measure) for measure in list(report["measures"])[:PLOTTED]),
        f"<h2>Frauds caught, week by week</h2>{_weeks(learners)}",
        f"<h2>Calibration</h2>{_calibration(learners)}",
    ]
    return (
        f'<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><title>{escape(title)}</title>'
        f"<style>{_STYLE}</style></head><body>\n" + "\n".join(parts) + "\n</body></html>\n"
    )


def _facts(report: Report) -> str:
    """What was run."""
    versions = ", ".join(f"{name} {number}" for name, number in report["versions"].items())
    facts = {
        "Data": f"{report['data']}: {report['transactions']:,} transactions, {report['frauds']:,} frauds.",
        "Tested": report["tested"],
        "Labels": f"Known {report['delay_days']:g} days after the transaction unless the data say when; "
        "nothing younger is used. Online candidates have learnt all that was known when they scored.",
        "Run": f"{report['date']}, {versions}",
    }
    listed = "".join(f"<dt>{name}</dt><dd>{escape(fact)}</dd>" for name, fact in facts.items())
    return f"<dl>{listed}<dt>Command</dt><dd><code>{escape(report['command'])}</code></dd></dl>"


def _figures(report: Report) -> str:
    """A row for each candidate, then the published ones."""
    measures = list(report["measures"])
    rows = [
        _row(each["name"], [f"{each['mean'][name]:.4f} ± {each['std'][name]:.4f}" for name in measures])
        for each in report["candidates"]
    ]
    for each in report["published"]:
        known = [f"{each['mean'][name]:.3f}" if name in each["mean"] else "" for name in measures]
        rows.append(_row(each["name"], known, css="published"))
    head = "".join(f"<th>{escape(name)}</th>" for name in ("", *measures))
    return f"<table><tr>{head}</tr>{''.join(rows)}</table>"


def _meanings(report: Report) -> str:
    """What each figure and each candidate is."""
    meanings = {**report["measures"], **{each["name"]: each["about"] for each in report["candidates"]}}
    listed = "".join(f"<dt>{escape(name)}</dt><dd>{escape(text)}</dd>" for name, text in meanings.items())
    note = (
        "Mean over the folds ± their standard deviation. Grey: published by others, each fitted to its fold."
    )
    return f"<p>{note}</p><dl>{listed}</dl>"


def _bars(report: Report, candidates: Candidates, measure: str) -> str:
    chart = [
        plots.Bar(each["name"], each["mean"][measure], each["std"][measure], colour)
        for each, colour in candidates
    ]
    chart += [
        plots.Bar(each["name"], each["mean"][measure], 0.0, plots.REFERENCE_COLOUR)
        for each in report["published"]
        if measure in each["mean"]
    ]
    chart.sort(key=lambda bar: -bar.value)
    return f"<h2>{escape(measure)}</h2>{plots.bars(chart)}"


def _weeks(candidates: Candidates) -> str:
    names = sorted({week["from"] for each, _ in candidates for week in each["weeks"]})
    places = {name: float(place) for place, name in enumerate(names)}
    chart = [
        plots.Series(each["name"], [(places[week["from"]], week["caught"]) for week in each["weeks"]], colour)
        for each, colour in candidates
    ]
    sentence = "Share of each week's frauds among the highest 1 % of its scores."
    return f"<p>{sentence}</p>{plots.lines(chart, names)}{_legend(candidates)}"


def _calibration(candidates: Candidates) -> str:
    """Diagram and tables of all folds together."""
    chart = [
        plots.Series(
            each["name"],
            [
                (line["mean_score"], line["fraud_share"])
                for line in each["calibration"]["bins"]
                if line["transactions"] >= DRAWN
            ],
            colour,
        )
        for each, colour in candidates
    ]
    tables = "".join(_reliability_table(each) for each, _ in candidates)
    sentence = (
        "Fraud share of the transactions in each bin, over their mean score, logarithmic; grey is perfect."
    )
    return f"<p>{sentence}</p>{plots.reliability_diagram(chart)}{_legend(candidates)}{tables}"


def _reliability_table(candidate: Mapping[str, Any]) -> str:
    rows = [
        _row(
            f"{line['low']:g} to {line['high']:g}",
            [f"{line['transactions']:,}", f"{line['mean_score']:.4f}", f"{line['fraud_share']:.4f}"],
        )
        for line in candidate["calibration"]["bins"]
    ]
    head = "<tr><th>Score</th><th>Transactions</th><th>Mean score</th><th>Fraud share</th></tr>"
    summary = f"{escape(candidate['name'])}: error {candidate['calibration']['ece']:.4f}"
    return f"<details><summary>{summary}</summary><table>{head}{''.join(rows)}</table></details>"


def _legend(candidates: Candidates) -> str:
    return plots.legend([(each["name"], colour) for each, colour in candidates])


def _row(name: str, cells: Sequence[str], css: str = "") -> str:
    inside = "".join(f"<td>{escape(cell)}</td>" for cell in (name, *cells))
    return f'<tr class="{css}">{inside}</tr>' if css else f"<tr>{inside}</tr>"
