"""How log lines look, and what they never show.

structlog's lines and the standard library's (Faust, mode, librdkafka, aiohttp) leave through one handler and
one formatter: JSON, or text for a person at a terminal.
"""

from __future__ import annotations

import logging
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping
from enum import StrEnum
from secrets import token_bytes
from typing import TYPE_CHECKING, Any, TextIO

import structlog

from agents.telemetry.redaction import HideErrors, Redactor
from schemas.fields.pan import mask_pans

if TYPE_CHECKING:
    from types import TracebackType

    from structlog.typing import EventDict, Processor, WrappedLogger

SERVICES = ("agents", "faust", "mode")
"""Loggers under which services tell of each start and stop: shown at `debug` only."""
WARNINGS_ONLY = ("kafka",)
"""Loggers whose lines at `debug` quote whole requests, credentials included: never shown."""
_KEY_BYTES = 32


class LogFormat(StrEnum):
    """How lines are written."""

    AUTO = "auto"
    JSON = "json"
    CONSOLE = "console"


def configure_logs(
    level: str = "info",
    log_format: LogFormat = LogFormat.AUTO,
    stream: TextIO = sys.stderr,
    key: bytes | None = None,
) -> None:
    """Send all log lines of the process through one formatter; for the entry point of a program.

    Args:
        level: least level shown: `debug`, `info`, `warning`, `error`.
        log_format: `auto` is text at a terminal and JSON elsewhere.
        stream: where lines go.
        key: of the hashes that stand for what may be of a message; without it one for this process alone.
    """
    as_text = log_format is LogFormat.CONSOLE or (log_format is LogFormat.AUTO and stream.isatty())
    hiding = Redactor(key or token_bytes(_KEY_BYTES))
    handler = logging.StreamHandler(stream)
    handler.addFilter(RepeatLimit())
    handler.addFilter(HideErrors(hiding))
    handler.setFormatter(_formatter(hiding, as_text=as_text, colors=stream.isatty()))
    logging.basicConfig(level=level.upper(), handlers=[handler], force=True)
    for name in SERVICES:
        logging.getLogger(name).setLevel(logging.NOTSET if level == "debug" else logging.WARNING)
    for name in WARNINGS_ONLY:
        logging.getLogger(name).setLevel(logging.WARNING)
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *_origin(),
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        wrapper_class=structlog.stdlib.BoundLogger,
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=True,
    )


def log_uncaught() -> None:
    """Have what nobody catches leave through the log too, in the main thread and in others.

    Python itself would write it to standard error with its text.
    """

    def write(
        kind: type[BaseException], error: BaseException | None, _trace: TracebackType | None = None
    ) -> None:
        if not issubclass(kind, KeyboardInterrupt):
            structlog.get_logger("fraudstream").critical("not caught", exc_info=error)

    sys.excepthook = write
    threading.excepthook = lambda raised: write(raised.exc_type, raised.exc_value)


def _origin() -> list[Processor]:
    """What is known of a line where it is written."""
    return [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]


def _formatter(hiding: Redactor, *, as_text: bool, colors: bool) -> logging.Formatter:
    renderer: Processor = (
        structlog.dev.ConsoleRenderer(colors=colors, exception_formatter=structlog.dev.plain_traceback)
        if as_text
        else structlog.processors.JSONRenderer()
    )
    return structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=_origin(),
        processors=[
            _add_suppressed,
            structlog.stdlib.ProcessorFormatter.remove_processors_meta,
            structlog.processors.ExceptionRenderer(lambda raised: hiding.traceback(raised[1])),
            hiding.processed,
            redact,
            renderer,
        ],
    )


def redact(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """Mask card numbers wherever they stand in a line; of bytes, which are payloads, tell only the length."""
    return {name: value if name == "timestamp" else _redacted(value) for name, value in event.items()}


def _redacted(value: Any) -> Any:
    if value is None or isinstance(value, bool | float):
        return value
    if isinstance(value, bytes | bytearray | memoryview):
        return f"<{len(value)} bytes>"
    if isinstance(value, Mapping):
        return {_redacted(key): _redacted(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_redacted(inner) for inner in value]
    text = str(value)
    masked = mask_pans(text.encode(errors="replace")).decode()
    return value if isinstance(value, int) and masked == text else masked


def _add_suppressed(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """Say how many lines like this one were held back before it."""
    if suppressed := getattr(event["_record"], "suppressed", 0):
        event["suppressed"] = suppressed
    return event


class RepeatLimit(logging.Filter):
    """Lets the same line of a logger pass a few times in each period; the next one tells how many were not.

    The same line is the same text before its values are put in: a broker's outage makes librdkafka write
    thousands, and a flood of bad messages as many refusals.
    """

    def __init__(
        self, lines: int = 5, seconds: float = 10.0, clock: Callable[[], float] = time.monotonic
    ) -> None:
        super().__init__()
        self._lines = lines
        self._seconds = seconds
        self._clock = clock
        self._lock = threading.Lock()
        self._since = clock()
        self._seen: Counter[tuple[str, str]] = Counter()
        self._suppressed: dict[tuple[str, str], int] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        """Tell whether a line may pass."""
        text = record.msg["event"] if isinstance(record.msg, dict) else record.msg
        line = (record.name, str(text))
        with self._lock:
            self._renew()
            self._seen[line] += 1
            record.suppressed = self._suppressed.pop(line, 0)
            return self._seen[line] <= self._lines

    def _renew(self) -> None:
        """Begin a new period when the old one is over."""
        now = self._clock()
        if now - self._since >= self._seconds:
            self._suppressed = {
                line: count - self._lines for line, count in self._seen.items() if count > self._lines
            }
            self._since = now
            self._seen.clear()
