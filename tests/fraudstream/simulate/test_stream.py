"""A stream is in order of simulated time, and holds only what is known by its end."""

from __future__ import annotations

from collections import Counter
from datetime import date
from itertools import islice

from fraudstream.simulate.malformed import FAULTS
from fraudstream.simulate.stream import RecordKind, StreamRecord, stream
from fraudstream.simulate.world import WorldName
from fraudstream.simulate.worlds import make_world
from schemas.label import Outcome, decode_label
from schemas.transaction import decode_transaction

WORLD = list(make_world(WorldName.TRANSFERS, customers=150, days=40, start=date(2026, 3, 2), seed=2))


def of_kind(records: list[StreamRecord], kind: RecordKind) -> list[StreamRecord]:
    return [record for record in records if record.kind is kind]


def test_records_stand_in_order_of_simulated_time() -> None:
    times = [record.time for record in stream(WORLD, seed=1, malformed_share=0.05)]
    assert times == sorted(times)


def test_every_transaction_is_sent_once_under_its_subject() -> None:
    sent = of_kind(list(stream(WORLD, seed=1)), RecordKind.TRANSACTION)
    messages = [decode_transaction(record.value) for record in sent]
    assert [message.transaction_id for message in messages] == [known.transaction_id for known in WORLD]
    assert [record.key.decode() for record in sent] == [message.subject for message in messages]
    assert [record.fraud for record in sent] == [known.fraud for known in WORLD]


def test_a_label_comes_after_its_transaction_and_never_after_the_streams_end() -> None:
    seen: set[str] = set()
    labels = 0
    for record in stream(WORLD, seed=1):
        if record.kind is RecordKind.LABEL:
            label = decode_label(record.value)
            assert label.transaction_id in seen
            assert label.label_time.timestamp() <= WORLD[-1].event_time
            labels += 1
        else:
            seen.add(decode_transaction(record.value).transaction_id)
    assert labels > 3


def test_labels_agree_with_the_truth_of_the_world() -> None:
    frauds = {known.transaction_id for known in WORLD if known.fraud}
    for record in of_kind(list(stream(WORLD, seed=1)), RecordKind.LABEL):
        label = decode_label(record.value)
        assert (label.outcome is Outcome.FRAUD) == (label.transaction_id in frauds)


def test_a_stream_cut_short_is_the_beginning_of_the_whole() -> None:
    short = list(stream(islice(WORLD, 800), seed=1, malformed_share=0.02))
    whole = list(stream(WORLD, seed=1, malformed_share=0.02))
    assert short == whole[: len(short)]


def test_malformed_messages_come_in_their_share_and_every_fault_in_turn() -> None:
    records = list(stream(WORLD, seed=1, malformed_share=0.05))
    bad = of_kind(records, RecordKind.MALFORMED)
    assert 0.03 < len(bad) / len(WORLD) < 0.07
    assert len({(record.key, record.value, record.time) for record in bad}) == len(bad) > 2 * len(FAULTS)


def test_malformed_messages_change_nothing_else() -> None:
    with_bad = Counter(stream(WORLD, seed=1, malformed_share=0.05))
    without = Counter(stream(WORLD, seed=1))
    added = with_bad - without
    assert not without - with_bad
    assert {record.kind for record in added} == {RecordKind.MALFORMED}
