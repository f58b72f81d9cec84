"""The Handbook's payments as card transactions of our schema.

The Handbook knows a customer, a terminal, a time and an amount. What else a card transaction names is drawn
for the terminal once, before and apart from any fraud: its merchant, category, country and way of sale. The
entry mode follows from the way of sale and the amount, as contactless payment ends at 50 EUR. So no field
tells the label.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np

from fraudstream.simulate.handbook import Handbook, draw_payments, draw_terminals
from fraudstream.simulate.world import SimulatedTransaction, token

if TYPE_CHECKING:
    from collections.abc import Iterator

_MERCHANT_STREAM = 999_983  # far from the days and customers that seed the Handbook's own draws
_TERMINALS_PER_MERCHANT = 3
_ONLINE_SHARE = 0.12
_CONTACTLESS_LIMIT = 50.0

# Merchant category codes (ISO 18245) and their share of merchants.
_CATEGORIES: Final = {
    "5411": 0.26,  # grocery stores
    "5812": 0.16,  # restaurants
    "5814": 0.10,  # fast food
    "5541": 0.10,  # service stations
    "5651": 0.09,  # clothing
    "5912": 0.07,  # pharmacies
    "5732": 0.06,  # electronics
    "5311": 0.05,  # department stores
    "4111": 0.05,  # local transport
    "7011": 0.04,  # hotels
    "5942": 0.02,  # books
}
# Countries (ISO 3166-1) as strips of the map, from west to east: right border of each.
_BORDERS: Final = ((8.0, "ES"), (82.0, "FR"), (92.0, "BE"), (100.0, "DE"))


class _Terminal(NamedTuple):
    terminal_id: str
    merchant_id: str
    category: str
    country: str
    online: bool


@dataclass(frozen=True)
class CardWorld:
    """The Handbook's world as simulated card transactions; iterating draws it anew, the same each time.

    Args:
        handbook: the world's parameters.
    """

    handbook: Handbook

    def __iter__(self) -> Iterator[SimulatedTransaction]:
        """Yield every payment in order of time."""
        world, payments = self.handbook, draw_payments(self.handbook)
        cards = [token("card", world.seed, customer) for customer in range(world.customers)]
        terminals = _draw_terminal_facts(world)
        rows = zip(*(column.tolist() for column in (*payments, payments.fraud)), strict=True)
        start, first_day = world.start_timestamp, world.start.isoformat()
        for number, (second, customer, terminal, amount, _, fraud) in enumerate(rows):
            transaction_id = token("payment", world.seed, first_day, number)
            message = _message(transaction_id, cards[customer], terminals[terminal], amount)
            yield SimulatedTransaction(start + second, transaction_id, cards[customer], fraud, message)


def _draw_terminal_facts(world: Handbook) -> list[_Terminal]:
    """Draw what a terminal's merchant sells, and where it stands."""
    draws = world.numpy_stream(_MERCHANT_STREAM)
    merchants = -(-world.terminals // _TERMINALS_PER_MERCHANT)
    categories = draws.choice(list(_CATEGORIES), size=merchants, p=list(_CATEGORIES.values())).tolist()
    online = (draws.random_sample(world.terminals) < _ONLINE_SHARE).tolist()
    strips = np.searchsorted([border for border, _ in _BORDERS], draw_terminals(world)[:, 0])
    return [
        _Terminal(
            terminal_id=token("terminal", world.seed, number),
            merchant_id=token("merchant", world.seed, number // _TERMINALS_PER_MERCHANT),
            category=categories[number // _TERMINALS_PER_MERCHANT],
            country=_BORDERS[strip][1],
            online=online[number],
        )
        for number, strip in enumerate(strips.tolist())
    ]


def _message(
    transaction_id: str, card_id: str, terminal: _Terminal, amount: float
) -> dict[str, str | bool | int]:
    return {
        "schema_version": 1,
        "kind": "card",
        "transaction_id": transaction_id,
        "card_id": card_id,
        "merchant_id": terminal.merchant_id,
        "terminal_id": terminal.terminal_id,
        "amount": f"{amount:.2f}",
        "currency": "EUR",
        "merchant_category_code": terminal.category,
        "country": terminal.country,
        "point_of_service_entry_mode": _entry_mode(terminal, amount),
        "channel": "online" if terminal.online else "pos",
        "card_present": not terminal.online,
    }


def _entry_mode(terminal: _Terminal, amount: float) -> str:
    """Return the ISO 8583 entry mode: 812 internet, 071 contactless, 051 chip."""
    if terminal.online:
        return "812"
    return "071" if amount <= _CONTACTLESS_LIMIT else "051"
