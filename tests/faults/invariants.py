"""What must hold after any fault: each a function that yields a sentence for every breach that it finds.

Records are compared with the truth (`truth.py`), never with what the service says of itself.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from datetime import UTC, datetime
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np
import orjson

from agents.runtime.state import unseal as unseal_change
from fraudstream.worker.compose import new_model
from models.profiles.layout import ROW, unpack_row
from models.reputations.ledger import ReputationLedger
from models.scoring.features import EVENT, PROFILE
from models.scoring.prior import PriorModel
from models.scoring.state import PROFILE_PREFIX
from models.signing import unseal
from models.snapshots.scorer import SnapshotScorer
from schemas.errors import ErrorType
from schemas.example import Maturity, decode_example
from schemas.outcome import decode_outcomes
from schemas.reputation import decode_reputation
from schemas.score import Decision
from tests.faults.evidence import places
from tests.faults.ground import SIGNING_KEY
from tests.faults.truth import Fate

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from models.scoring.scorer import Scorer
    from models.snapshots.online_model import OnlineModel
    from schemas.example import Example
    from schemas.snapshot import ModelSnapshot
    from tests.faults.evidence import Evidence
    from tests.faults.records import Stored
    from tests.faults.truth import Truth

    Breaches = Iterator[str]
    Check = Callable[[Evidence, Truth], Breaches]
    Fields = dict[str, Any]

_WHEN: Final = "scored_at"
"""The one field of scores and alerts that a repeat may have otherwise."""
_ANY_TIME: Final = datetime(2000, 1, 1, tzinfo=UTC)
_KNOWN_FEATURES: Final = len(EVENT) + len(PROFILE)


def everything_sent_arrived(evidence: Evidence, truth: Truth) -> Breaches:
    """Kafka has every transaction and label that was sent, as often as it was sent."""
    del truth
    for topic, sent, found in (
        ("transactions", evidence.sent, evidence.transactions),
        ("labels", evidence.labels_sent, evidence.labels),
    ):
        arrived = Counter((record.key(), record.value()) for record in found)
        yield from (
            f"{topic}: sent {n} times, there {arrived[k]} times: {k}"
            for k, n in sent.items()
            if arrived[k] != n
        )


def none_is_unscored(evidence: Evidence, truth: Truth) -> Breaches:
    """In = scored + dead letters + repeats: each record of `transactions` has the one that is its own."""
    scored = {_source(score) for score in _values(evidence.scores)}
    refused = set(_refused(evidence))
    for place, fate in truth.fates.items():
        if (place in scored, place in refused) != (fate is Fate.SCORED, fate is Fate.REFUSED):
            yield f"{place} should be {fate}; score: {place in scored}, dead letter: {place in refused}"
    yield from (
        f"{place} is no record, but has a score or dead letter"
        for place in (scored | refused) - truth.fates.keys()
    )


def only_what_was_deleted_is_lost(evidence: Evidence, truth: Truth) -> Breaches:
    """Records that the service counts as lost were deleted by the broker."""
    del truth
    yield from (f"{place} is counted as lost, and was there" for place in evidence.lost() - evidence.deleted)


def no_alert_is_lost(evidence: Evidence, truth: Truth) -> Breaches:
    """Each score that is no approval has its alert, of the same judgement, and no other alert is there."""
    del truth
    alerts = {_judgement(alert) for alert in _values(evidence.alerts)}
    scores = _values(evidence.scores)
    last = {_source(score): score for score in scores}
    for place, score in last.items():
        if score["decision"] != Decision.APPROVE and _judgement(score) not in alerts:
            yield f"{place} was judged {score['decision']}, and there is no such alert"
    if evidence.is_exactly_once:
        known = {_judgement(score) for score in scores}
        yield from (f"the alert of {alert[0]} has no score" for alert in alerts - known)


def an_alert_id_has_one_content(evidence: Evidence, truth: Truth) -> Breaches:
    """No alert id comes twice with different content, whatever a reader reads."""
    del truth
    first: dict[str, Fields] = {}
    for alert in _values(evidence.all_alerts):
        alert.pop(_WHEN)
        before = first.setdefault(alert["alert_id"], alert)
        if before != alert:
            fields = sorted(field for field in alert if before.get(field) != alert[field])
            yield f"alert {alert['alert_id']} came with other {', '.join(fields)}"


def committed_ids_come_once(evidence: Evidence, truth: Truth) -> Breaches:
    """Exactly-once: a reader of committed records sees no score, alert or dead letter twice."""
    del truth
    if not evidence.is_exactly_once:
        return
    for what, ids in (
        ("score", (score["transaction_id"] for score in _values(evidence.scores))),
        ("alert", (alert["alert_id"] for alert in _values(evidence.alerts))),
        ("dead letter", _refused(evidence)),
    ):
        yield from (f"{what} {name} came {n} times" for name, n in Counter(ids).items() if n > 1)


def every_label_is_keyed(evidence: Evidence, truth: Truth) -> Breaches:
    """`labels.keyed` has each label as often as `labels`; at-least-once, as often or more."""
    del truth
    sent = Counter(record.value() for record in evidence.labels)
    keyed = Counter(record.value() for record in evidence.labels_keyed)
    for label in sent.keys() | keyed.keys():
        if keyed[label] != sent[label] and (evidence.is_exactly_once or keyed[label] < sent[label]):
            yield f"a label came {sent[label]} times and is keyed {keyed[label]} times: {label}"


def profiles_are_the_truth(evidence: Evidence, truth: Truth) -> Breaches:
    """The profile of each card in the changelog is the fold of its transactions, byte for byte.

    But for the identity of the topic, which the broker makes.
    """
    newest: dict[tuple[int, bytes], tuple[int, bytes | None]] = {}
    for record in evidence.changelog:
        key = (record.of_partition, record.key() or b"")
        _, offset, payload = unseal_change(record.value() or b"")
        if offset >= newest.get(key, (0, None))[0]:  # a late write of a former owner does not count
            newest[key] = offset, payload
    found = {
        key: payload and _of_no_log(payload)
        for key, (_, payload) in newest.items()
        if key[1].startswith(PROFILE_PREFIX)
    }
    for key in found.keys() | truth.profiles.keys():
        if found.get(key) != truth.profiles.get(key):
            yield f"{key[1].decode()} in partition {key[0]} {_apart(found.get(key), truth.profiles.get(key))}"


def _of_no_log(payload: bytes) -> bytes:
    """A packed profile as if its offsets counted in no log that has a name."""
    row = unpack_row(payload).copy().view(ROW)
    row["log"] = 0
    return row.tobytes()


def each_was_scored_on_its_true_profile(evidence: Evidence, truth: Truth) -> Breaches:
    """Each copy of a score has the profile's features that a replay gives."""
    for score in _values(evidence.all_scores):
        place = _source(score)
        expected = truth.features.get(place)
        if expected is None or score["transaction_id"] != truth.names[place]:
            yield f"{place} is not to be scored as {score['transaction_id']}"
        elif not np.array_equal(_row(score)[:_KNOWN_FEATURES], expected[:_KNOWN_FEATURES]):
            yield f"{place} was scored on another profile than its own"


