"""Whatever reads bytes of others, each with the rule that it keeps whatever bytes come.

A decoder gives a message that it reads again once encoded, or raises `InvalidMessage` of a listed type. What
reads the service's own state raises `ValueError`, which ends a restore in one sentence. Neither raises
anything else.
"""

from __future__ import annotations

import hmac
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final

from agents.broadcast.handlers import SnapshotHandler, reputation_handler
from agents.dead_letters import dead_letter
from agents.reputation import ReputationState
from agents.runtime.state import unseal as unseal_changelog
from agents.runtime.testing import FakeRecord
from models import controls, signing
from models.profiles.layout import LAYOUT, ROW
from models.reputations.store import ReputationStore
from models.scoring.alert_budget import AlertBudgetPolicy
from models.scoring.features import FEATURES_VERSION
from models.scoring.pipeline import Scored, ScoringCore
from models.scoring.policy import FixedThresholdPolicy
from models.scoring.prior import PriorModel
from models.scoring.state import PROFILE_PREFIX, SubjectState
from models.snapshots.selector import ModelSelector
from schemas.alert import decode_alert
from schemas.control import decode_control
from schemas.dead_letter import DeadLetter
from schemas.erasure import decode_erasure, decode_examples_erasure
from schemas.errors import ErrorType, InvalidMessage
from schemas.example import decode_example
from schemas.fields.pan import contains_pan, mask_numbers, mask_pans
from schemas.label import decode_label
from schemas.outcome import decode_outcomes
from schemas.reputation import decode_reputation
from schemas.score import decode_score
from schemas.snapshot import decode_snapshot, version_of
from schemas.transaction import CardTransaction, decode_transaction

if TYPE_CHECKING:
    from collections.abc import Callable

    Target = Callable[[bytes], None]

KEY: Final = b"a key for tests alone"
_CANARY: Final = CardTransaction(
    transaction_id="t-1",
    event_time="2026-03-01T10:00:00Z",
    card_id="card-1",
    merchant_id="merchant-1",
    amount="12.50",
    currency="EUR",
)


def _message(decode: Callable[[bytes], Any]) -> Target:
    """A decoder of messages reads again what it has read."""

    def keeps_the_rule(data: bytes) -> None:
        try:
            message = decode(data)
        except InvalidMessage as raised:
            refusal = raised
        else:
            assert decode(message.to_json()) == message
            return
        _check_letter(data, refusal)

    return keeps_the_rule


def _check_letter(data: bytes, refusal: InvalidMessage) -> None:
    """What is refused can be set apart, without a card number in it."""
    assert refusal.error_type in set(ErrorType) - {ErrorType.INTERNAL_ERROR}
    record = FakeRecord(data[:20], data, 7, topic="transactions", headers=[("trace", data[:40])])
    letter = dead_letter(record, refusal.error_type, refusal.reason, agent="scoring", field=refusal.field)
    assert DeadLetter.from_headers(letter.headers).error_type is refusal.error_type
    assert not any(map(contains_pan, (letter.key or b"", letter.value or b"")))


def _may_refuse(take: Callable[[bytes], object], *errors: type[Exception]) -> Target:
    def keeps_the_rule(data: bytes) -> None:
        try:
            take(data)
        except errors:
            return

    return keeps_the_rule


def _signed_model(data: bytes) -> bytes:
    """Bytes with the right signature, so that what lies behind it is reached."""
    return signing.MAGIC + hmac.digest(KEY, data, "sha256") + data


def _take_models() -> Target:
    prepare = SnapshotHandler(ModelSelector("forest", lambda _: None), KEY, FEATURES_VERSION).prepare

    def take(data: bytes) -> None:
        key, _, value = data.partition(b"\n")
        prepare(key, value)
        prepare(key, None)
        prepare(b"forest@7", _signed_model(value))

    return _may_refuse(take, InvalidMessage)


def _take_reputations() -> Target:
    take = reputation_handler(ReputationStore())
    return _may_refuse(
        lambda data: take(*data.split(b"\n", 1)) if b"\n" in data else take(None, data), InvalidMessage
    )


