"""A worker for fault tests: counts and sums per key, and writes an output for every fifth record.

Run as a process: `python counting_worker.py CONFIG`, with a JSON object of options. It appends lines "pid event value" to the log file
named there, so that a test knows how far it came.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from agents.runtime import App, Chunk, DeliveryMode, DeliveryOptions
from agents.runtime.observer import Silent

if TYPE_CHECKING:
    from collections.abc import AsyncIterator


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


class Log(Silent):
    """Appends to the log file, one atomic write a line."""

    def __init__(self, path: str) -> None:
        self._file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT)

    def write(self, *words: object) -> None:
        os.write(self._file, (" ".join(map(str, (os.getpid(), *words))) + "\n").encode())

    def partitions_assigned(self, count: int) -> None:
        self.write("assigned", count)

    def leaving(self, reason: str) -> None:
        self.write("leaving", reason)

    def agent_failed(self, agent: str, failure: BaseException) -> None:
        self.write("failed", agent, failure)


def counting(app: App, config: dict[str, object], log: Log):  # noqa: ANN201 - an agent function
    async def count(chunks: AsyncIterator[Chunk]) -> None:
        done = 0
        async for chunk in chunks:
            state = chunk.states["counting"]
            for record in chunk.records:
                body = json.loads(record.value())
                if body["i"] in config.get("poison", []):
                    if chunk.is_poison:
                        app.outbox.put(config["dead"], record.key(), record.value())
                        continue
                    raise ValueError(f"poison {body['i']}")
                entry = state.add(record.key(), body["amount"], record.offset())
                if entry is not None and body["i"] % 5 == 0:
                    app.outbox.put(
                        config["output"], b"%d" % body["i"], json.dumps([body["i"], *entry[:2]]).encode()
                    )
            done += len(chunk.records)
            log.write("done", done)
            await app.outbox.room()
            await asyncio.sleep(config.get("slow", 0))

    return count


def main() -> None:
    config = json.loads(Path(sys.argv[1]).read_text())
    log = Log(config["log"])
    options = DeliveryOptions(
        client={"bootstrap.servers": config["servers"]},
        group=config["group"],
        member=config.get("member") or f"w{os.getpid()}",
        is_static=config.get("static", False),
        mode=DeliveryMode(config["mode"]),
        session_timeout=6.0,
        transaction_timeout=10.0,
        chunk_size=config.get("chunk", 50),
    )
    app = App(options, log, web_enabled=False, datadir=config["datadir"])
    app.bind(
        "counting",
        config["topic"],
        counting(app, config, log),
        new_state=Counts,
        changelog=f"{config['group']}-changelog",
    )
    app.finalize()
    app.Worker(loglevel="WARN", quiet=True).execute_from_commandline()


if __name__ == "__main__":
    main()
