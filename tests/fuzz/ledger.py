"""What became of records: in = scored + dead-lettered + repeats, for each batch and in total."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from agents.dead_letters import MASKED_HEADER, OMITTED_HEADER, as_it_came
from schemas.alert import decode_alert
from schemas.dead_letter import DeadLetter
from schemas.errors import ErrorType
from schemas.fields.pan import contains_pan
from schemas.label import decode_label
from schemas.score import decode_score

if TYPE_CHECKING:
    from collections.abc import Sequence

    from confluent_kafka import Message

    from agents.runtime.records import Header
    from agents.runtime.testing import FakeOutbox

    Place = tuple[int, int]


@dataclass
class Ledger:
    """Counts what went in and what came out, and holds each output to its contract.

    Attributes:
        agent: which agent's.
        taken: records in.
        passed: records that became a score, or a keyed label.
        alerts: alerts among the scores.
        refused: dead letters by error type.
        repeats: records that changed nothing, as the agent counts them.
        batches: how often all this was checked.
    """

    agent: str
    taken: int = 0
    passed: int = 0
    alerts: int = 0
    refused: Counter[str] = field(default_factory=Counter)
    repeats: int = 0
    batches: int = 0

    @property
    def difference(self) -> int:
        """Records in without an account of what became of them."""
        return self.taken - self.passed - self.refused.total() - self.repeats

    def told(self) -> dict[str, Any]:
        """All of it as an object for programs."""
        counts = {"dead_letters": self.refused.total(), "difference": self.difference}
        return vars(self) | counts | {"refused": dict(sorted(self.refused.items()))}

    def enter(self, records: Sequence[Message], outbox: FakeOutbox, repeats: int) -> None:
        """Check and count a batch, and empty the outbox.

        Args:
            records: what went in.
            outbox: what came out.
            repeats: how many of the records the agent says to have known.
        """
        came = {(each.partition(), each.offset()): each for each in records}
        assert len(came) == len(records), "each record has a place of its own"
        accounted = Counter[Any]()
        for topic, key, value, _, headers, timestamp_ms in outbox.records:
            match topic:
                case "scores":
                    accounted[_checked_score(value or b"", came)] += 1
                    self.passed += 1
                case "alerts":
                    _check_alert(value or b"", came)
                    self.alerts += 1
                case "labels.keyed":
                    assert decode_label(value or b"").subject.encode() == key
                    self.passed += 1
                case "dead-letters":
                    place = self._check_letter(key, value, headers, timestamp_ms, came)
                    accounted[place] += 1
                case _:
                    raise AssertionError(f"{self.agent} wrote to {topic}")
        assert set(accounted.values()) <= {1}, "a record became two things"
        self.taken += len(records)
        self.repeats += repeats
        self.batches += 1
        outbox.records.clear()
        assert self.difference == 0, f"{self.difference} records of {self.agent} are unaccounted for"

    def _check_letter(
        self,
        key: bytes | None,
        value: bytes | None,
        headers: Sequence[Header],
        timestamp_ms: int,
        came: dict[Place, Message],
    ) -> Place:
        letter = DeadLetter.from_headers(headers)
        assert letter.error_type is not ErrorType.INTERNAL_ERROR
        self.refused[str(letter.error_type)] += 1
        place = letter.partition, letter.offset
        names = {name for name, _ in headers}
        original = as_it_came(came[place])
        assert timestamp_ms == (original.timestamp_ms or 0)
        if OMITTED_HEADER in names:
            assert (key, value) == (None, None)
        elif MASKED_HEADER in names:
            parts = (key or b"", value or b"", *(text or b"" for _, text in headers))
            assert not any(map(contains_pan, parts))
        else:
            assert (key, value) == (original.key, original.value)
            assert headers[: len(original.headers)] == original.headers
        return place


def _checked_score(value: bytes, came: dict[Place, Message]) -> Place:
    """The source of a score that keeps the contract, which knows no NaN."""
    score = decode_score(value)
    assert math.isfinite(score.score)
    assert all(map(math.isfinite, score.features))
    place = score.source.partition, score.source.offset
    assert place in came
    return place


def _check_alert(value: bytes, came: dict[Place, Message]) -> None:
    alert = decode_alert(value)
    assert math.isfinite(alert.score)
    assert (alert.source.partition, alert.source.offset) in came
