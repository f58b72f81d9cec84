"""Arrival times are fixed in advance: a stall makes records late, never later ones fewer or slower."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest

from fraudstream.simulate.produce import SendProgress, produce
from fraudstream.simulate.stream import RecordKind, StreamRecord


@dataclass
class FakeTime:
    """A clock that moves only when somebody waits, or when a sink is slow."""

    now: float = 100.0

    def clock(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


@dataclass
class ListSink:
    """A sink that notes when each record came, and stalls at one of them."""

    time: FakeTime
    stall_at: int = -1
    stall_seconds: float = 0.0
    lost: int = 0
    sent: list[tuple[float, StreamRecord]] = field(default_factory=list)
    closed: int = 0

    def send(self, record: StreamRecord) -> None:
        self.sent.append((self.time.now - 100.0, record))
        if len(self.sent) - 1 == self.stall_at:
            self.time.now += self.stall_seconds

    def close(self) -> int:
        self.closed += 1
        return self.lost


def record(kind: RecordKind, time: float = 0.0, *, fraud: bool = False) -> StreamRecord:
    return StreamRecord(kind, time, b"card_a", b"{}", fraud)


PAYMENT, LABEL = record(RecordKind.TRANSACTION), record(RecordKind.LABEL)


def run(records: list[StreamRecord], sink: ListSink, rate: float) -> SendProgress:
    return produce(records, sink, rate, clock=sink.time.clock, sleep=sink.time.sleep)


def test_transactions_come_evenly_at_the_rate() -> None:
    sink = ListSink(FakeTime())
    run([PAYMENT] * 5, sink, rate=10)
    assert [time for time, _ in sink.sent] == pytest.approx([0, 0.1, 0.2, 0.3, 0.4])


def test_labels_and_malformed_messages_follow_at_once_and_take_no_place() -> None:
    sink = ListSink(FakeTime())
    run([PAYMENT, LABEL, record(RecordKind.MALFORMED), PAYMENT], sink, rate=10)
    assert [time for time, _ in sink.sent] == pytest.approx([0, 0, 0, 0.1])


def test_after_a_stall_late_records_come_at_once_and_the_others_on_time() -> None:
    sink = ListSink(FakeTime(), stall_at=1, stall_seconds=0.25)
    summary = run([PAYMENT] * 6, sink, rate=10)
    assert [time for time, _ in sink.sent] == pytest.approx([0, 0.1, 0.35, 0.35, 0.4, 0.5])
    assert summary.latest_seconds == pytest.approx(0.15)


def test_rate_0_never_waits() -> None:
    sink = ListSink(FakeTime())
    run([PAYMENT] * 1_000, sink, rate=0)
    assert sink.time.now == 100.0


def test_the_time_to_draw_the_world_is_not_part_of_the_schedule() -> None:
    time = FakeTime()
    sink = ListSink(time)

    def slow_world() -> list[StreamRecord]:
        time.sleep(9.0)
        return [PAYMENT, PAYMENT]

    records = (made for _ in range(1) for made in slow_world())
    summary = produce(records, sink, 10, clock=time.clock, sleep=time.sleep)
    assert summary.seconds == pytest.approx(0.1)
    assert summary.latest_seconds == 0


def test_the_summary_counts_what_was_sent_and_what_never_arrived() -> None:
    sink = ListSink(FakeTime(), lost=2)
    records = [
        record(RecordKind.TRANSACTION, 5.0),
        record(RecordKind.TRANSACTION, 6.0, fraud=True),
        record(RecordKind.LABEL, 7.0),
        record(RecordKind.MALFORMED, 8.0),
    ]
    summary = run(records, sink, rate=0)
    assert summary == SendProgress(
        transactions=2, frauds=1, labels=1, malformed=1, undelivered=2, simulated_time=8.0
    )


def test_progress_is_told_ten_times_a_second_and_at_the_end() -> None:
    told: list[SendProgress] = []
    time = FakeTime()
    produce(
        [PAYMENT] * 101,
        ListSink(time),
        100,
        on_progress=told.append,
        clock=time.clock,
        sleep=time.sleep,
    )
    assert 8 <= len(told) <= 12
    assert told[-1].transactions == 101


def test_the_sink_is_closed_when_the_stream_breaks() -> None:
    sink = ListSink(FakeTime())

    def broken() -> StreamRecord:
        raise RuntimeError("the world ended")

    with pytest.raises(RuntimeError, match="the world ended"):
        produce((broken() for _ in range(1)), sink, 0)
    assert sink.closed == 1


def test_an_empty_stream_has_an_empty_summary() -> None:
    assert run([], ListSink(FakeTime()), rate=10) == SendProgress()
