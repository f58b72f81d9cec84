"""The candidates that run the service's own loop over the data, event by event."""

from __future__ import annotations

import pickle
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from typing import TYPE_CHECKING, Final

import numpy as np

from fraudstream.backtest.candidates.loop import Loop
from fraudstream.backtest.sources.dataset import NEVER_LABELLED
from models.decay import DAY, HOUR
from models.labelling.core import LabellingRules
from models.quality.evaluation import highest_cards
from models.scoring.pipeline import Scored
from models.snapshots.online_model import new_model
from schemas.label import Label, LabelOrigin, Outcome

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fraudstream.backtest.sources.dataset import Dataset
    from models.arrays import Floats
    from models.scoring.pipeline import Skipped
    from models.snapshots.online_model import OnlineModel

BATCH: Final = 250
"""Most transactions that are scored at once, all of the same hour: what becomes known meanwhile waits."""
VERDICT_CARDS: Final = 100
"""Cards a day that a team looks at in a candidate with verdicts, at most."""
VERDICT_SHARE: Final = 0.02
"""Share of all cards that it looks at a day, at most: a small bank has a small team."""
_MARGIN: Final = HOUR


@dataclass(frozen=True, slots=True)
class OnlineOptions:
    """How an online candidate learns.

    Attributes:
        algorithm: of the learner, None where the prior model scores throughout.
        verdicts: whether a team's verdicts on each day's highest cards come the midnight after.
        publish_hours: event time between two compiled models, whole hours.
        seed: of the learner.
    """

    algorithm: str | None
    verdicts: bool = False
    publish_hours: int = 6
    seed: int = 1


class OnlineRun:
    """One pass over the data, from its first transaction or from a checkpoint.

    Args:
        data: what is scored.
        horizon: seconds after which an outcome is final.
        options: how it learns.
    """

    def __init__(self, data: Dataset, horizon: float, options: OnlineOptions) -> None:
        self._data, self._options = data, options
        rules = LabellingRules(horizon=horizon, keep=_keep(data, horizon))
        self._loop = Loop(rules, _new_model(options))
        labelled = np.count_nonzero(data.label_times < NEVER_LABELLED)
        self._labelled = np.argsort(data.label_times, kind="stable")[:labelled]
        self._labels_told = 0
        self.position = 0
        self.scores = np.full(len(data), np.nan)

    def step(self, stop: int) -> list[Scored | Skipped]:
        """Learn all that is known at the next transaction, then score up to row ``stop``."""
        start = self.position
        self._learn(start, float(self._data.times[start]))
        results = self._loop.score(self._data.transactions(start, stop), range(start, stop))
        self.scores[start:stop] = [each.score if isinstance(each, Scored) else np.nan for each in results]
        self.position = stop
        return results

    def pack(self) -> bytes:
        """Everything that `unpack` needs to go on from here."""
        return pickle.dumps((self.position, self._labels_told, self.scores, self._loop.pack()), protocol=5)

    def unpack(self, payload: bytes) -> None:
        """Go on where the run that packed this was; the payload must be as trusted as this program."""
        self.position, self._labels_told, self.scores, loop = pickle.loads(payload)  # noqa: S301 - see above
        self._loop.unpack(loop)

    def _learn(self, start: int, clock: float) -> None:
        """Bring the loop to ``clock``, the time of row ``start``."""
        before = float(self._data.times[max(start - 1, 0)])
        if self._options.verdicts and before // DAY < clock // DAY:
            self._loop.label(self._verdicts(before // DAY * DAY))
        self._loop.label(self._labels_due(clock))
        self._loop.advance(clock)
        period = self._options.publish_hours * HOUR
        if before // period < clock // period:
            self._loop.publish(clock)

    def _labels_due(self, clock: float) -> Iterator[Label]:
        """The labels that were not told yet and are known by ``clock``."""
        while self._labels_told < len(self._labelled):
            row = int(self._labelled[self._labels_told])
            if self._data.label_times[row] > clock:
                return
            self._labels_told += 1
            yield self._label(row, float(self._data.label_times[row]), LabelOrigin.CUSTOMER)

    def _verdicts(self, midnight: float) -> Iterator[Label]:
        """What a team finds out overnight about the highest cards of the day that began at ``midnight``."""
        first, end = np.searchsorted(self._data.times, [midnight, midnight + DAY]).tolist()
        cards = self._data.subjects[first:end]
        team = max(1, min(VERDICT_CARDS, round(VERDICT_SHARE * len(self._data.subject_names))))
        looked_at = highest_cards(np.nan_to_num(self.scores[first:end]), cards, team)
        for row in np.flatnonzero(np.isin(cards, looked_at)).tolist():
            yield self._label(first + row, midnight + DAY, LabelOrigin.ANALYST)

    def _label(self, row: int, time: float, origin: LabelOrigin) -> Label:
        """The truth about a row, told at ``time`` (s since 1970)."""
        return Label(
            transaction_id=self._data.ids[row],
            subject=self._data.subject_names[self._data.subjects[row]],
            outcome=Outcome.FRAUD if self._data.frauds[row] else Outcome.GENUINE,
            origin=origin,
            label_time=datetime.fromtimestamp(time, UTC),
        )


def batches(times: Floats, start: int) -> Iterator[int]:
    """The end of each batch from row ``start`` on: ``BATCH`` rows at most, all of the same hour."""
    turns = np.flatnonzero(np.diff(times // HOUR)) + 1
    for end in (*turns[turns > start].tolist(), len(times)):
        yield from range(min(start + BATCH, end), end, BATCH)
        if end > start:
            yield end
        start = end


def _keep(data: Dataset, horizon: float) -> float:
    """How long rows are kept: until the latest label, within what the service would keep."""
    delays = (data.label_times - data.times)[data.label_times < NEVER_LABELLED]
    latest = float(delays.max(initial=horizon)) + _MARGIN
    return max(horizon, min(latest, LabellingRules().keep))


def _new_model(options: OnlineOptions) -> OnlineModel | None:
    if options.algorithm is None:
        return None
    return new_model(options.algorithm, options.algorithm, options.seed, version("fraudstream"))
