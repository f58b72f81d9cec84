"""How a subject's profile lies in memory and in the changelog: one packed row of 792 bytes.

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

LAYOUT: Final = 2
RECENT: Final = 32
"""Transactions kept one by one, the newest by event time, for exact short windows."""
REMEMBERED_TRANSACTIONS: Final = 12
"""Transaction ids kept, the last that came, to know a repeat."""
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
        ("sums", "<f8", len(RATES)),
        ("transactions", "<u8", REMEMBERED_TRANSACTIONS),
        ("recent_times", "<f8", RECENT),
        ("recent_amounts", "<f4", RECENT),
        ("recent_counterparties", "<u4", RECENT),
        ("counterparties", "<u4", REMEMBERED_COUNTERPARTIES),
    ]
)
"""``newest`` is the time of the sums, ``offset`` the last applied; empty recent places are at ``NEVER``."""

WORDS: Final = ROW.itemsize // 8
"""A row as 64-bit words: numpy gathers and scatters plain words ten times faster than structured rows."""


_HISTORY: Final = Struct(f"<8xd8x{len(RATES)}d")
_BEFORE_AMOUNTS: Final = 8 * (3 + len(RATES) + REMEMBERED_TRANSACTIONS + RECENT)
_RECENT_AMOUNTS: Final = Struct(f"<{_BEFORE_AMOUNTS}x{RECENT}f")
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
            f"this version reads layout {LAYOUT} with {ROW.itemsize} bytes"
        )
    if not _is_possible(payload):
        raise ValueError("a packed profile holds numbers that no transactions can give")
    return np.frombuffer(payload, dtype="<u8")


def _is_possible(payload: bytes) -> bool:
    """Whether a row's numbers may have come of transactions; a NaN among them makes their sum one."""
    newest: float
    sums: list[float]
    newest, *sums = _HISTORY.unpack_from(payload)
    amounts: tuple[float, ...] = _RECENT_AMOUNTS.unpack_from(payload)
    return (
        newest <= _MOST
        and min(sums) >= 0.0
        and sum(sums) <= _MOST
        and min(amounts) >= 0.0
        and sum(amounts) <= _MOST
    )
