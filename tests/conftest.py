"""What every test may use: one real Apache Kafka a session, started only when a test asks for it."""

from __future__ import annotations

import os
import signal
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

RUNNING_KAFKA = pytest.StashKey[str | None]()


@dataclass(frozen=True)
class RunningKafka:
    """A Kafka that already ran, named by FRAUDSTREAM_TEST_KAFKA=host:port; the tests leave it running."""

    bootstrap_servers: str


def pytest_configure(config: pytest.Config) -> None:
    """Make what processes inherit that tests start the same everywhere.

    This machine's settings and the tests' own variable go. Ctrl-C counts again: a shell ignores it for what
    it runs in the background, and all descendants would.
    """
    signal.signal(signal.SIGINT, signal.default_int_handler)
    config.stash[RUNNING_KAFKA] = os.environ.get("FRAUDSTREAM_TEST_KAFKA")
    for name in [name for name in os.environ if name.startswith("FRAUDSTREAM_")]:
        del os.environ[name]


@pytest.fixture(scope="session")
def kafka(request: pytest.FixtureRequest) -> Iterator[object]:
    """A broker with `.bootstrap_servers`; topics are each test's own, so give them names of their own."""
    if servers := request.config.stash[RUNNING_KAFKA]:
        yield RunningKafka(servers)
        return
    from fraudstream.local.broker import LocalKafka  # noqa: PLC0415 - unit tests need not load it

    with (
        tempfile.TemporaryDirectory(prefix="fraudstream-test-kafka-", ignore_cleanup_errors=True) as folder,
        LocalKafka.start(Path(folder)) as broker,
    ):
        yield broker
