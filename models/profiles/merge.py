"""Two profiles of one subject made one: partitions grew, and the second began where its later events went.

Decayed sums of two parts of a history add up, once they are brought to one time. Of the recent transactions
the newest are kept. Amounts of two currencies do not add up: then the part that was active last speaks alone.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from models.decay import NEVER, kept
from models.profiles import layout as place
from models.profiles.layout import ROW, unpack_row

if TYPE_CHECKING:
    from models.arrays import Records

_RECENT = ("recent_times", "recent_contents", "recent_ids", "recent_amounts", "recent_counterparties")


def merge(one: bytes, other: bytes) -> bytes:
    """Merge two packed profiles of different events; the later-active one's offset and log stay.

    Raises:
        UnknownLayoutError: either was packed by another layout, or is no profile.
    """
    older, newer = sorted(map(_row, (one, other)), key=lambda row: float(row["newest"][0]))
    if older["currency"][0] == newer["currency"][0] or not older["currency"][0]:
        ages = newer["newest"] - older["newest"] if older["newest"][0] > NEVER else np.zeros(1)
        newer["sums"] += older["sums"] * kept(ages, place.RATES)
    _merge_recent(older, newer)
    _merge_counterparties(older, newer)
    newer["folded"] += older["folded"]
    return newer.tobytes()


def moved(profile: bytes) -> bytes:
    """A packed profile as of no offset: it goes to another partition, whose offsets say nothing of it."""
    row = _row(profile)
    row["offset"], row["log"] = -1, 0
    return row.tobytes()


def _row(profile: bytes) -> Records:
    return unpack_row(profile).copy().view(ROW)


def _merge_recent(older: Records, newer: Records) -> None:
    """Keep the newest transactions of both, where the ring has their places after as many as both folded."""
    columns = {name: np.concatenate([older[name][0], newer[name][0]]) for name in _RECENT}
    newest = np.argsort(columns["recent_times"], kind="stable")[-place.RECENT :]
    end = int(older["folded"][0] + newer["folded"][0])
    places = (end + np.arange(place.RECENT)) % place.RECENT
    for name, values in columns.items():
        newer[name][0][places] = values[newest]


def _merge_counterparties(older: Records, newer: Records) -> None:
    """Fill the places that the newer part has left with what the older one knows."""
    held = [*newer["counterparties"][0]]
    known = [each for each in older["counterparties"][0] if each and each not in held]
    free = [number for number, each in enumerate(held) if not each]
    for number, counterparty in zip(free, known, strict=False):
        newer["counterparties"][0][number] = counterparty
