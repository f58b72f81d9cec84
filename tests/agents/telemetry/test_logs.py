"""Log lines: one form for all libraries, no card number, no payload, no flood."""

from __future__ import annotations

import io
import json
import logging
import sys
import threading
from typing import TYPE_CHECKING, Any

import confluent_kafka as ck
import pytest
import structlog

from agents.runtime.errors import PartitionsLost
from agents.telemetry import LogFormat, configure_logs, log_uncaught
from agents.telemetry.logs import SERVICES, WARNINGS_ONLY, RepeatLimit
from schemas.errors import ErrorType, InvalidMessage

if TYPE_CHECKING:
    from collections.abc import Iterator

PAN = "4111111111111111"
GROUPED = "4111 1111 1111 1111"


@pytest.fixture(autouse=True)
def own_logging() -> Iterator[None]:
    """WrittenRecord the process's logging back as it was."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    for name in (*SERVICES, *WARNINGS_ONLY):
        logging.getLogger(name).setLevel(logging.NOTSET)
    structlog.reset_defaults()


@pytest.fixture
def output() -> io.StringIO:
    return io.StringIO()


def lines(output: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in output.getvalue().splitlines()]


def test_lines_of_all_libraries_have_one_form(output: io.StringIO) -> None:
    configure_logs("info", LogFormat.AUTO, output)
    structlog.get_logger("fraudstream").info("worker started", slot="0")
    logging.getLogger("faust").warning("[^%s]: Starting...", "Agent")
    ours, theirs = lines(output)
    assert ours.keys() - {"slot"} == theirs.keys() == {"event", "level", "logger", "timestamp"}
    assert (ours["event"], ours["slot"], ours["level"]) == ("worker started", "0", "info")
    assert (theirs["event"], theirs["logger"]) == ("[^Agent]: Starting...", "faust")


def test_lines_below_the_level_are_not_written(output: io.StringIO) -> None:
    configure_logs("warning", LogFormat.JSON, output)
    structlog.get_logger("fraudstream").info("small talk")
    logging.getLogger("faust").info("small talk")
    assert output.getvalue() == ""


@pytest.mark.parametrize(("level", "told"), [("info", 0), ("debug", 1)])
def test_the_comings_and_goings_of_services_are_for_debugging(
    output: io.StringIO, level: str, told: int
) -> None:
    configure_logs(level, LogFormat.JSON, output)
    logging.getLogger("faust.worker").info("[^Worker]: Stopping...")
    assert len(lines(output)) == told


@pytest.mark.parametrize("log_format", [LogFormat.JSON, LogFormat.CONSOLE])
def test_no_card_number_leaves(output: io.StringIO, log_format: LogFormat) -> None:
    configure_logs("info", log_format, output)
    log = structlog.get_logger("fraudstream")
    log.info(
        "card 4111111111111111", text=f"a {GROUPED} b", number=int(PAN), nested={"list": [(PAN,)], PAN: 1}
    )
    log.info("object", failure=ValueError(PAN))
    logging.getLogger("faust").warning("card %s", PAN)
    try:
        int(f"card {PAN}")
    except ValueError:
        log.exception("failed")
        logging.getLogger("faust").exception("failed")
    written = output.getvalue()
    assert PAN not in written
    assert GROUPED not in written
    assert written.count("1111") >= 6, "masked numbers keep their last four digits"


TOKEN = "card-of-somebody"  # noqa: S105 - what stands for a card


def fail() -> None:
    """Raise an error that quotes a token, because of another that does."""
    try:
        int(TOKEN)
    except ValueError as error:
        raise KeyError(TOKEN) from error


def log_failures() -> None:
    """Have every kind of logger tell of it in every manner."""
    foreign, own = logging.getLogger("mode.services"), structlog.get_logger("fraudstream")
    try:
        fail()
    except KeyError as error:
        own.error("agent failed", exc_info=error)
        own.exception("agent failed", reason=error)
        foreign.exception("Crashed reason=%r", error)
        foreign.error("%(reason)s", {"reason": error})
        foreign.error("several", exc_info=ExceptionGroup(TOKEN, [error]))
        logging.getLogger("asyncio").warning(f"Task exception was never retrieved\nfuture: {error!r}")  # noqa: G004


@pytest.mark.parametrize("log_format", [LogFormat.JSON, LogFormat.CONSOLE])
def test_the_text_of_an_error_may_quote_a_message_and_is_told_as_a_hash(
    output: io.StringIO, log_format: LogFormat
) -> None:
    configure_logs("info", log_format, output, b"key")
    log_failures()
    written = output.getvalue()
    assert TOKEN not in written
    assert written.count("KeyError: #") == 7
    assert written.count("ValueError: #") == 4, "what led to it is told too"
    assert written.count("in fail") == 8, "and where both were raised"
    assert "Task exception was never retrieved" in written


def test_the_same_text_has_the_same_hash_under_one_key_and_no_other(output: io.StringIO) -> None:
    def told(key: bytes | None) -> str:
        configure_logs("info", LogFormat.JSON, output, key)
        logging.getLogger("mode").error("%r", KeyError(TOKEN))
        return str(lines(output)[-1]["event"])

    assert told(b"key") == told(b"key")
    assert len({told(b"key"), told(b"other"), told(None), told(None)}) == 4


@pytest.mark.parametrize(
    "error",
    [
        PartitionsLost("the session expired"),
        ck.KafkaException(ck.KafkaError(ck.KafkaError._ALL_BROKERS_DOWN)),
        ConnectionRefusedError(111, "Connection refused"),
        InvalidMessage(ErrorType.PAN, "holds a card number"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_errors_that_never_quote_a_message_are_told_as_they_are(
    output: io.StringIO, error: Exception
) -> None:
    configure_logs("info", LogFormat.JSON, output)
    logging.getLogger("mode").error("%s", error)
    assert lines(output)[0]["event"] == f"{type(error).__name__}: {error}"


def test_what_nobody_catches_leaves_through_the_log(
    output: io.StringIO, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "excepthook", sys.excepthook)
    monkeypatch.setattr(threading, "excepthook", threading.excepthook)
    configure_logs("info", LogFormat.JSON, output)
    log_uncaught()
    thread = threading.Thread(target=fail)
    thread.start()
    thread.join()
    sys.excepthook(KeyboardInterrupt, KeyboardInterrupt(), None)
    sys.excepthook(KeyError, KeyError(TOKEN), None)
    assert [line["event"] for line in lines(output)] == ["not caught"] * 2
    assert TOKEN not in output.getvalue() + capsys.readouterr().err


def test_the_client_that_quotes_credentials_at_debug_only_warns(output: io.StringIO) -> None:
    configure_logs("debug", LogFormat.JSON, output)
    logging.getLogger("kafka.net.connection").debug("SaslAuthenticateRequest(auth_bytes=...)")
    logging.getLogger("kafka.net.connection").warning("no answer")
    assert [line["event"] for line in lines(output)] == ["no answer"]


def test_bytes_are_payloads_and_only_their_length_is_told(output: io.StringIO) -> None:
    configure_logs("info", LogFormat.JSON, output)
    structlog.get_logger("fraudstream").info("received", value=b'{"amount": 1}', parts=[b"abc"])
    [line] = lines(output)
    assert (line["value"], line["parts"]) == ("<13 bytes>", ["<3 bytes>"])


def test_plain_values_stay_what_they_are(output: io.StringIO) -> None:
    configure_logs("info", LogFormat.JSON, output)
    told = {"count": 7, "seconds": 0.5, "ok": True, "nothing": None, "names": ["a", "b"]}
    structlog.get_logger("fraudstream").info("told", **told)
    [line] = lines(output)
    assert told.items() <= line.items()


def test_a_flood_of_the_same_line_is_held_back_and_told(output: io.StringIO) -> None:
    now = [0.0]
    limit = RepeatLimit(lines=2, seconds=10.0, clock=lambda: now[0])
    configure_logs("info", LogFormat.JSON, output)
    [handler] = logging.getLogger().handlers
    handler.filters[:] = [limit]
    client = logging.getLogger("librdkafka.consumer")
    for attempt in range(5):
        client.warning("%s [%s] %s", "FAIL", "rdkafka#1", f"attempt {attempt}")
    structlog.get_logger("fraudstream").info("something else")
    now[0] = 10.0
    client.warning("%s [%s] %s", "FAIL", "rdkafka#1", "attempt 5")
    told = [(line["event"], line.get("suppressed")) for line in lines(output)]
    assert told == [
        ("FAIL [rdkafka#1] attempt 0", None),
        ("FAIL [rdkafka#1] attempt 1", None),
        ("something else", None),
        ("FAIL [rdkafka#1] attempt 5", 3),
    ]


def test_events_of_our_own_are_limited_by_their_name(output: io.StringIO) -> None:
    configure_logs("info", LogFormat.JSON, output)
    log = structlog.get_logger("fraudstream")
    for offset in range(100):
        log.warning("message refused", offset=offset)
    assert [line["offset"] for line in lines(output)] == list(range(5))
