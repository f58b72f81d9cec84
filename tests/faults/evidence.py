"""What a run has left on the topics and on disk, read once, after everything was worked off."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from agents.learning.checkpoint import ModelFile
from schemas.dead_letter import DeadLetter
from schemas.errors import ErrorType
from tests.faults.ground import LEARNER, SIGNING_KEY
from tests.faults.records import read

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from collections.abc import Set as AbstractSet
    from pathlib import Path

    from fraudstream.settings import Settings
    from models.snapshots.online_model import OnlineModel
    from tests.faults.ground import Ground
    from tests.faults.records import Stored

    Keyed = tuple[bytes | None, bytes | None]
    Place = tuple[int, int]


@dataclass(frozen=True)
class Evidence:
    """Records of the topics, each partition in its order; committed ones, where the name does not say `all_`.

    Attributes:
        settings: of the service.
        sent: how often each key and value were sent to `transactions`.
        labels_sent: the same, for `labels`.
        poison: values of `transactions` that are to be set apart.
        unreadable: places of `transactions` that are to be set apart, and that nobody can read.
        deleted: places that the broker has deleted; what stood there is among `transactions`.
        checkpoint: the model on the learner's disk; None if there is none.
    """

    settings: Settings
    sent: Mapping[Keyed, int]
    labels_sent: Mapping[Keyed, int]
    poison: AbstractSet[bytes]
    unreadable: AbstractSet[Place]
    deleted: AbstractSet[Place]
    transactions: Sequence[Stored]
    scores: Sequence[Stored]
    all_scores: Sequence[Stored]
    alerts: Sequence[Stored]
    all_alerts: Sequence[Stored]
    dead_letters: Sequence[Stored]
    changelog: Sequence[Stored]
    labels: Sequence[Stored]
    labels_keyed: Sequence[Stored]
    examples: Sequence[Stored]
    outcomes: Sequence[Stored]
    reputations: Sequence[Stored]
    models: Sequence[Stored]
    checkpoint: OnlineModel | None

    @property
    def is_exactly_once(self) -> bool:
        """Whether readers of committed records were promised everything once."""
        return self.settings.delivery.mode == "exactly-once"

    def letters(self, topic: str) -> Iterator[DeadLetter]:
        """The dead letters of a topic's records."""
        found = (DeadLetter.from_headers(record.headers()) for record in self.dead_letters)
        return (letter for letter in found if letter.topic == topic)

    def lost(self) -> set[Place]:
        """Places of `transactions` that the service said it never read."""
        return {
            place
            for letter in self.letters(self.settings.topics.names().transactions)
            if letter.error_type is ErrorType.RECORDS_LOST
            for place in places(letter)
        }


def places(letter: DeadLetter) -> list[Place]:
    """Where the records stood that it is about."""
    last = letter.offset if letter.last_offset is None else letter.last_offset
    return [(letter.partition, offset) for offset in range(letter.offset, last + 1)]


def gather(ground: Ground) -> Evidence:
    """Read all of it; the workers have been stopped."""
    topics = ground.topics

    def committed(topic: str) -> list[Stored]:
        return [each for each in read(ground.servers, topic) if each.value() not in ground.foreign]

    def everything(topic: str) -> list[Stored]:
        found = read(ground.servers, topic, committed=False)
        return [each for each in found if each.value() not in ground.foreign]

    transactions = {each.place: each for each in (*ground.deleted, *committed(topics.transactions))}

    return Evidence(
        settings=ground.settings,
        sent=ground.traffic.sent,
        labels_sent=ground.traffic.labels,
        poison=ground.poison,
        unreadable=ground.unreadable,
        deleted={each.place for each in ground.deleted},
        transactions=[transactions[place] for place in sorted(transactions)],
        scores=committed(topics.scores),
        all_scores=everything(topics.scores),
        alerts=committed(topics.alerts),
        all_alerts=everything(topics.alerts),
        dead_letters=committed(topics.dead_letters),
        changelog=committed(topics.scoring_changelog),
        labels=committed(topics.labels),
        labels_keyed=committed(topics.labels_keyed),
        examples=committed(topics.examples),
        outcomes=committed(topics.outcomes),
        reputations=committed(topics.reputations),
        models=committed(topics.models),
        checkpoint=_checkpoint(ground.folder),
    )


def _checkpoint(folder: Path) -> OnlineModel | None:
    for path in (folder / LEARNER / "learning").glob("*.model"):
        return ModelFile(path, SIGNING_KEY.encode(), print).read()
    return None
