"""The service under measurement: topics of its own on the benchmark's Kafka, and real worker processes."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from contextlib import contextmanager
from itertools import count
from typing import TYPE_CHECKING, Literal

from fraudstream.demo.scrape import fetch
from fraudstream.demo.workers import free_ports
from fraudstream.kafka.admin import kafka_admin
from fraudstream.kafka.topics import create_topics
from fraudstream.local import tether
from fraudstream.settings import Settings
from fraudstream.settings.tree import PREFIX

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

Mode = Literal["exactly-once", "at-least-once"]

_READY_SECONDS = 180.0
_STOP_SECONDS = 30.0
_RUNS = count(1)


class BenchmarkFailed(Exception):
    """A measurement could not be made; the text is one sentence."""


@contextmanager
def topics(bootstrap_servers: str) -> Iterator[Settings]:
    """Settings whose topics are new and empty; deleted after the block, so that no run burdens the next."""
    settings = Settings(
        kafka={"bootstrap_servers": bootstrap_servers}, topics={"prefix": f"bench-{next(_RUNS)}."}
    )
    with kafka_admin(settings.kafka) as admin:
        made = create_topics(admin, settings.topics.specs(), 1)
    try:
        yield settings
    finally:
        with kafka_admin(settings.kafka) as admin:
            admin.delete_topics(made)


@contextmanager
def worker(settings: Settings, mode: Mode, folder: Path, name: str = "worker", **own: str) -> Iterator[int]:
    """Run `fraudstream worker` with the default settings but the mode; gives its process id once it is ready.

    Args:
        settings: of the benchmark: where Kafka is, and the topics' names.
        mode: of its delivery.
        folder: for its log.
        name: of its log.
        own: further settings, by their variables' names without the prefix (`WEB__PORT="6066"`).

    Raises:
        BenchmarkFailed: it does not become ready.
    """
    port = int(own.setdefault("WEB__PORT", str(*free_ports(1))))
    log = folder / f"{settings.topics.prefix}{name}.log"
    # As in the demo: the worker dies with the benchmark, and a folder that stands around is not imported.
    command = [sys.executable, "-I", "-S", str(tether.__file__), str(os.getpid())]
    command += [sys.executable, "-P", "-m", "fraudstream", "worker"]
    with log.open("wb") as output:
        process = subprocess.Popen(
            command, env=_environment(settings, mode) | _named(own), stdout=output, stderr=subprocess.STDOUT
        )
    try:
        _wait_until_ready(process, port, log)
        yield process.pid
        if (status := process.poll()) is not None:
            raise BenchmarkFailed(f"The worker left with status {status}: {_last_line(log)}")
    finally:
        _stop(process)


def _environment(settings: Settings, mode: Mode) -> dict[str, str]:
    own = {
        "KAFKA__BOOTSTRAP_SERVERS": settings.kafka.bootstrap_servers,
        "TOPICS__PREFIX": settings.topics.prefix,
        "WORKER__GROUP": group(settings),
        "DELIVERY__MODE": mode,
        "LOG__FORMAT": "json",
    }
    inherited = {name: value for name, value in os.environ.items() if not name.upper().startswith(PREFIX)}
    return inherited | _named(own)


def _named(own: Mapping[str, str]) -> dict[str, str]:
    """Settings by the whole names of their variables."""
    return {f"{PREFIX}{name}": value for name, value in own.items()}


def group(settings: Settings) -> str:
    """The consumer group of a measurement's worker."""
    return f"{settings.topics.prefix}workers"


def _wait_until_ready(process: subprocess.Popen[bytes], port: int, log: Path) -> None:
    deadline = time.monotonic() + _READY_SECONDS
    while fetch(port, "/readyz") is None:
        if process.poll() is not None or time.monotonic() > deadline:
            raise BenchmarkFailed(f"The worker did not become ready: {_last_line(log)}")
        time.sleep(0.1)


def _last_line(log: Path) -> str:
    return next(reversed(log.read_text(errors="replace").splitlines()), "it said nothing")


def _stop(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(_STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
