"""Mutated records of the service's own topics through what reads them: each is taken, or refused by name.

Topic by topic a ledger: passed is what its reader took, refused what it set apart. A record that broke its
reader, or that cannot be decoded and has no dead letter, is a difference.
"""

from __future__ import annotations

import asyncio
import random
import tempfile
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, cast

import orjson
from prometheus_client import CollectorRegistry

from agents import reputation
from agents.broadcast import SnapshotHandler, control_handler, reputation_handler
from agents.labelling.agent import LABELS, SCORES
from agents.learning import agent as learning
from agents.runtime.testing import FakeApp, FakeRecord
from agents.telemetry import Telemetry
from agents.topics import Topics
from models import controls, signing
from models.decay import DAY
from models.reputations.store import ReputationStore
from models.scoring.policy import FixedThresholdPolicy
from models.snapshots.selector import ModelSelector
from schemas.dead_letter import DeadLetter
from schemas.errors import ErrorType, InvalidMessage
from schemas.example import decode_example
from schemas.label import decode_label
from schemas.outcome import decode_outcomes
from schemas.score import decode_score
from tests.agents.broadcast.test_handlers import BUDGET, CONFIGURED, FIXED, PIN, RATES, REPUTATION
from tests.agents.labelling_worker import START, Committed, Worker, label, score
from tests.agents.learning.test_agent import Life
from tests.agents.learning.test_agent import value as example_value
from tests.fuzz.ledger import Ledger
from tests.fuzz.structure import mutated
from tests.models.model_cases import FEATURES_VERSION, KEY, NAME, sealed

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from agents.broadcast import Handler
    from agents.runtime.testing import WrittenRecord
    from tests.fuzz.structure import FuzzRecord

_BATCH: Final = 100
_LIFE: Final = 2_000
"""Records that one life of an agent takes; those with a store have to be opened anew now and then."""


def through_their_readers(count: int, seed: int) -> Iterator[Ledger]:
    """As many of each topic, `count` in all but for a rest."""
    each = count // 7
    yield from scores_and_keyed_labels(2 * each, seed)
    for read in (examples, outcomes, reputations, control_records, models):
        yield read(each, seed)


def outcomes(count: int, seed: int) -> Ledger:
    """`outcomes`, read by reputation."""
    app = FakeApp()
    reputation.bind(cast("Any", app), Topics(), Telemetry(CollectorRegistry()), wall=lambda: 1e12)
    valid = [
        _keyed(orjson.dumps({"kind": kind, "id": f"name-{n}", "events": [[START, START, 1, n % 2, 0, 0]]}))
        for n in range(5)
        for kind in ("counterparty", "country")
    ]
    ledger = Ledger("outcomes")
    for batch in _batches(_records(mutated(valid, count, seed)), _BATCH):
        asyncio.run(app.run(reputation.NAME, *batch))
        _enter(ledger, batch, app.outbox.on("dead-letters"), decode_outcomes)
        app.outbox.records.clear()
    return ledger


