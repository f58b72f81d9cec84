"""Partitions are read to their end: the one they have when it is reached, or the one that was asked for."""

from __future__ import annotations

from typing import Any

import confluent_kafka as ck
import pytest

from agents.runtime.reading import TopicUnreadable, read_batches

END = ck.KafkaError._PARTITION_EOF
PLACE, OTHER = ("log", 0), ("log", 1)


class Event:
    """A record, or with a code an error or the end of a partition."""

    def __init__(self, offset: int, code: int | None = None, partition: int = 0) -> None:
        self._offset, self._code, self._partition = offset, code, partition

    def offset(self) -> int:
        return self._offset

    def topic(self) -> str:
        return "log"

    def partition(self) -> int:
        return self._partition

    def error(self) -> ck.KafkaError | None:
        return None if self._code is None else ck.KafkaError(self._code)


class Reader:
    """Gives these events, one list a call."""

    def __init__(self, *polls: list[Event]) -> None:
        self.polls = list(polls)
        self.assigned: dict[tuple[str, int], int] = {}

    def assign(self, places: list[ck.TopicPartition]) -> None:
        self.assigned = {(place.topic, place.partition): place.offset for place in places}

    def consume(self, *_: Any) -> list[Event]:
        return self.polls.pop(0)


def read(reader: Reader, *arguments: Any) -> list[list[int]]:
    return [[record.offset() for record in batch] for batch in read_batches(reader, *arguments)]  # type: ignore[arg-type]


def test_each_partition_is_read_to_the_end_that_it_has_when_that_is_reached() -> None:
    reader = Reader(
        [Event(4), Event(7, partition=1)], [], [Event(8, END, partition=1)], [Event(5)], [Event(6, END)]
    )
    assert read(reader, {PLACE: 4, OTHER: 7}) == [[4, 7], [], [], [5], []]
    assert reader.assigned == {PLACE: 4, OTHER: 7}


def test_an_end_that_was_asked_for_is_waited_for() -> None:
    """A reader of committed records sees an end before it, as long as a transaction is open."""
    reader = Reader([Event(0), Event(1, END)], [Event(1)], [Event(3, END)])
    assert read(reader, {PLACE: 0}, {PLACE: 3}) == [[0], [1], []]


def test_the_last_record_before_the_end_that_was_asked_for_ends_it() -> None:
    reader = Reader([Event(0), Event(1), Event(2)])
    assert read(reader, {PLACE: 0}, {PLACE: 2}) == [[0, 1, 2]]


def test_what_stands_at_its_end_is_not_read() -> None:
    reader = Reader([Event(5, END, partition=1)])
    assert read(reader, {PLACE: 3, OTHER: 0}, {PLACE: 3, OTHER: 5}) == [[]]
    assert reader.assigned == {OTHER: 0}


def test_a_passing_error_is_waited_out_and_a_refusal_names_its_partition() -> None:
    reader = Reader([Event(-1, ck.KafkaError._TRANSPORT)], [Event(0, END)])
    assert read(reader, {PLACE: 0}) == [[], []]
    refused = Reader([Event(-1, ck.KafkaError.TOPIC_AUTHORIZATION_FAILED, partition=1)])
    with pytest.raises(TopicUnreadable) as refusal:
        read(refused, {OTHER: 0})
    assert refusal.value.place == OTHER
    assert refusal.value.error.code() == ck.KafkaError.TOPIC_AUTHORIZATION_FAILED
