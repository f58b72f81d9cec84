"""Many workers side by side, batch by batch: each turn of one loop is one batch of every worker.

Every worker has a clock of its own. How many transactions come while it works is drawn, their times are not:
they lie evenly in that time, as far as a latency is concerned. One of each batch's transactions, at a random
place, speaks for all of them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from benchmarks.capacity.costs import Costs, Stalls
    from models.arrays import Flags, Floats


@dataclass(frozen=True)
class Lanes:
    """Workers, or stretches of time of one, that know nothing of each other.

    Attributes:
        rate: transactions a second, more than 0.
        backlog: transactions that wait at the start, a whole number.
        age: seconds for which the oldest of them waits.
    """

    rate: Floats
    backlog: Floats
    age: Floats


class Served(NamedTuple):
    """What batches did; arrays are lanes by batches.

    Attributes:
        due: seconds at which the one that speaks for the batch came.
        seen: seconds at which the batch was done.
        count: transactions in it.
    """

    due: Floats
    seen: Floats
    count: Floats


class _Turn(NamedTuple):
    """One batch of every lane: when one was there to be taken, when it began, when it was done.

    Beside each moment, how many have come until then; and how many were taken.
    """

    first: Floats
    come: Floats
    begin: Floats
    come_then: Floats
    end: Floats
    come_since: Floats
    was_idle: Flags
    taken: Floats


def serve(lanes: Lanes, costs: Costs, seconds: float, draws: np.random.Generator) -> Served:
    """Work on what comes for so many seconds."""
    turns = []
    free, arrived, gone = np.zeros_like(lanes.rate), lanes.backlog, np.zeros_like(lanes.rate)
    ready = free - costs.pace
    commit_due = draws.random(len(free)) * costs.interval
    while free.min() < seconds:
        was_idle = arrived == gone
        first = free + np.where(was_idle, draws.standard_exponential(len(free)) / lanes.rate, 0.0)
        ready, commit_due = _ready(np.maximum(first, ready + costs.pace), free, commit_due, costs, draws)
        come = arrived + was_idle
        come_then = come + _arrivals(lanes.rate, ready - first, draws)
        taken = np.minimum(come_then - gone, costs.most)
        gone = gone + taken
        work = costs.service(taken)
        free = ready + work + _stalled(costs.stalls, work, draws)
        arrived = come_then + draws.poisson(lanes.rate * (free - ready))
        turns.append(_Turn(first, come, ready, come_then, free, arrived, was_idle, taken))
    return _served(lanes, _Turn(*(np.stack(each, axis=1) for each in zip(*turns, strict=True))), draws)


def _ready(
    begin: Floats, free: Floats, commit_due: Floats, costs: Costs, draws: np.random.Generator
) -> tuple[Floats, Floats]:
    """When a batch begins that could at `begin`: after a commit that is due, or a stall while waiting."""
    commits = begin >= commit_due
    committed = np.maximum(commit_due, free) + costs.hold
    ready = np.where(commits, np.maximum(begin, committed), begin)
    if costs.stalls.share:
        stalled = draws.random(len(begin)) < costs.stalls.chance(begin - free)
        ready[stalled] += costs.stalls.mean * draws.standard_exponential(np.count_nonzero(stalled))
    return ready, np.where(commits, committed + costs.interval, commit_due)


def _arrivals(rate: Floats, seconds: Floats, draws: np.random.Generator) -> Floats:
    """Draw how many come, where there is time to come at all."""
    came = np.zeros_like(rate)
    some = np.flatnonzero(seconds)
    came[some] = draws.poisson(rate[some] * seconds[some])
    return came


def _stalled(stalls: Stalls, work: Floats, draws: np.random.Generator) -> Floats:
    """Draw the seconds of all stalls that begin during some work."""
    return stalls.mean * draws.standard_gamma(draws.poisson(stalls.rate * work))


def _served(lanes: Lanes, turns: _Turn, draws: np.random.Generator) -> Served:
    """Find when each batch's speaker came: where its number lies on the line of arrivals over time."""
    place = draws.random(turns.taken.shape) * turns.taken
    number = np.cumsum(turns.taken, axis=1) - turns.taken + place
    none = np.zeros_like(lanes.age)
    counts = _line((none, lanes.backlog), (turns.come, turns.come_then, turns.come_since))
    times = _line((-lanes.age, none), (turns.first, turns.begin, turns.end))
    # one line after the other, so that one search serves all lanes
    apart = np.arange(len(lanes.rate))[:, None] * (counts.max() + 1.0)
    due = np.interp((number + apart).ravel(), (counts + apart).ravel(), times.ravel()).reshape(number.shape)
    found_idle = turns.was_idle & (place < 1.0)
    return Served(np.where(found_idle, turns.first, due), turns.end, turns.taken)


def _line(start: tuple[Floats, ...], batches: tuple[Floats, ...]) -> Floats:
    """The points of a line for every lane: some at the start, then some of every batch, in order."""
    return np.concatenate([np.stack(start, 1), np.stack(batches, 2).reshape(len(start[0]), -1)], 1)
