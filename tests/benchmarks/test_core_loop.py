"""The loop around the core makes values that readers of the worker's topics understand."""

from __future__ import annotations

from confluent_kafka import Message

from benchmarks import traffic
from benchmarks.peers.job import Job
from schemas.score import Source, decode_score


def test_each_record_becomes_a_score_that_names_it() -> None:
    sent = traffic.draw(20)
    records = [
        Message("transactions", 0, offset, message.key, message.value) for offset, message in enumerate(sent)
    ]
    made = [(record, decode_score(score), alert) for record, score, alert in Job().score(records)]
    assert [score.transaction_id for _, score, _ in made] == [message.transaction_id for message in sent]
    assert [score.source for _, score, _ in made] == [
        Source("transactions", 0, offset) for offset in range(20)
    ]
    assert all((score.decision == "approve") == (alert is None) for _, score, alert in made)
