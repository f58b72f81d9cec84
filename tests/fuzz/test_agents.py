"""Mutated records through each agent: it loses none, refuses by name, and never fails."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Any, cast

import orjson
import pytest
import structlog
from prometheus_client import CollectorRegistry

from agents import learning, reputation
from agents.labelling import LABELS, SCORES
from agents.telemetry import Telemetry
from agents.topics import Topics
from models.decay import DAY
from schemas.dead_letter import ERROR_TYPE_HEADER
from schemas.errors import ErrorType
from schemas.example import decode_example
from schemas.outcome import decode_outcomes
from schemas.reputation import decode_reputation
from tests.agents.conftest import FakeApp, FakeRecord
from tests.agents.labelling_worker import START, Committed, Worker, label, score
from tests.agents.test_learning import Life
from tests.agents.test_learning import value as example_value
from tests.fuzz.loop import Run, forest, thresholds
from tests.fuzz.run import read_options, run, table
from tests.fuzz.samples import labels, transactions
from tests.fuzz.structure import mutated

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from tests.agents.conftest import Put
    from tests.fuzz.structure import FuzzRecord

MESSAGES = 2_000


@pytest.fixture(autouse=True)
def _quiet() -> None:
    """A line for each refusal is for operations."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))


@pytest.fixture(scope="module")
def payments() -> list[bytes]:
    return transactions(customers=40, days=5)


def test_scoring_accounts_for_every_record_of_every_batch(payments: list[bytes]) -> None:
    """In = scored + dead-lettered + repeats; no score is NaN; the ledger checks each batch."""
    scoring = Run("scoring", seed=1)
    asyncio.run(scoring.take(mutated(payments, MESSAGES, seed=1)))
    scoring.core.use_scorer(forest(seed=1))
    scoring.core.use_policy(thresholds)
    asyncio.run(scoring.take(mutated(payments, MESSAGES, seed=2)))
    ledger = scoring.ledger
    assert (ledger.taken, ledger.difference) == (2 * MESSAGES, 0)
    assert min(ledger.passed, ledger.alerts, ledger.repeats, ledger.refused.total()) > 0
    of_transactions = {*ErrorType} - {
        *(ErrorType.BAD_SIGNATURE, ErrorType.OLD_VERSION, ErrorType.OLD_CONTROL),
        *(ErrorType.FEATURES_MISMATCH, ErrorType.INTERNAL_ERROR),
        *(ErrorType.UNREADABLE_BATCH, ErrorType.RECORDS_LOST),
    }
    assert ledger.refused.keys() == of_transactions, "the mutations reach every way to refuse"


def test_intake_accounts_for_every_record_of_every_batch(payments: list[bytes]) -> None:
    intake = Run("intake", seed=1)
    asyncio.run(intake.take(mutated(labels(payments), MESSAGES, seed=3)))
    assert (intake.ledger.taken, intake.ledger.difference) == (MESSAGES, 0)
    assert min(intake.ledger.passed, intake.ledger.refused.total()) > 0


def test_a_lost_record_is_noticed(payments: list[bytes], monkeypatch: pytest.MonkeyPatch) -> None:
    """The accounts can fail: an agent that passes a refusal over does not balance."""
    monkeypatch.setattr("agents.refusals.Refusals.put", lambda *_: None)
    with pytest.raises(AssertionError, match="records of intake are unaccounted for"):
        asyncio.run(Run("intake", seed=1).take(mutated(labels(payments), MESSAGES, seed=3)))


def test_the_program_says_what_became_of_all() -> None:
    results = run(read_options(["--messages", "800", "--on-kafka", "0", "--seed", "5"]))
    assert [ledger["difference"] for ledger in results.ledgers] == [0, 0]
    assert sum(ledger["taken"] for ledger in results.ledgers) == results.messages == 800
    assert any(line.split() == ["difference", "0", "0"] for line in table(results))
    assert orjson.loads(results.to_json())["ledgers"][0]["agent"] == "scoring"


# -- agents that read what others of the service wrote: taken, or set apart by name


def keyed(value: bytes) -> bytes:
    """A message with a field that its reader ignores and the mutations take for its subject."""
    return orjson.dumps(orjson.loads(value) | {"card_id": "card_a"})


def as_records(made: Sequence[FuzzRecord]) -> list[FakeRecord]:
    return [FakeRecord(each.key, each.value, at, (1, each.timestamp_ms)) for at, each in enumerate(made)]


def letters(app: FakeApp) -> list[Put]:
    """The dead letters, each refused by name."""
    found = app.on("dead-letters")
    types = {(put.headers[ERROR_TYPE_HEADER] or b"").decode() for put in found}
    assert types <= set(ErrorType) - {ErrorType.INTERNAL_ERROR}
    return found


@pytest.mark.parametrize("seed", range(3))
def test_reputation_takes_or_sets_apart(seed: int) -> None:
    app = FakeApp()
    reputation.bind(cast("Any", app), Topics(), Telemetry(CollectorRegistry()))
    valid = [
        keyed(orjson.dumps({"kind": kind, "id": f"name-{n}", "events": [[START, START, 1, n, 0, 0]]}))
        for n in range(5)
        for kind in ("counterparty", "country")
    ]
    records = as_records([*mutated(valid, 600, seed)])
    for start in range(0, len(records), 40):
        asyncio.run(app.run(reputation.NAME, *records[start : start + 40]))
    good = sum(1 for each in records if _is(decode_outcomes, each))
    assert len(letters(app)) == len(records) - good
    assert good > 0
    for put in app.on("reputations"):
        decode_reputation(put.value or b"")


@pytest.mark.parametrize("seed", range(2))
def test_labelling_takes_or_sets_apart(tmp_path: Path, seed: int) -> None:
    scores = [keyed(score(f"t{n}", day=n / 10)) for n in range(20)]
    said = [keyed(label(f"t{n}", day=n / 10 + 1)) for n in range(20)]
    logs = {
        SCORES: as_records([*mutated(scores, 300, seed)]),
        LABELS: as_records([*mutated(said, 300, seed + 10)]),
    }
    worker = Worker(tmp_path, logs, Committed())
    try:
        for day in range(6):
            worker.take(SCORES, 60, START + day * DAY)
            worker.take(LABELS, 60, START + day * DAY)
            worker.commit()
        found = [value for topic, _, value in worker.committed.outputs if topic == "examples"]
        for value in found:
            decode_example(value or b"")
        assert found
    finally:
        worker.close()


@pytest.mark.parametrize("seed", range(2))
async def test_learning_takes_or_sets_apart(tmp_path: Path, seed: int) -> None:
    life = Life(tmp_path)
    life.resume()
    made = [*mutated([keyed(example_value(n)) for n in range(40)], 400, seed)]
    for start in range(0, len(made), 50):
        records = as_records(made)[start : start + 50]
        await life.app.run(learning.NAME, *records)
    taken, passed_over = life.state.model.examples, life.passed_over() or 0
    good = sum(1 for each in as_records(made) if _is(decode_example, each))
    assert 0 < taken <= good
    assert len(letters(life.app)) >= len(made) - good
    assert taken + passed_over + len(letters(life.app)) <= len(made)


def _is(decode: Any, record: FakeRecord) -> bool:
    try:
        decode(record.value() or b"")
    except ValueError:
        return False
    return True
