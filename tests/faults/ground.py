"""The ground of one scenario: the whole product in real processes, in full flow, before anything breaks."""

from __future__ import annotations

import os
import time
from collections import defaultdict
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from random import Random
from typing import TYPE_CHECKING, Final
from uuid import uuid4

from fraudstream.kafka.admin import kafka_admin
from fraudstream.kafka.topics import create_topics
from fraudstream.settings import Settings
from fraudstream.settings.tree import DELIMITER, PREFIX
from tests.faults.fleet import LEARNING, Fleet
from tests.faults.observer import Observer
from tests.faults.records import committed_offsets, end_offsets, read
from tests.faults.traffic import DAYS, Traffic
from tests.faults.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from agents.topics import Topics
    from tests.faults.records import Stored
    from tests.faults.scenario import Brokers, Mode, Scenario

SIGNING_KEY: Final = "a key for faults alone"
PARTITIONS: Final = 4
PAST: Final = 4_000
"""Transactions of which a first model is learnt before anything is broken."""
SCORERS: Final = ("scorer-1", "scorer-2")
LEARNER: Final = "learner"
_MODEL_SECONDS = 120.0


@dataclass
class Ground:
    """What a scenario plays on; `scenario.py` says how.

    Attributes:
        scenario: that is played.
        mode: of delivery.
        times: how often its fault is to be done.
        brokers: where Kafka is.
        settings: of the service.
        fleet: its workers.
        traffic: what is sent.
        observer: what a reader of committed scores saw, and when.
        random: draws of the scenario's own.
        poison: values of `transactions` that make a worker fail, which are to become dead letters.
        unreadable: places of `transactions` that nobody can unpack, which are to become dead letters.
        deleted: records of `transactions` that the broker has deleted.
        foreign: values that the scenario put on topics of the service's own.
        notes: sentences for the report.
        expectations: of this scenario alone, and whether each holds.
        calm_seconds: for which the flow goes on after the fault.
    """

    scenario: Scenario
    mode: Mode
    times: int
    brokers: Brokers
    folder: Path
    settings: Settings
    fleet: Fleet
    traffic: Traffic
    observer: Observer
    random: Random
    poison: set[bytes] = field(default_factory=set)
    unreadable: set[tuple[int, int]] = field(default_factory=set)
    deleted: list[Stored] = field(default_factory=list)
    foreign: set[bytes] = field(default_factory=set)
    notes: list[str] = field(default_factory=list)
    expectations: dict[str, bool] = field(default_factory=dict)
    calm_seconds: float = 3.0

    @property
    def topics(self) -> Topics:
        """Names of the topics."""
        return self.settings.topics.names()

    @property
    def servers(self) -> str:
        """Where Kafka is."""
        return self.settings.kafka.bootstrap_servers

    def flow(self, seconds: float) -> None:
        """Let the traffic flow for some seconds."""
        time.sleep(seconds)

    def wait_until_scored(self, seconds: float = 90.0) -> None:
        """Return once another score has come, as a reader of committed records sees it."""
        now = time.monotonic()
        wait_until(lambda: self.observer.has_seen_after(now), seconds, "another score comes")

    def note(self, sentence: str) -> None:
        """Say something in the report."""
        self.notes.append(sentence.removesuffix("."))

    def expect(self, sentence: str, holds: object) -> None:
        """Add an invariant of this scenario alone: false breaks the run."""
        self.expectations[sentence] = self.expectations.get(sentence, True) and bool(holds)

    def finish(self) -> float:
        """End the traffic and have everything worked off; gives the seconds from the last send to the end."""
        self.traffic.stop()
        began = time.monotonic()
        self._wait_worked_off(self.settings.worker.group, self.topics.transactions, self.topics.labels)
        side = f"{self.settings.worker.group}.learning"
        self._wait_read(side, self.topics.scores, self.topics.labels_keyed)
        self._wait_read(side, self.topics.outcomes, self.topics.examples)
        return time.monotonic() - began

    def _wait_worked_off(self, group: str, *topics: str) -> None:
        """Wait until a group has committed the ends of topics that are written without transactions."""

        def is_worked_off() -> bool:
            return all(
                committed_offsets(self.servers, group, topic) == end_offsets(self.servers, topic)
                for topic in topics
            )

        wait_until(is_worked_off, self.scenario.finish_seconds, f"{group} works off {', '.join(topics)}")

    def _wait_read(self, group: str, *topics: str) -> None:
        """Wait until a group has committed the last records of topics that grow no more."""
        for topic in topics:
            last = {record.of_partition: record.of_offset for record in read(self.servers, topic)}

            def is_read(topic: str = topic, last: Mapping[int, int] = last) -> bool:
                done = committed_offsets(self.servers, group, topic)
                return all(done[partition] > offset for partition, offset in last.items())

            wait_until(is_read, self.scenario.finish_seconds, f"{group} reads {topic}")