def each_score_is_its_models(evidence: Evidence, truth: Truth) -> Breaches:
    """Each copy of a score is what the model that it names gives for its features."""
    del truth
    scorers: dict[str, Scorer] = {"prior": PriorModel()}
    for snapshot, onnx in _published(evidence):
        scorers[snapshot.scored_by] = SnapshotScorer(snapshot, onnx)
    rows = defaultdict[str, list["Fields"]](list)
    for score in _values(evidence.all_scores):
        rows[score["scored_by"]].append(score)
    for name, scores in rows.items():
        if name not in scorers:
            yield f"{len(scores)} scores name {name}, which was never published"
            continue
        given = scorers[name].score(np.array([_row(score) for score in scores]))
        wrong = sum(given != [score["score"] for score in scores])
        if wrong:
            yield f"{wrong} scores of {name} are not what it gives"


def no_example_is_told_twice(evidence: Evidence, truth: Truth) -> Breaches:
    """A transaction is an example again only where the word on it changed; at-least-once may tell it anew."""
    del truth
    told: dict[str, list[Example]] = defaultdict(list)
    for record in evidence.examples:
        example = decode_example(record.value() or b"")
        if evidence.is_exactly_once or example not in told[example.transaction_id]:
            told[example.transaction_id].append(example)
    for name, history in told.items():
        words = [f"{example.maturity} {example.outcome}" for example in history]
        anew = [example.maturity is not Maturity.CORRECTED for example in history[1:]]
        if evidence.is_exactly_once and any(anew):
            yield f"{name} was not corrected, but told anew: {', '.join(words)}"
        elif any(
            one.outcome is other.outcome and not is_anew
            for (one, other), is_anew in zip(pairwise(history), anew, strict=True)
        ):
            yield f"{name} was told {len(history)} times: {', '.join(words)}"


