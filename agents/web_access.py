"""Who may see what of the worker's web server.

Without credentials a stranger learns two bits, which the kubelet needs and has no secret for: that the worker
lives, and whether it is ready. All else that is served needs a bearer token or a client certificate, and what
is not served is not found, for anybody.
"""

from __future__ import annotations

import hmac
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from aiohttp import hdrs, web, web_response

if TYPE_CHECKING:
    from collections.abc import Iterable

    from aiohttp.typedefs import Handler, Middleware

_SCHEME: Final = b"bearer "


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


def hide_versions() -> None:
    """Leave the versions of Python and of the server out of every answer of this process.

    Also an answer to what is no HTTP, for which no application is asked; hence through aiohttp's own name.
    """
    web_response.SERVER_SOFTWARE = "fraudstream"  # type: ignore[attr-defined]  # a test guards it
