"""What the dashboards are made of: panels that say what they show, for which one line of code is enough."""

from __future__ import annotations

from itertools import count
from typing import TYPE_CHECKING, Final, NamedTuple, TypeAlias, TypeVar

from grafana_foundation_sdk.builders import bargauge, common, dashboard, prometheus, stat, timeseries
from grafana_foundation_sdk.models import common as shapes
from grafana_foundation_sdk.models.dashboard import (
    DashboardCursorSync,
    DashboardLinkType,
    DataSourceRef,
    Threshold,
    ThresholdsMode,
    VariableOption,
    VariableRefresh,
)

if TYPE_CHECKING:
    from collections.abc import Iterable

    from grafana_foundation_sdk.cog.builder import Builder
    from grafana_foundation_sdk.models.dashboard import DashboardLink

    Panel: TypeAlias = timeseries.Panel | stat.Panel | bargauge.Panel

P = TypeVar("P", timeseries.Panel, stat.Panel, bargauge.Panel)

WORKER: Final = 'job=~"$job",instance=~"$worker"'
"""Selects the workers that were chosen at the top of a dashboard."""
JOB: Final = 'job=~"$job"'
"""Selects what is recorded of all workers of a job."""
_SOURCE: Final = DataSourceRef(type_val="prometheus", uid="$datasource")
_TAG: Final = "fraudstream"
_GREEN, _RED = "green", "red"


class Query(NamedTuple):
    """One PromQL expression, and what its lines are called: `{{label}}` stands for the label's value."""

    expression: str
    legend: str


class Limit(NamedTuple):
    """Where a value turns bad: at and above `bad`, or below it."""

    bad: float
    good_is_above: bool = False


def lines(
    title: str,
    description: str,
    *queries: Query,
    unit: str,
    limit: Limit | None = None,
    alerts: Iterable[str] = (),
    width: int = 8,
) -> timeseries.Panel:
    """Make a panel of lines over time.

    Args:
        title: a question, or a plain statement.
        description: what a newcomer must know to read it.
        queries: what is drawn.
        unit: Grafana's name of the unit.
        limit: drawn as a dashed line: an objective, or where an alert fires.
        alerts: those that watch this; the panel links to their runbooks.
        width: of 24 columns.
    """
    panel = timeseries.Panel().line_width(1).fill_opacity(8).show_points(shapes.VisibilityMode.NEVER)
    panel.legend(
        common.VizLegendOptions().show_legend(show_legend=True).placement(shapes.LegendPlacement.BOTTOM)
    )
    panel.tooltip(common.VizTooltipOptions().mode(shapes.TooltipDisplayMode.MULTI))
    if limit is not None:
        style = common.GraphThresholdsStyleConfig().mode(shapes.GraphThresholdsStyleMode.DASHED)
        panel.thresholds(_thresholds(limit)).thresholds_style(style)
    _describe(panel, title, description, unit, alerts).height(8).span(width).axis_soft_min(0)
    for query in queries:
        panel.with_target(_target(query).range())
    return panel


def figure(
    title: str,
    description: str,
    query: Query,
    *,
    unit: str,
    limit: Limit | None = None,
    alerts: Iterable[str] = (),
    width: int = 4,
) -> stat.Panel:
    """Make a panel of one large figure, green or red by its limit."""
    panel = stat.Panel().color_mode(shapes.BigValueColorMode.VALUE).graph_mode(shapes.BigValueGraphMode.AREA)
    panel.reduce_options(common.ReduceDataOptions().calcs(["lastNotNull"]))
    panel.thresholds(_thresholds(limit))
    _describe(panel, title, description, unit, alerts).height(4).span(width)
    return panel.with_target(_target(query).range())


def bars(
    title: str,
    description: str,
    query: Query,
    *,
    unit: str,
    limit: Limit | None = None,
    alerts: Iterable[str] = (),
    width: int = 8,
) -> bargauge.Panel:
    """Make a panel of horizontal bars, one for each series as it is now."""
    panel = bargauge.Panel().display_mode(shapes.BarGaugeDisplayMode.BASIC)
    panel.orientation(shapes.VizOrientation.HORIZONTAL).min(0).thresholds(_thresholds(limit))
    panel.reduce_options(common.ReduceDataOptions().calcs(["lastNotNull"]))
    _describe(panel, title, description, unit, alerts).height(8).span(width)
    return panel.with_target(_target(query).instant())