def scores_and_keyed_labels(count: int, seed: int) -> list[Ledger]:
    """`scores` and `labels.keyed`, read by labelling, half of each."""
    ledgers = {SCORES: Ledger("scores"), LABELS: Ledger("labels.keyed")}
    valid = {
        SCORES: [_keyed(score(f"t{n}", day=n / 10)) for n in range(20)],
        LABELS: [_keyed(label(f"t{n}", day=n / 10 + 1)) for n in range(20)],
    }
    decoders: dict[str, Callable[[bytes], object]] = {SCORES: decode_score, LABELS: decode_label}
    for life, start in enumerate(range(0, count // 2, _LIFE)):
        size = min(_LIFE, count // 2 - start)
        logs = {
            source: [*_records(mutated(values, size, seed + 7 * life), ledgers[source].agent)]
            for source, values in valid.items()
        }
        with tempfile.TemporaryDirectory() as folder:
            worker = Worker(Path(folder), logs, Committed())
            for number, at in enumerate(range(0, size, _BATCH)):
                for source, ledger in ledgers.items():
                    worker.take(source, _BATCH, START + number * DAY)
                    batch = logs[source][at : at + _BATCH]
                    letters = worker.app.outbox.on("dead-letters")
                    for each in ledgers.values():
                        own = [put for put in letters if _letter(put).topic == each.agent]
                        _enter(each, batch if each is ledger else [], own, decoders[source])
                    worker.commit()
            worker.close()
    return [*ledgers.values()]


def examples(count: int, seed: int) -> Ledger:
    """`examples`, read by learning."""
    ledger = Ledger("examples")
    valid = [_keyed(example_value(n)) for n in range(40)]
    for life, start in enumerate(range(0, count, _LIFE)):
        made = [*_records(mutated(valid, min(_LIFE, count - start), seed + life))]
        with tempfile.TemporaryDirectory() as folder:
            asyncio.run(_learn(Life(Path(folder)), made, ledger))
    return ledger


async def _learn(life: Life, made: Sequence[FakeRecord], ledger: Ledger) -> None:
    life.resume()
    for batch in _batches(made, _BATCH):
        await life.app.run(learning.NAME, *batch)
        _enter(ledger, batch, life.app.outbox.on("dead-letters"), decode_example)
        life.app.outbox.records.clear()


def reputations(count: int, seed: int) -> Ledger:
    """`reputations`, read by scoring."""
    take = reputation_handler(ReputationStore())
    made = mutated([_keyed(orjson.dumps(REPUTATION))], count, seed)
    return _broadcast("reputations", take, ((b"country:FR", each.value) for each in made))


def control_records(count: int, seed: int) -> Ledger:
    """`controls`, read by scoring: mutated and then signed, but for some."""
    draws = random.Random(seed)
    take = control_handler(
        controls.Controls(KEY),
        lambda factory: factory(),
        lambda: FixedThresholdPolicy(0.5, 0.9),
        lambda _: None,
        lambda _: None,
    )
    valid = [orjson.dumps({"card_id": "card_a", **each}) for each in (FIXED, RATES, BUDGET, PIN, CONFIGURED)]
    return _broadcast("controls", take, _signed_controls(mutated(valid, count, seed), draws))


_CONTROLS: Final = (b"decision-policy", b"exchange-rates", b"model")


def _signed_controls(
    made: Iterator[FuzzRecord], draws: random.Random
) -> Iterator[tuple[bytes, bytes | None]]:
    for number, each in enumerate(made):
        value = (each.value or b"").replace(b'"card_id":"card_a",', b"")
        later = datetime(2026, 3, 1, tzinfo=UTC) + timedelta(seconds=number)
        value = value.replace(b"2026-03-01T00:00:00Z", later.isoformat().encode())
        key = next((name for name in _CONTROLS if b'"control":"' + name in value), draws.choice(_CONTROLS))
        if value.endswith(b"}") and draws.random() < 0.9:
            signature = controls._signature(key, value, KEY)
            value = value[:-1] + b',"signature":"' + signature + b'"}'
        yield key, value if draws.random() < 0.99 else None


def models(count: int, seed: int) -> Ledger:
    """`models`, read by scoring: bytes changed anywhere, and descriptions that are signed all the same."""
    draws = random.Random(seed)
    handler = SnapshotHandler(ModelSelector(NAME, lambda _: None), KEY, FEATURES_VERSION)

    def take(key: bytes | None, value: bytes | None) -> None:
        handler.prepare(key, value)()

    return _broadcast("models", take, (_noisy_model(draws) for _ in range(count)))


_SEALED: Final = sealed(17)


def _noisy_model(draws: random.Random) -> tuple[bytes, bytes | None]:
    head = len(signing.MAGIC) + 32
    signed = bytearray(_SEALED[head:])
    for _ in range(draws.choice((0, 1, 1, 3, 50))):
        signed[draws.randrange(len(signed) if draws.random() < 0.5 else 600)] = draws.randrange(256)
    cut = bytes(signed[: draws.randrange(len(signed))] if draws.random() < 0.1 else signed)
    signature = signing._signature(cut, KEY) if draws.random() < 0.9 else _SEALED[len(signing.MAGIC) : head]
    key = draws.choice((f"{NAME}@17", f"{NAME}@17", f"{NAME}@18", "other", "")).encode()
    return key, None if draws.random() < 0.02 else signing.MAGIC + signature + cut


def _broadcast(topic: str, take: Handler, records: Iterator[tuple[bytes, bytes | None]]) -> Ledger:
    """Hand records over one by one, as the reader does: what is not refused by name breaks the run."""
    ledger = Ledger(topic)
    for key, value in records:
        ledger.taken += 1
        try:
            take(key, value)
        except InvalidMessage as refusal:
            ledger.refused[str(refusal.error_type)] += 1
        else:
            ledger.passed += 1
    ledger.batches = 1
    return ledger


def _enter(
    ledger: Ledger,
    batch: Sequence[FakeRecord],
    letters: Sequence[WrittenRecord],
    decode: Callable[[bytes], object],
) -> None:
    """Count a batch; what can be decoded and has no letter was taken.

    A letter of a record before it takes it back: a label is ambiguous once a second transaction comes.
    """
    told = [_letter(put) for put in letters]
    places = Counter(letter.offset for letter in told)
    assert set(places.values()) <= {1}, "a record has two dead letters"
    assert all(letter.error_type is not ErrorType.INTERNAL_ERROR for letter in told)
    ledger.taken += len(batch)
    ledger.refused.update(str(letter.error_type) for letter in told)
    ledger.passed += sum(each.offset() not in places and _is(decode, each) for each in batch)
    ledger.passed -= len(places.keys() - {each.offset() for each in batch})
    ledger.batches += 1
    assert ledger.difference == 0, f"{ledger.difference} records of {ledger.agent} are unaccounted for"


def _keyed(value: bytes) -> bytes:
    """A message with a field that its reader ignores and the mutations take for its subject."""
    return orjson.dumps(orjson.loads(value) | {"card_id": "card_a"})


def _records(made: Iterator[FuzzRecord], topic: str = "transactions") -> Iterator[FakeRecord]:
    return (
        FakeRecord(each.key, each.value, at, (1, each.timestamp_ms), topic=topic)
        for at, each in enumerate(made)
    )


def _letter(put: WrittenRecord) -> DeadLetter:
    return DeadLetter.from_headers(put.headers)


def _batches(records: Any, size: int) -> Iterator[list[FakeRecord]]:
    whole = [*records]
    return (whole[start : start + size] for start in range(0, len(whole), size))


def _is(decode: Callable[[bytes], object], record: FakeRecord) -> bool:
    try:
        decode(record.value() or b"")
    except ValueError:
        return False
    return True
