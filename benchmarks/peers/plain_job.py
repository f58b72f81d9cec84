"""The job of every peer in Python, as one writes it by hand: pydantic, plain objects, ONNX Runtime, orjson.

It knows nothing of fraudstream. Features are those of `models/scoring/features.py` that need no learning
side, in the same order; a test holds both to the same numbers.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import UTC, datetime
from math import exp, inf, sqrt
from operator import itemgetter
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import numpy as np
import onnxruntime
import orjson
from pydantic import AwareDatetime, BaseModel, NonNegativeFloat, StringConstraints

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    Rows = NDArray[np.float32]

HOUR: Final = 3_600.0
DAY: Final = 86_400.0
NAME: Final = "forest@1"
APPROVE, REVIEW, DECLINE = "approve", "review", "decline"

_FADING: Final = (DAY, 7 * DAY, 30 * DAY)
_WINDOWS: Final = (600.0, HOUR, DAY)
_OWN, _HIGH = 60 * DAY, 14 * DAY
_HIGH_RATIO: Final = 2.5
_FORGOTTEN: Final = 1e-9
_RECENT, _COUNTERPARTIES = 32, 16
_NIGHT_ENDS: Final = 7.0
_THURSDAY, _SATURDAY = 3, 5

Text = Annotated[str, StringConstraints(min_length=1)]


class Transaction(BaseModel):
    """What the job needs of a message, validated."""

    transaction_id: Text
    event_time: AwareDatetime
    card_id: Text
    merchant_id: Text
    terminal_id: Text | None = None
    amount: NonNegativeFloat
    currency: Annotated[str, StringConstraints(pattern="^[A-Z]{3}$")]
    billing_amount: NonNegativeFloat | None = None
    country: Annotated[str, StringConstraints(pattern="^[A-Z]{2}$")] | None = None

    @property
    def counterparty(self) -> str:
        """The terminal where one is named, else the merchant."""
        return self.terminal_id or self.merchant_id

    @property
    def billed(self) -> float:
        """The amount in the currency of the account."""
        return self.amount if self.billing_amount is None else self.billing_amount


@dataclass
class Profile:
    """A card: fading sums as of its newest transaction, and its last transactions one by one, oldest first.

    Fields are plain numbers, texts and lists, so that whoever keeps profiles can write them as JSON.
    """

    newest: float = 0.0
    country: str | None = None
    counts: list[float] = field(default_factory=lambda: [0.0] * len(_FADING))
    amounts: list[float] = field(default_factory=lambda: [0.0] * len(_FADING))
    weight: float = 0.0
    total: float = 0.0
    squares: float = 0.0
    high: float = 0.0
    recent: list[Sequence[Any]] = field(default_factory=list)
    counterparties: list[str] = field(default_factory=list)

    def observe(self, transaction: Transaction) -> list[float]:
        """Take a transaction in; gives the 25 features of it."""
        time, amount = transaction.event_time.timestamp(), transaction.billed
        country, counterparty = transaction.country, transaction.counterparty
        day, second = divmod(time, DAY)
        hour = second / HOUR
        gap, *windows = self._windows(time, amount, counterparty)
        is_new = self._is_new(counterparty)
        is_abroad = None not in (country, self.country) and country != self.country
        sums = self._fold(time, amount)
        self._remember(time, amount, country, counterparty)
        is_weekend = (day + _THURSDAY) % 7 >= _SATURDAY
        event = [amount, hour, float(is_weekend), float(hour < _NIGHT_ENDS)]
        return [*event, *sums, min(gap, 30 * DAY), float(is_new), float(is_abroad), *windows]

    def _fold(self, time: float, amount: float) -> list[float]:
        """Sums with this transaction, and what it is against the card's own past."""
        age = time - self.newest
        if age >= 0.0:
            kept, entered = [exp(-age / tau) for tau in _FADING], [1.0] * len(_FADING)
            own, own_new, high_kept, high_new = exp(-age / _OWN), 1.0, exp(-age / _HIGH), 1.0
        else:  # late: the sums stay as of the newest, and the transaction has faded until then
            kept, entered = [1.0] * len(_FADING), [exp(age / tau) for tau in _FADING]
            own, own_new, high_kept, high_new = 1.0, exp(age / _OWN), 1.0, exp(age / _HIGH)
        weight, total, squares = self.weight * own, self.total * own, self.squares * own
        mean = total / weight if weight > _FORGOTTEN else amount
        spread = max(squares - weight * mean * mean, 0.0)
        deviation = sqrt((spread + (0.5 * mean) ** 2) / (weight + 1.0))
        ratio = amount / max(mean, 0.01)
        z = (amount - mean) / max(deviation, 0.01)
        high = self.high * high_kept
        self.counts = [sum_ * k + e for sum_, k, e in zip(self.counts, kept, entered, strict=True)]
        self.amounts = [sum_ * k + amount * e for sum_, k, e in zip(self.amounts, kept, entered, strict=True)]
        self.weight, self.total = weight + own_new, total + amount * own_new
        self.squares = squares + amount * amount * own_new
        self.high = high + high_new * (ratio > _HIGH_RATIO)
        means = [
            total / max(count, _FORGOTTEN) for total, count in zip(self.amounts, self.counts, strict=True)
        ]
        past = [mean, deviation, min(ratio, 1_000.0), min(max(z, -10.0), 50.0), high]
        return [*self.counts, *means, *past]

    def _windows(self, time: float, amount: float, counterparty: str) -> list[float]:
        """Time since the one before; then exact counts, amounts and counterparties until this one."""
        gap, counts, amounts, others = inf, [1.0] * 3, [amount] * 3, {counterparty}
        for then, value, other in reversed(self.recent):
            age = time - then
            if age < 0.0:
                continue
            gap = min(gap, age)
            if age >= DAY:
                break
            others.add(other)
            for place, window in enumerate(_WINDOWS):
                if age < window:
                    counts[place] += 1.0
                    amounts[place] += value
        return [gap, *counts, *amounts, float(len(others))]

    def _is_new(self, counterparty: str) -> bool:
        return counterparty not in self.counterparties and all(
            other != counterparty for _, _, other in self.recent
        )

    def _remember(self, time: float, amount: float, country: str | None, counterparty: str) -> None:
        if counterparty in self.counterparties:
            self.counterparties.remove(counterparty)
        self.counterparties.insert(0, counterparty)
        del self.counterparties[_COUNTERPARTIES:]
        self.recent.append((time, amount, counterparty))
        if time < self.newest:
            self.recent.sort(key=itemgetter(0))
        elif country is not None:
            self.country = country
        del self.recent[:-_RECENT]
        self.newest = max(self.newest, time)


