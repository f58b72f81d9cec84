"""Builds the inventory of what a running service holds on a card or an account, from Kafka alone.

It folds the records of the service's topics; no worker is asked or stopped.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from agents.erasures import is_erasure
from agents.runtime.offset_metadata import OffsetMetadata
from agents.runtime.state import unseal
from fraudstream.admin.data_subject.matching import Mentions, TokenRole
from fraudstream.admin.data_subject.profile import UNITS, describe
from fraudstream.kafka.access import learning_group
from fraudstream.kafka.read import committed, topic_reader
from models.decay import DAY
from models.scoring.state import PROFILE_PREFIX
from schemas.erasure import decode_examples_erasure, subject_digest
from schemas.errors import InvalidMessage
from schemas.example import decode_example
from schemas.reputation import COUNTERPARTY, SUBJECT, decode_reputation, reputation_key
from schemas.score import decode_score

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from confluent_kafka import Message

    from agents.runtime.reading import Place
    from agents.topics import Topics
    from fraudstream.settings import Settings


@dataclass
class Holding:
    """The records of one topic that name the token."""

    records: Counter[TokenRole] = field(default_factory=Counter)
    """Of the service's own messages, by role."""
    erasures: int = 0
    """Records of earlier erasures, which name the token too."""
    first: datetime | None = None
    """Kafka timestamp of the first."""
    last: datetime | None = None
    """Kafka timestamp of the last."""

    def take(self, role: TokenRole | None, recorded_at: datetime) -> None:
        """Count a record; `role` is None for an erasure."""
        if role is None:
            self.erasures += 1
        else:
            self.records[role] += 1
        self.first = recorded_at if self.first is None else min(self.first, recorded_at)
        self.last = recorded_at if self.last is None else max(self.last, recorded_at)

    @property
    def total(self) -> int:
        """All records, those of erasures too."""
        return self.records.total() + self.erasures


@dataclass(frozen=True)
class Learnt:
    """One example of the token on the log."""

    offset: int
    transaction_id: str


@dataclass
class Inventory:
    """All that is held.

    Attributes:
        token: of the card or account.
        holdings: by topic, of those with at least one record.
        profiles: the profile, described, by the number of the partition that keeps it.
        reputations: as published, by kind.
        rows: ids of the transactions that labelling keeps.
        examples: those that models are learnt from, in the order of the log.
        left_out: examples that an erasure on the log keeps models from learning.
    """

    token: str
    holdings: dict[str, Holding] = field(default_factory=dict)
    profiles: dict[int, dict[str, Any]] = field(default_factory=dict)
    reputations: dict[str, dict[str, Any]] = field(default_factory=dict)
    rows: list[str] = field(default_factory=list)
    examples: list[Learnt] = field(default_factory=list)
    left_out: list[Learnt] = field(default_factory=list)

    @property
    def is_empty(self) -> bool:
        """Whether nothing names the token but records of erasures."""
        return not any(holding.records for holding in self.holdings.values())


@dataclass(frozen=True)
class Labelling:
    """How far labelling has come in a partition of `scores`: next offset, and clock (s since 1970)."""

    position: int
    clock: float


