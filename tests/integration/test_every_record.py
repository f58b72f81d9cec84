"""Every record becomes a score, a dead letter or a counted repeat, whatever happens to its topic or batch.

Each test keeps account of all that it sent.
"""

from __future__ import annotations

import signal
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import orjson
import pytest
from confluent_kafka import ConsumerGroupTopicPartitions, TopicPartition
from confluent_kafka.admin import AdminClient, NewPartitions, NewTopic
from faulty import read_committed
from kafka.partitioner.default import murmur2
from service import Service, service, values, wait_until

from agents.dead_letters import OMITTED_HEADER
from tests.strange_senders import send_alone, unprotect

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

pytestmark = pytest.mark.kafka

CARDS = 40


def card(number: int, tag: str, at: int = 0) -> tuple[bytes, bytes]:
    """A record of `transactions`: payment `tag`-`number` of one of the cards, some minutes ago."""
    subject = f"card_{number % CARDS}"
    transaction = {
        "schema_version": 1,
        "kind": "card",
        "transaction_id": f"{tag}-{number}",
        "event_time": (datetime.now(UTC) - timedelta(hours=1) + timedelta(seconds=number + at)).isoformat(),
        "card_id": subject,
        "merchant_id": f"shop_{number % 7}",
        "amount": "12.50",
        "currency": "EUR",
    }
    return subject.encode(), orjson.dumps(transaction)


def cards(count: int, tag: str) -> list[tuple[bytes, bytes]]:
    return [card(number, tag) for number in range(count)]


def scored(running: Service) -> set[str]:
    """Ids of the transactions that a reader of committed records sees scored."""
    return {
        score["transaction_id"] for score in values(read_committed(running.servers, running.topics.scores))
    }


def ids(records: Iterable[tuple[bytes, bytes]]) -> set[str]:
    return {orjson.loads(value)["transaction_id"] for _, value in records}


def headers_of_dead_letters(running: Service) -> list[dict[str, bytes]]:
    return [dict(record.headers) for record in read_committed(running.servers, running.topics.dead_letters)]


def make_anew(running: Service) -> None:
    """Delete `transactions`, and create it again."""
    admin, topic = AdminClient({"bootstrap.servers": running.servers}), running.topics.transactions
    admin.delete_topics([topic])[topic].result(30)
    wait_until(lambda: topic not in admin.list_topics(timeout=10).topics, 30)
    admin.create_topics([NewTopic(topic, running.partitions, 1)])[topic].result(30)
    wait_until(
        lambda: len(admin.list_topics(topic, timeout=10).topics[topic].partitions) == running.partitions, 30
    )


@pytest.mark.faults
@pytest.mark.parametrize("new", [60, 400], ids=["shorter than the old one", "longer than the old one"])
def test_a_topic_made_anew_under_a_running_worker_is_scored_whole(
    kafka: Any, tmp_path: Path, new: int
) -> None:
    with service(kafka.bootstrap_servers, tmp_path) as running:
        worker = running.start(WORKER__SLOT="one")
        before = cards(200, "before")
        running.produce(before)
        wait_until(lambda: scored(running) == ids(before), 60, running.logs)
        make_anew(running)
        after = cards(new, "after")
        running.produce(after)

        def is_scored() -> bool:
            nonlocal worker
            if worker.poll() is not None:  # a supervisor starts it again
                worker = running.start(WORKER__SLOT="one")
            return scored(running) >= ids(after)

        wait_until(is_scored, 90, running.logs)
        assert running.metric(worker, "fraudstream_transactions_skipped_total") <= new
        assert "fraudstream_logs_replaced_total" in running.metrics(worker)


def test_a_topic_made_anew_while_nobody_ran_is_scored_whole_with_the_profiles_as_they_were(
    kafka: Any, tmp_path: Path
) -> None:
    with service(kafka.bootstrap_servers, tmp_path) as running:
        running.start()
        before = cards(200, "before")
        running.produce(before)
        running.wait_until_processed()
        assert running.stop() == [0]
        make_anew(running)
        after = cards(60, "after")
        running.produce(after)
        worker = running.start()
        running.wait_until_processed()
        assert running.metric(worker, "fraudstream_transactions_skipped_total") == 0
        assert running.metric(worker, "fraudstream_profiles") == CARDS
        assert scored(running) == ids(before) | ids(after)


@pytest.mark.faults
@pytest.mark.parametrize("is_running", [True, False], ids=["while it is read", "while nobody reads"])
def test_records_deleted_unread_are_counted_and_have_a_dead_letter_by_position(
    *, kafka: Any, tmp_path: Path, is_running: bool
) -> None:
    with service(kafka.bootstrap_servers, tmp_path, partitions=1) as running:
        worker = running.start(WORKER__SLOT="one")
        first = cards(100, "first")
        running.produce(first)
        running.wait_until_processed()
        if is_running:
            worker.send_signal(signal.SIGSTOP)
        else:
            running.stop()
        running.produce(cards(1, "may be on its way"))
        running.produce(cards(50, "deleted"))
        place = TopicPartition(running.topics.transactions, 0, 151)
        admin = AdminClient({"bootstrap.servers": running.servers})
        admin.delete_records([place])[place].result(30)
        last = cards(30, "last")
        running.produce(last)
        if is_running:
            worker.send_signal(signal.SIGCONT)
        else:
            worker = running.start(WORKER__SLOT="one")

        def is_scored() -> bool:
            nonlocal worker
            if worker.poll() is not None:
                worker = running.start(WORKER__SLOT="one")
            return scored(running) >= ids(last)

        wait_until(is_scored, 60, running.logs)
        [letter] = headers_of_dead_letters(running)
        assert letter["fraudstream-error-type"] == b"records-lost"
        lost = int(letter["fraudstream-last-offset"]) - int(letter["__connect.errors.offset"]) + 1
        assert running.metric(worker, "fraudstream_records_lost_total") == lost
        assert len(scored(running)) + lost == 181