def reputations_are_the_fold_of_outcomes(evidence: Evidence, truth: Truth) -> Breaches:
    """The newest reputation of each key is the fold of its outcomes."""
    del truth
    ledger = ReputationLedger()
    for record in evidence.outcomes:
        outcomes = decode_outcomes(record.value() or b"")
        ledger.fold(outcomes.key, outcomes.events)
    newest = {(record.key() or b"").decode(): record.value() or b"" for record in evidence.reputations}
    for key in newest.keys() | set(ledger.take_dirty()):
        if key not in newest:
            yield f"{key} has outcomes and no reputation"
        elif decode_reputation(newest[key]) != ledger.reputation(key):
            yield f"the reputation of {key} is not the fold of its outcomes"


def models_are_the_fold_of_examples(evidence: Evidence, truth: Truth) -> Breaches:
    """Each published model, and the learner's checkpoint, is node for node the fold of `examples`."""
    del truth
    published = defaultdict[int, list["ModelSnapshot"]](list)
    for snapshot, _ in _published(evidence):
        published[snapshot.examples_offset].append(snapshot)
    checkpoint = evidence.checkpoint
    if not published:
        yield "no model was published"
    model = new_model(evidence.settings)
    for record in evidence.examples:
        model.fold(decode_example(record.value() or b""), record.of_offset)
        for snapshot in published.pop(record.of_offset, ()):
            yield from _another_model(model, snapshot, f"version {snapshot.version}")
        if checkpoint is not None and checkpoint.examples_offset == record.of_offset:
            yield from _another_model(model, checkpoint.snapshot(_ANY_TIME)[0], "the checkpoint")
            checkpoint = None
    yield from (f"version {each.version} is of no example" for many in published.values() for each in many)
    if checkpoint is not None:
        yield f"the checkpoint is of offset {checkpoint.examples_offset}, which is no example"


def _another_model(model: OnlineModel, found: ModelSnapshot, what: str) -> Breaches:
    rebuilt, _ = model.snapshot(found.created_at)
    if (rebuilt.onnx_sha256, rebuilt.calibration) != (found.onnx_sha256, found.calibration):
        yield f"{what} is not the fold of the examples up to {found.examples_offset}"


def _published(evidence: Evidence) -> Iterator[tuple[ModelSnapshot, bytes]]:
    return (
        unseal(record.value() or b"", SIGNING_KEY.encode()) for record in evidence.models if record.value()
    )


def _values(records: Iterable[Stored]) -> list[Fields]:
    return [orjson.loads(record.value() or b"") for record in records]


def _source(value: Fields) -> tuple[int, int]:
    """Partition and offset of the transaction that a score or alert is about."""
    return value["source"]["partition"], value["source"]["offset"]


def _judgement(value: Fields) -> tuple[Any, ...]:
    """What a score and its alert have in common."""
    judged = (value[name] for name in ("decision", "score", "threshold", "scored_by"))
    return _source(value), *judged, datetime.fromisoformat(value[_WHEN])


def _row(score: Fields) -> Any:
    return np.array(score["features"], dtype=np.float32)


def _refused(evidence: Evidence) -> list[tuple[int, int]]:
    """Where the messages of `transactions` stood that became dead letters; without those never read."""
    return [
        place
        for letter in evidence.letters(evidence.settings.topics.names().transactions)
        if letter.error_type is not ErrorType.RECORDS_LOST
        for place in places(letter)
    ]


def _apart(found: bytes | None, expected: bytes | None) -> str:
    if found is None or expected is None:
        return "is missing" if found is None else "is not to be there"
    return "is not the fold of its transactions"


class Invariant(NamedTuple):
    """A check, and its short name in the report."""

    name: str
    check: Check

    @property
    def sentence(self) -> str:
        """What must hold."""
        return (self.check.__doc__ or "").strip()


INVARIANTS: Final[Sequence[Invariant]] = (
    Invariant("sent", everything_sent_arrived),
    Invariant("scored", none_is_unscored),
    Invariant("lost", only_what_was_deleted_is_lost),
    Invariant("alerts", no_alert_is_lost),
    Invariant("alert content", an_alert_id_has_one_content),
    Invariant("once", committed_ids_come_once),
    Invariant("labels", every_label_is_keyed),
    Invariant("profiles", profiles_are_the_truth),
    Invariant("features", each_was_scored_on_its_true_profile),
    Invariant("scores", each_score_is_its_models),
    Invariant("examples", no_example_is_told_twice),
    Invariant("reputations", reputations_are_the_fold_of_outcomes),
    Invariant("models", models_are_the_fold_of_examples),
)
