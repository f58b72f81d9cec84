"""What a rebalance costs: who stands still for how long, what waits then, and until when it is worked off.

A fluid in steps of a tenth of a second over one hour, at a steady rate; chance plays no part at this scale.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from agents.runtime.options import DeliveryOptions
from benchmarks.capacity.fluid import Flow, flow
from benchmarks.capacity.traffic import CARDS, owners, worker_shares

if TYPE_CHECKING:
    from benchmarks.capacity.costs import Costs
    from models.arrays import Floats

STEP: Final = 0.1
_HOUR: Final = 3_600.0
_CAUGHT_UP: Final = 2.0 * STEP


@dataclass(frozen=True)
class Pauses:
    """How long things take that stop scoring, in seconds, as measured on the engine's prototype.

    Attributes:
        rebalance: for which every worker stands still while the group deals the partitions anew (0.3 to 1.0).
        restart: from a kill to the first score of the same worker, started again under its name.
        detection: until a killed worker's partitions are dealt to others: its session, less a heartbeat.
            29 s were measured with a session of 30 s.
        restore: to restore a card's profile from the changelog (by `benchmarks/growth`).
    """

    rebalance: float = 1.0
    restart: float = 3.3
    detection: float = DeliveryOptions.session_timeout - 1.0
    restore: float = 7.5e-6


@dataclass(frozen=True)
class Recovery:
    """One worker's loss or arrival in a group at a steady rate.

    Attributes:
        longest_wait: seconds that the unluckiest transaction waited.
        caught_up: seconds from the event until nothing waits any more; None: not within the hour.
        waited: share of an hour's transactions that waited longer than the limit.
        lag: seconds that the oldest waiting transaction of any worker had waited, by steps.
    """

    longest_wait: float
    caught_up: float | None
    waited: float
    lag: Floats


@dataclass(frozen=True)
class Queues:
    """Workers that stand still until they are `back`.

    Attributes:
        early: transactions a second from 0 s on.
        late: those that come beside them from `since` on.
        since: seconds.
        back: seconds at which each works again.
        workers: of the group from then on.
    """

    early: Floats
    late: Floats
    since: float
    back: Floats
    workers: int


def restarts(shares: Floats, workers: int, rate: float, pauses: Pauses) -> Queues:
    """The busiest worker is killed and comes back under its name: nobody else notices."""
    busiest = worker_shares(shares, workers).max()
    back = pauses.restart + pauses.restore * CARDS / workers
    return Queues(np.array([rate * busiest]), np.zeros(1), 0.0, np.array([back]), workers)


def joins(shares: Floats, workers: int, rate: float, pauses: Pauses) -> Queues:
    """One more worker comes, in order."""
    before, after = owners(len(shares), workers), owners(len(shares), workers + 1)
    back = pauses.rebalance + _restore_seconds(before != after, after, pauses)
    return Queues(rate * worker_shares(shares, workers + 1), np.zeros(workers + 1), 0.0, back, workers + 1)


def is_lost(shares: Floats, workers: int, rate: float, pauses: Pauses) -> Queues:
    """The busiest worker is killed for good: its partitions wait for its session's end, then all wait."""
    before = owners(len(shares), workers)
    lost = int(worker_shares(shares, workers).argmax())
    after = owners(len(shares), workers - 1)
    survivors = np.where(before > lost, before - 1, before)
    moved = (before == lost) | (survivors != after)
    early = np.bincount(after, np.where(before == lost, rate * shares, 0.0), workers - 1)
    late = np.bincount(after, np.where(before == lost, 0.0, rate * shares), workers - 1)
    back = pauses.detection + pauses.rebalance + _restore_seconds(moved, after, pauses)
    return Queues(early, late, pauses.detection, back, workers - 1)


def recovery(queues: Queues, costs: Costs, rate: float, limit: float) -> Recovery:
    """Work off what waits when the workers are back; `rate` is of the whole group."""
    ends = STEP * np.arange(1, round(_HOUR / STEP) + 1)[:, None]
    arriving = STEP * (queues.early + queues.late * (ends > queues.since + STEP / 2.0))
    capacity = STEP * costs.capacity * (ends > queues.back + STEP / 2.0)
    fluid = flow(arriving, capacity, STEP)
    waits = fluid.wait()[1:]
    age = fluid.age().max(axis=1)
    return Recovery(
        longest_wait=float(waits.max()),
        caught_up=_caught_up(fluid, age),
        waited=float(arriving[waits > limit].sum() / (rate * _HOUR)),
        lag=age,
    )


def _restore_seconds(moved: Floats, owner: Floats, pauses: Pauses) -> Floats:
    """Seconds that each owner needs to restore the partitions that are new to it."""
    return pauses.restore * CARDS / len(moved) * np.bincount(owner, moved)


def _caught_up(fluid: Flow, age: Floats) -> float | None:
    late = np.flatnonzero(age > _CAUGHT_UP)
    if not len(late):
        return 0.0
    return float(fluid.times[late[-1] + 1]) if late[-1] + 1 < len(age) else None
