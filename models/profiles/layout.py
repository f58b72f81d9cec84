"""How a subject's profile lies in memory and in the changelog: one packed row of 1096 bytes.

The bytes in memory are the bytes in the changelog, so packing copies and computes nothing. The first two
bytes are the layout's version; a change of the layout takes a new number, and what has another is refused.
"""

from __future__ import annotations

from struct import Struct
from typing import TYPE_CHECKING, ClassVar, Final

import numpy as np

from models.batch import NO_COUNTRY
from models.decay import DAY, HOUR, NEVER, rates

if TYPE_CHECKING:
    from models.arrays import Hashes, Records

LAYOUT: Final = 3
RECENT: Final = 32
"""Transactions kept one by one, the last that came: for exact short windows, and to know a repeat."""
REMEMBERED_COUNTERPARTIES: Final = 16
"""Counterparties kept, the last used, beside those of the recent transactions."""

RATES: Final = rates(
    *(HOUR, DAY, 7 * DAY, 30 * DAY),
    *(HOUR, DAY, 7 * DAY, 30 * DAY),
    *(60 * DAY, 60 * DAY, 60 * DAY),
    14 * DAY,
)
"""One rate for each decayed sum, in the order of the places below."""
COUNTS: Final = slice(0, 4)
AMOUNTS: Final = slice(4, 8)
WEIGHT, TOTAL, SQUARES = 8, 9, 10
HIGH_AMOUNTS = 11

ROW: Final = np.dtype(
    [
        ("layout", "<u2"),
        ("country", "<u2"),
        ("folded", "<u4"),
        ("newest", "<f8"),
        ("offset", "<i8"),
        ("log", "<i8"),
        ("currency", "<u8"),
        ("sums", "<f8", len(RATES)),
        ("recent_times", "<f8", RECENT),
        ("recent_contents", "<u8", RECENT),
        ("recent_ids", "<u4", RECENT),
        ("recent_amounts", "<f4", RECENT),
        ("recent_counterparties", "<u4", RECENT),
        ("counterparties", "<u4", REMEMBERED_COUNTERPARTIES),
    ]
)
"""``newest`` is the time of the sums; ``offset`` is the last applied, of the log with the identity ``log``.

Amounts are of the ``currency`` in which the account is kept. The recent transactions are a ring: the one
folded as number n is at place n modulo ``RECENT``. Empty places are at ``NEVER``.
"""

WORDS: Final = ROW.itemsize // 8
"""A row as 64-bit words: numpy gathers and scatters plain words ten times faster than structured rows."""


_PLACES: Final = {name: place for name, (_, place, *_) in (ROW.fields or {}).items()}
_NUMBERS: Final = (
    (Struct("<d"), _PLACES["newest"]),
    (Struct(f"<{len(RATES)}d"), _PLACES["sums"]),
    (Struct(f"<{RECENT}f"), _PLACES["recent_amounts"]),
)
_MOST: Final = 1e34
"""No sum can be more: a row counts at most 2**32 transactions, of at most 10**12 each, squared."""


class UnknownLayoutError(ValueError):
    """A packed profile has a layout that this version cannot read."""

    is_for_people: ClassVar = True


def empty_row() -> Records:
    """A profile [1] that has seen nothing."""
    row = np.zeros(1, dtype=ROW)
    row["layout"] = LAYOUT
    row["country"] = NO_COUNTRY
    row["newest"] = NEVER
    row["offset"] = -1
    row["recent_times"] = NEVER
    return row


def unpack_row(payload: bytes) -> Hashes:
    """The words [WORDS] of a packed row.

    Raises:
        UnknownLayoutError: the payload was packed by another layout, or is no profile.
        ValueError: it has a number that no transactions can give, which would make scores NaN.
    """
    layout = int.from_bytes(payload[:2], "little")
    if layout != LAYOUT or len(payload) != ROW.itemsize:
        raise UnknownLayoutError(
            f"a packed profile of layout {layout} with {len(payload)} bytes cannot be read: "
            f"this version reads layout {LAYOUT} with {ROW.itemsize} bytes, so run the version before, "
            "or make the profiles again (docs/reliability.md says how)"
        )
    if not _is_possible(payload):
        raise ValueError("a packed profile holds numbers that no transactions can give")
    return np.frombuffer(payload, dtype="<u8")


def _is_possible(payload: bytes) -> bool:
    """Whether a row's numbers may have come of transactions; a NaN among them makes their sum one."""
    [newest], sums, amounts = (form.unpack_from(payload, place) for form, place in _NUMBERS)
    return bool(
        newest <= _MOST
        and min(sums) >= 0.0
        and sum(sums) <= _MOST
        and min(amounts) >= 0.0
        and sum(amounts) <= _MOST
    )
