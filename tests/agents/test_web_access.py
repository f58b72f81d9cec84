"""Who sees what of the web server: strangers two bits, all else who brings a token or a certificate."""

from __future__ import annotations

import asyncio
import ssl
from contextlib import AsyncExitStack, asynccontextmanager
from typing import TYPE_CHECKING

import aiohttp
import faust
import pytest
from prometheus_client import CollectorRegistry, Counter

from agents.web import PAGES_OFF, Readiness, mount
from fraudstream.settings import WebSettings
from fraudstream.worker.tls import ServerCertificateRefused, access, server_tls
from tests.certificates import make_certificate, needs_openssl
from tests.integration.service import free_port

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

TOKEN = "0123456789abcdef"  # noqa: S105 - a test's token
BEARER = {"Authorization": f"Bearer {TOKEN}"}
GUARDED = ["/metrics", "/readyz?verbose", "/readyz?verbose=1"]
SERVED = ["/livez", "/readyz", "/metrics"]


class Client:
    """Asks one server, as somebody with these credentials."""

    def __init__(self, port: int, tls: ssl.SSLContext | None) -> None:
        self.port = port
        self._base = f"{'http' if tls is None else 'https'}://localhost:{port}"
        self._tls = tls or False

    async def get(
        self, path: str, headers: dict[str, str] | None = None, method: str = "GET"
    ) -> tuple[int, str, dict[str, str]]:
        async with (
            aiohttp.ClientSession() as session,
            session.request(method, self._base + path, headers=headers, ssl=self._tls) as answer,
        ):
            return answer.status, await answer.text(), dict(answer.headers)

    async def status(self, path: str, headers: dict[str, str] | None = None) -> int:
        return (await self.get(path, headers))[0]


@asynccontextmanager
async def serving(settings: WebSettings, failure: str | None = None) -> AsyncIterator[int]:
    """A worker's web server without a worker, with one check that says so much."""
    registry = CollectorRegistry()
    Counter("fraudstream_tested_total", "Tests.", registry=registry)
    app = faust.App(
        "web",
        web_bind=settings.host,
        web_port=settings.port,
        web_ssl_context=server_tls(settings),
        **PAGES_OFF,
    )
    mount(app, registry, Readiness({"secretly": lambda: failure}), access(settings))
    async with app.web:
        yield settings.port


@asynccontextmanager
async def guarded(failure: str | None = None) -> AsyncIterator[Client]:
    async with serving(WebSettings(port=free_port(), token=TOKEN), failure) as port:
        yield Client(port, None)


async def test_a_stranger_learns_whether_it_lives_and_is_ready_and_not_why() -> None:
    async with guarded() as stranger:
        assert (await stranger.get("/livez"))[:2] == (200, "ok\n")
        assert (await stranger.get("/readyz"))[:2] == (200, "ok\n")
    async with guarded("the reason") as stranger:
        assert (await stranger.get("/readyz"))[:2] == (503, "not ready\n")


@pytest.mark.parametrize("path", GUARDED)
@pytest.mark.parametrize(
    "given",
    [
        None,
        "",
        "Bearer",
        "Bearer ",
        "Bearer wrong-wrong-wrong",
        f"Bearer {TOKEN}x",
        f"Bearer {TOKEN[:-1]}",
        f"Basic {TOKEN}",
        TOKEN,
        "Bearer \udcff\udcff",
    ],
)
async def test_without_the_token_nothing_more_is_told(path: str, given: str | None) -> None:
    headers = {} if given is None else {"Authorization": given}
    async with guarded("the reason") as stranger:
        status, text, answered = await stranger.get(path, headers)
    assert (status, answered["WWW-Authenticate"]) == (401, "Bearer")
    assert text == "401: Unauthorized"


async def test_the_token_lets_in() -> None:
    async with guarded("the reason") as friend:
        status, text, _ = await friend.get("/readyz", BEARER)
        assert (status, text) == (503, "[-]secretly failed: the reason\nreadyz check failed\n")
        assert "fraudstream_tested_total 0.0" in (await friend.get("/metrics", BEARER))[1]
        assert await friend.status("/metrics", {"Authorization": f"bearer {TOKEN}"}) == 200


async def test_with_nothing_set_loopback_sees_all() -> None:
    async with serving(WebSettings(port=free_port())) as port:
        client = Client(port, None)
        assert [await client.status(path) for path in (*SERVED, *GUARDED)] == [200] * 6


