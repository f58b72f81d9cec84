"""Runs a worker with something wrong in it: the program is `fraudstream worker`, but for what is asked here.

    python launcher.py [--fails-on TEXT] [--slow-on TEXT] [--clock FILE] [--hoard FILE] [--data BYTES]

`--fails-on` makes the decoder raise on a transaction that holds this text, as a fault of our own code would;
`--slow-on` makes it take a fifth of a second over each; `--data` is all the memory that the system gives it;
`--clock` adds the seconds that the file says to whatever Python reads off the system's clock; `--hoard` takes
the file away once it is there, and then all memory that the process has, while the system gives it no more.
"""

from __future__ import annotations

import argparse
import resource
import sys
import threading
import time
from pathlib import Path

import mode.loop

mode.loop.use("uvloop")  # before anything of Faust, as the worker does

from agents import scoring  # noqa: E402
from fraudstream.cli import main  # noqa: E402

_SLOW_SECONDS = 0.2
_BLOCK = 400
"""Bytes: Python's own allocator serves them, from what it has as long as it has any."""


def fail_on(text: bytes) -> None:
    """Make the decoder raise on what holds this text."""
    decode = scoring.decode_transaction

    def decode_or_fail(value: bytes, *more: object) -> object:
        if text in value:
            raise RuntimeError("the decoder cannot stand this message")
        return decode(value, *more)

    scoring.decode_transaction = decode_or_fail


def be_slow_on(text: bytes) -> None:
    """Make the decoder take its time over what holds this text."""
    decode = scoring.decode_transaction

    def decode_slowly(value: bytes, *more: object) -> object:
        if text in value:
            time.sleep(_SLOW_SECONDS)
        return decode(value, *more)

    scoring.decode_transaction = decode_slowly


def shift_clock(file: Path) -> None:
    """Read the clock as the file says, now and whenever it changes."""
    true_time = time.time

    def shifted() -> float:
        return true_time() + float(file.read_text())

    time.time = shifted


def hoard(file: Path) -> None:
    """Wait for the file; then leave the process without memory."""
    while not file.exists():
        time.sleep(0.1)
    file.unlink()
    resource.setrlimit(resource.RLIMIT_DATA, (0, 0))  # what is there stays, nothing is added
    hoarded = []
    while True:
        try:
            hoarded.append(bytes(_BLOCK))
        except MemoryError:
            time.sleep(0.01)  # take what others let go


def read_options() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--fails-on", type=str)
    parser.add_argument("--slow-on", type=str)
    parser.add_argument("--data", type=int)
    parser.add_argument("--clock", type=Path)
    parser.add_argument("--hoard", type=Path)
    return parser.parse_args()


if __name__ == "__main__":
    options = read_options()
    if options.fails_on:
        fail_on(options.fails_on.encode())
    if options.slow_on:
        be_slow_on(options.slow_on.encode())
    if options.data:
        resource.setrlimit(resource.RLIMIT_DATA, (options.data, options.data))
    if options.clock:
        shift_clock(options.clock)
    if options.hoard:
        threading.Thread(target=hoard, args=[options.hoard], daemon=True).start()
    sys.argv = ["fraudstream", "worker"]
    main()
