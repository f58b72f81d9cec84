"""Who may see what of the worker's web server.

Without credentials a stranger learns two bits, which the kubelet needs and has no secret for: that the worker
lives, and whether it is ready. All else that is served needs a bearer token or a client certificate, and what
is not served is not found, for anybody.
"""

from __future__ import annotations

import hmac
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from aiohttp import hdrs, web, web_response

if TYPE_CHECKING:
    from asyncio import Transport
    from collections.abc import Iterable

    from aiohttp.typedefs import Handler, Middleware

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
