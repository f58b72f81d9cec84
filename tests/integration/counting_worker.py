"""A worker for fault tests: every agent counts and sums per key, and writes an output for every fifth record.

Run as a process: `python counting_worker.py CONFIG`, with a JSON object of options. It appends lines
"pid event value" to the log file named there, so that a test knows how far it came.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from agents.runtime import App, Chunk, DeliveryMode, DeliveryOptions, KeepsItself
from agents.runtime.observer import Silent

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

    Config = dict[str, Any]


class Counts:
    """key -> [count, sum, last offset]."""

    def __init__(self) -> None:
        self.values: dict[bytes, list[int]] = {}
        self._changed: set[bytes] = set()

    def restore(self, key: bytes, payload: bytes | None) -> None:
        if payload is None:
            self.values.pop(key, None)
        else:
            self.values[key] = json.loads(payload)

    def changes(self) -> list[tuple[bytes, bytes | None]]:
        changed, self._changed = self._changed, set()
        return [(key, json.dumps(self.values[key]).encode()) for key in changed]

    def __len__(self) -> int:
        return len(self.values)

    def add(self, key: bytes, amount: int, offset: int) -> list[int] | None:
        count, total, last = self.values.get(key, [0, 0, -1])
        if offset <= last:
            return None
        self.values[key] = [count + 1, total + amount, offset]
        self._changed.add(key)
        return self.values[key]


class CountsFrom(Counts, KeepsItself):
    """A state that keeps itself, as far as that it starts where it says."""

    def __init__(self, start: int) -> None:
        super().__init__()
        self._start = start

    def resume(self, partition: int, committed: int | None, note: str | None, log: int) -> int | None:
        del partition, note, log
        return self._start if committed is None else None


class Log(Silent):
    """Appends to the log file, one atomic write a line."""

    def __init__(self, path: str) -> None:
        self._file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT)

    def write(self, *words: object) -> None:
        os.write(self._file, (" ".join(map(str, (os.getpid(), *words))) + "\n").encode())

    def partitions_assigned(self, count: int) -> None:
        self.write("assigned", count)

    def restored(self, topic: str, seconds: float, records: int) -> None:
        self.write("restored", topic, seconds, records)

    def lag(self, lags: dict[tuple[str, int], int]) -> None:
        self.write("lag", sum(lags.values()))

    def leaving(self, reason: str) -> None:
        self.write("leaving", reason)

    def agent_failed(self, agent: str, failure: BaseException) -> None:
        self.write("failed", agent, failure)


class Counting:
    """One counting agent."""

    def __init__(self, name: str, app: App, config: Config, log: Log) -> None:
        self.name, self.app, self.config, self.log = name, app, config, log
        self.done = 0
        self.output = config["agents"][name]["output"]

    async def process(self, waiting: AsyncIterator[Sequence[Chunk]]) -> None:
        async for chunks in waiting:
            for chunk in chunks:
                self.log.write("chunk", self.name, chunk.partition, chunk.first, chunk.last)
                for record in chunk.records:
                    self.take(record, chunk)
                self.done += len(chunk.records)
                self.log.write("done", self.done)
                await self.app.outbox.room()
                await asyncio.sleep(
                    self.config.get("slow", 0) * self.config["agents"][self.name].get("slow", 1)
                )

    def take(self, record: Any, chunk: Chunk) -> None:
        body = json.loads(record.value())
        if body["i"] in self.config.get("poison", []):
            if chunk.is_poison:
                self.app.outbox.put(self.config["dead"], record.key(), record.value())
                return
            raise ValueError(f"poison {body['i']}")
        if body["i"] == self.config.get("block"):
            time.sleep(1000)
        entry = chunk.states[self.name].add(record.key(), body["amount"], record.offset())
        if entry is not None and body["i"] % 5 == 0:
            value = json.dumps([body["i"], *entry[:2]]).encode()
            self.app.outbox.put(
                self.output,
                b"%d" % body["i"],
                value,
                headers=[("pid", b"%d" % os.getpid())],
                timestamp_ms=record.timestamp()[1],
            )


def new_app(config: Config, log: Log) -> App:
    options = DeliveryOptions(
        client={"bootstrap.servers": config["servers"]},
        group=config["group"],
        member=config.get("member") or f"w{os.getpid()}",
        is_static=config.get("static", False),
        mode=DeliveryMode(config["mode"]),
        session_timeout=config.get("session", 6.0),
        transaction_timeout=10.0,
        chunk_size=config.get("chunk", 50),
        stall_timeout=config.get("stall", 60.0),
        start_timeout=config.get("start_timeout", 60.0),
        statistics_interval=config.get("statistics", 5.0),
    )
    return App(options, log, web_enabled=False, datadir=config["datadir"])


def bind(app: App, name: str, config: Config, log: Log) -> None:
    start, agent = config.get("start"), config["agents"][name]
    app.bind(
        name,
        agent["topic"],
        Counting(name, app, config, log).process,
        new_state=Counts if start is None else lambda: CountsFrom(start),
        changelog=agent["changelog"],
    )


def main() -> None:
    config = json.loads(Path(sys.argv[1]).read_text())
    log = Log(config["log"])
    app = new_app(config, log)
    for name in config["agents"]:
        bind(app, name, config, log)
    app.finalize()
    app.Worker(loglevel="WARN", quiet=True).execute_from_commandline()


if __name__ == "__main__":
    main()
