"""Checks of the worker on this machine, by the address that the settings give its web server."""

from __future__ import annotations

import http.client
import re
import ssl
from contextlib import closing
from typing import TYPE_CHECKING, NamedTuple

from fraudstream.admin.doctor.finding import Finding, problem, warning, well
from fraudstream.admin.doctor.machine import DISTRIBUTION, own_version
from fraudstream.worker.preflight import AddressRefused, expect_address

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fraudstream.settings import Settings, WebSettings

_ANSWER_SECONDS = 5.0
_EVERYWHERE = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - where to ask one that listens there
_IN_FORCE = re.compile(r"^\[\+\]model ok: (.+)$", re.MULTILINE)
_BUILD = re.compile(rf'^fraudstream_build_info{{.*\b{DISTRIBUTION}="([^"]+)"', re.MULTILINE)


class _Answer(NamedTuple):
    status: int
    text: str


def check_worker(settings: Settings) -> Iterator[Finding]:
    """Whether a worker answers, and what its own checks and its version are; else whether one could start."""
    web = settings.web
    try:
        ready = _get(web, "/readyz?verbose")
    except ConnectionRefusedError:
        yield _nobody(web)
        return
    except (OSError, http.client.HTTPException) as error:
        yield problem(
            "worker",
            f"{_place(web)} answers, but not as a worker ({type(error).__name__}): set "
            "FRAUDSTREAM_WEB__PORT.",
        )
        return
    if ready.status == http.client.UNAUTHORIZED:
        yield warning(
            "worker", f"The worker at {_place(web)} asks for its token: set FRAUDSTREAM_WEB__TOKEN here, too."
        )
        return
    yield from judge_worker(ready.status, ready.text, _get(web, "/metrics").text, _place(web))


def judge_worker(status: int, checks: str, metrics: str, place: str) -> Iterator[Finding]:
    """Judge what a worker says of itself.

    Args:
        status: of its answer to `/readyz?verbose`.
        checks: that answer.
        metrics: its answer to `/metrics`.
        place: where it answers.
    """
    build = _BUILD.search(metrics)
    if build is None:
        yield problem("worker", f"{place} answers, but not as a worker: set FRAUDSTREAM_WEB__PORT.")
        return
    failed = [line.removeprefix("[-]") for line in checks.splitlines() if line.startswith("[-]")]
    for line in failed:
        yield problem("worker", f"The worker at {place} is not ready: {line}.")
    if build[1] != own_version():
        yield warning(
            "worker",
            f"The worker at {place} is fraudstream {build[1]}, and this is {own_version()}: restart it.",
        )
    if status == http.client.OK and not failed:
        in_force = _IN_FORCE.search(checks)
        scoring = "" if in_force is None else f", {in_force[1]}"
        yield well("worker", f"The worker at {place} is ready{scoring}.")


def _nobody(web: WebSettings) -> Finding:
    try:
        expect_address(web)
    except AddressRefused as refusal:
        return problem("worker", str(refusal))
    return well("worker", f"No worker answers at {_place(web)}; one could listen there.")


def _get(web: WebSettings, path: str) -> _Answer:
    host = _EVERYWHERE.get(web.host, web.host)
    connection = (
        http.client.HTTPConnection(host, web.port, timeout=_ANSWER_SECONDS)
        if web.ssl_certificate_file is None
        else http.client.HTTPSConnection(host, web.port, timeout=_ANSWER_SECONDS, context=_tls(web))
    )
    headers = {} if web.token is None else {"Authorization": f"Bearer {web.token.get_secret_value()}"}
    with closing(connection):
        connection.request("GET", path, headers=headers)
        response = connection.getresponse()
        return _Answer(response.status, response.read().decode(errors="replace"))


def _tls(web: WebSettings) -> ssl.SSLContext:
    """Trust the server's own certificate, whatever name it has: it is asked by its address."""
    context = ssl.create_default_context(cafile=web.ssl_certificate_file)
    context.check_hostname = False
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    return context


def _place(web: WebSettings) -> str:
    return f"{web.host} port {web.port}"
