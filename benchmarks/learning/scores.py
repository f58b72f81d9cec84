"""What the topic of scores tells afterwards: when each transaction was scored, and by which model.

Read when all is over, so that reading costs the measured system nothing.
"""

from __future__ import annotations

from bisect import bisect_left
from datetime import datetime
from typing import TYPE_CHECKING, NamedTuple

import orjson

from benchmarks.topic import records

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence


class Scoring(NamedTuple):
    """When a transaction was scored (s since 1970) and by which version of the model."""

    at: float
    scored_by: str


def read_scores(bootstrap_servers: str, topic: str) -> dict[str, Scoring]:
    """Read the whole topic, committed records alone; by transaction."""
    found: dict[str, Scoring] = {}
    for message in records(bootstrap_servers, topic):
        score = orjson.loads(message.value())
        at = datetime.fromisoformat(score["scored_at"]).timestamp()
        found[score["transaction_id"]] = Scoring(at, score["scored_by"])
    return found


def swap_times(scorings: Iterable[Scoring]) -> list[float]:
    """When each model but the first scored its first transaction, in order of time."""
    first: dict[str, float] = {}
    for each in sorted(scorings):
        first.setdefault(each.scored_by, each.at)
    return list(first.values())[1:]


def latencies(
    due: Mapping[str, float],
    scored: Mapping[str, Scoring],
    swaps: Sequence[float],
    before: float,
    after: float,
) -> tuple[list[float], list[float]]:
    """Seconds from due to scored: of all transactions, and of those due around a swap.

    Args:
        due: when each transaction was due, s since 1970.
        scored: must hold each of them; one that was never scored is a KeyError and no good latency.
        swaps: ascending.
        before: seconds before a swap from which a transaction is near it.
        after: seconds after it until which it is.
    """
    every, near = [], []
    for transaction_id, at in due.items():
        latency = scored[transaction_id].at - at
        every.append(latency)
        following = bisect_left(swaps, at - after)
        if following < len(swaps) and swaps[following] - at <= before:
            near.append(latency)
    return every, near
