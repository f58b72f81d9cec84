"""The plan of a backtest: data, protocol and label delay, small enough to send to another process."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

import numpy as np

from fraudstream.backtest.candidates.baselines import Bench
from fraudstream.backtest.candidates.table import CANDIDATES
from fraudstream.backtest.files import Folder
from fraudstream.backtest.protocols import ProtocolName
from fraudstream.backtest.protocols.cards import HandbookProtocol, SecondProtocol
from fraudstream.backtest.protocols.holdout import LastPart
from fraudstream.backtest.sources.files import FileSource
from fraudstream.backtest.sources.simulated import HandbookSource, TransferSource
from fraudstream.errors import FraudstreamError
from models.decay import DAY
from models.scoring.features import FEATURES_VERSION

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from fraudstream.backtest.protocols.base import Fold, Protocol
    from fraudstream.backtest.sources.dataset import Dataset
    from fraudstream.backtest.sources.simulated import TransactionSource


@dataclass(frozen=True)
class BacktestPlan:
    """One backtest, whoever takes part in it.

    Attributes:
        name: of the protocol.
        source: makes the data.
        protocol: says what is tested.
        delay_days: how late labels are; outcomes are final after as long.
    """

    name: ProtocolName
    source: TransactionSource
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


def choose(
    name: ProtocolName,
    *,
    file: Path | None = None,
    columns: str = "",
    delay_days: float = 7.0,
    seed: int = 0,
    customers: int | None = None,
) -> BacktestPlan:
    """The plan of a protocol.

    Args:
        name: of the protocol.
        file: data of one's own, for `file` alone.
        columns: what its columns are, see ``own_file``.
        delay_days: how late labels are.
        seed: of a simulated bank.
        customers: a simulated bank's size, None for the usual one.

    Raises:
        FraudstreamError: a file is missing or not asked for, or the columns cannot be read.
    """
    if (file is not None) != (name is ProtocolName.FILE):
        raise FraudstreamError("--protocol file and --data FILE go together.")
    if name is ProtocolName.HANDBOOK and delay_days != int(delay_days):
        raise FraudstreamError("--protocol handbook counts in whole days: give a whole --delay-days.")
    return BacktestPlan(
        name, _source(name, file, columns, seed, customers), _protocol(name, delay_days), delay_days
    )


def _source(
    name: ProtocolName, file: Path | None, columns: str, seed: int, customers: int | None
) -> TransactionSource:
    if file is not None:
        return FileSource.parse(file, columns)
    if name is ProtocolName.TRANSFERS:
        return TransferSource(customers or TransferSource.customers, seed)
    return HandbookSource(customers or HandbookSource.customers, seed)


def _protocol(name: ProtocolName, delay_days: float) -> Protocol:
    if name is ProtocolName.HANDBOOK:
        return HandbookProtocol(int(delay_days))
    if name is ProtocolName.SECOND:
        return SecondProtocol()
    return LastPart(delay_days)