class InventoryFold:
    """Folds records to a stock; `finish` tells it.

    Args:
        token: of the card or account.
        topics: names of the topics.
        keep_days: for how long labelling keeps transactions.
        labelling: how far it has come, by partition of `scores`.
    """

    def __init__(
        self, token: str, topics: Topics, keep_days: float, labelling: Mapping[int, Labelling]
    ) -> None:
        self._mentions = Mentions(token)
        self._topics = topics
        self._keep = keep_days * DAY
        self._labelling = labelling
        self._stock = Inventory(token)
        self._profiles: dict[int, bytes] = {}
        self._scores: list[tuple[int, int, float, str]] = []
        self._erased_until: dict[int, int] = {}
        self._examples: list[Learnt] = []
        self._mark = -1

    def take(self, record: Message) -> TokenRole | None:
        """Fold one record of any topic; gives the role in which it names the token, if it does."""
        topic = record.topic()
        if is_erasure(record) and self._take_erasure(record):
            self._holding(topic).take(None, _recorded_at(record))
            return None
        role = None if is_erasure(record) else self._mentions.role(record.key(), record.value())
        if role is None:
            return None
        self._holding(topic).take(role, _recorded_at(record))
        if topic == self._topics.scoring_changelog:
            self._take_profile(record)
        elif topic == self._topics.reputations:
            self._take_reputation(record)
        elif topic == self._topics.scores and role is TokenRole.SUBJECT:
            self._take_score(record)
        elif topic == self._topics.examples and role is TokenRole.SUBJECT:
            self._take_example(record)
        return role

    def finish(self) -> Inventory:
        """What all records together leave."""
        stock = self._stock
        stock.profiles = {number: describe(payload) for number, payload in sorted(self._profiles.items())}
        stock.rows = [
            name
            for partition, offset, event_time, name in self._scores
            if offset > self._erased_until.get(partition, -1) and self._is_kept(partition, offset, event_time)
        ]
        stock.examples = [each for each in self._examples if each.offset > self._mark]
        stock.left_out = [each for each in self._examples if each.offset < self._mark]
        return stock

    def _is_kept(self, partition: int, offset: int, event_time: float) -> bool:
        """Whether labelling has read the score and has not forgotten its transaction yet."""
        state = self._labelling.get(partition)
        return state is not None and offset < state.position and event_time + self._keep > state.clock

    def _holding(self, topic: str) -> Holding:
        return self._stock.holdings.setdefault(topic, Holding())

    def _take_erasure(self, record: Message) -> bool:
        """Note an erasure; tells whether it is this token's."""
        if record.topic() == self._topics.examples:
            return self._take_mark(record)
        if self._mentions.role(None, record.value()) is None:
            return False
        if record.topic() == self._topics.scores:
            self._erased_until[record.partition()] = record.offset()
        return True

    def _take_mark(self, record: Message) -> bool:
        try:
            is_its_own = decode_examples_erasure(record.value() or b"").subject_digest == subject_digest(
                self._mentions.token
            )
        except InvalidMessage:
            return False
        if is_its_own:
            self._mark = record.offset()
        return is_its_own

    def _take_profile(self, record: Message) -> None:
        if record.key() != PROFILE_PREFIX + self._mentions.token.encode():
            return
        if record.value() is None:
            self._profiles.pop(record.partition(), None)
        else:
            self._profiles[record.partition()] = unseal(record.value()).payload

    def _take_reputation(self, record: Message) -> None:
        for kind in (SUBJECT, COUNTERPARTY):
            if record.key() != reputation_key(kind, self._mentions.token).encode():
                continue
            if record.value() is None:
                self._stock.reputations.pop(kind, None)
            else:
                reputation = decode_reputation(record.value())
                self._stock.reputations[kind] = reputation.model_dump(mode="json", exclude_none=True)

    def _take_score(self, record: Message) -> None:
        try:
            score = decode_score(record.value())
        except InvalidMessage:
            return
        place = record.partition(), record.offset()
        self._scores.append((*place, score.event_time.timestamp(), score.transaction_id))

    def _take_example(self, record: Message) -> None:
        try:
            example = decode_example(record.value())
        except InvalidMessage:
            return
        self._examples.append(Learnt(record.offset(), example.transaction_id))


def searched(topics: Topics) -> list[str]:
    """The topics whose records may name a card or an account: all but models and controls."""
    names = vars(topics).values()
    return [name for name in names if name not in {topics.models, topics.controls}]


def document(stock: Inventory) -> dict[str, Any]:
    """What is held, as an object for programs."""
    return {
        "token": stock.token,
        "profiles": {str(number): profile for number, profile in stock.profiles.items()},
        "reputations": stock.reputations,
        "rows": stock.rows,
        "examples": [asdict(each) for each in stock.examples],
        "left_out": [asdict(each) for each in stock.left_out],
        "holdings": {
            topic: {
                "records": {str(role): count for role, count in holding.records.items()},
                "erasures": holding.erasures,
                "first": holding.first,
                "last": holding.last,
            }
            for topic, holding in stock.holdings.items()
        },
        "units": UNITS,
    }


def lines(stock: Inventory) -> Iterator[str]:
    """What is held, for a reader."""
    for number, profile in stock.profiles.items():
        yield f"profile (partition {number} of the scoring state):"
        yield from (f"  {name}: {value}" for name, value in profile.items())
    for kind, reputation in stock.reputations.items():
        yield f"reputation as {kind}: {reputation}"
    yield f"transactions kept by labelling: {len(stock.rows)}{_listed(stock.rows)}"
    learnt = [f"{each.transaction_id} at {each.offset}" for each in stock.examples]
    yield f"examples learnt from: {len(learnt)}{_listed(learnt)}"
    if stock.left_out:
        yield f"examples on the log that an erasure leaves out: {len(stock.left_out)}"
    for topic, holding in stock.holdings.items():
        counts = ", ".join(f"{count} as {role}" for role, count in sorted(holding.records.items()))
        erasures = f"{', ' if counts else ''}{holding.erasures} of erasures" if holding.erasures else ""
        yield f"topic {topic}: {counts}{erasures}, from {holding.first} to {holding.last}"


def _listed(names: Iterable[str]) -> str:
    text = ", ".join(names)
    return f" ({text})" if text else ""


def _recorded_at(record: Message) -> datetime:
    return datetime.fromtimestamp(record.timestamp()[1] / 1_000, UTC)


def take_stock(
    settings: Settings, token: str, tell: Callable[[Message, TokenRole], None] | None = None
) -> Inventory:
    """Read all that the service holds on a token, from Kafka alone.

    Args:
        settings: where the service is.
        token: of the card or account.
        tell: is told each record that names it, and in which role.

    Raises:
        KafkaUnreachable: Kafka does not answer.
    """
    topics = settings.topics.names()
    with topic_reader(settings) as reader:
        scores = reader.places([topics.scores])
        taking = InventoryFold(token, topics, settings.labelling.keep_days, labelling(settings, scores))
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
