"""What one event does to its subject's profile, for many subjects at once.

Each function takes ``rows`` [n] of layout ``profile_row.ROW``, every row another subject, and one event a
row.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from models.batch import NO_COUNTRY
from models.decay import DAY, HOUR, MINUTE, entered, kept
from models.profiles import layout as place
from models.rates import account

if TYPE_CHECKING:
    from models.arrays import Flags, Floats, Records
    from models.batch import EventBatch
    from models.rates import Rates

WINDOWS: Final = np.array([10 * MINUTE, HOUR, DAY])
"""The exact windows, seconds."""
HIGH_RATIO: Final = 2.5
"""An amount above this many times the subject's own mean counts as unusually high."""
SMALLEST_AMOUNT: Final = 0.01
"""Stands for a mean of nothing when it divides."""
FORGOTTEN: Final = 1e-9
"""Below this weight a decayed mean is no longer known."""
USUAL_DEVIATION: Final = 0.5
"""Deviation, as a share of the mean, of one imagined earlier event: a short history does not look certain."""

_HELD_PLACES: Final = np.arange(place.REMEMBERED_COUNTERPARTIES)

VIEW: Final = np.dtype(
    [
        ("counts", "<f8", 3),
        ("means", "<f8", 3),
        ("own_mean", "<f8"),
        ("own_deviation", "<f8"),
        ("amount_ratio", "<f8"),
        ("amount_z", "<f8"),
        ("high_amounts", "<f8"),
        ("gap", "<f8"),
        ("new_counterparty", "<f8"),
        ("country_changed", "<f8"),
        ("window_counts", "<f8", len(WINDOWS)),
        ("window_amounts", "<f8", len(WINDOWS)),
        ("window_counterparties", "<f8"),
        ("amount", "<f8"),
        ("amount_known", "<f8"),
        ("id_reused", "<f8"),
        ("late", "<f8"),
    ]
)
"""What an event sees of its profile: sums and windows with the event itself, all else without it.

The columns that are features of the profile come first. ``amount`` is in the subject's accounting currency;
where it is not known there, the subject's own mean stands in, and it enters no sum of amounts. ``id_reused``
says that a recent transaction of other content has the same id. ``late`` is the time (s) by which the event
is older than the subject's newest one, 0 in order.

Sums are as of the profile's newest time: those of a late event hold what happened after it. Windows and gap
end at the event's own time, as far as the recent transactions reach. The sums that fade over an hour are kept
but not viewed: the exact hour says it better.
"""


def fold_rows(rows: Records, batch: EventBatch, rates: Rates) -> Records:
    """Fold each event into its row, in place; returns the view [n] of dtype ``VIEW``."""
    view = np.empty(len(batch), dtype=VIEW)
    amounts, unknown = account(rows, batch, rates)
    _fold_sums(rows, batch.times, amounts, unknown, view)
    _view_windows(rows, batch, amounts, view)
    _meet_counterparty(rows, batch, view)
    _meet_country(rows, batch, view)
    same_ids = rows["recent_ids"] == batch.id_hashes[:, None]
    view["id_reused"] = same_ids.any(axis=1) if np.count_nonzero(same_ids) else 0.0
    _remember_recent(rows, batch, amounts)
    _remember_event(rows, batch)
    return view


def repeated(rows: Records, batch: EventBatch) -> Flags:
    """Whether each event is among the recent ones of its subject, with the same id and content, [n]."""
    same = rows["recent_contents"] == batch.content_hashes[:, None]
    if np.count_nonzero(same):
        # A sender chooses ids freely, so that two payments may be made to have one hash: ask the rest, too.
        same &= rows["recent_times"] == batch.times[:, None]
        same &= rows["recent_counterparties"] == batch.counterparty_hashes[:, None]
        same &= rows["recent_ids"] == batch.id_hashes[:, None]
    known: Flags = same.any(axis=1)
    return known


def _fold_sums(rows: Records, times: Floats, amounts: Floats, unknown: list[int], view: Records) -> None:
    """Decayed sums: those of the amount's own history are viewed before the event enters them."""
    ages = times - rows["newest"]
    view["late"] = np.maximum(-ages, 0.0)
    sums = rows["sums"] * kept(ages, place.RATES)
    high = _view_amount(sums, amounts, unknown, view)
    additions = _additions(amounts, high)
    if unknown:
        additions[unknown, place.WEIGHT] = 0.0
        additions[unknown, place.AMOUNTS] = _usual(sums[unknown], view["amount"][unknown])
    sums += additions * entered(ages, place.RATES)
    view["counts"] = sums[:, place.COUNTS][:, 1:]
    view["means"] = sums[:, place.AMOUNTS][:, 1:] / np.maximum(view["counts"], FORGOTTEN)
    rows["sums"] = sums


