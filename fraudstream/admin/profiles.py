"""Makes the changelog of the profiles anew from `transactions`, for a changelog that has lost entries.

Profiles are a fold of the transactions, so they come back byte for byte as far as the topic reaches; what its
retention has removed stays forgotten. Amounts are converted by the exchange rates of now. Nothing is scored
again: the fold ends where the group has committed.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from itertools import takewhile
from typing import TYPE_CHECKING, Final

from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaException, Producer, TopicPartition

from agents.erasures import Erasures
from agents.runtime.offset_metadata import OffsetMetadata
from agents.runtime.reading import read_batches
from agents.runtime.state import seal
from agents.scoring import NAME
from fraudstream.admin.models.controls import read_controls
from fraudstream.errors import FraudstreamError
from fraudstream.kafka.admin import KafkaUnreachable, kafka_admin
from fraudstream.kafka.read import expect_topics, reader
from fraudstream.worker.compose import admission, policy_factory, signing_key
from models.rates import NO_RATES, Rates
from models.reputations.store import ReputationStore
from models.scoring.pipeline import ScoringCore
from models.scoring.prior import PriorModel
from models.scoring.state import POLICY_KEY
from schemas.control import EXCHANGE_RATES, ExchangeRates
from schemas.erasure import Entry, Erasure
from schemas.errors import InvalidMessage

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from confluent_kafka import Message

    from agents.scoring import Admitted
    from fraudstream.settings import Settings
    from models.scoring.state import SubjectState

_ANSWER_SECONDS: Final = 30.0
_MOST_AT_ONCE: Final = 500
_POLL_SECONDS: Final = 0.1
_GRACE_SECONDS: Final = 5.0
_PAUSE_SECONDS: Final = 1.0


class ProfilesRefused(FraudstreamError):
    """Profiles cannot be made anew; the text is one sentence."""


@dataclass(frozen=True)
class RebuiltProfiles:
    """The profiles of one partition, made anew.

    Attributes:
        partition: of `transactions` and the changelog.
        profiles: written to the changelog.
        begins: offset of the first record that was there; above 0, older ones are forgotten.
        ends: offset up to which the group had committed.
    """

    partition: int
    profiles: int
    begins: int
    ends: int


def rebuild_profiles(settings: Settings, tell: Callable[[RebuiltProfiles], None]) -> None:
    """Fold each partition up to the group's commit and write its profiles to the changelog.

    Args:
        settings: where the topics are, and of which group the commits are.
        tell: is told of each partition when it is done.

    Raises:
        ProfilesRefused: workers of the group run, or it has committed nothing.
        KafkaUnreachable: Kafka does not answer, or refuses something.
        TopicsRefused: a topic is missing.
    """
    topics = settings.topics.names()
    expect_topics(settings.kafka, topics.transactions, topics.scoring_changelog)
    expect_no_worker(settings)
    try:
        rates = _rates(settings)
        with reader(settings.kafka, settings.worker.group) as consumer:
            for place in _committed(settings, consumer):
                tell(_rebuild(settings, consumer, place, rates))
    except KafkaException as error:
        raise KafkaUnreachable(
            f"Kafka at {settings.kafka.bootstrap_servers} refused a request ({error.args[0].name()})."
        ) from error


def _rates(settings: Settings) -> Rates:
    """The exchange rates that scorers use; without a signing key they trust none."""
    if settings.learning.signing_key is None:
        return NO_RATES
    control = read_controls(settings).controls.in_force.get(EXCHANGE_RATES)
    return Rates.of(control) if isinstance(control, ExchangeRates) else NO_RATES


def expect_no_worker(settings: Settings) -> None:
    """See that no worker runs; one that was stopped keeps its place in the group for a session.

    Raises:
        ProfilesRefused: some still run.
    """
    group = settings.worker.group
    deadline = time.monotonic() + settings.delivery.session_timeout_seconds + _GRACE_SECONDS
    with kafka_admin(settings.kafka) as admin:
        while members := len(admin.describe_groups([group])[group]["members"]):
            if time.monotonic() > deadline:
                raise ProfilesRefused(
                    f"{members} worker(s) of group {group} run: stop them first, and start them afterwards."
                )
            time.sleep(_PAUSE_SECONDS)


def _committed(settings: Settings, consumer: Consumer) -> list[TopicPartition]:
    """What the group has committed of each partition, with its note."""
    topic = settings.topics.names().transactions
    numbers = consumer.list_topics(topic, timeout=_ANSWER_SECONDS).topics[topic].partitions
    places = consumer.committed([TopicPartition(topic, n) for n in sorted(numbers)], timeout=_ANSWER_SECONDS)
    found = [place for place in places if place.offset >= 0]
    if not found:
        raise ProfilesRefused(
            f"Group {settings.worker.group} has committed nothing of {topic}: there are no profiles to make "
            "anew, so start the workers."
        )
    return found


def _rebuild(settings: Settings, consumer: Consumer, place: TopicPartition, rates: Rates) -> RebuiltProfiles:
    begins, _ = consumer.get_watermark_offsets(TopicPartition(place.topic, place.partition), _ANSWER_SECONDS)
    note = OffsetMetadata.read(place.metadata)
    state = fold(settings, _records(consumer, place), rates, note.log)
    changes = [(key, payload) for key, payload in state.changes() if key != POLICY_KEY]
    producer = Producer({**settings.kafka.librdkafka(), "enable.idempotence": True, "log_level": 0})
    for key, payload in changes:
        _write(producer, settings.topics.names().scoring_changelog, place, note.log, key, payload)
    if producer.flush(_ANSWER_SECONDS):
        raise ProfilesRefused("Kafka has not taken all profiles in time: run the command again.")
    note = replace(note, states={NAME: str(len(state))})
    consumer.commit(
        offsets=[TopicPartition(place.topic, place.partition, place.offset, note.text())], asynchronous=False
    )
    return RebuiltProfiles(place.partition, len(state), begins, place.offset)


def _write(
    producer: Producer, changelog: str, place: TopicPartition, log: int, key: bytes, payload: bytes | None
) -> None:
    while True:
        try:
            producer.produce(changelog, seal(log, place.offset, payload), key, place.partition)
        except BufferError:
            producer.poll(_POLL_SECONDS)
        else:
            producer.poll(0)
            return


def _records(consumer: Consumer, place: TopicPartition) -> Iterator[list[Message]]:
    """Yield the records of a partition before the group's commit, in batches."""
    for batch in read_batches(consumer, {(place.topic, place.partition): OFFSET_BEGINNING}):
        records = [*takewhile(lambda record: record.offset() < place.offset, batch)]
        if records:
            yield records
        if len(records) < len(batch):
            return


def fold(
    settings: Settings, batches: Iterable[list[Message]], rates: Rates = NO_RATES, log: int = 0
) -> SubjectState:
    """The state of a partition as the scoring agent would have it after these records of one log."""
    core = ScoringCore(PriorModel(), ReputationStore(), policy_factory(settings))
    core.use_rates(rates)
    take = Erasures(signing_key(settings), Entry.TRANSACTIONS).beside(admission(settings).admit)
    state = core.new_state()
    for batch in batches:
        waiting: list[Admitted] = []
        for record in batch:
            try:
                taken = take(record)
            except InvalidMessage:
                continue
            if isinstance(taken, Erasure):
                _score(core, state, waiting, log)
                state.erase(taken)
            else:
                waiting.append(taken)
        _score(core, state, waiting, log)
    return state


def _score(core: ScoringCore, state: SubjectState, waiting: list[Admitted], log: int) -> None:
    transactions = [each.transaction for each in waiting]
    core.process(transactions, [each.record.offset() for each in waiting], state, log)
    waiting.clear()
