"""Functions that run as processes of their own, with a pipe to each."""

from __future__ import annotations

from contextlib import contextmanager
from multiprocessing import get_context
from typing import TYPE_CHECKING, Any

from benchmarks.service import BenchmarkFailed

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from multiprocessing.connection import Connection

SPAWN = get_context("spawn")  # each begins small, and librdkafka's threads do not survive a fork


@contextmanager
def child(target: Callable[..., None], *arguments: Any) -> Iterator[Connection]:
    """Run a function as a process for the time of the block, with a pipe to it as its first argument."""
    ours, theirs = SPAWN.Pipe()
    process = SPAWN.Process(target=target, args=(theirs, *arguments), daemon=True)
    process.start()
    theirs.close()
    try:
        yield ours
    finally:
        process.kill()
        process.join()


def receive(connection: Connection, seconds: float, failure: str) -> Any:
    """What a child says within so many seconds.

    Raises:
        BenchmarkFailed: nothing, or it left; the sentence is `failure`.
    """
    try:
        if connection.poll(seconds):
            return connection.recv()
    except (EOFError, OSError):
        pass
    raise BenchmarkFailed(failure)
