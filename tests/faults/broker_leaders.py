"""One of three brokers goes at a time, so that partitions, groups and transactions change their leaders."""

from __future__ import annotations

from contextlib import contextmanager
from itertools import cycle, islice
from typing import TYPE_CHECKING

from tests.faults.brokers import AS_SHIPPED, PATIENCE_SECONDS, cluster, three_brokers
from tests.faults.scenario import scenario
from tests.faults.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.faults.brokers import Node
    from tests.faults.ground import Ground


@scenario(
    "leader-kill",
    "each of three brokers in turn killed (-9) and started again, and the preferred leaders elected",
    times=3,
    brokers=three_brokers,
    replication=3,
    settings=AS_SHIPPED,
    finish_seconds=PATIENCE_SECONDS,
)
def kill_leaders(ground: Ground) -> None:
    for node in in_turn(ground):
        with given_back(ground):
            node.kill()
            wait_until_others_lead(ground, node)
            node.start()


@scenario(
    "leader-move",
    "each of three brokers in turn restarted in order, and the preferred leaders elected",
    times=6,
    brokers=three_brokers,
    replication=3,
    settings=AS_SHIPPED,
    finish_seconds=PATIENCE_SECONDS,
)
def move_leaders(ground: Ground) -> None:
    for node in in_turn(ground):
        with given_back(ground):
            node.stop()
            wait_until_others_lead(ground, node)
            node.start()


def in_turn(ground: Ground) -> Iterator[Node]:
    """As many nodes as the fault is to be done often; each leads some partition of transactions."""
    return islice(cycle(cluster(ground).nodes), ground.times)


def wait_until_others_lead(ground: Ground, node: Node) -> None:
    """Return once a node leads no transactions, and a moment later."""
    wait_until(
        lambda: not {node, None} & set(_leaders(ground)),
        PATIENCE_SECONDS,
        f"others lead what node {node.number} led",
    )
    ground.flow(ground.random.uniform(1, 2))


@contextmanager
def given_back(ground: Ground) -> Iterator[None]:
    """After the block, have each partition led by the node that led it before, once all copies are equal."""
    before = _leaders(ground)
    yield
    brokers = cluster(ground)
    brokers.wait_until_in_sync()
    brokers.elect_preferred_leaders()
    wait_until(lambda: _leaders(ground) == before, PATIENCE_SECONDS, "the preferred nodes lead")
    ground.wait_until_scored(PATIENCE_SECONDS)


def _leaders(ground: Ground) -> list[Node | None]:
    return cluster(ground).leaders(ground.topics.transactions)
