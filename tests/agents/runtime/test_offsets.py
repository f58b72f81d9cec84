"""Commits wait for a coordinator that is away, and end a worker that is no member."""

from __future__ import annotations

from typing import Any

import confluent_kafka as ck
import pytest

from agents.runtime import offsets as module
from agents.runtime.errors import Fenced, is_transient
from agents.runtime.offsets import GroupOffsets, commit_offsets


class Group:
    """A consumer and its poll thread in one; `answers` are given one a commit."""

    def __init__(self, *answers: int | ck.KafkaException | None) -> None:
        self.answers = list(answers)
        self.commits = 0

    async def request(self, call: Any) -> Any:
        return call(self)

    def commit(self, *, offsets: list[ck.TopicPartition], asynchronous: bool) -> list[Any]:
        assert not asynchronous
        self.commits += 1
        answer = self.answers.pop(0)
        if isinstance(answer, ck.KafkaException):
            raise answer
        return [Answer(answer) for _ in offsets]

    def committed(self, places: list[ck.TopicPartition], timeout: float) -> tuple[Any, float]:
        return places, timeout


class Answer:
    """What became of one partition's offset."""

    def __init__(self, code: int | None) -> None:
        self.error = None if code is None else ck.KafkaError(code)


PLACES = [ck.TopicPartition("in", 0, 7)]


async def test_an_accepted_commit_is_done() -> None:
    group = Group(None)
    await commit_offsets(group, PLACES)  # type: ignore[arg-type]
    assert group.commits == 1


@pytest.mark.parametrize(
    "code",
    [
        ck.KafkaError._TRANSPORT,
        ck.KafkaError._WAIT_COORD,
        ck.KafkaError.NOT_COORDINATOR,
        ck.KafkaError._TIMED_OUT,
    ],
)
async def test_a_coordinator_that_is_away_is_waited_for(code: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_RETRY_SECONDS", 0)
    group = Group(code, ck.KafkaException(ck.KafkaError(code)), None)
    await commit_offsets(group, PLACES)  # type: ignore[arg-type]
    assert group.commits == 3


@pytest.mark.parametrize(
    "code",
    [
        ck.KafkaError.ILLEGAL_GENERATION,
        ck.KafkaError.UNKNOWN_MEMBER_ID,
        ck.KafkaError.FENCED_INSTANCE_ID,
        ck.KafkaError.GROUP_AUTHORIZATION_FAILED,
    ],
)
async def test_a_refusal_ends_the_worker(code: int) -> None:
    assert not is_transient(ck.KafkaError(code))
    with pytest.raises(Fenced, match="the offsets were refused"):
        await commit_offsets(Group(code), PLACES)  # type: ignore[arg-type]


def test_committed_offsets_are_waited_for_as_long_as_a_transaction_may_last() -> None:
    group = GroupOffsets(Group(), 45.0)  # type: ignore[arg-type]
    assert group.read(PLACES) == (PLACES, 45.0)  # type: ignore[comparison-overlap]


def test_a_start_that_cannot_be_noted_goes_on() -> None:
    refused = ck.KafkaException(ck.KafkaError(ck.KafkaError.REBALANCE_IN_PROGRESS))
    GroupOffsets(Group(refused), 45.0).note(PLACES)  # type: ignore[arg-type]
