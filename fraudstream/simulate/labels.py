"""When the truth about a simulated transaction becomes known, who says so, and whether anybody ever does.

A bank learns of frauds late: its analysts look at alerts within hours, its own systems (issuer) find some
within two days, customers see payments they did not make days later, chargebacks come after weeks, and some
frauds nobody reports. Delays are log-normal: most are near the median and a few are very long. The shares and
medians below are this simulation's own, chosen to be plausible; no bank published them.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from math import log
from typing import TYPE_CHECKING

from schemas.label import Label, LabelOrigin, Outcome

if TYPE_CHECKING:
    from random import Random

    from fraudstream.simulate.world import SimulatedTransaction

_HOUR, _DAY = 3_600.0, 86_400.0


@dataclass(frozen=True, slots=True)
class Route:
    """One way by which a fraud becomes known.

    Attributes:
        origin: who says so.
        share: of all frauds, from 0 to 1.
        median: of the delay after the transaction, in seconds.
        spread: standard deviation of the delay's logarithm.
    """

    origin: LabelOrigin
    share: float
    median: float
    spread: float

    def delay(self, draws: Random) -> float:
        """Draw a delay, in seconds."""
        return draws.lognormvariate(log(self.median), self.spread)


ROUTES = (
    Route(LabelOrigin.CUSTOMER, 0.45, 3 * _DAY, 0.9),
    Route(LabelOrigin.CHARGEBACK, 0.20, 24 * _DAY, 0.4),
    Route(LabelOrigin.ANALYST, 0.20, 5 * _HOUR, 0.8),
    Route(LabelOrigin.ISSUER, 0.05, 1.5 * _DAY, 0.6),
)
"""How frauds become known; the share that is missing to 1 never does."""

CONFIRMED_SHARE = 0.002
"""The share of genuine transactions that an analyst asks the customer about, who confirms them."""

CONFIRMATION = Route(LabelOrigin.ANALYST, CONFIRMED_SHARE, 6 * _HOUR, 0.8)
"""How the few genuine transactions that somebody asks about are confirmed."""


def draw_label(transaction: SimulatedTransaction, draws: Random) -> Label | None:
    """Draw the label that a transaction will get, None where nobody ever says anything.

    Exactly one number is drawn to choose the route, and one more delay where there is one, so the labels of a
    stream depend on the transactions before them alone.
    """
    route = _draw_route(ROUTES if transaction.fraud else (CONFIRMATION,), draws)
    if route is None:
        return None
    return Label(
        transaction_id=transaction.transaction_id,
        subject=transaction.subject,
        outcome=Outcome.FRAUD if transaction.fraud else Outcome.GENUINE,
        origin=route.origin,
        label_time=_time(transaction.event_time + route.delay(draws)),
        event_time=_time(transaction.event_time),
    )


def _draw_route(routes: tuple[Route, ...], draws: Random) -> Route | None:
    point = draws.random()
    for route in routes:
        point -= route.share
        if point < 0:
            return route
    return None


def _time(timestamp: float) -> datetime:
    return datetime.fromtimestamp(timestamp, UTC)
