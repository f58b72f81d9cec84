"""Kafka goes away under a worker and comes back."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
from faulty import read_committed
from service import Service, service, values, wait_until

from fraudstream.local.broker import LocalKafka
from fraudstream.simulate.world import WorldName
from fraudstream.simulate.worlds import make_world

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = [pytest.mark.kafka, pytest.mark.faults]

COUNT = 3_000


@pytest.mark.parametrize("mode", ["exactly-once", pytest.param("at-least-once", marks=pytest.mark.long)])
def test_a_broker_that_is_killed_and_comes_back_costs_nothing_but_time(tmp_path: Path, mode: str) -> None:
    """The worker waits, or leaves with one sentence and is started again, as a supervisor would."""
    start = (datetime.now(UTC) - timedelta(days=31)).date()
    bank = [
        each for _, each in zip(range(COUNT), make_world(WorldName.HANDBOOK, 100, 30, start, 3), strict=False)
    ]
    records = [(each.subject.encode(), each.encode()) for each in bank]
    kafka = LocalKafka.start(tmp_path / "kafka")
    try:
        with service(kafka.bootstrap_servers, tmp_path, DELIVERY__MODE=mode) as running:
            worker = running.start(WORKER__SLOT="one")
            running.produce(records[: COUNT // 2])
            running.wait_until_processed()
            kafka.process.kill()
            kafka.process.wait()
            kafka = LocalKafka.start(tmp_path / "kafka", port=kafka.port)
            running.produce(records[COUNT // 2 :])
            wait_until(lambda: settled(running), 90, running.logs)
            if worker.poll() is not None:
                assert '"worker leaves"' in running.logs() or "no progress" in running.logs()
                running.start(WORKER__SLOT="one")
                wait_until(lambda: settled(running), 90, running.logs)
            assert running.stop()[-1] == 0
            scores = values(read_committed(running.servers, running.topics.scores))
            assert {s["transaction_id"] for s in scores} == {each.transaction_id for each in bank}
            if mode == "exactly-once":
                assert max(Counter(s["transaction_id"] for s in scores).values()) == 1
    finally:
        kafka.stop()


def settled(running: Service) -> bool:
    """All is processed, or the worker has left."""
    return running.lag() == 0 or running.workers[-1].poll() is not None
