"""Which of the many genuine transactions are learnt: by a hash of their ids, within a budget of examples.

Chance has no part in it: the same transactions in the same order are kept again, and a rate that falls keeps
a subset of what a higher one kept. The rate follows the flow, as a decayed count in event time.
"""

from __future__ import annotations

import math
import struct
from typing import Final

from models.batch import stable_hashes
from models.decay import HOUR

_STATE: Final = struct.Struct("<dd")
_HASHES: Final = 2.0**64


class GenuineSampler:
    """Keeps a share of genuine rows, less where the flow would exceed the budget.

    Args:
        share: largest share that is kept, above 0 and at most 1.
        budget: examples kept per second of event time, above 0.

    Raises:
        ValueError: share or budget is out of range.
    """

    def __init__(self, share: float, budget: float) -> None:
        if not 0.0 < share <= 1.0 or not budget > 0.0:
            raise ValueError(f"a share is in (0, 1] and a budget above 0, not {share!r} and {budget!r}")
        self._share, self._budget = share, budget
        self._count, self._newest = 0.0, -math.inf

    def rate(self, transaction_id: str, time: float) -> float | None:
        """Count a genuine row that matures at `time` (s); the rate at which it is kept, None if it is not."""
        self._count = self._count * math.exp(min(self._newest - time, 0.0) / HOUR) + 1.0
        self._newest = max(self._newest, time)
        rate = min(self._share, self._budget * HOUR / self._count)
        return rate if float(stable_hashes([transaction_id])[0]) / _HASHES < rate else None

    def pack(self) -> bytes:
        """How dense the flow was."""
        return _STATE.pack(self._count, self._newest)

    def unpack(self, payload: bytes) -> None:
        """Go on where the sampler that packed this was."""
        self._count, self._newest = _STATE.unpack(payload)
