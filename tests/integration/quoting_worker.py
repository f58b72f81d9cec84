"""A worker that fails on a message with `poison` in it, by errors that quote all of the message.

So do the bugs that nobody knows of yet: a key that is not there, an assertion, a library's own error.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from agents.dead_letters import DeadLetterWriter
from agents.telemetry.logs import RepeatLimit

if TYPE_CHECKING:
    import logging
    from collections.abc import Callable, Iterator

    from agents.runtime import Chunk


def quoting(taken: Callable[..., Iterator[Any]]) -> Callable[..., Iterator[Any]]:
    """`DeadLetterWriter.taken`, that breaks on poison."""

    def take(refusals: DeadLetterWriter, chunk: Chunk, each: Callable[[Any], Any]) -> Iterator[Any]:
        for record in chunk.records:
            if b"poison" in (record.value() or b""):
                fail(record.key(), record.value())
        return taken(refusals, chunk, each)

    return take


def unlimited(limited: Callable[..., bool]) -> Callable[..., bool]:
    """`RepeatLimit.filter`, that holds back nothing but librdkafka's lines, of which there are thousands."""

    def passes(limit: RepeatLimit, record: logging.LogRecord) -> bool:
        return not record.name.startswith("librdkafka") or limited(limit, record)

    return passes


def fail(key: bytes | None, value: bytes | None) -> None:
    try:
        {}[key]
    except KeyError as error:
        raise RuntimeError(f"cannot take {value!r}") from error


if __name__ == "__main__":
    DeadLetterWriter.taken = quoting(DeadLetterWriter.taken)  # type: ignore[method-assign]
    RepeatLimit.filter = unlimited(RepeatLimit.filter)  # type: ignore[method-assign]
    from fraudstream.cli import main

    sys.argv = ["fraudstream", "worker"]
    main()
