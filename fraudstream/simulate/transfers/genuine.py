"""The genuine transfers of one day.

Rates, a household and day: 0.25 payments to shops and tradesmen (one in eight to a new one), 0.2 to friends,
0.01 large sums to a stranger (a car, a deposit, a roof), which look much like fraud. A company pays three
invoices a working day. Standing orders fall on their day of the month, or on the next working day.
"""

from __future__ import annotations

from math import log
from typing import TYPE_CHECKING

from fraudstream.simulate.transfers.calendar import (
    BANK_RUN,
    OFFICE,
    WAKING,
    due_days,
    is_payday,
    is_working_day,
    midnight,
    spending,
)
from fraudstream.simulate.transfers.order import Order

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import date
    from random import Random

    from fraudstream.simulate.transfers.population import Company, Household, Population

_SHOPPING, _FRIENDS, _LARGE_SUMS = 0.25, 0.2, 0.01
_INVOICES = 3.0
_NEW_SHOP, _NEW_FRIEND, _NEW_SUPPLIER = 0.125, 0.08, 0.03
_GOODS = ("GDDS", "SCVE", "OTHR")
_GIFTS = ("GIFT", "OTHR")


def arrivals(draws: Random, mean: float) -> int:
    """Draw how often something with independent occurrences happens (Poisson), by adding up waiting times."""
    count, waited = 0, draws.expovariate(1.0)
    while waited < mean:
        count, waited = count + 1, waited + draws.expovariate(1.0)
    return count


def draw_payment_type(channel: str, instant_share: float, draws: Random) -> str:
    """Draw the payment type that is chosen; a branch has no instant payments."""
    instant = channel != "branch" and draws.random() < instant_share
    return "instant" if instant else "credit-transfer"


def genuine_orders(population: Population, day: date, draws: Random) -> Iterator[Order]:
    """Yield the genuine orders of a day (UTC), in no order of time."""
    yield from _standing_orders(population, day, draws)
    if is_payday(day):
        yield from _salaries(population, day, draws)
    if is_working_day(day):
        yield from _invoices(population, day, draws)
    busy = len(population.households) * spending(day)
    for habit, rate in ((_shop, _SHOPPING), (_pay_a_friend, _FRIENDS), (_pay_a_large_sum, _LARGE_SUMS)):
        for _ in range(arrivals(draws, busy * rate)):
            yield habit(population, population.draw_household(draws), midnight(day), draws)


def _standing_orders(population: Population, day: date, draws: Random) -> Iterator[Order]:
    due = due_days(day)
    for household in population.households:
        for order in household.standing_orders:
            if order.due_day in due:
                time = midnight(day) + BANK_RUN.draw(draws)
                amount = order.amount * draws.lognormvariate(0, order.variation)
                parties = order.debtor, order.creditor
                yield Order(time, *parties, amount, "standing-order", order.purpose, "batch")


def _salaries(population: Population, day: date, draws: Random) -> Iterator[Order]:
    """Yield each company's payroll, one run within a minute."""
    for company in population.companies:
        run = midnight(day) + BANK_RUN.draw(draws)
        for employee in company.staff:
            time, amount = run + draws.uniform(0, 60), employee.income * draws.lognormvariate(0, 0.03)
            yield Order(time, company.account, employee.account, amount, "credit-transfer", "SALA", "batch")


def _invoices(population: Population, day: date, draws: Random) -> Iterator[Order]:
    for company in population.companies:
        for _ in range(arrivals(draws, _INVOICES)):
            yield _invoice(population, company, midnight(day), draws)


def _invoice(population: Population, company: Company, start: float, draws: Random) -> Order:
    supplier, usual = draws.choice(company.suppliers)
    if draws.random() < _NEW_SUPPLIER:
        supplier = population.draw_stranger(draws)
    time, amount = start + OFFICE.draw(draws), usual * draws.lognormvariate(0, 0.4)
    channel = draws.choice(("batch", "web"))
    return Order(time, company.account, supplier, amount, "credit-transfer", "SUPP", channel)


def _shop(population: Population, household: Household, start: float, draws: Random) -> Order:
    known = draws.random() >= _NEW_SHOP
    shop = draws.choice(household.shops if known else population.shops)
    amount = draws.lognormvariate(log(household.income * 0.02), 0.8)
    time, payment_type = _moment_and_type(household, start, 0.2, draws)
    return Order(time, household.account, shop, amount, payment_type, draws.choice(_GOODS), household.channel)


def _pay_a_friend(population: Population, household: Household, start: float, draws: Random) -> Order:
    known = draws.random() >= _NEW_FRIEND
    friend = draws.choice(household.friends) if known else population.draw_stranger(draws)
    amount = 5.0 * max(1, round(draws.lognormvariate(log(5), 0.8)))
    time, payment_type = _moment_and_type(household, start, 0.7, draws)
    return Order(
        time, household.account, friend, amount, payment_type, draws.choice(_GIFTS), household.channel
    )


def _pay_a_large_sum(population: Population, household: Household, start: float, draws: Random) -> Order:
    stranger = population.draw_stranger(draws)
    amount = draws.lognormvariate(log(household.income * 0.7), 0.7)
    if draws.random() < 1 / 2:
        amount = 50.0 * max(1, round(amount / 50))
    time, payment_type = _moment_and_type(household, start, 0.35, draws)
    return Order(
        time, household.account, stranger, amount, payment_type, draws.choice(_GOODS), household.channel
    )


def _moment_and_type(
    household: Household, start: float, instant_share: float, draws: Random
) -> tuple[float, str]:
    return start + WAKING.draw(draws), draw_payment_type(household.channel, instant_share, draws)
