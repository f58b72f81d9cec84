"""The disk under the only broker runs full, and room is made."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from tests.faults.brokers import AS_SHIPPED, PATIENCE_SECONDS, cluster, one_broker
from tests.faults.scenario import scenario
from tests.faults.small_disk import cannot_mount, fill, small_disk
from tests.faults.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.faults.brokers import Cluster
    from tests.faults.ground import Ground

_MEGABYTES = 256


@contextmanager
def broker_on_a_small_disk(folder: Path) -> Iterator[Cluster]:
    """A broker whose topics lie on a disk of their own."""
    with small_disk(folder / "data", _MEGABYTES), one_broker(folder) as brokers:
        yield brokers


@scenario(
    "broker-disk-full",
    "the disk under the broker full for 20 s; then room is made and the broker started again",
    brokers=broker_on_a_small_disk,
    settings=AS_SHIPPED,
    finish_seconds=PATIENCE_SECONDS,
    needs=cannot_mount,
)
def fill_the_brokers_disk(ground: Ground) -> None:
    [node] = cluster(ground).nodes
    filling = node.folder / "data" / "filling"
    fill(filling)
    wait_until(lambda: node.has_left, PATIENCE_SECONDS, "the broker leaves")
    ground.expect("the broker says that there is no room", "No space left on device" in node.log)
    ground.flow(20)
    filling.unlink()
    node.start()
    ground.wait_until_scored(PATIENCE_SECONDS)
