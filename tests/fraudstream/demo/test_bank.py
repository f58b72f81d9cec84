"""What the demo sends: both kinds, in order, before today, with repeats and faults, told beforehand."""

from __future__ import annotations

import threading
from datetime import UTC, date, datetime
from itertools import pairwise
from typing import TYPE_CHECKING

import orjson

from fraudstream.demo.bank import bank_records, with_repeats
from fraudstream.demo.events import LabelSent, MalformedSent, TransactionSent
from fraudstream.demo.sending import ToldSink, until
from fraudstream.simulate.stream import RecordKind, StreamRecord

if TYPE_CHECKING:
    from fraudstream.demo.events import Event

TODAY = date(2026, 3, 2)
WANTED = 4_100


def a_record(kind: RecordKind, value: bytes = b"{}", *, fraud: bool = False) -> StreamRecord:
    return StreamRecord(kind, 5.0, b"key", value, fraud)


def test_the_bank_sends_as_many_of_both_kinds_as_wanted_in_order_and_before_today() -> None:
    records = list(bank_records(WANTED, TODAY))
    values = [orjson.loads(each.value) for each in records if each.kind is RecordKind.TRANSACTION]
    assert len(values) == WANTED + WANTED // 2_000
    assert {value["kind"] for value in values} == {"card", "transfer"}
    assert all(earlier.time <= later.time for earlier, later in pairwise(records))
    assert records[0].time // 86_400 < records[0].time / 86_400 < records[0].time // 86_400 + 0.1
    assert records[-1].time < datetime(2026, 3, 2, tzinfo=UTC).timestamp()
    assert {each.kind for each in records} == set(RecordKind)


def test_each_nth_transaction_is_sent_twice_in_a_row_and_nothing_else() -> None:
    one, two = (a_record(RecordKind.TRANSACTION, value) for value in (b"1", b"2"))
    label = a_record(RecordKind.LABEL)
    assert list(with_repeats([one, label, two, one], every=2)) == [one, label, two, two, one]


def test_every_record_is_told_before_it_is_sent() -> None:
    order: list[Event | StreamRecord] = []

    class Sink:
        def send(self, record: StreamRecord) -> None:
            order.append(record)

        def close(self) -> int:
            return 3

    card = a_record(RecordKind.TRANSACTION, b'{"transaction_id": "t"}', fraud=True)
    transfer = a_record(RecordKind.TRANSACTION, b'{"end_to_end_id": "e"}')
    label, bad = a_record(RecordKind.LABEL), a_record(RecordKind.MALFORMED, b"{")
    sink = ToldSink(Sink(), order.append, clock=lambda: 9.0)
    for record in (card, transfer, label, bad):
        sink.send(record)
    assert order == [
        *(TransactionSent("t", 9.0, 5.0, fraud=True), card),
        *(TransactionSent("e", 9.0, 5.0, fraud=False), transfer),
        *(LabelSent(), label),
        *(MalformedSent(), bad),
    ]
    assert sink.close() == 3


def test_a_stop_ends_the_stream_at_the_next_record() -> None:
    stop = threading.Event()
    records = until(stop, [a_record(RecordKind.LABEL)] * 3)
    next(records)
    stop.set()
    assert not list(records)
