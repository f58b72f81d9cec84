"""Whether the worker lives and whether it can score: `/livez`, `/readyz?verbose` and `/metrics`.

They are plain routes on Faust's own aiohttp application, so they answer on the worker's event loop: a loop
that is stuck answers nothing, which is what `/livez` is there to show. The answers name checks as Kubernetes
does, to those who may see them (`agents.web_access`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from aiohttp import web
from prometheus_client.aiohttp import make_aiohttp_handler
from prometheus_client.core import GaugeMetricFamily

from agents.web_access import Access, bound_connections, hide_versions, only, unauthorized

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from prometheus_client import CollectorRegistry

    from agents.runtime import App

    Check = Callable[[], str | None]
    """Gives None where all is well, else one sentence that says what is not."""

PAGES_OFF: Final[dict[str, Any]] = {
    "web_graph_enabled": False,
    "web_metrics_enabled": False,
    "web_router_enabled": False,
    "web_stats_enabled": False,
    "web_tables_enabled": False,
}
"""Faust's settings that turn its own pages off; its index is hidden by `mount`."""

_OPEN: Final = Access()
_SAME_SCORE = 1e-9


@dataclass(frozen=True, slots=True)
class Finding:
    """The result of one check; `failure` is None where all is well, `note` says what was found well."""

    name: str
    failure: str | None
    note: str | None = None

    def __str__(self) -> str:
        if self.failure is not None:
            return f"[-]{self.name} failed: {self.failure}"
        return f"[+]{self.name} ok" if self.note is None else f"[+]{self.name} ok: {self.note}"


@dataclass(frozen=True, slots=True)
class NotedCheck:
    """A check that has something to say where all is well, too."""

    check: Check
    note: Callable[[], str]

    def __call__(self) -> str | None:
        """Run the check."""
        return self.check()


class Readiness:
    """Named checks, run on the event loop whenever somebody asks; also a metric, run at each scrape."""

    def __init__(self, checks: Mapping[str, Check]) -> None:
        """Take the checks; each is quick (about a millisecond) and does not wait."""
        self._checks = dict(checks)

    def findings(self) -> list[Finding]:
        """Run every check, in the order given."""
        return [
            Finding(name, _failure(check), check.note() if isinstance(check, NotedCheck) else None)
            for name, check in self._checks.items()
        ]

    def describe(self) -> Iterable[GaugeMetricFamily]:
        """Name the metric to the registry without running a check."""
        return [_family()]

    def collect(self) -> Iterable[GaugeMetricFamily]:
        """Give 1 for each check that passes, 0 for each that fails."""
        family = _family()
        for finding in self.findings():
            family.add_metric([finding.name], float(finding.failure is None))
        return [family]


def expect_score(canary: Callable[[], float], expected: float) -> Check:
    """Make the check that a known transaction gets its known score (`core.canary`, `CANARY_SCORE`)."""

    def check() -> str | None:
        score = canary()
        if abs(score - expected) <= _SAME_SCORE:
            return None
        return f"the canary transaction scores {score:.9f} instead of {expected:.9f}"

    return check


def expect_progress(age: Callable[[], float], limit: float) -> Check:
    """Make the check that no stage of delivery has had work for `limit` seconds without getting any done."""

    def check() -> str | None:
        seconds = age()
        return None if seconds <= limit else f"no work got done for {seconds:.0f} s although there is some"

    return check


def mount(app: App, registry: CollectorRegistry, readiness: Readiness, access: Access = _OPEN) -> None:
    """Serve the three routes on the worker's web server, and count the readiness checks among the metrics.

    Whom `access` does not admit learns from `/livez` and `/readyz` no more than the status, and nothing else.
    """
    metrics = make_aiohttp_handler(registry)

    async def livez(_request: web.Request) -> web.Response:
        return web.Response(text="ok\n")

    async def readyz(request: web.Request) -> web.Response:
        is_verbose = "verbose" in request.query
        if access.admits(request):
            return _answer(readiness.findings(), verbose=is_verbose)
        if is_verbose:
            raise unauthorized()
        return _verdict(readiness.findings())

    async def guarded_metrics(request: web.Request) -> web.StreamResponse:
        if not access.admits(request):
            raise unauthorized()
        return await metrics(request)

    registry.register(readiness)
    served = {"/livez": livez, "/readyz": readyz, "/metrics": guarded_metrics}
    for path, handler in served.items():
        app.web.web_app.router.add_get(path, handler)
    app.web.web_app.middlewares.append(only(served))
    bound_connections(app.web)
    hide_versions()


def _answer(findings: list[Finding], *, verbose: bool) -> web.Response:
    """Say 200 where every check passes, else 503; name those that fail, and all if asked."""
    failed = [finding for finding in findings if finding.failure is not None]
    shown = findings if verbose else failed
    verdict = "readyz check failed" if failed else "readyz check passed" if verbose else "ok"
    text = "".join(f"{line}\n" for line in (*shown, verdict))
    return web.Response(text=text, status=503 if failed else 200)


def _verdict(findings: list[Finding]) -> web.Response:
    """Say whether every check passes, and not which do."""
    is_ready = all(finding.failure is None for finding in findings)
    return web.Response(text="ok\n" if is_ready else "not ready\n", status=200 if is_ready else 503)


def _failure(check: Check) -> str | None:
    try:
        return check()
    except Exception as error:  # noqa: BLE001 - whatever a check meets, it was not passed
        return f"the check itself failed ({type(error).__name__})"


def _family() -> GaugeMetricFamily:
    return GaugeMetricFamily(
        "fraudstream_readiness_check", "1 where a check of /readyz passes, else 0.", labels=["check"]
    )