class Model:
    """The forest and its thresholds.

    Args:
        folder: with `forest.onnx` and `forest.json`.
    """

    def __init__(self, folder: str) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        self._session = onnxruntime.InferenceSession(Path(folder, "forest.onnx").read_bytes(), options)
        facts = json.loads(Path(folder, "forest.json").read_text())
        self._decline, self.review = facts["decline_threshold"], facts["review_threshold"]

    def scores(self, rows: Rows) -> list[float]:
        """A score for each row [n, 25]."""
        scores: list[float] = self._session.run(None, {"features": rows})[0][:, 0].tolist()
        return scores

    def decide(self, score: float) -> str:
        """What to do with a transaction of this score."""
        return APPROVE if score < self.review else REVIEW if score < self._decline else DECLINE


@dataclass
class Judged:
    """A transaction with its features [25], its score and what was decided."""

    transaction: Transaction
    features: Rows
    score: float
    decision: str
    threshold: float
    scored_at: datetime

    @property
    def is_alert(self) -> bool:
        """Whether somebody has to look at it."""
        return self.decision != APPROVE

    def score_fields(self) -> dict[str, Any]:
        """The fields of its score."""
        return self._fields() | {"features": self.features}

    def alert_fields(self) -> dict[str, Any]:
        """The fields of its alert."""
        return self._fields() | {"amount": self.transaction.billed}

    def _fields(self) -> dict[str, Any]:
        transaction = self.transaction
        return {
            "transaction_id": transaction.transaction_id,
            "event_time": transaction.event_time,
            "subject": transaction.card_id,
            "counterparty": transaction.counterparty,
            "score": self.score,
            "decision": self.decision,
            "threshold": self.threshold,
            "scored_by": NAME,
            "scored_at": self.scored_at,
        }


def judge(model: Model, transactions: Sequence[Transaction], features: Sequence[list[float]]) -> list[Judged]:
    """Score transactions by their features with one call of the model, and decide on each."""
    rows, now = np.array(features, dtype=np.float32), datetime.now(UTC)
    return [
        Judged(transaction, row, score, model.decide(score), model.review, now)
        for transaction, row, score in zip(transactions, rows, model.scores(rows), strict=True)
    ]


def encode(fields: dict[str, Any]) -> bytes:
    """Fields as JSON."""
    return orjson.dumps(fields, option=orjson.OPT_SERIALIZE_NUMPY)
