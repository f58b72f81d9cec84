"""The only broker goes away, and comes back."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.faults.brokers import AS_SHIPPED, PATIENCE_SECONDS, cluster, one_broker
from tests.faults.scenario import scenario

if TYPE_CHECKING:
    from tests.faults.ground import Ground


@scenario(
    "broker-kill-5s",
    "the broker killed (-9) and started again after 5 s",
    times=3,
    brokers=one_broker,
    settings=AS_SHIPPED,
    finish_seconds=PATIENCE_SECONDS,
)
def kill_broker_for_a_moment(ground: Ground) -> None:
    for _ in range(ground.times):
        kill_for(ground, 5)


@scenario(
    "broker-kill-90s",
    "the broker killed (-9) and started again after 90 s, longer than a worker waits",
    brokers=one_broker,
    settings=AS_SHIPPED,
    finish_seconds=PATIENCE_SECONDS,
)
def kill_broker_for_long(ground: Ground) -> None:
    kill_for(ground, 90)


@scenario(
    "broker-pause-30s",
    "the broker stopped (SIGSTOP) for 30 s",
    brokers=one_broker,
    settings=AS_SHIPPED,
    finish_seconds=PATIENCE_SECONDS,
)
def pause_broker(ground: Ground) -> None:
    [node] = cluster(ground).nodes
    node.suspend()
    ground.flow(30)
    node.resume()
    ground.wait_until_scored(PATIENCE_SECONDS)


def kill_for(ground: Ground, seconds: float) -> None:
    """Kill the only broker, start it again so much later, and see that scores come again."""
    [node] = cluster(ground).nodes
    ground.flow(ground.random.uniform(1, 3))
    node.kill()
    ground.flow(seconds)
    node.start()
    ground.wait_until_scored(PATIENCE_SECONDS)
