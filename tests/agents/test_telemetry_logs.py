"""Log lines: one form for all libraries, no card number, no payload, no flood."""

from __future__ import annotations

import io
import json
import logging
from typing import TYPE_CHECKING, Any

import pytest
import structlog

from agents.telemetry import LogFormat, configure_logs
from agents.telemetry.logs import SERVICES, RepeatLimit

if TYPE_CHECKING:
    from collections.abc import Iterator

PAN = "4111111111111111"
GROUPED = "4111 1111 1111 1111"


@pytest.fixture(autouse=True)
def own_logging() -> Iterator[None]:
    """Put the process's logging back as it was."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    for name in SERVICES:
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
    assert written.count("1111") >= 9, "masked numbers keep their last four digits"
    assert "ValueError: invalid literal for int() with base 10: 'card ************1111'" in written


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
