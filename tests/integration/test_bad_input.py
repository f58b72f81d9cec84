"""Bad input on a real Kafka: each bad message is a dead letter, byte for byte, and the next one is scored."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections import Counter
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import orjson
import pytest
from confluent_kafka import Producer
from faulty import read_committed
from kafka import KafkaAdminClient, KafkaConsumer, TopicPartition
from mutations import mutated
from service import PARTITIONS, Service, free_port, service, values, wait_until

from fraudstream.simulate.world import WorldName
from fraudstream.simulate.worlds import make_world
from schemas.decoding import MAX_BYTES
from schemas.errors import ErrorType
from schemas.score import Score
from tests.strange_senders import unprotect

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from pathlib import Path

pytestmark = pytest.mark.kafka

PAN = "4111111111111111"  # the card network's published number for tests
GROUPED_PAN = "5555-5555-5555-4444"  # another
MASKED_PAN = b"************1111"
DAY_MS = 86_400_000
MUTATIONS = 100_000
SECONDS_FOR_MUTATIONS = 60
OF_MODELS = {
    ErrorType.BAD_SIGNATURE,
    ErrorType.OLD_VERSION,
    ErrorType.OLD_CONTROL,
    ErrorType.FEATURES_MISMATCH,
    ErrorType.UNSOUND_MODEL,
}
CAUSED_BY_MUTATIONS = (
    set(ErrorType) - {ErrorType.INTERNAL_ERROR, ErrorType.TOO_LARGE, ErrorType.TOO_DEEP} - OF_MODELS
)

Place = tuple[int, int]
Headers = list[tuple[str, bytes | None]]
Fields = dict[str, Any]


@dataclass(frozen=True)
class Sent:
    """A record for `transactions`, and where it came to stand."""

    key: bytes | None
    value: bytes | None
    headers: Headers
    timestamp_ms: int
    place: Place


class Sender:
    """Sends whole records, each to a chosen partition."""

    def __init__(self, running: Service) -> None:
        self._topic = running.topics.transactions
        self._producer = Producer(
            {
                "bootstrap.servers": running.servers,
                "compression.type": "zstd",
                "message.max.bytes": 100_000_000,
            }
        )

    def send(
        self, key: bytes | None, value: bytes | None, *, partition: int = 0, headers: Headers | None = None
    ) -> Sent:
        """Send one record, three days old, and wait for its offset."""
        offsets: list[int] = []
        timestamp = time.time_ns() // 1_000_000 - 3 * DAY_MS
        self._producer.produce(
            self._topic,
            value,
            key,
            partition,
            headers=headers or [],
            timestamp=timestamp,
            on_delivery=lambda error, message: offsets.append(-1 if error else message.offset()),
        )
        assert self._producer.flush(30) == 0
        assert offsets[0] >= 0, "Kafka did not take the record"
        return Sent(key, value, headers or [], timestamp, (partition, offsets[0]))


def card(subject: str = "card-1", **changes: Any) -> Fields:
    """The fields of a good transaction, of before the records were sent."""
    return {
        "kind": "card",
        "transaction_id": f"good-{subject}",
        "event_time": "2026-03-01T10:00:00+01:00",
        "card_id": subject,
        "merchant_id": "merchant-1",
        "amount": "12.50",
        "currency": "EUR",
    } | changes


def record(fields: Fields) -> tuple[bytes, bytes]:
    return str(fields["card_id"]).encode(), orjson.dumps(fields)


def changed(**changes: Any) -> tuple[bytes, bytes]:
    """A good transaction with these fields changed, under its proper key."""
    return b"card-1", orjson.dumps(card(**changes))


def raw(value: bytes | None) -> tuple[bytes, bytes | None]:
    return b"card-1", value


def without(field: str) -> tuple[bytes, bytes | None]:
    return raw(orjson.dumps({name: value for name, value in card().items() if name != field}))


GOOD = orjson.dumps(card())
BAD: Mapping[str, tuple[ErrorType, tuple[bytes | None, bytes | None]]] = {
    "no JSON": (ErrorType.NOT_JSON, raw(b"<transaction/>")),
    "half a message": (ErrorType.NOT_JSON, raw(GOOD[: len(GOOD) // 2])),
    "no UTF-8": (ErrorType.NOT_JSON, raw(GOOD.replace(b"merchant", b"\xff\xfe"))),
    "no value": (ErrorType.NO_VALUE, raw(None)),
    "an empty value": (ErrorType.NO_VALUE, raw(b"")),
    "NaN": (ErrorType.NOT_JSON, raw(GOOD.replace(b'"12.50"', b"NaN"))),
    "Infinity": (ErrorType.NOT_JSON, raw(GOOD.replace(b'"12.50"', b"-Infinity"))),
    "a list": (ErrorType.INVALID_TYPE, raw(b"[" + GOOD + b"]")),
    "a number as token": (ErrorType.INVALID_TYPE, changed(card_id=7)),
    "an object as id": (ErrorType.INVALID_TYPE, changed(transaction_id={"id": "1"})),
    "an empty id": (ErrorType.INVALID_VALUE, changed(transaction_id="")),
    "a field twice": (ErrorType.INVALID_VALUE, raw(GOOD[:-1] + b',"amount":"99.00"}')),
    "no amount": (ErrorType.MISSING_FIELD, without("amount")),
    "no subject": (ErrorType.MISSING_FIELD, without("card_id")),
    "no kind": (ErrorType.MISSING_FIELD, without("kind")),
    "an unknown currency": (ErrorType.UNKNOWN_CODE, changed(currency="XQX")),
    "an unknown kind": (ErrorType.UNKNOWN_CODE, changed(kind="cheque")),
    "a negative amount": (ErrorType.INVALID_AMOUNT, changed(amount="-12.50")),
    "an absurd amount": (ErrorType.INVALID_AMOUNT, changed(amount="9" * 40)),
    "an endless amount": (ErrorType.INVALID_AMOUNT, changed(amount="1e400")),
    "an amount as number": (ErrorType.INVALID_AMOUNT, changed(amount=12.5)),
    "an amount NaN": (ErrorType.INVALID_AMOUNT, changed(amount="NaN")),
    "an amount Infinity": (ErrorType.INVALID_AMOUNT, changed(amount="Infinity")),
    "too many decimals": (ErrorType.INVALID_AMOUNT, changed(amount="12.505")),
    "deep nesting": (ErrorType.TOO_DEEP, raw(GOOD[:-1] + b',"remark":' + b"[" * 9_000 + b"]" * 9_000 + b"}")),
    "a time without offset": (ErrorType.INVALID_TIME, changed(event_time="2026-03-01T10:00:00")),
    "a time far in the future": (ErrorType.FUTURE_TIME, changed(event_time="2170-01-01T00:00:00Z")),
    "the last time there is": (ErrorType.FUTURE_TIME, changed(event_time="9999-12-31T23:59:59.999999-14:00")),
    "no key": (ErrorType.EMPTY_KEY, (None, GOOD)),
    "an empty key": (ErrorType.EMPTY_KEY, (b"", GOOD)),
    "another key": (ErrorType.KEY_MISMATCH, (b"card-2", GOOD)),
}
OWN_HEADERS: Headers = [
    ("trace", b"\x00\xff 7"),
    ("trace", b"again"),
    ("empty", b""),
    ("origin", b"core bank"),
]


@pytest.fixture(scope="module")
def running(kafka: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """One service with one worker for all tests here."""
    with service(kafka.bootstrap_servers, tmp_path_factory.mktemp("bad-input")) as running:
        running.start()
        yield running
        assert running.stop() == [0], running.logs()


@dataclass(frozen=True)
class Fates:
    """What became of the records of `transactions`, by place."""

    scores: dict[Place, Fields]
    letters: dict[Place, Any]

    @classmethod
    def of(cls, running: Service, since: Mapping[int, int] | None = None) -> Fates:
        """Read what is committed; each place may occur once."""
        scores = values(read_committed(running.servers, running.topics.scores))
        letters = read_committed(running.servers, running.topics.dead_letters)
        first = dict.fromkeys(range(PARTITIONS), 0) | dict(since or {})
        by_place = Counter([*map(score_place, scores), *map(letter_place, letters)])
        assert [place for place, count in by_place.items() if count > 1] == []
        return cls(
            {score_place(s): s for s in scores if score_place(s)[1] >= first[score_place(s)[0]]},
            {letter_place(d): d for d in letters if letter_place(d)[1] >= first[letter_place(d)[0]]},
        )


def score_place(score: Fields) -> Place:
    return score["source"]["partition"], score["source"]["offset"]


def letter_place(letter: Any) -> Place:
    headers = dict(letter.headers)
    return int(headers["__connect.errors.partition"]), int(headers["__connect.errors.offset"])


@pytest.fixture(scope="module")
def sent(running: Service) -> dict[str, tuple[Sent, Sent]]:
    """Each bad record, and the good one after it in its partition, by the name of the fault."""
    sender = Sender(running)
    pairs = {}
    for number, (name, (_, (key, value))) in enumerate(BAD.items()):
        partition = number % PARTITIONS
        bad = sender.send(key, value, partition=partition, headers=OWN_HEADERS)
        good = sender.send(*record(card(f"after-{number}")), partition=partition)
        pairs[name] = bad, good
    return pairs


@pytest.fixture(scope="module")
def fates(running: Service, sent: dict[str, tuple[Sent, Sent]]) -> Fates:
    assert sent
    running.wait_until_processed()
    return Fates.of(running)


@pytest.mark.parametrize("name", BAD)
def test_a_bad_message_is_a_dead_letter_byte_for_byte_and_the_next_one_is_scored(
    running: Service, sent: dict[str, tuple[Sent, Sent]], fates: Fates, name: str
) -> None:
    error_type = BAD[name][0]
    bad, good = sent[name]
    letter = fates.letters[bad.place]
    assert (letter.key, letter.value, letter.timestamp) == (bad.key, bad.value, bad.timestamp_ms)
    assert letter.timestamp_type == 0, "the time of the record's making, not of its arrival"
    assert letter.headers[: len(OWN_HEADERS)] == OWN_HEADERS
    added = dict(letter.headers[len(OWN_HEADERS) :])
    reason = added.pop("__connect.errors.exception.message").decode()
    assert 0 < len(reason) <= 280
    added.pop("fraudstream-error-field", None)
    is_key = error_type in {ErrorType.EMPTY_KEY, ErrorType.KEY_MISMATCH}
    assert added == {
        "__connect.errors.topic": running.topics.transactions.encode(),
        "__connect.errors.partition": str(bad.place[0]).encode(),
        "__connect.errors.offset": str(bad.place[1]).encode(),
        "__connect.errors.connector.name": b"scoring",
        "__connect.errors.task.id": str(bad.place[0]).encode(),
        "__connect.errors.stage": b"KEY_CONVERTER" if is_key else b"VALUE_CONVERTER",
        "__connect.errors.class.name": b"agents.scoring",
        "__connect.errors.exception.class.name": b"schemas.errors.InvalidMessage",
        "fraudstream-error-type": error_type.encode(),
    }
    assert bad.place not in fates.scores
    assert fates.scores[good.place]["transaction_id"] == orjson.loads(good.value or b"")["transaction_id"]
    Score.model_validate(fates.scores[good.place])


def test_a_card_number_stays_at_its_source_and_its_dead_letter_is_masked(running: Service) -> None:
    sender = Sender(running)
    headers: Headers = [("card", PAN.encode()), (f"for {PAN}", None), ("trace", b"7")]
    places = [
        sender.send(PAN.encode(), orjson.dumps(card(PAN)), headers=headers).place,
        sender.send(GROUPED_PAN.encode(), orjson.dumps(card(GROUPED_PAN))).place,
        sender.send(b"card-1", orjson.dumps(card(merchant_id=PAN))).place,
        sender.send(b"card-1", orjson.dumps(card(channel=GROUPED_PAN))).place,
        sender.send(b"card-1", b"not JSON: " + PAN.encode()).place,
        sender.send(PAN.encode(), orjson.dumps(card())).place,
    ]
    good = sender.send(*record(card("after-card-numbers")))
    running.wait_until_processed()
    fates = Fates.of(running)
    letters = [fates.letters[place] for place in places]
    types = [dict(letter.headers)["fraudstream-error-type"].decode() for letter in letters]
    assert types == [ErrorType.PAN] * 5 + [ErrorType.KEY_MISMATCH]
    assert all(dict(letter.headers)["fraudstream-masked"] == b"true" for letter in letters)
    whole = letters[0]
    assert (whole.key, orjson.loads(whole.value)["card_id"].encode()) == (MASKED_PAN, MASKED_PAN)
    assert whole.headers[:3] == [("card", MASKED_PAN), (f"for {MASKED_PAN.decode()}", None), ("trace", b"7")]
    assert good.place in fates.scores
    told = [everything(letter) for letter in letters]
    told += [running.metrics(running.workers[0]).encode()]
    told += [path.read_bytes() for path in running.folder.glob("worker-*.log")]
    for number in (PAN, GROUPED_PAN, GROUPED_PAN.replace("-", "")):
        assert [text for text in told if number.encode() in text] == []


def everything(letter: Any) -> bytes:
    names = [name.encode() for name, _ in letter.headers]
    return b"\n".join([letter.key, letter.value, *names, *(value or b"" for _, value in letter.headers)])


@pytest.mark.parametrize("size", [MAX_BYTES, 20_000_000])
def test_a_message_too_large_to_be_looked_into_leaves_its_position(running: Service, size: int) -> None:
    unprotect(running.servers, running.topics.transactions, max_message_bytes="100000000")
    sender = Sender(running)
    bad = sender.send(*changed(remark="x" * size), headers=OWN_HEADERS)
    good = sender.send(*record(card(f"after-{size}")))
    running.wait_until_processed()
    fates = Fates.of(running)
    letter = fates.letters[bad.place]
    headers = dict(letter.headers)
    assert (letter.key, letter.value, letter.timestamp) == (None, None, bad.timestamp_ms)
    assert headers["fraudstream-error-type"] == ErrorType.TOO_LARGE.encode()
    assert headers["fraudstream-omitted"] == b"true"
    assert headers.keys().isdisjoint(dict(OWN_HEADERS))
    assert good.place in fates.scores


def test_a_repeated_transaction_is_counted_and_changes_no_score(running: Service) -> None:
    sender, worker = Sender(running), running.workers[0]
    skipped = running.metric(worker, "fraudstream_transactions_skipped_total")

    def scores(subject: str, numbers: Iterable[int]) -> dict[str, float]:
        places = [
            sender.send(*record(card(subject, transaction_id=f"{n}", amount=f"{100 * n + 1}.00"))).place
            for n in numbers
        ]
        running.wait_until_processed()
        found = Fates.of(running).scores
        return {found[place]["transaction_id"]: found[place]["score"] for place in places if place in found}

    once = scores("once", [1, 2, 3, 4])
    assert len(set(once.values())) == 4, "a profile that changes shows in the score"
    assert scores("again", [1, 1, 2, 3, 1, 3, 2, 4]) == once
    assert running.metric(worker, "fraudstream_transactions_skipped_total") == skipped + 4


@pytest.mark.long
def test_random_mutations_stop_nothing_and_lose_nothing(running: Service) -> None:
    worker = running.workers[0]
    skipped = running.metric(worker, "fraudstream_transactions_skipped_total")
    since = ends(running)
    assert running.produce(mutated(valid_messages(), MUTATIONS, seed=3)) == MUTATIONS
    started = time.monotonic()
    running.wait_until_processed()
    assert time.monotonic() - started < SECONDS_FOR_MUTATIONS
    fates = Fates.of(running, since)
    taken = {(p, offset) for p, end in ends(running).items() for offset in range(since[p], end)}
    assert len(taken) == MUTATIONS
    assert not fates.scores.keys() & fates.letters.keys()
    silent = taken - fates.scores.keys() - fates.letters.keys()
    assert running.metric(worker, "fraudstream_transactions_skipped_total") == skipped + len(silent)
    assert fates.scores.keys() | fates.letters.keys() | silent == taken
    assert len(fates.scores) + len(silent) > MUTATIONS // 4
    assert len(silent) > MUTATIONS // 100
    types = Counter(dict(d.headers)["fraudstream-error-type"].decode() for d in fates.letters.values())
    assert types.keys() >= CAUSED_BY_MUTATIONS
    assert ErrorType.INTERNAL_ERROR not in types
    assert worker.poll() is None, running.logs()


def valid_messages() -> list[bytes]:
    """Messages of both kinds, of before now."""
    start = (datetime.now(UTC) - timedelta(days=31)).date()
    worlds = [make_world(name, 150, 20, start, seed=7) for name in WorldName]
    return [each.encode() for world in worlds for each in world]


def ends(running: Service) -> dict[int, int]:
    """The next offset of each partition of `transactions`."""
    with closing(KafkaConsumer(bootstrap_servers=running.servers)) as consumer:
        found = consumer.end_offsets(
            [TopicPartition(running.topics.transactions, p) for p in range(PARTITIONS)]
        )
    return {place.partition: end for place, end in found.items()}


def test_a_key_that_is_not_the_subject_can_be_scored_and_marked_instead(kafka: Any, tmp_path: Path) -> None:
    with service(kafka.bootstrap_servers, tmp_path, SCORING__KEY_MISMATCH="score") as lenient:
        lenient.start()
        sender, value = Sender(lenient), record(card())[1]
        places = [sender.send(key, value, partition=p).place for p, key in enumerate((b"another", None, b""))]
        refused = sender.send(b"another", b"not JSON").place
        lenient.wait_until_processed()
        assert lenient.stop() == [0]
        fates = Fates.of(lenient)
    assert fates.scores.keys() == set(places)
    assert not any(score["features_complete"] for score in fates.scores.values())
    assert fates.letters.keys() == {refused}


WRONG_SETTINGS = {
    "FRAUDSTREAM_SCORING__REVIEW_THRESHOLD": "0.5",
    "FRAUDSTREAM_SCORING__DECLINE_THRESHOLD": "1.5",
    "FRAUDSTREAM_DELIVERY__MODE": "twice",
    "FRAUDSTREAM_DELIVERY__CHUNK_SIZE": "none",
    "FRAUDSTREAM_KAFKA__BOOTSTRAP_SERVERS": "kafka",
    "FRAUDSTREAM_KAFKA__SECURITY_PROTOCOL": "sasl_plaintext",
    "FRAUDSTREAM_WEB__PORT": "0",
    "FRAUDSTREAM_WORKER__AGENTS": "scoring,counting",
    "FRAUDSTREAM_WORKER__GRUOP": "fraudstream",
}


@pytest.mark.parametrize("name", WRONG_SETTINGS)
def test_a_wrong_setting_stops_the_start_with_one_sentence(name: str) -> None:
    left = worker_process({name: WRONG_SETTINGS[name]})
    assert left.returncode == 2
    assert_one_sentence(left, name)


def worker_process(environment: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
    """Run a worker that is expected to leave by itself."""
    return subprocess.run(
        [sys.executable, "-m", "fraudstream", "worker"],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def assert_one_sentence(left: subprocess.CompletedProcess[str], *names: str) -> None:
    assert left.stdout == ""
    assert left.stderr.count("\n") == 1, left.stderr
    assert left.stderr[-2] in ".?"
    assert [name for name in names if name not in left.stderr] == [], left.stderr


def test_without_kafka_a_worker_leaves_with_one_sentence() -> None:
    left = worker_process(
        {
            "FRAUDSTREAM_KAFKA__BOOTSTRAP_SERVERS": f"127.0.0.1:{free_port()}",
            "FRAUDSTREAM_DELIVERY__START_TIMEOUT_SECONDS": "1",
        }
    )
    assert left.returncode == 1
    assert_one_sentence(left, "Kafka does not answer at 127.0.0.1:", "fraudstream dev kafka")


def test_without_its_topics_a_worker_leaves_with_one_sentence(kafka: Any) -> None:
    prefix = f"missing{free_port()}."
    environment = {
        "FRAUDSTREAM_KAFKA__BOOTSTRAP_SERVERS": kafka.bootstrap_servers,
        "FRAUDSTREAM_TOPICS__PREFIX": prefix,
    }
    left = worker_process(environment)
    assert left.returncode == 1
    assert_one_sentence(left, f"{prefix}transactions", f"{prefix}labels", "fraudstream topics create")
    assert f"{prefix}examples" not in left.stderr, "no agent uses it"
    only_labels = worker_process(environment | {"FRAUDSTREAM_WORKER__AGENTS": "intake"})
    assert_one_sentence(only_labels, f"{prefix}labels.keyed", "fraudstream topics create")
    assert f"{prefix}transactions" not in only_labels.stderr


def test_a_changelog_that_is_missing_or_does_not_match_stops_the_start(kafka: Any, tmp_path: Path) -> None:
    with service(kafka.bootstrap_servers, tmp_path) as running:
        changelog = running.topics.scoring_changelog
        with closing(KafkaAdminClient(bootstrap_servers=kafka.bootstrap_servers)) as admin:
            admin.delete_topics([changelog])
            wait_until(lambda: changelog not in admin.list_topics(), 30)
            left = worker_process(running.environment())
            assert left.returncode == 1
            assert_one_sentence(left, f"lacks {changelog}: run `fraudstream topics create`")
            admin.create_topics({changelog: {"num_partitions": PARTITIONS + 1, "replication_factor": 1}})
        left = worker_process(running.environment())
        assert left.returncode == 1
        assert_one_sentence(left, f"{changelog} has {PARTITIONS + 1} partitions", "kafka-topics --alter")
