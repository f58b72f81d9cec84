"""Reads and writes topic `controls`: the decision policy, rates and the pin of a model, signed."""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from kafka import KafkaProducer

from fraudstream.errors import FraudstreamError
from fraudstream.kafka.admin import connect, refusals_as_sentences
from fraudstream.kafka.read import expect_topics, topic_reader
from models.controls import Controls, sign
from models.scoring import alert_budget, policy
from schemas.control import CONTROL
from schemas.decoding import checked
from schemas.errors import InvalidMessage

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from confluent_kafka import Message

    from fraudstream.settings import Settings
    from models.scoring.policy import Policy
    from schemas.control import Control

_ANSWER_SECONDS: Final = 30


class ModelRefused(FraudstreamError):
    """A request for a model or a control cannot be done; the text is one sentence."""


def signing_key(settings: Settings) -> bytes:
    """Return the key that models and controls are signed with.

    Raises:
        ModelRefused: none is set.
    """
    key = settings.learning.signing_key
    if key is None:
        raise ModelRefused(
            "FRAUDSTREAM_LEARNING__SIGNING_KEY is not set, so no model or control can be told from a false "
            "one: set it to what the workers have."
        )
    return key.get_secret_value().encode()


class RefusedControl(NamedTuple):
    """A record that scorers refuse: where it stands, and why, as a sentence without a full stop."""

    offset: int
    reason: str


@dataclass(frozen=True)
class ControlLog:
    """What the topic holds.

    Attributes:
        controls: those in force, as scorers that have read the topic have them.
        refused: the records that they refuse, in order.
    """

    controls: Controls
    refused: tuple[RefusedControl, ...]


def read_controls(settings: Settings) -> ControlLog:
    """Read topic `controls` whole.

    Raises:
        ModelRefused: no key is set.
        KafkaUnreachable: Kafka does not answer.
        TopicsRefused: the topic is missing.
    """
    key, topic = signing_key(settings), settings.topics.names().controls
    expect_topics(settings.kafka, topic)
    with topic_reader(settings) as reader:
        return fold_controls(reader.records([topic]), key)


def fold_controls(records: Iterable[Message], key: bytes) -> ControlLog:
    """What the records of the topic leave, as scorers take them: a bad one changes nothing."""
    controls, refused = Controls(key), []
    for record in records:
        try:
            controls.take(record.key(), record.value())
        except InvalidMessage as refusal:
            refused.append(RefusedControl(record.offset(), str(refusal)))
    return ControlLog(controls, tuple(refused))


def issue(settings: Settings, control: Control) -> Control:
    """Sign a control, dated now, and tell it to every scorer; returns it once Kafka has the record.

    Raises:
        ModelRefused: no key is set.
        KafkaUnreachable: Kafka does not answer, or refused it.
        TopicsRefused: the topic is missing.
    """
    dated = read_controls(settings).controls.dated(control, datetime.now(UTC))
    producer = connect(settings.kafka, KafkaProducer, acks="all")
    with closing(producer), refusals_as_sentences(settings.kafka):
        sent = producer.send(
            settings.topics.names().controls,
            key=dated.control.encode(),
            value=sign(dated, signing_key(settings)),
        )
        sent.get(timeout=_ANSWER_SECONDS)
    return dated


_LONGEST_NAME: Final = 32


def fixed_threshold(
    review: float, decline: float, *, issued_at: datetime, remark: str | None = None
) -> Control:
    """The control by which scores from `review` on are reviewed, and from `decline` on declined.

    Raises:
        ModelRefused: scorers would refuse it.
    """
    return _control(
        lambda: policy.FixedThresholdPolicy(review, decline),
        kind="fixed-threshold",
        review=review,
        decline=decline,
        issued_at=issued_at,
        remark=remark,
    )


def budget(
    alerts_per_10000: float,
    *,
    floor: float,
    ceiling: float,
    decline: float,
    issued_at: datetime,
    remark: str | None = None,
) -> Control:
    """The control by which so many alerts are raised among 10,000 transactions.

    Raises:
        ModelRefused: scorers would refuse it.
    """
    return _control(
        lambda: alert_budget.AlertBudgetPolicy(
            alerts_per_10000, floor=floor, ceiling=ceiling, decline=decline
        ),
        kind="alert-budget",
        alerts_per_10000=alerts_per_10000,
        floor=floor,
        ceiling=ceiling,
        decline=decline,
        issued_at=issued_at,
        remark=remark,
    )


def configured(*, issued_at: datetime, remark: str | None = None) -> Control:
    """The control by which each scorer decides as its own settings say.

    Raises:
        ModelRefused: scorers would refuse it.
    """
    return _checked(lambda: {"kind": "configured-policy", "issued_at": issued_at, "remark": remark})


def _control(make: Callable[[], Policy], **fields: Any) -> Control:
    """A control under the name that its numbers make: the same numbers go on where they were."""
    return _checked(lambda: {"version": _short(make().version), **fields})


def _checked(document: Callable[[], dict[str, Any]]) -> Control:
    try:
        return checked(CONTROL.validate_python, document(), tagged=True)
    except ValueError as refusal:
        raise ModelRefused(f"Scorers would refuse this policy: {refusal}.") from None


def _short(name: str) -> str:
    """A name that a control can have; of a longer one, its kind and a digest."""
    if len(name) <= _LONGEST_NAME:
        return name
    return policy.setting_name(f"{name.partition('-')[0]}-{sha256(name.encode()).hexdigest()[:12]}")
