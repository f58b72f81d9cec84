"""Builds a version of the model again from topic `examples` alone."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from agents.erasures import Erasures, is_erasure
from agents.learning.relearning import LearnerFailed, fold_record
from fraudstream.admin.models.controls import ModelRefused, signing_key
from fraudstream.admin.models.versions import read_versions
from fraudstream.kafka.read import expect_topics, topic_reader
from schemas.errors import InvalidMessage

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from datetime import datetime

    from confluent_kafka import Message

    from fraudstream.kafka.read import Span
    from fraudstream.settings import Settings
    from models.snapshots.online_model import OnlineModel
    from schemas.snapshot import ModelSnapshot


@dataclass(frozen=True)
class RebuiltModel:
    """A version of the model, made anew.

    Attributes:
        snapshot: its description; when it was made is when it was made anew.
        onnx: the model itself.
        passed_over: records that are no examples, or have other features than this release.
    """

    snapshot: ModelSnapshot
    onnx: bytes
    passed_over: int


def rebuild(
    settings: Settings,
    new_model: Callable[[Settings], OnlineModel],
    to: int,
    created_at: datetime,
    tell: Callable[[int, int], None],
) -> RebuiltModel:
    """Fold the log of examples from its beginning up to and including an offset, as of that offset.

    What erasures up to there erase is left out, so the log is read twice.

    Args:
        settings: where the log is.
        new_model: makes the model that has learnt nothing.
        to: offset of the last example to learn.
        created_at: the time of now.
        tell: is told, after each record, how many were taken and how many there are.

    Raises:
        ModelRefused: the log's beginning is gone, or it does not reach so far.
        KafkaUnreachable: Kafka does not answer.
        TopicsRefused: there are no examples.
    """
    topic = settings.topics.names().examples
    expect_topics(settings.kafka, topic)
    with topic_reader(settings) as reader:
        [span] = reader.spans([topic]).values()
        refuse_gaps(topic, span, to)
        model, erasures = new_model(settings), Erasures(signing_key(settings))
        know_erasures(model, reader.records([topic]), to, erasures)
        passed_over = fold(model, reader.records([topic]), to, tell, erasures)
    if model.examples_offset < 0:
        raise ModelRefused(f"Topic {topic} holds no example up to offset {to} that can be learnt.")
    return RebuiltModel(*model.snapshot(created_at), passed_over)


def refuse_gaps(topic: str, span: Span, to: int) -> None:
    """See that the log is whole up to an offset.

    Raises:
        ModelRefused: it is not.
    """
    if span.first > 0:
        raise ModelRefused(
            f"Topic {topic} begins at offset {span.first}: its retention removed what came before, so no "
            "version can be built again from it."
        )
    if to >= span.end:
        raise ModelRefused(
            f"Topic {topic} is empty."
            if span.end == 0
            else f"Topic {topic} ends at offset {span.end - 1}, before {to}."
        )


def know_erasures(model: OnlineModel, records: Iterable[Message], to: int, erasures: Erasures) -> None:
    """Have a model know the erasures up to an offset before it learns; one that is not signed is none."""
    for record in records:
        if record.offset() > to:
            break
        if is_erasure(record):
            with suppress(InvalidMessage):
                model.know_erasure(erasures.open_on_examples(record), record.offset())


def fold(
    model: OnlineModel,
    records: Iterable[Message],
    to: int,
    tell: Callable[[int, int], None],
    erasures: Erasures,
) -> int:
    """Have a model learn the records up to an offset, as the learning agent does; gives those passed over."""
    passed_over = 0
    for record in records:
        if record.offset() > to:
            break
        try:
            fold_record(model, record, erasures)
        except InvalidMessage:
            passed_over += 1
        except LearnerFailed as failure:
            raise ModelRefused(f"The model cannot be built again: {failure}.") from failure
        tell(record.offset() + 1, to + 1)
        if record.offset() == to:
            break
    return passed_over


def compare(settings: Settings, rebuilt: ModelSnapshot) -> str:
    """Say in a sentence that the published version is the same model, or that there is none to compare with.

    Raises:
        ModelRefused: the published version is another model.
    """
    name = rebuilt.scored_by
    try:
        versions = read_versions(settings)
        published = None if versions.base else versions.find(rebuilt.version).snapshot
    except ModelRefused as refusal:
        return f"{name} cannot be compared. {refusal}"
    if published is None:
        return (
            f"{name} cannot be compared. Versions up to {versions.base} were learned from a log of examples "
            "that is not there any more, and those after it may go on from them."
        )
    if published.onnx_sha256 == rebuilt.onnx_sha256:
        return f"{name} is the same as published, byte for byte."
    raise ModelRefused(f"{name} is not the same as published{_why(published, rebuilt)}.")


def _why(published: ModelSnapshot, rebuilt: ModelSnapshot) -> str:
    """What may have made the difference, as far as the descriptions tell."""
    before, now = published.learner.model_dump(), rebuilt.learner.model_dump()
    differing = [part for part in before if before[part] != now[part]]
    return f": its learner had another {' and another '.join(differing)}" if differing else ""
