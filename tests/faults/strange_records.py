"""Faults of what stands on the topics: records that no honest sender writes, and records that go away."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final

import orjson
from confluent_kafka import TopicPartition
from confluent_kafka.admin import AdminClient
from kafka import KafkaProducer

from fraudstream.simulate.stream import RecordKind, StreamRecord
from schemas.dead_letter import DeadLetter
from tests.faults.ground import SCORERS
from tests.faults.processes import LAUNCHER, SHORT_SESSION
from tests.faults.records import committed_offsets, read
from tests.faults.scenario import scenario
from tests.faults.waiting import wait_until
from tests.strange_senders import NotText, send_alone, unprotect

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tests.faults.ground import Ground

_SLOW: Final = "slow-merchant"
_SLOW_BATCH: Final = 100
"""Records over which the slow decoder takes twice as long as a transaction may last."""
_MEMORY: Final = 900_000_000
_SECONDS: Final = 90.0


@scenario("bad-header", "records whose header has a name that is not UTF-8", times=10, quick=2)
def bad_header(ground: Ground) -> None:
    unprotect(ground.servers, ground.topics.transactions)
    producer = KafkaProducer(bootstrap_servers=ground.servers)
    for number in range(ground.times):
        for value in (_payment(f"bad-header-{number}"), b"no transaction"):
            producer.send(
                ground.topics.transactions, value, b"strange-card", headers=[(NotText("bad"), b"x")]
            ).get(30)
        ground.flow(0.5)
    producer.close()


@scenario("zstd-bomb", "batches of zeros that no client in Python can unpack", times=3, quick=1)
def zstd_bomb(ground: Ground) -> None:
    for number in range(ground.times):
        ground.unreadable.add(_send_zeros(ground, "zstd", 300, number % 4))
        ground.flow(2.0)


@scenario(
    "gzip-bomb",
    "a batch of zeros that unpacks to more than a worker's memory, which kills it at each start",
    settings=SHORT_SESSION,
    finish_seconds=400.0,
)
def gzip_bomb(ground: Ground) -> None:
    for name in SCORERS:
        ground.fleet.restart(name, [*LAUNCHER, "--data", str(_MEMORY)])
    ground.fleet.wait_ready()
    place = _send_zeros(ground, "gzip", 600, 0)
    ground.unreadable.add(place)
    group = ground.settings.worker.group
    wait_until(
        lambda: committed_offsets(ground.servers, group, ground.topics.transactions)[0] > place[1],
        400.0,
        "the partition goes on behind the batch",
    )
    ground.note(f"the scoring workers left with {ground.fleet.statuses}")


@scenario("digit-groups", "messages of 60 MB in which every group of digits could be a card number", times=2)
def digit_groups(ground: Ground) -> None:
    topic = ground.topics.transactions
    unprotect(ground.servers, topic, max_message_bytes="100000000")
    text = "4111 1111 1111 1112 " * 3_000_000
    for number in range(ground.times):
        send_alone(ground.servers, topic, orjson.dumps({"remark": text}), number % 4, key=b"strange-card")
        ground.flow(2.0)


@scenario(
    "stored-poison",
    "a record of scores with too few features, and one of examples that was drawn once in 1e300",
    times=3,
    quick=1,
)
def stored_poison(ground: Ground) -> None:
    topics = ground.topics
    before = _refused_from(ground, topics.scores, topics.examples)
    for number in range(ground.times):
        score = orjson.loads(_newest(ground, topics.scores))
        score |= {"transaction_id": f"strange-{number}", "features": score["features"][:-1]}
        example = orjson.loads(_newest(ground, topics.examples))
        example |= {"transaction_id": f"strange-{number}", "sampling_rate": 1e-300}
        for topic, value in ((topics.scores, score), (topics.examples, example)):
            ground.foreign.add(orjson.dumps(value))
            send_alone(ground.servers, topic, orjson.dumps(value), 0, key=str(score["subject"]).encode())
        ground.flow(2.0)
    wait_until(
        lambda: _refused_from(ground, topics.scores, topics.examples) == before + 2 * ground.times,
        _SECONDS,
        "both are set apart",
    )


@scenario(
    "slow-batch",
    "a batch over which a worker takes twice as long as a transaction may last",
    settings={"DELIVERY__TRANSACTION_TIMEOUT_SECONDS": "10"},
    finish_seconds=400.0,
)
def slow_batch(ground: Ground) -> None:
    for name in SCORERS:
        ground.fleet.restart(name, [*LAUNCHER, "--slow-on", _SLOW])
    ground.fleet.wait_ready()
    for number in range(_SLOW_BATCH):
        value = _payment(f"slow-{number}", _SLOW)
        ground.traffic.inject(StreamRecord(RecordKind.TRANSACTION, 0.0, b"strange-card", value))
    ground.flow(5.0)
    ground.wait_until_scored(200.0)
    ground.note(f"the scoring workers left with {ground.fleet.statuses}")


@scenario("retention", "the broker deletes transactions that nobody has read", times=1)
def retention(ground: Ground) -> None:
    for name in SCORERS:
        ground.fleet.stop(name)
    ground.flow(5.0)
    ground.deleted += [
        each for each in read(ground.servers, ground.topics.transactions) if each.of_partition < 2
    ]
    ends = {each.of_partition: each.of_offset + 1 for each in ground.deleted}
    unread = committed_offsets(ground.servers, ground.settings.worker.group, ground.topics.transactions)
    admin = AdminClient({"bootstrap.servers": ground.servers})
    places = [TopicPartition(ground.topics.transactions, *place) for place in ends.items()]
    for done in admin.delete_records(places).values():
        done.result(30)
    for name in SCORERS:
        ground.fleet.start(name)
    ground.fleet.wait_ready()
    ground.wait_until_scored()
    lost = sum(end - unread[partition] for partition, end in ends.items())
    wait_until(
        lambda: sum(ground.fleet.metric("fraudstream_records_lost_total")) == lost,
        _SECONDS,
        f"{lost} records are counted as lost",
    )
    ground.note(f"{lost} records were deleted unread, and counted")


def _payment(name: str, merchant: str = "strange-merchant") -> bytes:
    """A transaction that is right in itself."""
    return orjson.dumps(
        {
            "schema_version": 1,
            "kind": "card",
            "transaction_id": name,
            "event_time": datetime.now(UTC) - timedelta(days=1),
            "card_id": "strange-card",
            "merchant_id": merchant,
            "amount": "9.99",
            "currency": "EUR",
        }
    )


def _send_zeros(ground: Ground, codec: str, megabytes: int, partition: int) -> tuple[int, int]:
    """Send one record that is large only once it is unpacked; gives its place."""
    topic = ground.topics.transactions
    unprotect(ground.servers, topic)
    return partition, send_alone(ground.servers, topic, bytes(megabytes * 1_000_000), partition, codec=codec)


def _newest(ground: Ground, topic: str) -> bytes:
    """The value of the last record of a topic that is the service's own."""
    found: list[bytes] = []

    def is_there() -> bool:
        found[:] = [each.value() or b"" for each in read(ground.servers, topic)]
        found[:] = [value for value in found if value not in ground.foreign]
        return bool(found)

    wait_until(is_there, _SECONDS, f"{topic} has a record")
    return found[-1]


def _refused_from(ground: Ground, *topics: str) -> int:
    """Count the records of these topics that became dead letters."""
    letters: Iterable[DeadLetter] = (
        DeadLetter.from_headers(each.headers()) for each in read(ground.servers, ground.topics.dead_letters)
    )
    return sum(letter.topic in topics for letter in letters)
