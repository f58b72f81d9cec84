"""What a scenario of faults is, and how one is written.

A scenario is a function that does something bad to a running service and returns; its module is named in
`catalogue.py`. The harness does the rest:

    @scenario("worker-kill", "kill -9 of a worker drawn at random, in full flow", times=30, quick=3)
    def kill_workers(ground: Ground) -> None:
        for _ in range(ground.times):
            ground.flow(ground.random.uniform(0.5, 4))
            ground.fleet.kill(ground.random.choice(ground.fleet.running))

Before it: topics of its own, two scoring workers and one of the learning side under a supervisor, a past that
a first model was learnt from, and a sender that goes on at a steady rate. After it: the flow goes on for
`ground.calm_seconds`, the sender stops, everything is worked off, the workers are told to stop, and each
invariant (`invariants.py`) is checked. It is played in both delivery modes (`play.py`, `run.py`).

What a scenario may use:

| what | for |
|---|---|
| `ground.times` | how often to do it (`times`, or `quick` in the short form) |
| `ground.random` | draws with a seed of its own; use no other |
| `ground.flow(seconds)` | let the traffic flow |
| `ground.wait_until_scored(seconds)` | wait until a reader of committed records sees another score |
| `ground.fleet` | `names`, `running`, `add`, `kill`, `stop`, `start`, `restart`, `suspend`, `resume` |
| `ground.fleet.ops(...)` | a command of `fraudstream`, as ops give it |
| `ground.traffic` | `inject(record)` puts a record of one's own into the flow (`traffic.py`) |
| `ground.brokers` | what `brokers` gave: to kill, to pause; it must be well again when the scenario returns |
| `ground.settings`, `ground.topics` | the service's settings and topic names |
| `ground.note(sentence)` | something to say in the report |
| `ground.expect(sentence, holds)` | an invariant of this scenario alone |

A scenario whose fault is the broker's brings its own: `brokers=three_brokers`, a function from an empty
folder to a context manager that gives an object with `bootstrap_servers` and is entered in the main thread.
Without it a Kafka is used that all scenarios share and that must not be harmed. A scenario that cannot be
played on every machine has `needs`, a function that says in a sentence what is missing, or None.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, Literal, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from contextlib import AbstractContextManager
    from pathlib import Path

    from tests.faults.ground import Ground

Mode = Literal["exactly-once", "at-least-once"]
MODES: Final[tuple[Mode, ...]] = ("exactly-once", "at-least-once")


class Brokers(Protocol):
    """Where the service's Kafka is."""

    @property
    def bootstrap_servers(self) -> str:
        """For workers, sender and readers."""


def _nothing() -> None:
    """Everything is here."""


@dataclass(frozen=True)
class Scenario:
    """One kind of fault.

    Attributes:
        name: on the command line and in the report.
        sentence: what is done, as the report's table says it.
        play: does it.
        times: how often it is done in one run.
        quick: how often in the short form.
        brokers: starts the Kafka that it harms; None for the one that all share.
        replication: copies of each partition.
        settings: of every worker, by their variables' names without the prefix.
        rate: transactions a second while it is played.
        needs: says what this machine lacks for it, None if nothing.
        finish_seconds: how long everything may take to be worked off afterwards.
    """

    name: str
    sentence: str
    play: Callable[[Ground], None]
    times: int = 1
    quick: int = 1
    brokers: Callable[[Path], AbstractContextManager[Brokers]] | None = None
    replication: int = 1
    settings: Mapping[str, str] = field(default_factory=dict)
    rate: float = 200.0
    needs: Callable[[], str | None] = _nothing
    finish_seconds: float = 240.0


SCENARIOS: Final[dict[str, Scenario]] = {}
"""Every scenario by its name, in the order of their modules' import."""


def scenario(
    name: str,
    sentence: str,
    *,
    times: int = 1,
    quick: int = 1,
    brokers: Callable[[Path], AbstractContextManager[Brokers]] | None = None,
    replication: int = 1,
    settings: Mapping[str, str] | None = None,
    rate: float = 200.0,
    needs: Callable[[], str | None] = _nothing,
    finish_seconds: float = 240.0,
) -> Callable[[Callable[[Ground], None]], Callable[[Ground], None]]:
    """Register a function as a scenario; `Scenario` explains the arguments."""

    def register(play: Callable[[Ground], None]) -> Callable[[Ground], None]:
        assert name not in SCENARIOS, f"two scenarios are called {name}"
        SCENARIOS[name] = Scenario(
            name,
            sentence,
            play,
            times,
            quick,
            brokers,
            replication,
            settings or {},
            rate,
            needs,
            finish_seconds,
        )
        return play

    return register
