"""Valid messages to be mutated, of each topic that agents read from strangers or from each other."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING

import orjson

from fraudstream.simulate.world import WorldName
from fraudstream.simulate.worlds import make_world

if TYPE_CHECKING:
    from collections.abc import Sequence

START = date(2026, 1, 1)


def transactions(customers: int = 150, days: int = 20) -> list[bytes]:
    """Card payments and transfers of a simulated bank."""
    worlds = [make_world(name, customers, days, START, seed=7) for name in WorldName]
    return [each.encode() for world in worlds for each in world]


def labels(of: Sequence[bytes]) -> list[bytes]:
    """A label for each of these transactions; it keeps their fields, which a reader of labels ignores."""
    return [_label(number, orjson.loads(each)) for number, each in enumerate(of)]


def _label(number: int, fields: dict[str, str]) -> bytes:
    return orjson.dumps(
        {
            **{name: each for name, each in fields.items() if name in {"card_id", "debtor_account"}},
            "transaction_id": fields.get("transaction_id") or fields["end_to_end_id"],
            "subject": fields.get("card_id") or fields["debtor_account"],
            "outcome": ("fraud", "genuine")[number % 2],
            "origin": ("analyst", "chargeback", "customer", "issuer")[number % 4],
            "event_time": fields["event_time"],
            "label_time": "2026-06-01T12:00:00Z",
            "reason": "4837",
        }
    )
