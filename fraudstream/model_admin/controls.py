"""What operators have told the scorers by topic `controls`, and how they tell them."""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final, NamedTuple

from kafka import KafkaProducer

from fraudstream.kafka_admin import connect, refusals_as_sentences
from fraudstream.model_admin.reading import expect_topics, log, signing_key
from models.controls import Controls, sign
from schemas.errors import InvalidMessage

if TYPE_CHECKING:
    from collections.abc import Iterable

    from confluent_kafka import Message

    from fraudstream.settings import Settings
    from schemas.control import Control

_ANSWER_SECONDS: Final = 30


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
    with log(settings.kafka, topic) as records:
        return fold_controls(records.records(), key)


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
