"""How long scoring pauses when the group rebalances: what nothing moves for, and what half of it moves for.

One worker scores a steady load. Then a member joins that wants none of its partitions, and leaves again: all
partitions are taken from the worker and given back. Then a second worker joins and takes half, and leaves.
"""

from __future__ import annotations

import time
from contextlib import ExitStack, closing
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from confluent_kafka import Consumer

from benchmarks import traffic
from benchmarks.children import child, receive
from benchmarks.growth.cards import partitions_of
from benchmarks.growth.gaps import Payment, pause
from benchmarks.growth.results import PauseRun
from benchmarks.growth.workers import Commits, expect_cards, running
from benchmarks.latency.arrivals import arrival_times
from benchmarks.latency.sender import send
from benchmarks.learning.scores import read_scores
from benchmarks.machine import load_average
from benchmarks.service import BenchmarkFailed, group

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from benchmarks.growth.state import State
    from benchmarks.latency.sender import Sent
    from benchmarks.learning.scores import Scoring
    from benchmarks.traffic import Message
    from fraudstream.settings import Settings

QUIET: Final = "quiet"
NOTHING_MOVES: Final = ("a member without partitions joins", "that member leaves")
HALF_MOVES: Final = ("a second worker joins", "that worker leaves")
_LEAD_SECONDS: Final = 2.0
_PATIENCE_SECONDS: Final = 60.0


@dataclass(frozen=True)
class Plan:
    """How long scoring is observed at so many transactions a second, from each event on, in seconds.

    A member hears of a rebalance with its heartbeat, every 3 seconds. A worker that joins has to start and to
    restore its half first.
    """

    rate: float = 500.0
    quiet: float = 8.0
    nothing_moves: float = 8.0
    half_moves: float = 20.0

    @property
    def transactions(self) -> int:
        """How many that takes."""
        phases = (self.quiet, self.nothing_moves, self.nothing_moves, self.half_moves, self.half_moves)
        return sum(len(self.arrivals(seconds)) for seconds in phases)

    def arrivals(self, seconds: float) -> list[float]:
        """When the transactions of one phase are due, in seconds after its start."""
        return arrival_times(self.rate, _LEAD_SECONDS + seconds)


@dataclass(frozen=True)
class Phase:
    """What was sent around one event, from `since` on to `until` (s since 1970), before scores are read."""

    event: str
    messages: Sequence[Message]
    sent: Sent
    clock: float
    since: float
    until: float
    event_seconds: float
    load_average: float


class Stranger:
    """A member of the workers' group that subscribes to another topic: it gets none of their partitions."""

    def __init__(self, settings: Settings) -> None:
        self._topic = settings.topics.names().dead_letters
        self._consumer = Consumer(
            {
                "bootstrap.servers": settings.kafka.bootstrap_servers,
                "group.id": group(settings),
                "partition.assignment.strategy": "range",
                "enable.auto.commit": False,
            }
        )
        self._has_joined = False

    def join(self) -> None:
        """Return once the group has let it in.

        Raises:
            BenchmarkFailed: the group does not within a minute.
        """
        deadline = time.monotonic() + _PATIENCE_SECONDS
        self._consumer.subscribe([self._topic], on_assign=self._joined)
        while not self._has_joined:
            if time.monotonic() > deadline:
                raise BenchmarkFailed("The group let no further member in.")
            self._consumer.poll(0.1)

    def leave(self) -> None:
        """Tell the group."""
        self._consumer.close()

    def _joined(self, *_: object) -> None:
        self._has_joined = True


class PauseBench:
    """Runs the events on one state, one after another."""

    def __init__(self, state: State, plan: Plan, folder: Path) -> None:
        self._state, self._plan, self._folder = state, plan, folder
        self._settings = state.settings
        self._commits = Commits(state.settings)

    def run(self) -> list[PauseRun]:
        """Observe every event, then read what was scored.

        Raises:
            BenchmarkFailed: a member does not join or leave while it is observed, or scores are missing.
        """
        plan, stranger = self._plan, Stranger(self._settings)
        with (
            closing(self._commits),
            running(self._settings, self._folder) as workers,
            ExitStack() as second,
        ):
            expect_cards(workers, self._state.cards)
            phases = [
                self._phase(QUIET, plan.quiet, lambda: None),
                self._phase(NOTHING_MOVES[0], plan.nothing_moves, stranger.join),
                self._phase(NOTHING_MOVES[1], plan.nothing_moves, stranger.leave),
                self._phase(HALF_MOVES[0], plan.half_moves, lambda: self._start(second)),
                self._phase(HALF_MOVES[1], plan.half_moves, second.close),
            ]
            expect_cards(workers, self._state.cards)
        servers, scores = self._settings.kafka.bootstrap_servers, self._settings.topics.names().scores
        scored = read_scores(servers, scores)
        return [self._summary(phase, scored) for phase in phases]

    def _start(self, second: ExitStack) -> None:
        second.enter_context(running(self._settings, self._folder))

    def _phase(self, event: str, seconds: float, act: Callable[[], None]) -> Phase:
        """Send for a while, let the event come, and go on sending for so many seconds."""
        servers, source = self._settings.kafka.bootstrap_servers, self._settings.topics.names().transactions
        arrivals, file = self._plan.arrivals(seconds), self._folder / "messages.tsv"
        messages, done = self._state.feed.take(len(arrivals)), self._commits.total()
        traffic.save(messages, file)
        with child(send, servers, source, file, arrivals) as sender:
            receive(sender, _PATIENCE_SECONDS, "The sender does not start.")
            clock, start = time.time() - time.monotonic(), time.monotonic() + 1.0
            sender.send(start)
            since = start + _LEAD_SECONDS
            time.sleep(since - time.monotonic())
            act()
            took = time.monotonic() - since
            if took > seconds:
                raise BenchmarkFailed(f"It took {took:.0f} s until {event}: longer than was observed.")
            sent: Sent = receive(sender, 2 * _PATIENCE_SECONDS, "Kafka took not every transaction.")
        self._commits.wait(done + len(messages))
        since += clock
        return Phase(event, messages, sent, clock, since, since + seconds, took, load_average())

    def _summary(self, phase: Phase, scored: dict[str, Scoring]) -> PauseRun:
        """What a phase comes to, given every score of the run."""
        keys = [message.key for message in phase.messages]
        partitions = partitions_of(keys, self._settings.topics.partitions).tolist()
        payments = [
            Payment(partition, phase.clock + phase.sent.due[transaction_id], scored[transaction_id].at)
            for partition, (transaction_id, _, _) in zip(partitions, phase.messages, strict=True)
        ]
        return PauseRun(
            self._state.cards,
            phase.event,
            self._plan.rate,
            phase.until - phase.since,
            *pause(payments, phase.since, phase.until),
            event_seconds=phase.event_seconds,
            sender_late_max_ms=1e3 * max(phase.sent.late),
            load_average=phase.load_average,
        )