@pytest.mark.parametrize("headers", [{}, BEARER], ids=["stranger", "with the token"])
async def test_what_is_not_ours_is_not_found_for_anybody(headers: dict[str, str]) -> None:
    """Faust serves an index, its tables, its router and more under these."""
    async with guarded() as client:
        for path in ("/", "/table/", "/table/x/y", "/router/", "/graph/", "/metrics/", "/stats/", "/x"):
            assert await client.status(path, headers) == 404, path


@pytest.mark.parametrize("path", [*SERVED, "/", "/x", "/readyz?verbose"])
async def test_no_answer_tells_versions(path: str) -> None:
    async with guarded() as client:
        for method in ("GET", "POST", "OPTIONS"):
            _, text, headers = await client.get(path, method=method)
            assert headers["Server"] == "fraudstream"
            assert "aiohttp" not in text + str(headers)


async def test_a_malformed_request_is_told_no_version_either() -> None:
    async with serving(WebSettings(port=free_port())) as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"NONSENSE\r\n\r\n")
        answer = await asyncio.wait_for(reader.read(4096), 10)
        writer.close()
    assert b"400" in answer.splitlines()[0]
    assert b"aiohttp" not in answer


# -- TLS


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("web")
    make_certificate(folder, "server", TOKEN)
    make_certificate(folder, "scraper")
    make_certificate(folder, "stranger")
    return folder


def tls(folder: Path, **changes: object) -> WebSettings:
    values = {
        "port": free_port(),
        "ssl_certificate_file": folder / "server.crt",
        "ssl_key_file": folder / "server.key",
        "ssl_key_password": TOKEN,
    }
    return WebSettings(**(values | changes))


def client_of(folder: Path, port: int, name: str | None = None) -> Client:
    context = ssl.create_default_context(cafile=folder / "server.crt")
    if name is not None:
        context.load_cert_chain(folder / f"{name}.pem")
    return Client(port, context)


@needs_openssl
async def test_a_client_certificate_lets_in_and_without_one_a_probe_learns_two_bits(
    certificates: Path,
) -> None:
    settings = tls(certificates, host="localhost", ssl_client_ca_file=certificates / "scraper.crt")
    async with serving(settings) as port:
        scraper, probe = client_of(certificates, port, "scraper"), client_of(certificates, port)
        assert [await scraper.status(path) for path in (*SERVED, *GUARDED)] == [200] * 6
        assert [await probe.status(path) for path in SERVED] == [200, 200, 401]
        with pytest.raises(aiohttp.ClientError):
            await client_of(certificates, port, "stranger").status("/livez")


@needs_openssl
async def test_the_token_lets_in_over_tls_and_plain_http_gets_nothing(certificates: Path) -> None:
    async with serving(tls(certificates, token=TOKEN)) as port:
        assert await client_of(certificates, port).status("/metrics", BEARER) == 200
        assert await client_of(certificates, port).status("/metrics") == 401
        with pytest.raises(aiohttp.ClientError):
            await Client(port, None).status("/livez")


@needs_openssl
@pytest.mark.parametrize(
    ("changes", "says"),
    [
        (
            {"ssl_key_password": "wrong-wrong-wrong"},
            r"FRAUDSTREAM_WEB__SSL_KEY_PASSWORD together \(.+\): they",
        ),
        ({"ssl_key_password": None}, r"FRAUDSTREAM_WEB__SSL_KEY_PASSWORD together \(.+\): they"),
        ({"ssl_certificate_file": __file__}, r"FRAUDSTREAM_WEB__SSL_CERTIFICATE_FILE, .+ \(.+\): they"),
        (
            {"ssl_client_ca_file": __file__},
            r"FRAUDSTREAM_WEB__SSL_CLIENT_CA_FILE holds no certificates \(.+\)",
        ),
    ],
)
def test_a_certificate_that_cannot_be_used_is_one_sentence(
    certificates: Path, changes: dict[str, object], says: str
) -> None:
    with pytest.raises(ServerCertificateRefused, match=rf"^[^\n]*{says}[^\n]*\.$") as refused:
        server_tls(tls(certificates, **changes))
    assert "wrong-wrong" not in str(refused.value)


async def test_two_hundred_idle_connections_take_no_probe_away() -> None:
    async with guarded() as prober, AsyncExitStack() as strangers:
        readers = []
        for number in range(200):
            reader, writer = await asyncio.open_connection("localhost", prober.port)
            readers.append(reader)
            strangers.callback(writer.close)
            if number % 2:
                writer.write(b"GET /livez HTTP/1.1\r\n")  # and the rest never comes
        for path in ("/livez", "/readyz"):
            assert await asyncio.wait_for(prober.status(path), 2) == 200
        await asyncio.sleep(0.2)
        assert sum(reader.at_eof() for reader in readers) >= 180
