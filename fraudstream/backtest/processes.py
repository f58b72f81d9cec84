"""Runs candidates, each in a process of its own, at most so many at once."""

from __future__ import annotations

import multiprocessing
import queue
import signal
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from fraudstream.backtest.candidates.table import CANDIDATES, RULES
from fraudstream.errors import FraudstreamError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from multiprocessing.process import BaseProcess
    from multiprocessing.queues import Queue
    from pathlib import Path

    from fraudstream.backtest.plan import BacktestPlan

    Told = Callable[["ProcessMessage"], None]

_LOOK_SECONDS: Final = 0.5
_ROWS_A_MESSAGE: Final = 5_000
_SPAWN: Final = multiprocessing.get_context("spawn")  # nothing of the parent's threads is inherited


@dataclass(frozen=True, slots=True)
class ProcessMessage:
    """How far a candidate is: rows behind it, of how many; ``failure`` when it cannot go on."""

    candidate: str
    done: int = 0
    total: int = 0
    failure: str | None = None


def run_all(plan: BacktestPlan, candidates: Sequence[str], path: Path, jobs: int, tell: Told) -> None:
    """Run candidates until all have finished; those that need the features of ``RULES`` come after it.

    Args:
        plan: what is run.
        candidates: names, in the order in which they start.
        path: of the folder.
        jobs: processes at once.
        tell: is called with each message.

    Raises:
        FraudstreamError: a candidate failed; the others were ended, their checkpoints stay.
    """
    messages: Queue[ProcessMessage] = _SPAWN.Queue()
    waiting = list(candidates)
    running: dict[str, BaseProcess] = {}
    try:
        while waiting or running:
            for name in _startable(waiting, running)[: jobs - len(running)]:
                waiting.remove(name)
                running[name] = _SPAWN.Process(target=_work, args=(plan, name, path, messages), daemon=True)
                running[name].start()
            _hear(messages, tell)
            for name in [name for name, process in running.items() if not process.is_alive()]:
                _check(name, running.pop(name), messages, tell)
    finally:
        for process in running.values():
            process.terminate()
            process.join()


def _startable(waiting: Sequence[str], running: dict[str, BaseProcess]) -> list[str]:
    features_come = RULES in waiting or RULES in running
    return [name for name in waiting if not (features_come and CANDIDATES[name].needs_features)]


def _hear(messages: Queue[ProcessMessage], tell: Told) -> None:
    """Pass on what came within a while.

    Raises:
        FraudstreamError: a candidate failed.
    """
    try:
        message = messages.get(timeout=_LOOK_SECONDS)
        while True:
            if message.failure is not None:
                raise FraudstreamError(message.failure)
            tell(message)
            message = messages.get_nowait()
    except queue.Empty:
        return


def _check(name: str, process: BaseProcess, messages: Queue[ProcessMessage], tell: Told) -> None:
    """Raise what an ended process ended of, if not of having finished."""
    if process.exitcode:
        _hear(messages, tell)
        raise FraudstreamError(f"The candidate {name} ended with status {process.exitcode}; run it again.")


def _work(plan: BacktestPlan, name: str, path: Path, messages: Queue[ProcessMessage]) -> None:
    """Run one candidate, in its own process."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches all; the parent ends its children
    parent = multiprocessing.parent_process()
    told = 0

    def report(done: int, total: int) -> None:
        nonlocal told
        if done == total or done - told >= _ROWS_A_MESSAGE:
            if parent is None or not parent.is_alive():
                raise SystemExit(1)  # it was killed; nobody will read the scores
            told = done
            messages.put(ProcessMessage(name, done, total))

    try:
        plan.run(name, path, report)
    except FraudstreamError as error:
        messages.put(ProcessMessage(name, failure=str(error)))
        raise SystemExit(1) from None
