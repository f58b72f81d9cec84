"""Takes stock of what a running service holds on a token: from Kafka alone, without stopping it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from agents.runtime.offset_metadata import OffsetMetadata
from fraudstream.rights import learning_group
from fraudstream.subject.reading import committed, topics_of
from fraudstream.subject.stock import Labelling, StockTaking, searched

if TYPE_CHECKING:
    from collections.abc import Callable

    from confluent_kafka import Message

    from fraudstream.settings import Settings
    from fraudstream.subject.mentions import Role
    from fraudstream.subject.reading import Place
    from fraudstream.subject.stock import Stock


def take_stock(settings: Settings, token: str, tell: Callable[[Message, Role], None] | None = None) -> Stock:
    """Read all that the service holds on a token, from Kafka alone.

    Args:
        settings: where the service is.
        token: of the card or account.
        tell: is told each record that names it, and in which role.

    Raises:
        KafkaUnreachable: Kafka does not answer.
    """
    topics = settings.topics.names()
    with topics_of(settings) as reader:
        scores = reader.places([topics.scores])
        taking = StockTaking(token, topics, settings.labelling.keep_days, labelling(settings, scores))
        for record in reader.records(searched(topics)):
            role = taking.take(record)
            if role is not None and tell is not None:
                tell(record, role)
    return taking.finish()


def labelling(settings: Settings, scores: list[Place]) -> dict[int, Labelling]:
    """How far labelling has come in each partition of `scores`, as its commits say."""
    found = {}
    for (_, number), (position, note) in committed(
        settings.kafka, learning_group(settings.worker.group), scores
    ).items():
        clock = OffsetMetadata.read(note).states.get("labelling")
        if clock is not None:
            found[number] = Labelling(position, float(clock))
    return found
