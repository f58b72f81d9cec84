"""Holds every scorer to one version of the model, by a record on topic `controls`."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING, Final

from kafka import KafkaProducer
from pydantic import ValidationError

from fraudstream.kafka_admin import connect, refusals_as_sentences
from fraudstream.model_admin.reading import ModelRefused, expect_topics
from models.shelf import PRIOR_VERSION
from schemas.control import MODEL, ModelPin

if TYPE_CHECKING:
    from datetime import datetime

    from fraudstream.model_admin.versions import Versions
    from fraudstream.settings import Settings

_ANSWER_SECONDS: Final = 30


def choose(versions: Versions, version: int, issued_at: datetime, remark: str | None = None) -> ModelPin:
    """What holds the scorers to a version that they have.

    Args:
        versions: what is on the topic.
        version: the one to score by; 0 for the prior model.
        issued_at: the time of now.
        remark: why, for whoever looks at it later.

    Raises:
        ModelRefused: the version is not on the topic, or scorers refuse it; or the remark is too long.
    """
    if version != PRIOR_VERSION:
        versions.find(version)
    try:
        return ModelPin(name=versions.name, model_version=version, issued_at=issued_at, remark=remark)
    except ValidationError as error:
        raise ModelRefused("The remark cannot be stored: give it fewer characters, on one line.") from error


def version_before(versions: Versions) -> int:
    """The version on the topic before the one in force.

    Raises:
        ModelRefused: there is none.
    """
    before = [each.version for each in versions.signed if each.version < versions.in_force]
    if before:
        return max(before)
    if versions.in_force == PRIOR_VERSION:
        raise ModelRefused("The prior model is in force, and there is no version before it.")
    raise ModelRefused(
        f"No version before {versions.in_force} is on the topic: `fraudstream model pin prior` goes back to "
        "the prior model."
    )


def pin(settings: Settings, chosen: ModelPin) -> None:
    """Tell every scorer; returns once Kafka has the record.

    Raises:
        KafkaUnreachable: Kafka does not answer, or refused it.
    """
    _write(settings, chosen.to_json())


def unpin(settings: Settings) -> None:
    """Let the newest version score again.

    Raises:
        KafkaUnreachable: Kafka does not answer, or refused it.
        TopicsRefused: there are no controls.
    """
    expect_topics(settings.kafka, settings.topics.names().controls)
    _write(settings, None)


def _write(settings: Settings, value: bytes | None) -> None:
    producer = connect(settings.kafka, KafkaProducer, acks="all")
    with closing(producer), refusals_as_sentences(settings.kafka):
        sent = producer.send(settings.topics.names().controls, key=MODEL.encode(), value=value)
        sent.get(timeout=_ANSWER_SECONDS)
