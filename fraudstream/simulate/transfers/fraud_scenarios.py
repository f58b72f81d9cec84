"""The frauds of one day, and the mule accounts that tie them together.

Four schemes, with rates that give about one fraud in 200 transfers. That is many times what banks see, so
that a short stream holds enough to learn from:

* take-over (0.35 a day for 1,000 households): somebody else uses the account, mostly by night, from any
  channel: two to six transfers within an hour or two, most of them instant, each a large part of an income;
* scam (0.4): the victim pays, by the usual channel at a usual hour: one to three growing payments, hours to
  days apart;
* diverted invoice (2 for 1,000 companies): a supplier's "new account" gets an invoice of about the usual
  size, perhaps a second one a week later;
* layering: a mule inside the bank sends on nearly all that it receives, within hours, to its ring.

A mule works for five to fifteen days and serves several victims. One in three is a customer recruited with an
ordinary past; the others have accounts at other banks, where only the payments to them are seen.
"""

from __future__ import annotations

from datetime import date, timedelta
from math import log
from typing import TYPE_CHECKING, NamedTuple

from fraudstream.simulate.transfers.calendar import NIGHT, OFFICE, WAKING, is_working_day, midnight
from fraudstream.simulate.transfers.genuine import arrivals, draw_payment_type
from fraudstream.simulate.transfers.order import Order

if TYPE_CHECKING:
    from collections.abc import Iterator
    from random import Random

    from fraudstream.simulate.transfers.population import Account, Company, Household, Population

_TAKEOVERS, _SCAMS = 0.35e-3, 0.4e-3  # a household and day
_DIVERTED_INVOICES = 2e-3  # a company and day
_NEW_MULES = 0.15e-3  # a household and day
_MULE_DAYS = (5, 15)
_INSIDE_SHARE = 1 / 3
_HOUR, _DAY = 3_600.0, 86_400.0
_PURPOSES = ("GDDS", "SCVE", "OTHR", "GIFT")


class _Mule(NamedTuple):
    """An account that collects, until when, and where it sends the money; nobody sees that of one outside."""

    account: Account
    last_day: date
    ring: tuple[Account, ...]


class Crimes:
    """The criminals of a world; they remember their mules from day to day.

    Args:
        population: the victims and recruits.
        draws: everything that is left to chance.
    """

    def __init__(self, population: Population, draws: Random) -> None:
        self._population = population
        self._draws = draws
        self._mules: list[_Mule] = []

    def orders(self, day: date) -> Iterator[Order]:
        """Yield the fraudulent orders that begin on a day, in no order of time; some fall on later days."""
        households = len(self._population.households)
        self._recruit(day, households * _NEW_MULES)
        for _ in range(arrivals(self._draws, households * _TAKEOVERS)):
            yield from self._take_over(self._draws.choice(self._population.households), day)
        for _ in range(arrivals(self._draws, households * _SCAMS)):
            yield from self._scam(self._draws.choice(self._population.households), day)
        if is_working_day(day):
            for _ in range(arrivals(self._draws, len(self._population.companies) * _DIVERTED_INVOICES)):
                yield from self._divert_invoice(self._draws.choice(self._population.companies), day)

    def _take_over(self, victim: Household, day: date) -> Iterator[Order]:
        draws = self._draws
        rhythm = NIGHT if draws.random() < 0.6 else WAKING  # noqa: PLR2004 - three in five by night
        time, channel = midnight(day) + rhythm.draw(draws), draws.choice(("mobile", "web"))
        mules = draws.choices(self._mules, k=2)
        for _ in range(draws.randint(2, 6)):
            amount = self._rounded(victim.income * draws.uniform(0.15, 0.9))
            yield from self._pay(
                victim.account, draws.choice(mules), time, amount, instant_share=0.8, channel=channel
            )
            time += draws.uniform(60, 1_500)

    def _scam(self, victim: Household, day: date) -> Iterator[Order]:
        draws = self._draws
        time, mule = midnight(day) + WAKING.draw(draws), draws.choice(self._mules)
        amount = draws.lognormvariate(log(victim.income * 0.3), 0.6)
        for _ in range(draws.choices((1, 2, 3), weights=(5, 3, 2))[0]):
            yield from self._pay(
                victim.account, mule, time, self._rounded(amount), instant_share=0.5, channel=victim.channel
            )
            time, amount = time + draws.uniform(0.1, 2) * _DAY, amount * draws.uniform(1.1, 2)

    def _divert_invoice(self, company: Company, day: date) -> Iterator[Order]:
        draws = self._draws
        time, mule = midnight(day) + OFFICE.draw(draws), draws.choice(self._mules)
        _, usual = draws.choice(company.suppliers)
        for _ in range(draws.choice((1, 1, 2))):
            amount, channel = usual * draws.lognormvariate(0.2, 0.4), draws.choice(("batch", "web"))
            order = Order(
                time, company.account, mule.account, amount, "credit-transfer", "SUPP", channel, fraud=True
            )
            yield order
            yield from self._send_on(mule, order)
            time += 7 * _DAY

    def _pay(
        self, debtor: Account, mule: _Mule, time: float, amount: float, *, instant_share: float, channel: str
    ) -> Iterator[Order]:
        """Yield a victim's payment and what the mule does with it."""
        payment_type = draw_payment_type(channel, instant_share, self._draws)
        purpose = self._draws.choice(_PURPOSES)
        order = Order(time, debtor, mule.account, amount, payment_type, purpose, channel, fraud=True)
        yield order
        yield from self._send_on(mule, order)

    def _send_on(self, mule: _Mule, received: Order) -> Iterator[Order]:
        """Yield one to three transfers of 85 to 97 % of the money, a few hours after it came."""
        if not mule.ring:
            return
        draws, parts = self._draws, self._draws.randint(1, 3)
        time = received.time
        for _ in range(parts):
            time += draws.lognormvariate(log(3 * _HOUR), 1.0)
            amount = self._rounded(received.amount * draws.uniform(0.85, 0.97) / parts)
            creditor, purpose = draws.choice(mule.ring), draws.choice(_PURPOSES)
            payment_type, channel = draw_payment_type("mobile", 0.8, draws), draws.choice(("mobile", "web"))
            yield Order(time, mule.account, creditor, amount, payment_type, purpose, channel, fraud=True)

    def _recruit(self, day: date, mean: float) -> None:
        """Let mules go whose time is over, and find new ones; there is always one."""
        self._mules = [mule for mule in self._mules if mule.last_day >= day]
        self._mules += [
            self._draw_mule(day) for _ in range(max(arrivals(self._draws, mean), not self._mules))
        ]

    def _draw_mule(self, day: date) -> _Mule:
        draws, population = self._draws, self._population
        last_day = day + timedelta(days=draws.randint(*_MULE_DAYS))
        if draws.random() >= _INSIDE_SHARE:
            return _Mule(population.draw_stranger(draws), last_day, ring=())
        ring = tuple(population.draw_stranger(draws) for _ in range(draws.randint(2, 4)))
        return _Mule(draws.choice(population.households).account, last_day, ring)

    def _rounded(self, amount: float) -> float:
        """Round half of the amounts to tens, as genuine payers of large sums do too."""
        return 10.0 * max(1, round(amount / 10)) if self._draws.random() < 1 / 2 else amount
