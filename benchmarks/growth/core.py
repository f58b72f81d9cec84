"""What an event costs the core as the cards grow in number, and what a card takes: one process, no Kafka.

Every number of cards has a process of its own, and they take turns, block after block: what else the machine
does meets all alike.
"""

from __future__ import annotations

import os
import re
import time
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from benchmarks.children import child, receive
from benchmarks.growth.cards import card
from benchmarks.growth.past import LAST_OFFSET, Feed
from benchmarks.growth.results import CoreRun
from benchmarks.peers.job import new_core
from models.scoring.state import PROFILE_PREFIX
from schemas.transaction import decode_transaction

if TYPE_CHECKING:
    from collections.abc import Sequence
    from multiprocessing.connection import Connection

    from benchmarks.growth.past import Past
    from models.scoring.state import SubjectState

BATCH: Final = 100
_PATIENCE_SECONDS: Final = 600.0
_PAGE: Final = os.sysconf("SC_PAGESIZE")


class Filled(NamedTuple):
    """What it took to fill a state: fields of `CoreRun`."""

    resident_bytes: float
    peak_bytes: float
    fill_us: float
    longest_ms: float


def measure(sizes: Sequence[int], blocks: int, block: int, past: Past) -> list[CoreRun]:
    """Fill a state of each size, then fold and score `blocks` times so many transactions on each, in turns.

    One block more comes first, which warms what is the same for all, and is not counted.

    Raises:
        BenchmarkFailed: a process left, most likely for want of memory.
    """
    with ExitStack() as stack:
        processes = {cards: stack.enter_context(child(work, cards)) for cards in sizes}
        filled: dict[int, Filled] = {}
        for cards, process in processes.items():
            filled[cards] = _ask(process, past.profiles, cards)
        feeds = {cards: Feed(past, cards) for cards in sizes}
        costs: dict[int, list[float]] = {cards: [] for cards in sizes}
        for _ in range(1 + blocks):
            for cards, process in processes.items():
                costs[cards].append(_ask(process, feeds[cards].take(block), cards))
    return [CoreRun(cards, costs[cards][1:], *filled[cards]) for cards in sizes]


def work(requests: Connection, cards: int) -> None:
    """Take profiles and answer with `Filled`, then messages: answer with the CPU microseconds of each."""
    core = new_core()
    state = core.new_state()
    requests.send(fill(state, requests.recv(), cards))
    offset = LAST_OFFSET + 1
    while True:
        transactions = [decode_transaction(message.value) for message in requests.recv()]
        busy = time.process_time()
        for start in range(0, len(transactions), BATCH):
            some = transactions[start : start + BATCH]
            core.process(some, range(offset, offset + len(some)), state)
            offset += len(some)
        busy = time.process_time() - busy
        assert len(state) == cards, "a transaction was of a card that was not known"
        state.changes()  # as a checkpoint would: else what has changed piles up
        requests.send(1e6 * busy / len(transactions))


def fill(state: SubjectState, profiles: Sequence[bytes], cards: int) -> Filled:
    """Give a state so many cards, as a restore does."""
    _forget_peak()
    resident, longest, total = _resident(), 0.0, 0.0
    for number in range(cards):
        key = PROFILE_PREFIX + card(number).encode()
        began = time.perf_counter()
        state.restore(key, profiles[number % len(profiles)])
        took = time.perf_counter() - began
        longest, total = max(longest, took), total + took
    return Filled(
        resident_bytes=(_resident() - resident) / cards,
        peak_bytes=(_peak() - resident) / cards,
        fill_us=1e6 * total / cards,
        longest_ms=1e3 * longest,
    )


def _resident() -> int:
    """Bytes of this process in memory."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * _PAGE


def _forget_peak() -> None:
    """Have the kernel count the most memory from now on (proc(5), clear_refs)."""
    Path("/proc/self/clear_refs").write_text("5")


def _peak() -> int:
    """The most bytes that this process had in memory."""
    [kib] = re.findall(r"VmHWM:\s*(\d+) kB", Path("/proc/self/status").read_text())
    return 1024 * int(kib)


def _ask(process: Connection, request: Any, cards: int) -> Any:
    process.send(request)
    return receive(
        process, _PATIENCE_SECONDS, f"The process with {cards:,} cards left: is there memory for them?"
    )