def _view_amount(sums: Floats, amounts: Floats, unknown: list[int], view: Records) -> Flags:
    """The amount against the subject's own history; returns which amounts are unusually high."""
    weight = sums[:, place.WEIGHT]
    known = weight > FORGOTTEN  # a subject without a past is its own measure
    mean = np.divide(sums[:, place.TOTAL], weight, out=amounts.copy(), where=known)
    view["amount_known"] = 1.0
    if unknown:
        view["amount_known"][unknown] = 0.0
        amounts = amounts.copy()
        amounts[unknown] = mean[unknown]
    squares = np.maximum(sums[:, place.SQUARES] - weight * mean * mean, 0.0)
    deviation = np.sqrt((squares + (USUAL_DEVIATION * mean) ** 2) / (weight + 1.0))
    ratio = amounts / np.maximum(mean, SMALLEST_AMOUNT)
    view["amount"] = amounts
    view["own_mean"] = mean
    view["own_deviation"] = deviation
    view["amount_ratio"] = ratio
    view["amount_z"] = (amounts - mean) / np.maximum(deviation, SMALLEST_AMOUNT)
    view["high_amounts"] = sums[:, place.HIGH_AMOUNTS]
    return ratio > HIGH_RATIO


def _additions(amounts: Floats, high: Flags) -> Floats:
    """What each event adds to the sums, [n, sums]."""
    additions = np.zeros((len(amounts), len(place.RATES)))
    additions[:, place.COUNTS] = 1.0
    additions[:, place.AMOUNTS] = amounts[:, None]
    additions[:, place.WEIGHT] = 1.0
    additions[:, place.TOTAL] = amounts
    additions[:, place.SQUARES] = amounts * amounts
    additions[:, place.HIGH_AMOUNTS] = high
    return additions


def _usual(sums: Floats, own_means: Floats) -> Floats:
    """The mean amounts [n, windows]: they stay as they are when an event of unknown amount adds them."""
    counts = sums[:, place.COUNTS]
    means = np.repeat(own_means[:, None], counts.shape[1], axis=1)
    return np.divide(sums[:, place.AMOUNTS], counts, out=means, where=counts > FORGOTTEN)


def _view_windows(rows: Records, batch: EventBatch, amounts: Floats, view: Records) -> None:
    """Exact counts, sums and distinct counterparties of the windows that end with the event."""
    ages = batch.times[:, None] - rows["recent_times"]
    earlier = ages >= 0.0
    inside = (ages[:, None, :] < WINDOWS[:, None]) & earlier[:, None, :]
    earlier_amounts = inside * rows["recent_amounts"][:, None, :]
    view["gap"] = np.where(earlier, ages, np.inf).min(axis=1)
    view["window_counts"] = inside.sum(axis=2) + 1.0
    view["window_amounts"] = earlier_amounts.sum(axis=2, dtype=np.float64) + amounts[:, None]
    view["window_counterparties"] = _distinct(rows, batch, inside[:, -1])


def _distinct(rows: Records, batch: EventBatch, inside: Flags) -> Floats:
    """Different counterparties of the recent transactions ``inside`` [n, RECENT] and the event, [n]."""
    own = batch.counterparty_hashes[:, None]
    hashes = np.sort(np.concatenate([rows["recent_counterparties"] * inside, own], axis=1), axis=1)
    changes: Floats = (hashes[:, 1:] != hashes[:, :-1]).sum(axis=1, dtype=np.float64)
    changes += hashes[:, 0] != 0
    return changes


def _meet_counterparty(rows: Records, batch: EventBatch, view: Records) -> None:
    """Whether the subject is not known to have met this counterparty, which moves to the front of those held.

    When it is not held, the one used longest ago falls off the end.
    """
    own = batch.counterparty_hashes[:, None]
    held = rows["counterparties"]
    matches = held == own
    known = matches.any(axis=1)
    view["new_counterparty"] = ~(known | (rows["recent_counterparties"] == own).any(axis=1))
    last_moved = np.where(known, matches.argmax(axis=1), place.REMEMBERED_COUNTERPARTIES)
    moved = np.concatenate([own, held[:, :-1]], axis=1)
    rows["counterparties"] = np.where(last_moved[:, None] >= _HELD_PLACES, moved, held)


def _meet_country(rows: Records, batch: EventBatch, view: Records) -> None:
    """Whether the country is another than that of the subject's newest event, both being known."""
    before, now = rows["country"], batch.countries
    told = now != NO_COUNTRY
    view["country_changed"] = told & (before != NO_COUNTRY) & (before != now)
    rows["country"] = np.where(told & (batch.times >= rows["newest"]), now, before)


def _remember_recent(rows: Records, batch: EventBatch, amounts: Floats) -> None:
    """Put the event in the place of the recent one that came first."""
    places = np.arange(len(batch)), rows["folded"] % place.RECENT
    rows["recent_times"][places] = batch.times
    rows["recent_contents"][places] = batch.content_hashes
    rows["recent_ids"][places] = batch.id_hashes
    rows["recent_amounts"][places] = amounts
    rows["recent_counterparties"][places] = batch.counterparty_hashes
    rows["folded"] += 1


def _remember_event(rows: Records, batch: EventBatch) -> None:
    """Newest time, and position in the source."""
    rows["newest"] = np.maximum(rows["newest"], batch.times)
    rows["offset"] = batch.offsets
    rows["log"] = batch.logs
