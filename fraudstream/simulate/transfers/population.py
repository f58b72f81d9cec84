"""Who has an account: households and companies of the bank, and the accounts outside that they pay."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import accumulate
from math import log
from typing import TYPE_CHECKING, NamedTuple

from fraudstream.simulate.world import token

if TYPE_CHECKING:
    from random import Random

HOME_COUNTRY = "FR"
_FOREIGN_COUNTRIES = ("DE", "BE", "ES", "IT", "NL", "PT", "LT")
_FOREIGN_SHARE = 0.08

_HOUSEHOLDS_PER_COMPANY = 20
_SHOPS_PER_HOUSEHOLD = 0.2
_MEDIAN_INCOME = 2_300.0
_LAST_DUE_DAY = 28  # every month has it


class Account(NamedTuple):
    """An account: its token and the country of its bank."""

    account: str
    country: str


class StandingOrder(NamedTuple):
    """A transfer of every month. The amount is in EUR; ``variation`` is the spread of its logarithm."""

    debtor: Account
    creditor: Account
    amount: float
    variation: float
    due_day: int
    purpose: str


@dataclass(frozen=True, slots=True)
class Household:
    """A private customer.

    Attributes:
        account: the current account.
        income: monthly, in EUR.
        channel: the way in that it prefers.
        shops: whom it pays again and again.
        friends: the accounts of other households.
        standing_orders: rent, bills and savings.
        activity: how often it pays shops and friends, 1 on average.
    """

    account: Account
    income: float
    channel: str
    shops: tuple[Account, ...]
    friends: tuple[Account, ...]
    standing_orders: tuple[StandingOrder, ...]
    activity: float


@dataclass(frozen=True, slots=True)
class Company:
    """A business customer: its account, what it pays each supplier on average (EUR), and whom it employs."""

    account: Account
    suppliers: tuple[tuple[Account, float], ...]
    staff: tuple[Household, ...]


@dataclass(frozen=True, slots=True)
class Population:
    """Everybody; ``activity`` holds running sums of the households' own, to draw them by it."""

    households: tuple[Household, ...]
    companies: tuple[Company, ...]
    shops: tuple[Account, ...]
    activity: tuple[float, ...]
    seed: int

    def draw_household(self, draws: Random) -> Household:
        """Draw a household, the active ones more often."""
        return draws.choices(self.households, cum_weights=self.activity)[0]

    def draw_stranger(self, draws: Random) -> Account:
        """Draw an account outside the bank that nobody has paid before."""
        return _draw_outside_account(draws, self.seed)


def draw_population(customers: int, seed: int, draws: Random) -> Population:
    """Draw the bank's customers.

    Args:
        customers: how many households; there is a company for every 20.
        seed: goes into every account token.
        draws: everything else.
    """
    shops = tuple(
        _draw_outside_account(draws, seed) for _ in range(10 + int(customers * _SHOPS_PER_HOUSEHOLD))
    )
    popularity = tuple(accumulate(1 / rank for rank in range(1, len(shops) + 1)))
    accounts = [Account(token("account", seed, number), HOME_COUNTRY) for number in range(customers)]
    households = tuple(
        _draw_household(account, accounts, draws.choices(shops, cum_weights=popularity, k=9), seed, draws)
        for account in accounts
    )
    companies = tuple(
        _draw_company(households[first : first + _HOUSEHOLDS_PER_COMPANY], seed, draws)
        for first in range(0, customers, _HOUSEHOLDS_PER_COMPANY)
    )
    activity = tuple(accumulate(household.activity for household in households))
    return Population(households, companies, shops, activity, seed)


def _draw_outside_account(draws: Random, seed: int) -> Account:
    """Draw an account at another bank; most are at home."""
    foreign = draws.random() < _FOREIGN_SHARE
    country = draws.choice(_FOREIGN_COUNTRIES) if foreign else HOME_COUNTRY
    return Account(token("account", seed, draws.getrandbits(64)), country)


def _draw_household(
    account: Account, accounts: list[Account], shops: list[Account], seed: int, draws: Random
) -> Household:
    income = draws.lognormvariate(log(_MEDIAN_INCOME), 0.4)
    others = draws.sample(accounts, k=min(draws.randint(3, 8), len(accounts)))
    return Household(
        account=account,
        income=income,
        channel=draws.choices(("mobile", "web", "branch"), weights=(65, 30, 5))[0],
        shops=tuple(dict.fromkeys(shops)),
        friends=tuple(other for other in others if other != account) or (_draw_outside_account(draws, seed),),
        standing_orders=tuple(_draw_standing_orders(account, income, shops, seed, draws)),
        activity=draws.lognormvariate(0, 0.6),
    )


def _draw_standing_orders(
    account: Account, income: float, shops: list[Account], seed: int, draws: Random
) -> list[StandingOrder]:
    """Draw rent (for two in three), savings (for one in two) and two to five bills."""
    orders = [
        StandingOrder(
            account,
            draws.choice(shops),
            draws.lognormvariate(log(45), 0.6),
            0.1,
            _draw_due_day(draws),
            "UBIL",
        )
        for _ in range(draws.randint(2, 5))
    ]
    if draws.random() < 2 / 3:
        rent = round(income * draws.uniform(0.2, 0.4))
        landlord = _draw_outside_account(draws, seed)
        orders.append(StandingOrder(account, landlord, rent, 0, draws.randint(1, 5), "RENT"))
    if draws.random() < 1 / 2:
        savings = Account(token("account", seed, account.account, "savings"), HOME_COUNTRY)
        sum_saved = 10 * round(income * draws.uniform(0.005, 0.02))
        orders.append(StandingOrder(account, savings, sum_saved, 0, draws.randint(1, 3), "SAVG"))
    return orders


def _draw_due_day(draws: Random) -> int:
    return draws.randint(1, _LAST_DUE_DAY)


def _draw_company(staff: tuple[Household, ...], seed: int, draws: Random) -> Company:
    suppliers = tuple(
        (_draw_outside_account(draws, seed), draws.lognormvariate(log(1_200), 0.9))
        for _ in range(draws.randint(5, 15))
    )
    return Company(Account(token("account", seed, draws.getrandbits(64)), HOME_COUNTRY), suppliers, staff)