def page(
    name: str, title: str, description: str, rows: Iterable[tuple[str, Iterable[Panel]]]
) -> dashboard.Dashboard:
    """Make a dashboard of rows of panels, with its choice of data source, job and worker."""
    made = dashboard.Dashboard(title).uid(f"fraudstream-{name}").description(description).tags([_TAG])
    made.refresh("30s").time("now-6h", "now").timezone("browser").tooltip(DashboardCursorSync.CROSSHAIR)
    made.editable().link(
        dashboard.DashboardLink("fraudstream")
        .type(DashboardLinkType.DASHBOARDS)
        .tags([_TAG])
        .include_vars(include_vars=True)
        .keep_time(keep_time=True)
    )
    made.with_variable(dashboard.DatasourceVariable("datasource").label("Data source").type("prometheus"))
    made.with_variable(_choice("job", "Job", "label_values(fraudstream_worker_info, job)"))
    made.with_variable(
        _choice("worker", "Worker", f"label_values(fraudstream_worker_info{{{JOB}}}, instance)")
    )
    made.with_variable(
        dashboard.TextBoxVariable("runbooks").label("Runbooks at").default_value("docs/runbooks")
    )
    number = count(1)
    for heading, panels in rows:
        made.with_row(dashboard.Row(heading).id(next(number)))
        for panel in panels:
            made.with_panel(panel.id(next(number)))
    return made


def quantile(part: float, histogram: str, by: str = "") -> str:
    """The PromQL of a quantile over the chosen workers.

    Args:
        part: of the observations, from 0 to 1, that the quantile is not below.
        histogram: name of the metric without its ending.
        by: a further label that keeps series apart.
    """
    labels = "le, " + by if by else "le"
    rates = f"sum by ({labels}) (rate({histogram}_bucket{{{WORKER}}}[$__rate_interval]))"
    return f"histogram_quantile({part}, {rates})"


def per_second(counter: str, by: str, **labels: str) -> str:
    """The PromQL of how often something happens, over the chosen workers, kept apart by labels."""
    chosen = "".join(f',{name}=~"{values}"' for name, values in labels.items())
    return f"sum by ({by}) (rate({counter}{{{WORKER}{chosen}}}[$__rate_interval]))"


def or_none(expression: str, label: str) -> str:
    """The PromQL of what may be nothing at all, which then shows as one series called none, of value 0."""
    return f'{expression} or on () label_replace(vector(0), "{label}", "none", "", "")'


def mean(histogram: str, by: str) -> str:
    """The PromQL of a mean over the chosen workers, kept apart by labels."""
    return f"{per_second(f'{histogram}_sum', by)} / {per_second(f'{histogram}_count', by)}"


def _describe(panel: P, title: str, description: str, unit: str, alerts: Iterable[str]) -> P:
    links: list[Builder[DashboardLink]] = [
        dashboard.DashboardLink(f"Runbook {name}").url(f"${{runbooks}}/{name}.md") for name in alerts
    ]
    return panel.title(title).description(description).unit(unit).datasource(_SOURCE).links(links)


def _thresholds(limit: Limit | None) -> dashboard.ThresholdsConfig:
    below, above = (_RED, _GREEN) if limit and limit.good_is_above else (_GREEN, _RED)
    steps = [Threshold(value=None, color=below)]
    if limit is not None:
        steps.append(Threshold(value=limit.bad, color=above))
    return dashboard.ThresholdsConfig().mode(ThresholdsMode.ABSOLUTE).steps(steps)


def _target(query: Query) -> prometheus.Dataquery:
    return prometheus.Dataquery().datasource(_SOURCE).expr(query.expression).legend_format(query.legend)


def _choice(name: str, label: str, query: str) -> dashboard.QueryVariable:
    made = dashboard.QueryVariable(name).label(label).datasource(_SOURCE).query(query)
    made.refresh(VariableRefresh.ON_TIME_RANGE_CHANGED).multi(multi=True).include_all(
        include_all=True
    ).all_value(".*")
    return made.current(VariableOption(selected=True, text="All", value="$__all"))
