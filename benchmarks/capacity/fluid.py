"""A queue as a fluid in steps of time: what flows in, what can flow out, and what waits between the two."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from models.arrays import Floats


@dataclass(frozen=True)
class Flow:
    """Queues side by side, first come first served; arrays are moments by queues.

    Attributes:
        times: seconds, of each moment.
        arrived: transactions that have come until then.
        served: transactions that have gone until then.
    """

    times: Floats
    arrived: Floats
    served: Floats

    @property
    def backlog(self) -> Floats:
        """Transactions that wait, by moment and queue."""
        return self.arrived - self.served

    def age(self) -> Floats:
        """Seconds for which the oldest one waits, by moment and queue."""
        came = [
            np.interp(served, arrived, self.times) for arrived, served in _pairs(self.arrived, self.served)
        ]
        return np.where(self.backlog > 0.0, np.maximum(self.times[:, None] - np.stack(came, 1), 0.0), 0.0)

    def wait(self) -> Floats:
        """Seconds that one coming at a moment will wait, by moment and queue; infinite past the end."""
        gone = [
            np.interp(arrived, served, self.times, right=np.inf)
            for arrived, served in _pairs(self.arrived, self.served)
        ]
        return np.where(self.backlog > 0.0, np.maximum(np.stack(gone, 1) - self.times[:, None], 0.0), 0.0)


def flow(arriving: Floats, capacity: Floats, step: float) -> Flow:
    """Queues that are empty at first.

    The backlog is Lindley's recursion, max(0, backlog + arriving - capacity), in closed form: the sum of what
    was too much, less the lowest that the sum has been.

    Args:
        arriving: transactions in each step, by step and queue.
        capacity: transactions that each step could serve, likewise.
        step: seconds of a step.
    """
    start = np.zeros((1, arriving.shape[1]))
    surplus = np.concatenate([start, np.cumsum(arriving - capacity, axis=0)])
    backlog = surplus - np.minimum.accumulate(np.minimum(surplus, 0.0), axis=0)
    arrived = np.concatenate([start, np.cumsum(arriving, axis=0)])
    return Flow(np.arange(len(arrived)) * step, arrived, arrived - backlog)


def _pairs(first: Floats, second: Floats) -> zip[tuple[Floats, Floats]]:
    """Queue by queue."""
    return zip(first.T, second.T, strict=True)
