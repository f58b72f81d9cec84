"""Exchange rates, and amounts brought to the currency in which a subject's account is kept.

Sums and means compare amounts, so that all of a subject's must be of one currency: its accounting currency,
kept in its profile. It is the currency of the first amount that came, until an amount comes that the sender
says is billed or booked: that one names the account's own.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from models.batch import NO_CURRENCY, currency_code
from models.profiles.layout import AMOUNTS, COUNTS, SQUARES, TOTAL, WEIGHT

if TYPE_CHECKING:
    from collections.abc import Mapping

    from models.arrays import Floats, Records
    from models.batch import EventBatch
    from schemas.control import ExchangeRates

MOST_AMOUNT: Final = 1e12
"""No amount of the contract is larger, and none that was converted counts as more."""


class Rates:
    """The exchange rates of one date.

    Args:
        units: by currency, how many units of it are one unit of the base, the base itself included.
    """

    def __init__(self, units: Mapping[str, float] | None = None) -> None:
        self._units = {currency_code(currency): value for currency, value in (units or {}).items()}

    @classmethod
    def of(cls, control: ExchangeRates) -> Rates:
        """The rates that an operator gave."""
        return cls({**control.rates, control.base: 1.0})

    def factor(self, given: int, wanted: int) -> float | None:
        """By how much an amount of the currency ``given`` is multiplied to be one of ``wanted`` (codes).

        None where a rate is not known.
        """
        units, wanted_units = self._units.get(given), self._units.get(wanted)
        return None if units is None or wanted_units is None else wanted_units / units


NO_RATES: Final = Rates()
"""What is in force until an operator gives rates: every amount of another currency is unknown."""


def account(rows: Records, batch: EventBatch, rates: Rates) -> tuple[Floats, list[int]]:
    """Bring each amount to its subject's accounting currency, which its row keeps.

    Returns:
        The amounts [n], and the positions of those that are not known for want of a rate: they are 0.
    """
    unknown: list[int] = []
    foreign = (rows["currency"] != batch.currencies).nonzero()[0].tolist()
    if not foreign:
        return batch.amounts, unknown
    amounts = batch.amounts.copy()
    for place in foreign:
        own, given = int(rows["currency"][place]), int(batch.currencies[place])
        if own == NO_CURRENCY:
            rows["currency"][place] = given
        elif batch.booked[place]:
            rows["currency"][place] = given
            _convert_past(rows[place], rates.factor(own, given), amounts[place])
        elif factor := rates.factor(given, own):
            amounts[place] = min(amounts[place] * factor, MOST_AMOUNT)
        else:
            amounts[place] = 0.0
            unknown.append(place)
    return amounts, unknown


def _convert_past(row: Records, factor: float | None, amount: float) -> None:
    """Bring a row's amounts to another currency; without a rate, its amounts begin with this one."""
    sums, recent = row["sums"], row["recent_amounts"]
    if factor is None:
        sums[AMOUNTS] = sums[COUNTS] * amount
        sums[[WEIGHT, TOTAL, SQUARES]] = 0.0
        recent[:] = 0.0
        return
    sums[AMOUNTS] = np.minimum(sums[AMOUNTS] * factor, sums[COUNTS] * MOST_AMOUNT)
    sums[TOTAL] = min(sums[TOTAL] * factor, sums[WEIGHT] * MOST_AMOUNT)
    sums[SQUARES] = min(sums[SQUARES] * factor * factor, sums[WEIGHT] * MOST_AMOUNT * MOST_AMOUNT)
    recent[:] = np.minimum(recent * factor, MOST_AMOUNT)
