"""From what a person asks for to a plan."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fraudstream.backtest.card_protocols import HandbookProtocol, SecondProtocol
from fraudstream.backtest.last_part import LastPart
from fraudstream.backtest.names import ProtocolName
from fraudstream.backtest.own_file import FileSource
from fraudstream.backtest.plan import Plan
from fraudstream.backtest.sources import HandbookSource, TransferSource
from fraudstream.errors import FraudstreamError

if TYPE_CHECKING:
    from pathlib import Path

    from fraudstream.backtest.protocol import Protocol
    from fraudstream.backtest.sources import Source


def choose(
    name: ProtocolName,
    *,
    file: Path | None = None,
    columns: str = "",
    delay_days: float = 7.0,
    seed: int = 0,
    customers: int | None = None,
) -> Plan:
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
    return Plan(name, _source(name, file, columns, seed, customers), _protocol(name, delay_days), delay_days)


def _source(name: ProtocolName, file: Path | None, columns: str, seed: int, customers: int | None) -> Source:
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
