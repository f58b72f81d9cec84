"""Exponentially decayed sums in event time.

A sum with time constant tau forgets an event of age a by the factor ``exp(-a / tau)``. It is stored as of the
newest event time ``T`` that it holds. An event ``x`` at time ``t`` folds in as

* ``S <- S * exp(-(t - T) / tau) + x`` and ``T <- t`` when ``t >= T``,
* ``S <- S + x * exp(-(T - t) / tau)`` when it is late (``t < T``),

so every order of the same events ends in the same sum: O(1) memory, no windows, no expiry.
Source: Cormode, Shkapenyuk, Srivastava, Xu, *Forward Decay: A Practical Time Decay Model for Streaming
Systems*, ICDE 2009 (exponential decay is the case where forward and backward decay agree).

Both exponents are never positive, so no distance in time can overflow; what is far away becomes zero.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

if TYPE_CHECKING:
    from models.arrays import Floats

MINUTE: Final = 60.0
HOUR: Final = 3_600.0
DAY: Final = 86_400.0

NEVER: Final = -np.inf
"""The newest event time of a sum that holds nothing yet."""


def rates(*taus: float) -> Floats:
    """Decay rates (1/s) of these time constants (s)."""
    return 1.0 / np.array(taus, dtype=np.float64)


def kept(ages: Floats, decay_rates: Floats) -> Floats:
    """Share [n, k] that old sums keep when an event comes ``ages`` [n] seconds after their newest time."""
    return np.exp(np.minimum(-ages, 0.0)[:, None] * decay_rates)


def entered(ages: Floats, decay_rates: Floats) -> Floats:
    """Share [n, k] with which the event itself enters: 1 in time, less when it is late (negative age)."""
    return np.exp(np.minimum(ages, 0.0)[:, None] * decay_rates)


def fold(sums: Floats, newest: Floats, additions: Floats, times: Floats, decay_rates: Floats) -> Floats:
    """Sums [n, k] as of ``max(newest, times)`` after adding ``additions`` [n, k] at ``times`` [n].

    ``newest`` [n] is the time of each row of ``sums``, ``NEVER`` where a row is empty.
    """
    ages = times - newest
    return sums * kept(ages, decay_rates) + additions * entered(ages, decay_rates)
