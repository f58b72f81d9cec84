"""What the workers say of themselves: whether they are ready, and their own figures."""

from __future__ import annotations

import time
from collections import Counter
from http.client import HTTPConnection, HTTPException
from typing import TYPE_CHECKING

from prometheus_client.parser import text_string_to_metric_families

from fraudstream.demo.events import LearnerScraped, WorkerScraped
from fraudstream.local.broker import HOST
from schemas.label import Outcome

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from threading import Event as Flag

    from fraudstream.demo.events import Event
    from fraudstream.demo.workers import Worker

_TIMEOUT_SECONDS = 2.0
_EVERY_SECONDS = 1.0
_OK = 200


def scrape(workers: Iterable[Worker], tell: Callable[[Event], None], stop: Flag) -> None:
    """Tell of each worker's figures every second until `stop`; one that does not answer is passed over."""
    while not stop.wait(_EVERY_SECONDS):
        for worker in workers:
            if exposition := fetch(worker.port, "/metrics"):
                if worker.learns:
                    tell(learner_figures(exposition))
                else:
                    tell(worker_figures(worker.slot, time.time(), exposition))


def fetch(port: int, path: str) -> str | None:
    """The page of a worker's web server, None where it does not answer 200.

    Straight to loopback: a proxy of the environment has no part in it.
    """
    connection = HTTPConnection(HOST, port, timeout=_TIMEOUT_SECONDS)
    try:
        connection.request("GET", path)
        response = connection.getresponse()
        text = response.read().decode()
    except (OSError, HTTPException):
        return None
    finally:
        connection.close()
    return text if response.status == _OK else None


def learner_figures(exposition: str) -> LearnerScraped:
    """Read the learner's figures out of what its worker's /metrics gave, in Prometheus's text format."""
    counts: Counter[str] = Counter()
    for family in text_string_to_metric_families(exposition):
        for sample in family.samples:
            if sample.name == "fraudstream_examples_learnt_total":
                counts[sample.labels["outcome"]] += int(sample.value)
    return LearnerScraped(counts.total(), counts[Outcome.FRAUD])


def worker_figures(slot: str, at: float, exposition: str) -> WorkerScraped:
    """Read a worker's figures out of what its /metrics gave at that time, in Prometheus's text format."""
    scored = repeats = 0.0
    arrival_to_score: dict[float, int] = {}
    time_to_learn: dict[float, int] = {}
    for family in text_string_to_metric_families(exposition):
        for sample in family.samples:
            if sample.name == "fraudstream_transactions_scored_total":
                scored += sample.value
            elif sample.name == "fraudstream_transactions_skipped_total":
                repeats += sample.value if sample.labels["reason"] == "repeat" else 0.0
            elif sample.name == "fraudstream_arrival_to_score_seconds_bucket":
                arrival_to_score[float(sample.labels["le"])] = int(sample.value)
            elif sample.name == "fraudstream_time_to_learn_seconds_bucket":
                time_to_learn[float(sample.labels["le"])] = int(sample.value)
    return WorkerScraped(slot, at, int(scored), int(repeats), arrival_to_score, time_to_learn)
