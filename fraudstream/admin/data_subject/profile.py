"""A profile in words: every field of the packed row by its name, with its unit."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from models.decay import NEVER
from models.profiles import layout as place
from models.profiles.layout import ROW, unpack_row

if TYPE_CHECKING:
    from models.arrays import Records

_DAYS: Final = ("1h", "1d", "7d", "30d")
_SUMS: Final = {
    **{f"transactions_{window}": place for place, window in enumerate(_DAYS)},
    **{f"amount_{window}": place for place, window in enumerate(_DAYS, len(_DAYS))},
    "own_weight_60d": place.WEIGHT,
    "own_amount_60d": place.TOTAL,
    "own_amount_squares_60d": place.SQUARES,
    "high_amounts_14d": place.HIGH_AMOUNTS,
}
UNITS: Final = {
    "newest_event_time": "time of the newest transaction",
    "last_offset": "position of the last transaction in its partition of topic transactions",
    "accounting_currency": "ISO 4217 code of the currency that all amounts here are of",
    "last_log": "identity of the topic in which that position counts: 64 bits of its Kafka topic id, or 0",
    "transactions_folded": "transactions since the profile began",
    "last_country": "ISO 3166-1 alpha-2 code of the last transaction",
    "fading_sums": "transactions, major units of currency, or their squares, each fading over the time named",
    "recent_transactions": "event time, amount in major units, 32-bit hashes of counterparty and id, and a "
    "64-bit hash of id, time, amount and counterparty",
    "last_counterparty_hashes": "32-bit hashes of the counterparties used last",
}
"""What each part of a described profile is counted in."""


def describe(payload: bytes) -> dict[str, Any]:
    """Every field of a packed profile; empty places are left out.

    Raises:
        UnknownLayoutError: another release packed it.
    """
    row = unpack_row(payload).view(ROW)[0]
    return {
        "newest_event_time": _moment(float(row["newest"])),
        "last_offset": int(row["offset"]),
        "last_log": int(row["log"]),
        "accounting_currency": _letters(int(row["currency"])),
        "transactions_folded": int(row["folded"]),
        "last_country": _letters(int(row["country"])),
        "fading_sums": {name: float(row["sums"][number]) for name, number in _SUMS.items()},
        "recent_transactions": _recent(row),
        "last_counterparty_hashes": _hashes(row["counterparties"]),
    }


def _recent(row: Records) -> list[dict[str, Any]]:
    """The transactions kept one by one, oldest first."""
    names = ("times", "amounts", "counterparties", "ids", "contents")
    places = zip(*(row[f"recent_{name}"].tolist() for name in names), strict=True)
    kept = sorted(each for each in places if each[0] != NEVER)
    return [
        {
            "event_time": _moment(time),
            "amount": round(amount, 2),
            "counterparty_hash": f"{counterparty:08x}",
            "id_hash": f"{id_hash:08x}",
            "content_hash": f"{content:016x}",
        }
        for time, amount, counterparty, id_hash, content in kept
    ]


def _hashes(values: Records) -> list[str]:
    return [f"{value:x}" for value in values.tolist() if value]


def _letters(code: int) -> str | None:
    """The letters of the code of a country or a currency."""
    return code.to_bytes(8, "big").lstrip(b"\0").decode(errors="replace") or None


def _moment(timestamp: float) -> str | None:
    return None if timestamp == NEVER else datetime.fromtimestamp(timestamp, UTC).isoformat()