def _take_controls(data: bytes) -> None:
    """A control under some signature, then under the right one."""
    taken = controls.Controls(KEY)
    for key in (b"model", b"decision-policy"):
        with suppress(InvalidMessage):
            taken.take(key, data)
        taken.take(key, data[:-1] + b',"signature":"' + controls._signature(key, data, KEY) + b'"}')


def _headers(data: bytes) -> None:
    """The headers of a dead letter that somebody else wrote."""
    parts = data.split(b"\n")
    fields = DeadLetter.model_fields.values()
    DeadLetter.from_headers([(str(each.alias), part) for each, part in zip(fields, parts, strict=False)])


def _restore_scoring(data: bytes) -> None:
    core = ScoringCore(PriorModel(), ReputationStore(), _budget)
    state = core.new_state()
    state.restore(b"policy", _budget().version.encode() + b"\0" + data)
    _check_scores(core, state)
    key, _, payload = data.partition(b"\n")
    state.restore(key, payload)


def _score_on_a_restored_profile(data: bytes) -> None:
    """A profile of any content, if it can be read at all, gives no NaN."""
    core = ScoringCore(PriorModel(), ReputationStore(), lambda: FixedThresholdPolicy(0.5, 0.9))
    state = core.new_state()
    payload = (LAYOUT.to_bytes(2, "little") + data).ljust(ROW.itemsize, b"\0")[: ROW.itemsize]
    state.restore(PROFILE_PREFIX + b"card-1", payload)
    _check_scores(core, state)


def _check_scores(core: ScoringCore, state: SubjectState) -> None:
    """What is scored on a restored state is a score."""
    for result in core.process([_CANARY], [2**62], state):
        if isinstance(result, Scored):
            assert 0.0 <= result.score <= 1.0
            assert 0.0 <= result.threshold <= 1.0
            assert all(abs(each) < float("inf") for each in result.features)


def _budget() -> AlertBudgetPolicy:
    return AlertBudgetPolicy(50.0, floor=0.01, ceiling=0.9, decline=0.95)


def _restore_reputation(data: bytes) -> None:
    key, _, payload = data.partition(b"\n")
    state = ReputationState()
    state.restore(key, payload)
    state.ledger.reputation(key.decode())


def _fold_outcomes(data: bytes) -> None:
    """Outcomes that are read give a reputation that can be published."""
    with suppress(InvalidMessage):
        outcomes = decode_outcomes(data)
        state = ReputationState()
        state.fold(outcomes, 1)
        if outcomes.events:
            decode_reputation(state.ledger.reputation(outcomes.key).to_json())
            state.restore(*state.changes()[0])


def _mask(data: bytes) -> None:
    """What is masked holds no card number, and masking again changes nothing."""
    for mask in (mask_pans, mask_numbers):
        masked = mask(data)
        assert not contains_pan(masked)
        assert mask(masked) == masked


TARGETS: Final[dict[str, Target]] = {
    **{
        decode.__name__.removeprefix("decode_"): _message(decode)
        for decode in (
            *(decode_transaction, decode_label, decode_score, decode_alert, decode_example, decode_outcomes),
            *(decode_reputation, decode_control, decode_snapshot, decode_erasure, decode_examples_erasure),
        )
    },
    "headers": _may_refuse(_headers, InvalidMessage),
    "version": _may_refuse(lambda data: version_of(data, "forest")),
    "unseal": _may_refuse(lambda data: signing.unseal(data, KEY), InvalidMessage),
    "unseal-signed": _may_refuse(lambda data: signing.unseal(_signed_model(data), KEY), InvalidMessage),
    "models": _take_models(),
    "reputations": _take_reputations(),
    "controls": _may_refuse(_take_controls, InvalidMessage),
    "changelog": _may_refuse(unseal_changelog, ValueError),
    "scoring-state": _may_refuse(_restore_scoring, ValueError),
    "profile": _may_refuse(_score_on_a_restored_profile, ValueError),
    "reputation-state": _may_refuse(_restore_reputation, ValueError),
    "reputation-agent": _fold_outcomes,
    "mask": _mask,
}
"""By name; a target raises where its rule is broken."""
