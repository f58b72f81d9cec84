"""Rules and dashboards on real processes: Kafka, a scorer, a learner, and a Prometheus that watches them."""

from __future__ import annotations

import math
import urllib.error
import urllib.request
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from heapq import heappop, heappush
from itertools import islice
from time import monotonic, sleep
from typing import TYPE_CHECKING, Any

import pytest
from service import Service, service, wait_until

from fraudstream.simulate.cards import CardWorld
from fraudstream.simulate.handbook import Handbook
from schemas.label import Label, LabelOrigin, Outcome
from tests.ops.prometheus_server import prometheus
from tests.ops.rule_files import RECORDED, promtool
from tests.ops.test_dashboards import EVERY_PANEL

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Iterator

    from fraudstream.simulate.world import SimulatedTransaction
    from tests.ops.prometheus_server import Server

pytestmark = pytest.mark.kafka

TRANSACTIONS = 3_000
A_SECOND = 200
DAYS = 9
LATENCY_ALERTS = {"FraudstreamLatencyBudgetBurnsFast", "FraudstreamLatencyBudgetBurnsSlowly"}
SLOW_ALLOWED = 0.01


@dataclass
class Watched:
    """A service that has scored and learnt, and the Prometheus that saw it."""

    running: Service
    workers: tuple[subprocess.Popen[bytes], ...]
    prometheus: Server


def bank() -> Iterator[SimulatedTransaction]:
    """Some 380 transactions a day by 200 customers, up to yesterday."""
    start = (datetime.now(UTC) - timedelta(days=DAYS)).date()
    return iter(CardWorld(Handbook.of_size(200, DAYS, start)))


def label(transaction: SimulatedTransaction) -> Label:
    """An analyst calls the transaction a fraud, 3 hours later."""
    known = transaction.event_time + 3 * 3_600
    return Label(
        transaction_id=transaction.transaction_id,
        subject=transaction.subject,
        outcome=Outcome.FRAUD,
        origin=LabelOrigin.ANALYST,
        label_time=datetime.fromtimestamp(known, UTC),
        event_time=datetime.fromtimestamp(transaction.event_time, UTC),
    )


def send(running: Service) -> None:
    """Send transactions at a steady rate, a label of fraud for every tenth, and a few that are refused."""
    began, awaited = monotonic(), []
    taken = list(islice(bank(), TRANSACTIONS))
    for first in range(0, TRANSACTIONS, A_SECOND // 4):
        part = taken[first : first + A_SECOND // 4]
        for number, transaction in enumerate(part, first):
            if number % 10 == 0:
                heappush(awaited, (transaction.event_time + 3 * 3_600, number))
        running.produce((each.subject.encode(), each.encode()) for each in part)
        due = []
        while awaited and awaited[0][0] <= part[-1].event_time:
            due.append(label(taken[heappop(awaited)[1]]))
        running.produce(((each.subject.encode(), each.to_json()) for each in due), running.topics.labels)
        sleep(max(0.0, began + (first + len(part)) / A_SECOND - monotonic()))
    running.produce([(b"card", b"no JSON"), (taken[-1].subject.encode(), taken[-1].encode())])


def is_ready(worker: Any) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{worker.port}/readyz", timeout=5) as answer:
            return bool(answer.status == 200)
    except (urllib.error.URLError, OSError):
        return False


@pytest.fixture(scope="module")
def watched(kafka: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Watched]:
    folder = tmp_path_factory.mktemp("watched")
    settings = {"LABELLING__HORIZON_DAYS": "1", "LABELLING__GENUINE_SHARE": "1"}
    settings["SCORING__ALERTS_PER_10000"] = "500"  # so that the few that are sent have some
    with service(kafka.bootstrap_servers, folder, partitions=2, **settings) as running:
        scorer = running.start(LABELLING__EXAMPLES_PER_SECOND="1000")
        learner = running.start_learning(LABELLING__EXAMPLES_PER_SECOND="1000")
        jobs = {"fraudstream-scoring": int(scorer.port), "fraudstream-learning": int(learner.port)}
        with prometheus(folder, jobs) as server:
            wait_until(lambda: is_ready(scorer) and is_ready(learner), 150, running.logs)
            send(running)
            yield Watched(running, (scorer, learner), server)
        assert running.stop() == [0, 0], running.logs()


def shown(expression: str) -> str:
    """The expression as Grafana would send it for all workers."""
    for variable, value in (("$job", ".*"), ("$worker", ".*"), ("$__rate_interval", "30s")):
        expression = expression.replace(variable, value)
    return expression


def has_value(server: Server, expression: str) -> bool:
    return any(not math.isnan(float(each["value"][1])) for each in server.query(shown(expression)))


def test_every_panel_and_every_recorded_rule_has_a_value(watched: Watched) -> None:
    """No query is asked in vain, not even of faults that did not happen."""
    server = watched.prometheus
    asked = {
        f"{panel.id}: {target['expr']}": target["expr"]
        for panel in EVERY_PANEL
        for target in panel.values[0]["targets"]
    }
    asked |= {record: record for record in RECORDED}
    without = dict(asked)
    deadline = monotonic() + 25
    while without and monotonic() < deadline:
        without = {name: each for name, each in without.items() if not has_value(server, each)}
        sleep(0.5)
    assert not without, "\n".join(without)


def test_what_has_not_happened_is_zero_and_not_absent(watched: Watched) -> None:
    """An alert sees the first one only where there was a zero before it."""
    for metric, topics in (
        ("dead_letters", ("transactions", "labels", "scores", "labels.keyed", "outcomes", "examples")),
        ("broadcast_records_refused", ("models", "reputations", "controls")),
    ):
        name = f'fraudstream_{metric}_total{{error_type="internal-error"}}'
        found = {each["metric"]["topic"] for each in watched.prometheus.query(f"{name} == 0")}
        assert found == {f"{watched.running.prefix}{topic}" for topic in topics}


def test_no_alert_fires_or_is_about_to_while_all_is_well(watched: Watched) -> None:
    """Only what is truly so here: labels are invented, the disk is shared, the machine may be too slow."""
    server = watched.prometheus
    of_here = {"FraudstreamCalibrationOff", "FraudstreamDrift", "FraudstreamLabellingDiskFills"}
    slow = server.value("max(job:fraudstream_slow:ratio_rate5m)")
    assert slow is not None
    for state, right in (("firing", set()), ("pending", of_here | {"FraudstreamTimeToLearnLong"})):
        told = {each["metric"]["alertname"] for each in server.query(f'ALERTS{{alertstate="{state}"}}')}
        assert told <= right | (LATENCY_ALERTS if slow > SLOW_ALLOWED else set()), state


def test_prometheus_can_evaluate_every_rule(watched: Watched) -> None:
    for group in watched.prometheus.groups():
        for rule in group["rules"]:
            assert rule["health"] == "ok", rule


def test_promtool_finds_nothing_to_mend_in_what_either_side_shows(watched: Watched) -> None:
    for worker in watched.workers:
        assert not promtool("check", "metrics", given=watched.running.metrics(worker).encode())
