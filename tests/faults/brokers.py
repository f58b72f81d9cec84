"""Brokers to be made to fail: one, or three that replicate to each other, each a process of its own."""

from __future__ import annotations

import signal
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from confluent_kafka.admin import AdminClient
from kafka.protocol.admin import ElectionType

from fraudstream.demo.workers import free_ports
from fraudstream.kafka.admin import kafka_admin
from fraudstream.local.broker import HOST, LocalKafka, new_cluster_id
from fraudstream.settings import KafkaSettings
from fraudstream.settings.sections import DeliverySettings
from tests.faults.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from tests.faults.ground import Ground

# Every record on two of three brokers before it counts: one may go without loss and without a stop.
REPLICATED = {
    "default.replication.factor": "3",
    "min.insync.replicas": "2",
    "offsets.topic.replication.factor": "3",
    "transaction.state.log.replication.factor": "3",
    "transaction.state.log.min.isr": "2",
    "share.coordinator.state.topic.replication.factor": "3",
    "share.coordinator.state.topic.min.isr": "2",
}
_DELIVERY = DeliverySettings()
# Workers under a broker's fault wait as long as they do in a bank.
AS_SHIPPED = {
    "DELIVERY__SESSION_TIMEOUT_SECONDS": str(_DELIVERY.session_timeout_seconds),
    "DELIVERY__TRANSACTION_TIMEOUT_SECONDS": str(_DELIVERY.transaction_timeout("0")),
}
PATIENCE_SECONDS = 300.0
"""For scores or equal copies to come again, or for all to be worked off; a busy machine takes its time."""


@dataclass(eq=False)
class Node:
    """One broker; it keeps its folder and its port over any number of ends and starts.

    Attributes:
        number: its `node.id`.
        folder: its data and its own log `kafka.log`.
        port: where clients reach it.
        properties: server properties beside the local profile's.
        cluster_id: the same for all nodes.
    """

    number: int
    folder: Path
    port: int
    properties: Mapping[str, str] = field(default_factory=dict)
    cluster_id: str = field(default_factory=new_cluster_id)

    def launch(self) -> None:
        """Start it without waiting: alone, a node of three never answers."""
        self._kafka = LocalKafka.launch(
            self.folder, port=self.port, properties=self.properties, cluster_id=self.cluster_id
        )

    def wait_until_it_answers(self) -> None:
        """Return once groups and transactions work."""
        self._kafka.wait_until_it_answers()

    def start(self) -> None:
        """Start it, and return once it answers."""
        self.launch()
        self.wait_until_it_answers()

    def kill(self) -> None:
        """End it as a power cut does; its folder stays."""
        self._kafka.process.kill()
        self._kafka.wait()

    def stop(self) -> None:
        """End it in order: others take over what it leads before it goes."""
        self._kafka.stop()

    def suspend(self) -> None:
        """Stop it without its knowing; its connections stay open."""
        self._kafka.process.send_signal(signal.SIGSTOP)

    def resume(self) -> None:
        """Let it go on."""
        self._kafka.process.send_signal(signal.SIGCONT)

    @property
    def has_left(self) -> bool:
        """Whether the process has ended."""
        return self._kafka.process.poll() is not None

    @property
    def log(self) -> str:
        """What it said since its last start."""
        return (self.folder / "kafka.log").read_text(errors="replace")


class Cluster:
    """The nodes together, as clients see them.

    Attributes:
        nodes: each broker.
        bootstrap_servers: every node's address.
    """

    def __init__(self, nodes: list[Node]) -> None:
        self.nodes = nodes
        self.bootstrap_servers = ",".join(f"{HOST}:{node.port}" for node in nodes)

    def leaders(self, topic: str) -> list[Node | None]:
        """The node that takes each partition's records, in the order of partitions; None where none does."""
        nodes = {node.number: node for node in self.nodes}
        partitions = self._admin().list_topics(topic, timeout=20).topics[topic].partitions
        return [nodes.get(partitions[number].leader) for number in sorted(partitions)]

    def elect_preferred_leaders(self) -> None:
        """Give every partition back to the node that it was made for."""
        with kafka_admin(KafkaSettings(bootstrap_servers=self.bootstrap_servers)) as admin:
            admin.elect_leaders(ElectionType.PREFERRED)

    def wait_until_in_sync(self) -> None:
        """Return once every node holds all that its partitions' leaders hold."""
        wait_until(self._is_in_sync, PATIENCE_SECONDS, "every copy is in sync")

    def _is_in_sync(self) -> bool:
        topics = self._admin().list_topics(timeout=20).topics.values()
        return all(
            place.leader > 0 and len(place.isrs) == len(place.replicas)
            for topic in topics
            for place in topic.partitions.values()
        )

    def _admin(self) -> AdminClient:
        return AdminClient({"bootstrap.servers": self.bootstrap_servers, "log_level": 0})


@contextmanager
def one_broker(folder: Path) -> Iterator[Cluster]:
    """A broker alone."""
    [port] = free_ports(1)
    with running(Cluster([Node(1, folder, port)])) as cluster:
        yield cluster


@contextmanager
def three_brokers(folder: Path) -> Iterator[Cluster]:
    """Three brokers that each hold every partition; topics want two copies before a record counts."""
    ports = free_ports(6)
    identity = new_cluster_id()
    voters = ",".join(f"{number}@{HOST}:{port}" for number, port in enumerate(ports[3:], 1))
    nodes = [
        Node(number, folder / f"node-{number}", port, _membership(number, port, controller, voters), identity)
        for number, (port, controller) in enumerate(zip(ports[:3], ports[3:], strict=True), 1)
    ]
    with running(Cluster(nodes)) as cluster:
        yield cluster


def _membership(number: int, port: int, controller: int, voters: str) -> dict[str, str]:
    return {
        "node.id": str(number),
        "controller.quorum.voters": voters,
        "listeners": f"PLAINTEXT://{HOST}:{port},CONTROLLER://{HOST}:{controller}",
        **REPLICATED,
    }


@contextmanager
def running(cluster: Cluster) -> Iterator[Cluster]:
    """Start all nodes, and kill them at the end of the block."""
    launched = []
    try:
        for node in cluster.nodes:
            node.launch()
            launched.append(node)
        for node in cluster.nodes:
            node.wait_until_it_answers()
        yield cluster
    finally:
        for node in launched:
            node.kill()  # the last of three could not end in order: it has nobody left to agree with


def cluster(ground: Ground) -> Cluster:
    """The brokers that a scenario brought itself."""
    brokers = ground.brokers
    assert isinstance(brokers, Cluster)
    return brokers
