"""Refusals: a refused record is in the outbox as a dead letter, in the metrics and in the log."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from structlog.testing import capture_logs

from agents.dead_letters import DeadLetterWriter, refuse_poison
from agents.runtime import Chunk
from agents.runtime.partition import Gap, Loss
from agents.runtime.testing import FakeRecord
from schemas.errors import ErrorType, InvalidMessage

if TYPE_CHECKING:
    from collections.abc import Callable

    from prometheus_client import CollectorRegistry

    from agents.runtime.testing import FakeApp
    from agents.telemetry import Telemetry

    MakeRecord = Callable[..., FakeRecord]

PAN = "4111111111111111"


@pytest.fixture
def refusals(app: FakeApp, telemetry: Telemetry) -> DeadLetterWriter:
    return DeadLetterWriter("scoring", app.outbox, "dead-letters", telemetry)


def test_a_refusal_is_a_dead_letter_a_count_and_a_line(
    refusals: DeadLetterWriter, app: FakeApp, record: MakeRecord, registry: CollectorRegistry
) -> None:
    refusal = InvalidMessage(ErrorType.INVALID_AMOUNT, "must be positive", "amount")
    with capture_logs() as lines:
        refusals.put(record(41), refusal)
    (letter,) = app.outbox.records
    assert (letter.topic, letter.key, letter.value) == ("dead-letters", b"card-1", record(41).value())
    assert letter.timestamp_ms == record().timestamp()[1]
    assert letter.header("trace") == b"7"
    assert letter.header("fraudstream-error-field") == b"amount"
    counted = {"topic": "transactions", "error_type": "invalid-amount"}
    assert registry.get_sample_value("fraudstream_dead_letters_total", counted) == 1
    (line,) = lines
    assert (line["offset"], line["error_type"], line["reason"]) == (41, "invalid-amount", "must be positive")


def test_of_a_card_number_nothing_is_put_or_told(
    refusals: DeadLetterWriter, app: FakeApp, record: MakeRecord, registry: CollectorRegistry
) -> None:
    with capture_logs() as lines:
        refusals.put(
            record(key=PAN.encode(), card_id=PAN), InvalidMessage(ErrorType.PAN, "holds a card number")
        )
    told = [str(app.outbox.records), str(lines), str(list(registry.collect()))]
    assert [text for text in told if PAN in text] == []


def test_a_record_without_a_time_gets_none(refusals: DeadLetterWriter, app: FakeApp) -> None:
    timeless = FakeRecord(b"k", b"?", timestamp=(0, -1))
    refusals.put(timeless, InvalidMessage(ErrorType.NOT_JSON, "not JSON"))
    assert app.outbox.records[0].timestamp_ms == 0


@pytest.mark.parametrize("is_poison", [False, True])
def test_only_poison_is_refused_untried(record: MakeRecord, is_poison: bool) -> None:  # noqa: FBT001
    chunk = Chunk("transactions", 2, [record()], {}, is_poison, is_poison)
    if not is_poison:
        refuse_poison(chunk)
        return
    with pytest.raises(InvalidMessage) as refused:
        refuse_poison(chunk)
    assert refused.value.error_type is ErrorType.INTERNAL_ERROR


def test_what_an_agent_forgets_is_unaccounted_for(
    app: Any, telemetry: Telemetry, registry: CollectorRegistry, record: Any
) -> None:
    """The promise is checked where it is made: each record read becomes something."""
    telemetry.reads(["transactions"])
    refusals = DeadLetterWriter("scoring", app.outbox, "dead-letters", telemetry)
    chunk = Chunk("transactions", 2, [record(1), record(2), record(3)], {})

    def unaccounted() -> float | None:
        return registry.get_sample_value("fraudstream_unaccounted_records", {"topic": "transactions"})

    with refusals.account([chunk]) as account:
        refusals.put(chunk.records[0], InvalidMessage(ErrorType.PAN, "holds a card number"))
        account(2)
    assert unaccounted() == 0
    with refusals.account([chunk]) as account:
        account(1)
    assert unaccounted() == 2


def test_a_gap_is_one_dead_letter_by_position(
    app: Any, telemetry: Telemetry, registry: CollectorRegistry
) -> None:
    gap = Gap(40, 59, Loss.DELETED, "the broker deleted them")
    refusals = DeadLetterWriter("scoring", app.outbox, "dead-letters", telemetry)
    assert [*refusals.taken(Chunk("transactions", 2, (), {}, gap=gap), lambda _: 1)] == []
    [letter] = app.outbox.on("dead-letters")
    assert letter.header("__connect.errors.offset") == b"40"
    assert letter.header("fraudstream-last-offset") == b"59"
    labels = {"topic": "transactions", "error_type": "records-lost"}
    assert registry.get_sample_value("fraudstream_records_lost_total", labels) == 20