def bomb(running: Service, codec: str, megabytes: int, partition: int) -> None:
    """Send one record of zeros, large only once it is decompressed, to a broker that does not look inside."""
    topic = running.topics.transactions
    unprotect(running.servers, topic)
    send_alone(running.servers, topic, bytes(megabytes * 1_000_000), partition, codec=codec)


@pytest.mark.faults
def test_a_batch_that_cannot_be_decompressed_is_set_apart_by_its_position(kafka: Any, tmp_path: Path) -> None:
    with service(kafka.bootstrap_servers, tmp_path, partitions=1) as running:
        worker = running.start()
        before, after = cards(20, "before"), cards(20, "after")
        running.produce(before)
        bomb(running, "zstd", 300, 0)
        running.produce(after)
        wait_until(lambda: scored(running) == ids(before) | ids(after), 60, running.logs)
        [letter] = headers_of_dead_letters(running)
        assert letter["fraudstream-error-type"] == b"unreadable-batch"
        assert (letter["__connect.errors.offset"], letter[OMITTED_HEADER]) == (b"20", b"true")
        assert running.metric(worker, "fraudstream_records_lost_total") == 1
        assert running.stop() == [0]


@pytest.mark.faults
def test_a_record_that_kills_its_worker_at_each_start_is_passed_over_in_the_end(
    kafka: Any, tmp_path: Path
) -> None:
    """Whatever layer it kills: here the memory limit, in librdkafka's own thread."""
    with service(kafka.bootstrap_servers, tmp_path, partitions=2) as running:
        before, after = cards(20, "before"), cards(20, "after")
        running.produce(before)
        bomb(running, "gzip", 600, 0)
        running.produce(after)
        starts = 0

        def is_scored() -> bool:
            nonlocal starts
            if running._all_gone():
                starts += 1
                limit(running.start(WORKER__SLOT="one"))
            return scored(running) == ids(before) | ids(after)

        wait_until(is_scored, 200, running.logs)
        [letter] = headers_of_dead_letters(running)
        assert letter["fraudstream-error-type"] == b"internal-error"
        assert letter[OMITTED_HEADER] == b"true"
        assert 3 < starts <= 7


def limit(worker: subprocess.Popen[bytes]) -> None:
    """Let a worker have 900 MB of data, as a container would."""
    subprocess.run(["prlimit", f"--pid={worker.pid}", "--data=900000000"], check=True)  # noqa: S607


@pytest.mark.faults
def test_more_partitions_are_noticed_and_the_old_ones_go_on(kafka: Any, tmp_path: Path) -> None:
    with service(kafka.bootstrap_servers, tmp_path, partitions=2) as running:
        worker = running.start()
        before = cards(40, "before")
        running.produce(before)
        running.wait_until_processed()
        admin = AdminClient({"bootstrap.servers": running.servers})
        topic = running.topics.transactions
        admin.create_partitions([NewPartitions(topic, 4)])[topic].result(30)
        wait_until(lambda: running.metric(worker, "fraudstream_unserved_partitions") == 2, 30, running.logs)
        after = cards(80, "after")
        running.produce(after)
        served = {
            orjson.loads(value)["transaction_id"] for key, value in after if murmur2(key) % 2**31 % 4 < 2
        }
        wait_until(lambda: scored(running) == ids(before) | served, 30, running.logs)
        assert "are read by nobody" in running.logs()
        assert worker.poll() is None
        assert running.stop() == [0]
        changelog = running.topics.scoring_changelog
        admin.create_partitions([NewPartitions(changelog, 4)])[changelog].result(30)
        said = command(running, "profiles", "repartition")
        assert "40 profiles in 4 partitions by murmur2" in said, "none is forgotten, and none stands twice"
        again = running.start()
        wait_until(lambda: scored(running) == ids(before) | ids(after), 60, running.logs)
        assert running.metric(again, "fraudstream_unserved_partitions") == 0


def test_a_commit_that_the_topic_does_not_reach_stops_the_start_until_it_is_rebased(
    kafka: Any, tmp_path: Path
) -> None:
    """So it is where a broker gives no ids: another cluster, or a topic that was cut."""
    with service(kafka.bootstrap_servers, tmp_path, partitions=1) as running:
        running.start()
        before = cards(60, "before")
        running.produce(before)
        running.wait_until_processed()
        running.stop()
        admin, group = AdminClient({"bootstrap.servers": running.servers}), f"{running.prefix}group"
        place = TopicPartition(running.topics.transactions, 0, 5_000)
        [moved] = admin.alter_consumer_group_offsets([ConsumerGroupTopicPartitions(group, [place])]).values()
        moved.result(30)
        refused = running.start()
        assert refused.wait(60) != 0
        assert "profiles rebase" in running.logs()
        assert "had committed offset 5000" in command(running, "profiles", "rebase")
        after = cards(30, "after")
        running.produce(after)
        worker = running.start()
        running.wait_until_processed()
        assert scored(running) == ids(before) | ids(after)
        assert running.metric(worker, "fraudstream_profiles") == CARDS


def command(running: Service, *words: str) -> str:
    """Run a command with the service's settings; gives what it said."""
    done = subprocess.run(
        [sys.executable, "-m", "fraudstream", *words],
        env=running.environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout + done.stderr
