"""A broker that takes its time."""

from __future__ import annotations

import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from fraudstream.demo.workers import free_ports
from tests.faults import proxy
from tests.faults.brokers import AS_SHIPPED, PATIENCE_SECONDS, Cluster, Node, running
from tests.faults.scenario import scenario

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.faults.ground import Ground


class SlowCluster(Cluster):
    """A broker that clients reach through a proxy (`proxy.py`) only."""

    def __init__(self, node: Node, proxy_port: int, process: subprocess.Popen[str]) -> None:
        super().__init__([node])
        self.bootstrap_servers = f"{proxy.HOST}:{proxy_port}"
        self._process = process

    def delay(self, seconds: float) -> None:
        """Have each request wait so long from now on."""
        assert self._process.stdin is not None
        self._process.stdin.write(f"{seconds}\n")
        self._process.stdin.flush()


@contextmanager
def broker_behind_a_proxy(folder: Path) -> Iterator[Cluster]:
    """A broker that tells its clients to come to the proxy."""
    port, proxy_port = free_ports(2)
    command = [sys.executable, str(Path(proxy.__file__)), str(proxy_port), str(port)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, text=True) as process:
        node = Node(1, folder, port, {"advertised.listeners": f"PLAINTEXT://{proxy.HOST}:{proxy_port}"})
        with running(SlowCluster(node, proxy_port, process)) as brokers:
            yield brokers


@scenario(
    "broker-slow",
    "a broker that takes 200 ms for each request, one after the other on a connection, for a minute",
    brokers=broker_behind_a_proxy,
    settings=AS_SHIPPED,
    finish_seconds=PATIENCE_SECONDS,
)
def slow_broker(ground: Ground) -> None:
    brokers = ground.brokers
    assert isinstance(brokers, SlowCluster)
    brokers.delay(0.2)
    ground.flow(60)
    ground.wait_until_scored(PATIENCE_SECONDS)
    brokers.delay(0)