@contextmanager
def ground(scenario: Scenario, mode: Mode, brokers: Brokers, folder: Path, times: int) -> Iterator[Ground]:
    """Make topics, start the workers and the traffic; the block begins in full flow, a model in force."""
    own = _own_settings(scenario, mode, brokers, f"{scenario.name}-{mode}-{uuid4().hex[:6]}.")
    settings = _as_settings(own)
    with kafka_admin(settings.kafka) as admin:
        made = create_topics(admin, settings.topics.specs(), scenario.replication)
    draws = Random(f"{scenario.name} {mode}")
    with ExitStack() as stack:
        observer = stack.enter_context(
            Observer(brokers.bootstrap_servers, settings.topics.names().scores, PARTITIONS)
        )
        fleet = stack.enter_context(Fleet(_environment(own), folder))
        traffic = Traffic(brokers.bootstrap_servers, settings.topics.names(), seed=draws.randrange(1_000_000))
        stack.callback(traffic.end)
        broken = Ground(scenario, mode, times, brokers, folder, settings, fleet, traffic, observer, draws)
        try:
            _begin(broken)
            yield broken
        except Exception as failure:
            failure.add_note(fleet.last_words())
            raise
    if scenario.brokers is None:  # the next scenario need not carry them along
        with kafka_admin(settings.kafka) as admin:
            admin.delete_topics(made)


def _begin(ground: Ground) -> None:
    for name in SCORERS:
        ground.fleet.add(name)
    ground.fleet.add(LEARNER, LEARNING)
    ground.traffic.send_past(PAST)
    ground.fleet.wait_ready()
    wait_until(
        lambda: end_offsets(ground.servers, ground.topics.models)[0], _MODEL_SECONDS, "a model is learnt"
    )
    ground.traffic.start(ground.scenario.rate)
    ground.wait_until_scored()


def _own_settings(scenario: Scenario, mode: Mode, brokers: Brokers, prefix: str) -> dict[str, str]:
    """Settings of every worker: a model that learns from little, all else as it is."""
    return {
        "KAFKA__BOOTSTRAP_SERVERS": brokers.bootstrap_servers,
        "TOPICS__PREFIX": prefix,
        "TOPICS__PARTITIONS": str(PARTITIONS),
        "TOPICS__SCORE_PARTITIONS": str(PARTITIONS),
        "TOPICS__REPUTATION_PARTITIONS": str(PARTITIONS),
        "WORKER__GROUP": f"{prefix}workers",
        "DELIVERY__MODE": mode,
        "SCORING__POLICY": "fixed",
        "SCORING__REVIEW_THRESHOLD": "0.2",
        "LABELLING__HORIZON_DAYS": "2",
        "LABELLING__KEEP_DAYS": str(DAYS),  # a day of the bank is a second here, so an outage is long
        "LABELLING__GENUINE_SHARE": "0.5",
        "LABELLING__EXAMPLES_PER_SECOND": "100000",
        "LEARNING__SIGNING_KEY": SIGNING_KEY,
        "LEARNING__PUBLISH_SECONDS": "1",
        "LEARNING__PUBLISH_ROWS": "100",
        "LEARNING__CHECKPOINT_SECONDS": "5",
        "LOG__FORMAT": "json",
        **scenario.settings,
    }


def _as_settings(own: Mapping[str, str]) -> Settings:
    """The same as the harness's own settings."""
    sections: dict[str, dict[str, str]] = defaultdict(dict)
    for variable, value in own.items():
        section, name = variable.lower().split(DELIMITER)
        sections[section][name] = value
    return Settings(**sections)


def _environment(own: Mapping[str, str]) -> dict[str, str]:
    """The environment of worker processes: the person's own service has no part in it."""
    inherited = {name: value for name, value in os.environ.items() if not name.upper().startswith(PREFIX)}
    return inherited | {f"{PREFIX}{name}": value for name, value in own.items()}
