"""The image: built from the locks alone, run by a number without rights, with nothing secret in it."""

from __future__ import annotations

import re
import subprocess
import sys
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from socket import create_server
from threading import Thread
from typing import TYPE_CHECKING

import pytest

from fraudstream.settings.tree import secrets, variable

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[2]
HEALTHCHECK = ROOT / "deploy" / "healthcheck.py"


@pytest.fixture(scope="module")
def instructions() -> list[tuple[str, str]]:
    """The Dockerfile's instructions in order, each on one line."""
    text = (ROOT / "deploy" / "Dockerfile").read_text(encoding="utf-8")
    text = re.sub(r"^#.*\n", "", text, flags=re.MULTILINE).replace("\\\n", " ")
    return [(line.split()[0], line.split(maxsplit=1)[1]) for line in text.splitlines() if line.strip()]


def only(instructions: list[tuple[str, str]], word: str) -> list[str]:
    return [rest for given, rest in instructions if given == word]


def test_the_base_is_pinned_and_a_digest_may_take_its_place(instructions: list[tuple[str, str]]) -> None:
    [base] = [rest for rest in only(instructions, "ARG") if rest.startswith("PYTHON=")]
    assert re.fullmatch(r"PYTHON=python:3\.\d+\.\d+-slim-[a-z]+", base)
    assert {rest.split()[0] for rest in only(instructions, "FROM")} == {"${PYTHON}"}


def test_everything_from_an_index_is_locked_by_hash(instructions: list[tuple[str, str]]) -> None:
    installs = [part for run in only(instructions, "RUN") for part in run.split("&&") if " install " in part]
    from_index = [part for part in installs if "pip" in part and "/wheels/" not in part]
    assert len(from_index) == 2
    assert all("--require-hashes" in part for part in from_index)
    assert not any("apt" in part or "curl" in part or "wget" in part for part in only(instructions, "RUN"))


def test_it_runs_as_a_number_without_rights_from_the_root_folder(instructions: list[tuple[str, str]]) -> None:
    assert only(instructions, "USER") == ["65532:65532"]
    words = [word for word, _ in instructions]
    assert words.index("USER") > max(i for i, word in enumerate(words) if word in {"RUN", "COPY"})
    assert only(instructions, "WORKDIR")[-1] == "/"


def test_its_heap_keeps_its_size_and_no_deployment_sets_another(
    instructions: list[tuple[str, str]],
) -> None:
    set_here = dict(pair.split("=", 1) for rest in only(instructions, "ENV") for pair in rest.split())
    heap = {name: value for name, value in set_here.items() if name.startswith("MALLOC_")}
    mebibyte = str(2**20)
    assert heap == {
        "MALLOC_ARENA_MAX": "2",
        "MALLOC_MMAP_THRESHOLD_": mebibyte,
        "MALLOC_TRIM_THRESHOLD_": mebibyte,
    }
    deployments = [ROOT / "deploy" / "compose.yaml", *(ROOT / "deploy" / "chart").rglob("*.tpl")]
    assert not [path for path in deployments if "MALLOC_" in path.read_text(encoding="utf-8")]


def test_no_secret_is_set_in_it(instructions: list[tuple[str, str]]) -> None:
    names = {variable(path) for path in secrets()}
    text = " ".join(rest for word, rest in instructions if word in {"ENV", "ARG", "LABEL", "RUN"})
    assert not {name for name in names if name in text}


def test_what_is_copied_into_the_build_is_what_the_ignore_file_lets_through(
    instructions: list[tuple[str, str]],
) -> None:
    lines = (ROOT / "deploy" / "Dockerfile.dockerignore").read_text(encoding="utf-8").splitlines()
    kept = {line.removeprefix("!") for line in lines if line.startswith("!")}
    copies = [rest.split()[:-1] for rest in only(instructions, "COPY") if not rest.startswith("--from")]
    assert "*" in lines
    assert kept == {source for sources in copies for source in sources}
    assert all((ROOT / name).exists() for name in kept)


@contextmanager
def worker(status: int) -> Iterator[int]:
    """A web server on a free port that answers `/livez` so."""

    class Answer(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status if self.path == "/livez" else 404)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Answer)
    thread = Thread(target=server.serve_forever)
    thread.start()
    try:
        yield server.server_port
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def health(port: int, host: str) -> int:
    environment = {"FRAUDSTREAM_WEB__PORT": str(port), "FRAUDSTREAM_WEB__HOST": host}
    return subprocess.run([sys.executable, "-I", HEALTHCHECK], env=environment, check=False).returncode


@pytest.mark.parametrize("host", ["127.0.0.1", "0.0.0.0"])  # noqa: S104 - nothing is bound there
def test_a_container_is_healthy_where_its_worker_answers(host: str) -> None:
    with worker(200) as port:
        assert health(port, host) == 0


def test_a_container_is_not_healthy_where_the_answer_is_bad_or_there_is_none() -> None:
    with worker(503) as port:
        assert health(port, "127.0.0.1") == 1
    with create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    assert health(port, "127.0.0.1") == 1
