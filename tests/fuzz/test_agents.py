"""Mutated records through each agent: it loses none, refuses by name, and never fails."""

from __future__ import annotations

import asyncio
import logging

import orjson
import pytest
import structlog

from agents.topics import Topics
from schemas.errors import ErrorType
from tests.fuzz.inner import through_their_readers
from tests.fuzz.loop import Run, forest, thresholds
from tests.fuzz.run import read_options, run, table
from tests.fuzz.samples import labels, transactions
from tests.fuzz.structure import mutated

MESSAGES = 2_000
READ_INSIDE = ("labels_keyed", "scores", "examples", "outcomes", "reputations", "models", "controls")
"""Topics that workers read and that none but the service writes to; with the bank's two they are nine."""


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
        *(ErrorType.FEATURES_MISMATCH, ErrorType.AMBIGUOUS_LABEL, ErrorType.UNSOUND_MODEL),
        *(ErrorType.INTERNAL_ERROR, ErrorType.RECORDS_LOST, ErrorType.UNREADABLE_BATCH),
    }
    assert ledger.refused.keys() == of_transactions, "the mutations reach every way to refuse"


def test_intake_accounts_for_every_record_of_every_batch(payments: list[bytes]) -> None:
    intake = Run("intake", seed=1)
    asyncio.run(intake.take(mutated(labels(payments), MESSAGES, seed=3)))
    assert (intake.ledger.taken, intake.ledger.difference) == (MESSAGES, 0)
    assert min(intake.ledger.passed, intake.ledger.refused.total()) > 0


def test_a_lost_record_is_noticed(payments: list[bytes], monkeypatch: pytest.MonkeyPatch) -> None:
    """The accounts can fail: an agent that passes a refusal over does not balance."""
    monkeypatch.setattr("agents.dead_letters.DeadLetterWriter.put", lambda *_: None)
    with pytest.raises(AssertionError, match="records of intake are unaccounted for"):
        asyncio.run(Run("intake", seed=1).take(mutated(labels(payments), MESSAGES, seed=3)))


def test_the_program_says_what_became_of_all() -> None:
    results = run(read_options(["--messages", "800", "--on-kafka", "0", "--seed", "5"]))
    assert [ledger["difference"] for ledger in results.ledgers] == [0] * 9
    assert sum(ledger["taken"] for ledger in results.ledgers) == results.messages == 800
    assert any(line.split() == ["difference", *["0"] * 9] for line in table(results))
    assert orjson.loads(results.to_json())["ledgers"][0]["agent"] == "scoring"


def test_each_topic_of_the_service_itself_has_a_reader_that_takes_or_refuses_each_record() -> None:
    ledgers = list(through_their_readers(7 * MESSAGES, seed=4))
    read = {getattr(Topics(), name) for name in READ_INSIDE}
    assert {ledger.agent for ledger in ledgers} == read
    for ledger in ledgers:
        assert (ledger.taken, ledger.difference) == (MESSAGES, 0)
        assert min(ledger.passed, ledger.refused.total()) > 0, ledger.agent
        assert len(ledger.refused) >= 8, "the mutations reach many ways to refuse"
