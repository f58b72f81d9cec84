"""What is run: the data, the protocol and the delay, small enough to send to another process."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

import numpy as np

from fraudstream.backtest.bench import Bench
from fraudstream.backtest.candidates import CANDIDATES
from fraudstream.backtest.files import Folder
from fraudstream.errors import FraudstreamError
from models.decay import DAY
from models.scoring.features import FEATURES_VERSION

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from fraudstream.backtest.dataset import Dataset
    from fraudstream.backtest.names import ProtocolName
    from fraudstream.backtest.protocol import Fold, Protocol
    from fraudstream.backtest.sources import Source


@dataclass(frozen=True)
class Plan:
    """One backtest, whoever takes part in it.

    Attributes:
        name: of the protocol.
        source: makes the data.
        protocol: says what is tested.
        delay_days: how late labels are; outcomes are final after as long.
    """

    name: ProtocolName
    source: Source
    protocol: Protocol
    delay_days: float

    @property
    def horizon(self) -> float:
        """Seconds after which an outcome is final."""
        return self.delay_days * DAY

    def fingerprint(self) -> dict[str, Any]:
        """What a folder's scores depend on, as JSON has it."""
        return {
            "protocol": self.name,
            "source": repr(self.source),
            "delay_days": self.delay_days,
            "version": version("fraudstream"),
            "features_version": FEATURES_VERSION,
        }

    def folds(self, data: Dataset) -> list[Fold]:
        """The protocol's test folds.

        Raises:
            FraudstreamError: one has no fraud, or nothing else.
        """
        folds = self.protocol.folds(data)
        for fold in folds:
            frauds = np.count_nonzero(data.frauds[fold.rows])
            if not 0 < frauds < len(fold.rows):
                raise FraudstreamError(
                    f"Of {len(fold.rows)} transactions tested from {fold.name} {frauds} are frauds: "
                    "nothing can be measured; give more data."
                )
        return folds

    def run(self, candidate: str, path: Path, report: Callable[[int, int], None]) -> None:
        """Have one candidate score the data, and keep its scores in the folder.

        Args:
            candidate: its name.
            path: of the folder; a checkpoint in it is gone on from.
            report: is told how many rows are behind, and of how many.
        """
        folder, data = Folder(path), self.source.load(self.horizon)
        tested = np.concatenate([fold.rows for fold in self.folds(data)])
        bench = Bench(
            name=candidate,
            data=data,
            horizon=self.horizon,
            test_days=np.unique(data.days[tested]),
            folder=folder,
            report=lambda done: report(done, len(data)),
        )
        folder.finish(candidate, CANDIDATES[candidate].run(bench))
