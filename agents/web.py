"""The worker's web server: `/livez`, `/readyz?verbose` and `/metrics`, and who may read them.

They are plain routes on Faust's own aiohttp application, so they answer on the worker's event loop: a loop
that is stuck answers nothing, which is what `/livez` is there to show. The answers name checks as Kubernetes
does, to readers that are admitted.

Without credentials a stranger gets two bits, which the kubelet needs and has no secret for: that the worker
lives, and whether it is ready. All else needs a bearer token or a client certificate. A path that is not
served is 404 for everybody.
"""

from __future__ import annotations

import hmac
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from aiohttp import hdrs, web, web_response
from prometheus_client.aiohttp import make_aiohttp_handler
from prometheus_client.core import GaugeMetricFamily

if TYPE_CHECKING:
    from asyncio import Transport
    from collections.abc import Callable, Iterable, Mapping

    from aiohttp.typedefs import Handler, Middleware
    from prometheus_client import CollectorRegistry

    from agents.runtime import App

    Check = Callable[[], str | None]
    """Returns None where all is well, else one sentence that says what is not."""

_SCHEME: Final = b"bearer "
# Kubelet, Prometheus and a person need a handful. No more are taken from the kernel in one go either: what
# came with a request is read before the next ones come.
_MOST_CONNECTIONS: Final = 16
_KEEP_ALIVE_SECONDS: Final = 30


@dataclass(frozen=True)
class Access:
    """What lets in; with nothing of it everybody is, which is for loopback only.

    Attributes:
        token: the bearer token.
        by_certificate: whether a client certificate does, which the server's TLS has verified.
    """

    token: bytes | None = None
    by_certificate: bool = False

    def admits(self, request: web.Request) -> bool:
        """Whether the request brings what lets in."""
        if self.token is None and not self.by_certificate:
            return True
        return self._has_certificate(request) or self._has_token(request)

    def _has_certificate(self, request: web.Request) -> bool:
        return self.by_certificate and bool(request.get_extra_info("peercert"))

    def _has_token(self, request: web.Request) -> bool:
        given = request.headers.get(hdrs.AUTHORIZATION, "").encode("utf-8", "surrogateescape")
        if self.token is None or given[: len(_SCHEME)].lower() != _SCHEME:
            return False
        return hmac.compare_digest(given[len(_SCHEME) :], self.token)


def only(paths: Iterable[str]) -> Middleware:
    """Serve these paths and no other, whatever else Faust has put on its application."""
    served = frozenset(paths)

    @web.middleware
    async def guard(request: web.Request, handler: Handler) -> web.StreamResponse:
        if request.path not in served:
            raise web.HTTPNotFound
        return await handler(request)

    return guard


def unauthorized() -> web.HTTPUnauthorized:
    """The answer to a request that does not bring what lets in."""
    return web.HTTPUnauthorized(headers={hdrs.WWW_AUTHENTICATE: "Bearer"})


def bound_connections(driver: Any) -> None:
    """Let Faust's web driver hold few connections, so that a stranger's idle ones take no probe away.

    Before its start: Faust has no setting for either, hence through its own names.
    """
    driver._runner = _BoundedRunner(driver.web_app, access_log=None, keepalive_timeout=_KEEP_ALIVE_SECONDS)  # noqa: SLF001
    conf = driver.app.conf
    driver._transport_handlers["tcp"] = lambda: web.TCPSite(  # noqa: SLF001
        driver._runner,  # noqa: SLF001
        conf.web_bind,
        conf.web_port,
        ssl_context=conf.web_ssl_context,
        backlog=_MOST_CONNECTIONS,
    )


class _BoundedRunner(web.AppRunner):
    """Serves on few connections: a new one closes the oldest that waits for its client."""

    async def _make_server(self) -> web.Server:
        server = await super()._make_server()
        accept = server.connection_made

        def connection_made(handler: web.RequestHandler, transport: Transport) -> None:
            accept(handler, transport)
            held = [each for each in server.connections if each.transport is not None]
            idle = [each for each in held if each is not handler and each._current_request is None]  # noqa: SLF001
            for oldest in idle[: max(0, len(held) - _MOST_CONNECTIONS)]:
                oldest.force_close()

        server.connection_made = connection_made  # type: ignore[method-assign]
        return server


def hide_versions() -> None:
    """Leave the versions of Python and of the server out of every answer of this process.

    Also an answer to what is no HTTP, for which no application is asked; hence through aiohttp's own name.
    """
    web_response.SERVER_SOFTWARE = "fraudstream"  # type: ignore[attr-defined]  # a test guards it


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
class CheckResult:
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

    def findings(self) -> list[CheckResult]:
        """Run every check, in the order given."""
        return [
            CheckResult(name, _failure(check), check.note() if isinstance(check, NotedCheck) else None)
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


def _answer(findings: list[CheckResult], *, verbose: bool) -> web.Response:
    """Say 200 where every check passes, else 503; name those that fail, and all if asked."""
    failed = [finding for finding in findings if finding.failure is not None]
    shown = findings if verbose else failed
    verdict = "readyz check failed" if failed else "readyz check passed" if verbose else "ok"
    text = "".join(f"{line}\n" for line in (*shown, verdict))
    return web.Response(text=text, status=503 if failed else 200)


def _verdict(findings: list[CheckResult]) -> web.Response:
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
