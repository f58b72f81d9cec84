"""Each invariant holds on what a right service leaves behind, and finds the breach that it is there for."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson
import pytest

from agents.dead_letters import dead_letter, dead_letter_at
from agents.runtime.state import seal as seal_change
from agents.scoring import alert_value, score_value
from fraudstream.settings import Settings
from fraudstream.worker.compose import new_model
from models.reputations.ledger import ReputationLedger
from models.reputations.store import ReputationStore
from models.scoring.pipeline import Scored, ScoringCore
from models.scoring.policy import FixedThresholdPolicy
from models.scoring.prior import PriorModel
from models.signing import seal
from schemas.errors import ErrorType
from schemas.example import Example, Maturity
from schemas.label import Label, LabelOrigin, Outcome
from schemas.outcome import OutcomeEvent, Outcomes
from schemas.score import decode_score
from schemas.transaction import decode_transaction
from tests.faults.evidence import Evidence
from tests.faults.ground import SIGNING_KEY
from tests.faults.invariants import INVARIANTS
from tests.faults.records import Stored
from tests.faults.truth import fold

NOW = datetime(2026, 3, 1, tzinfo=UTC)
MS = int(NOW.timestamp() * 1_000)
TRANSACTIONS, CARDS = 40, 5


def stored(topic: str, offset: int, key: bytes | None, value: bytes | None, partition: int = 0) -> Stored:
    return Stored(topic, partition, offset, key, value, milliseconds=MS)


def transaction(number: int) -> bytes:
    return orjson.dumps(
        {
            "schema_version": 1,
            "kind": "card",
            "transaction_id": f"t-{number}",
            "event_time": NOW - timedelta(hours=TRANSACTIONS - number),
            "card_id": f"card-{number % CARDS}",
            "merchant_id": f"merchant-{number % 3}",
            "amount": "98000.00" if number % 7 == 0 else "9.99",
            "currency": "EUR",
        }
    )


def input_records() -> list[Stored]:
    """Transactions, one of them twice, and one message that is none."""
    values = [transaction(number) for number in range(TRANSACTIONS)]
    values[20:20] = [values[19], b"no transaction"]
    keys = [
        None if value == b"no transaction" else orjson.loads(value)["card_id"].encode() for value in values
    ]
    return [stored("transactions", n, *each) for n, each in enumerate(zip(keys, values, strict=True))]


def right() -> Evidence:
    """What a service leaves behind that did everything right."""
    records = input_records()
    good = [record for record in records if record.key() is not None]
    core = ScoringCore(PriorModel(), ReputationStore(), lambda: FixedThresholdPolicy(0.1, 0.9))
    state = core.new_state()
    results = core.process(
        [decode_transaction(record.value()) for record in good], [record.offset() for record in good], state
    )
    scored = [(r, record) for r, record in zip(results, good, strict=True) if isinstance(r, Scored)]
    scores = [
        stored("scores", n, record.key(), score_value(each, record, NOW))
        for n, (each, record) in enumerate(scored)
    ]
    alerts = [
        stored("alerts", n, record.key(), alert_value(each, record, NOW))
        for n, (each, record) in enumerate(scored)
        if each.decision != "approve"
    ]
    (bad,) = [record for record in records if record.key() is None]
    letter = dead_letter(bad, ErrorType.NOT_JSON, "is not JSON", agent="scoring")
    changelog = [
        stored("scoring-changelog", n, key, seal_change(0, len(records), payload))
        for n, (key, payload) in enumerate(state.changes())
    ]
    settings = Settings()
    examples = [
        stored("examples", n, None, example(score.value(), fraud=n % 4 == 0).to_json())
        for n, score in enumerate(scores)
    ]
    label = Label(
        transaction_id="t-0",
        subject="card-0",
        outcome=Outcome.FRAUD,
        origin=LabelOrigin.CUSTOMER,
        label_time=NOW,
    ).to_json()
    outcomes = Outcomes(
        kind="counterparty", id="merchant-0", events=(OutcomeEvent(1.0e9, 1.0e9, 1, 0, 0, 0),)
    )
    ledger = ReputationLedger()
    ledger.fold(outcomes.key, outcomes.events)
    model = new_model(settings)
    for record in examples[:30]:
        model.fold(decoded(record), record.offset())
    snapshot, onnx = model.snapshot(NOW)
    return Evidence(
        settings=settings,
        sent=Counter((record.key(), record.value()) for record in records),
        labels_sent={(b"card-0", label): 1},
        poison=frozenset(),
        unreadable=frozenset(),
        deleted=frozenset(),
        transactions=records,
        scores=scores,
        all_scores=scores,
        alerts=alerts,
        all_alerts=alerts,
        dead_letters=[Stored("dead-letters", 0, 0, None, letter.value, tuple(letter.headers), MS)],
        changelog=changelog,
        labels=[stored("labels", 0, b"card-0", label)],
        labels_keyed=[stored("labels.keyed", 0, b"card-0", label)],
        examples=examples,
        outcomes=[stored("outcomes", 0, outcomes.key.encode(), outcomes.to_json())],
        reputations=[
            stored("reputations", 0, outcomes.key.encode(), ledger.reputation(outcomes.key).to_json())
        ],
        models=[stored("models", 0, b"boost@30", seal(snapshot, onnx, SIGNING_KEY.encode()))],
        checkpoint=model,
    )


def example(score: bytes | None, *, fraud: bool) -> Example:
    given = decode_score(score or b"")
    return Example(
        transaction_id=given.transaction_id,
        subject=given.subject,
        event_time=given.event_time,
        score=given.score,
        scored_by=given.scored_by,
        features=given.features,
        features_version=given.features_version,
        outcome=Outcome.FRAUD if fraud else Outcome.GENUINE,
        maturity=Maturity.MATURED,
        weight=1.0,
        sampling_rate=1.0,
        learn_time=NOW,
    )


def decoded(record: Stored) -> Example:
    return Example.model_validate_json(record.value() or b"")


def breaches(evidence: Evidence) -> dict[str, list[str]]:
    """What each invariant finds, of those that find something."""
    lost = evidence.lost() & evidence.deleted
    expected = fold(evidence.transactions, evidence.poison, evidence.unreadable, lost)
    found = {each.name: list(each.check(evidence, expected)) for each in INVARIANTS}
    return {name: told for name, told in found.items() if told}


def changed(record: Stored, **fields: Any) -> Stored:
    """The record with some fields of its JSON set otherwise."""
    return replace(record, of_value=orjson.dumps(orjson.loads(record.value() or b"") | fields))


def again(records: Any, **fields: Any) -> list[Stored]:
    """The records and, at the end, the first of them again, with some fields otherwise."""
    return [*records, changed(replace(records[0], of_offset=len(records)), **fields)]


Damage = Callable[[Evidence], Evidence]


def other_profile(evidence: Evidence) -> Evidence:
    first, *rest = evidence.changelog
    value = bytearray(first.value() or b"")
    value[-1] ^= 1
    return replace(evidence, changelog=[replace(first, of_value=bytes(value)), *rest])


def other_feature(evidence: Evidence) -> Evidence:
    first = evidence.scores[0]
    features = orjson.loads(first.value() or b"")["features"]
    wrong = changed(first, features=[features[0], features[1], features[2], features[3], 3.0, *features[5:]])
    return replace(evidence, all_scores=[wrong, *evidence.scores[1:]])


def counted_as_lost(evidence: Evidence, first: int, last: int) -> Evidence:
    """The service says that it never read these; it scored them all the same."""
    letter = dead_letter_at(
        "transactions", 0, first, last, ErrorType.RECORDS_LOST, "was deleted", agent="scoring"
    )
    record = Stored("dead-letters", 0, 1, None, letter.value, tuple(letter.headers), MS)
    return replace(evidence, dead_letters=[*evidence.dead_letters, record])


def deleted(evidence: Evidence, offset: int) -> Evidence:
    """The broker deleted a transaction, and nothing came of it."""
    alerts, scores = (
        [each for each in records if orjson.loads(each.value() or b"")["source"]["offset"] != offset]
        for records in (evidence.alerts, evidence.scores)
    )
    return replace(evidence, deleted={(0, offset)}, scores=scores, alerts=alerts)


def at_least_once(evidence: Evidence) -> Evidence:
    return replace(evidence, settings=Settings(delivery={"mode": "at-least-once"}))


DAMAGES: dict[str, tuple[str, Damage]] = {
    "a transaction that never arrived": (
        "sent",
        lambda e: replace(e, sent={**e.sent, (b"card-1", b"lost"): 1}),
    ),
    "a transaction that arrived twice": (
        "sent",
        lambda e: replace(e, sent={**e.sent, (e.transactions[0].key(), e.transactions[0].value()): 0}),
    ),
    "a label that never arrived": ("sent", lambda e: replace(e, labels_sent={(b"card-1", b"lost"): 1})),
    "a missing score": (
        "scored",
        lambda e: replace(e, scores=[s for s in e.scores if b'"t-1"' not in s.of_value]),
    ),
    "a missing dead letter": ("scored", lambda e: replace(e, dead_letters=[])),
    "a score of a repeat": (
        "scored",
        lambda e: replace(
            e,
            scores=again(e.scores, source={"topic": "transactions", "partition": 0, "offset": 20}),
        ),
    ),
    "a record that is there, counted as lost": ("lost", lambda e: counted_as_lost(e, 7, 7)),
    "a deleted record that is not counted as lost": ("scored", lambda e: deleted(e, 7)),
    "a missing alert": ("alerts", lambda e: replace(e, alerts=e.alerts[1:])),
    "an alert without a score": ("alerts", lambda e: replace(e, alerts=again(e.alerts, score=0.95))),
    "an alert id with other content": (
        "alert content",
        lambda e: replace(e, all_alerts=again(e.alerts, score=0.95)),
    ),
    "a score twice": ("once", lambda e: replace(e, scores=again(e.scores))),
    "an alert twice": ("once", lambda e: replace(e, alerts=again(e.alerts))),
    "a dead letter twice": ("once", lambda e: replace(e, dead_letters=[*e.dead_letters, *e.dead_letters])),
    "a label that is not keyed": ("labels", lambda e: replace(e, labels_keyed=[])),
    "a label keyed twice": ("labels", lambda e: replace(e, labels_keyed=[*e.labels_keyed, *e.labels_keyed])),
    "a wrong profile": ("profiles", other_profile),
    "a missing profile": ("profiles", lambda e: replace(e, changelog=e.changelog[1:])),
    "a score on another profile": ("features", other_feature),
    "a score that no model gives": (
        "scores",
        lambda e: replace(e, all_scores=[changed(e.scores[0], score=0.123), *e.scores[1:]]),
    ),
    "a score of a model that nobody published": (
        "scores",
        lambda e: replace(e, all_scores=[changed(e.scores[0], scored_by="boost@99"), *e.scores[1:]]),
    ),
    "an example twice": ("examples", lambda e: replace(e, examples=again(e.examples))),
    "an example told anew, not corrected": (
        "examples",
        lambda e: replace(e, examples=again(e.examples, outcome="genuine")),
    ),
    "a missing reputation": ("reputations", lambda e: replace(e, reputations=[])),
    "a wrong reputation": (
        "reputations",
        lambda e: replace(e, reputations=[changed(e.reputations[0], matured=[9.0] * 5)]),
    ),
    "a model of other examples": (
        "models",
        lambda e: replace(e, examples=[*e.examples[1:15], *e.examples[16:]]),
    ),
    "no model": ("models", lambda e: replace(e, models=[])),
}


def test_what_a_right_service_leaves_behind_breaks_nothing() -> None:
    assert breaches(right()) == {}


def test_repeats_are_no_breach_in_at_least_once_mode() -> None:
    evidence = at_least_once(right())
    repeated = replace(
        evidence,
        scores=again(evidence.scores),
        alerts=again(evidence.alerts),
        labels_keyed=[*evidence.labels_keyed, *evidence.labels_keyed],
    )
    assert breaches(repeated) == {}


@pytest.mark.parametrize(("invariant", "damage"), DAMAGES.values(), ids=DAMAGES)
def test_each_breach_is_found(invariant: str, damage: Damage) -> None:
    assert invariant in breaches(damage(right()))


def test_every_invariant_can_fail() -> None:
    assert {invariant for invariant, _ in DAMAGES.values()} == {each.name for each in INVARIANTS}
