"""What is compared, in the order of its turns."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import dataclass
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Final

from benchmarks.machine import describe
from benchmarks.peers import kafka_streams
from benchmarks.peers.programs import PEERS_PYTHON, run_kafka_streams, run_python, run_worker

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager

    from benchmarks.peers.programs import Stage

_OURS: Final = Path(sys.executable)


class Missing(Exception):
    """A system cannot run here; the text is one sentence."""


@dataclass(frozen=True)
class System:
    """Something that does the job.

    Attributes:
        name: in results.
        run: starts it; gives its process id for the time of a block.
        version: what is installed of it, or raises `Missing`.
        is_ours: whether it is a worker of this project.
        is_slow: whether it is given a smaller backlog.
        is_late: whether it grows fast by running for long, and is given a long warm-up.
    """

    name: str
    run: Callable[[Stage], AbstractContextManager[int]]
    version: Callable[[], str]
    is_ours: bool = False
    is_slow: bool = False
    is_late: bool = False


def _version_of_peer(module: str, package: str) -> str:
    """Import a peer where it is installed, and ask for its version."""
    if not PEERS_PYTHON.exists():
        raise Missing("The peers are not installed: `make bench-peers` does it.")
    code = f"import {module}; from importlib.metadata import version; print(version('{package}'))"
    run = subprocess.run([PEERS_PYTHON, "-c", code], capture_output=True, text=True, check=False)
    if run.returncode:
        raise Missing(f"It cannot be imported: {run.stderr.splitlines()[-1]}.")
    return run.stdout.strip()


def _version_of_kafka_streams() -> str:
    if (reason := kafka_streams.missing()) is not None:
        raise Missing(reason)
    return describe().kafka


def _loop(name: str, package: str) -> System:
    words = [f"benchmarks.peers.{name.replace('-', '_')}"]
    return System(name, partial(run_python, python=_OURS, words=words), partial(version, package))


def _bytewax(name: str, flow: str) -> System:
    words = ["bytewax.run", f"benchmarks.peers.bytewax_flow:{flow}()"]
    return System(
        name,
        partial(run_python, python=PEERS_PYTHON, words=words),
        partial(_version_of_peer, "bytewax.connectors.kafka", "bytewax"),
    )


def _kafka_streams(name: str, guarantee: kafka_streams.Guarantee) -> System:
    return System(
        name, partial(run_kafka_streams, guarantee=guarantee), _version_of_kafka_streams, is_late=True
    )


SYSTEMS: Final = (
    System(
        "fraudstream",
        partial(run_worker, mode="exactly-once"),
        partial(version, "fraudstream"),
        is_ours=True,
    ),
    _loop("librdkafka-loop", "confluent-kafka"),
    System(
        "fraudstream-at-least-once",
        partial(run_worker, mode="at-least-once"),
        partial(version, "fraudstream"),
        is_ours=True,
    ),
    _loop("aiokafka-loop", "aiokafka"),
    _bytewax("bytewax-micro-batch", "micro_batch"),
    _bytewax("bytewax", "per_event"),
    System(
        "quixstreams",
        partial(run_python, python=PEERS_PYTHON, words=["benchmarks.peers.quix_app"]),
        partial(_version_of_peer, "quixstreams", "quixstreams"),
        is_slow=True,
    ),
    _kafka_streams("kafka-streams", "at_least_once"),
    _kafka_streams("kafka-streams-exactly-once", "exactly_once_v2"),
)
