"""No token of a card, account, shop or transaction on any surface but the topics, however bad things go."""

from __future__ import annotations

import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import orjson
import pytest
from faulty import read_committed
from service import LEARNING_SIDE, Service, answer, free_port, service, wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.kafka

WORKER = Path(__file__).with_name("quoting_worker.py")
MARK = "zebra"
NOW = datetime.now(UTC).isoformat()
CARD = {
    "kind": "card",
    "transaction_id": "zebra-transaction-1",
    "event_time": NOW,
    "card_id": "zebra-card",
    "merchant_id": "zebra-shop",
    "terminal_id": "zebra-terminal",
    "amount": "12.50",
    "currency": "EUR",
}
TRANSFER = {
    "kind": "transfer",
    "end_to_end_id": "zebra-transfer-1",
    "event_time": NOW,
    "debtor_account": "zebra-debtor",
    "creditor_account": "zebra-creditor",
    "instructed_amount": "12.50",
    "currency": "EUR",
}
LABEL = {
    "transaction_id": "zebra-transaction-1",
    "subject": "zebra-card",
    "outcome": "fraud",
    "origin": "analyst",
    "label_time": NOW,
    "reason": "zebra told us",
}
DEBUG = "generic,broker,topic,metadata,cgrp,security,eos,conf"


def bad(message: dict[str, Any], key: bytes) -> Iterator[tuple[bytes | None, bytes | None]]:
    """A message made wrong in each field, under other keys, and as no message at all."""
    for name in message:
        for wrong in ("zebra " * 40, ["zebra"], {"zebra": "zebra"}, 7, None, "zebra-4111111111111111"):
            yield key, orjson.dumps(message | {name: wrong})
        yield key, orjson.dumps({other: value for other, value in message.items() if other != name})
    value = orjson.dumps(message)
    yield b"zebra-other", value
    yield None, value
    yield key, value[:-9]
    yield key, b"zebra" * 20_000
    yield key, b'{"zebra":' * 40
    yield key, value[:-1] + b',"card_id":"zebra","card_id":"zebra"}'
    yield b"zebra-\xff", b"\xff zebra"
    yield key, None


def start(running: Service, **extra: str) -> subprocess.Popen[bytes]:
    """Start a worker that quotes what it fails on, and tells all that it can."""
    environment = running.environment(
        WEB__PORT=str(free_port()), LOG__LEVEL="debug", KAFKA__CLIENT=f'{{"debug": "{DEBUG}"}}', **extra
    )
    log = (running.folder / f"worker-{len(running.workers)}.log").open("wb")
    worker = subprocess.Popen([sys.executable, str(WORKER)], env=environment, stdout=log, stderr=log)
    worker.port = environment["FRAUDSTREAM_WEB__PORT"]
    running.workers.append(worker)
    return worker


def asked(running: Service, worker: subprocess.Popen[bytes]) -> str:
    """What a worker tells who asks it, and who lists processes."""
    ready = answer(f"http://127.0.0.1:{worker.port}/readyz?verbose")
    return ready + running.metrics(worker) + Path(f"/proc/{worker.pid}/cmdline").read_text()


def commanded(running: Service, *command: str) -> str:
    """What a command writes."""
    arguments = [sys.executable, "-m", "fraudstream", *command]
    done = subprocess.run(arguments, env=running.environment(), capture_output=True, text=True, check=False)
    return done.stdout + done.stderr


def has_learnt(running: Service) -> bool:
    """Whether the learning side has taken what was scored and what was said of it, the bad ones too."""
    sources = (running.topics.scores, running.topics.labels_keyed, running.topics.outcomes)
    return running.has_learnt(each for topic in sources for each in read_committed(running.servers, topic))


def test_no_surface_but_the_topics_shows_a_token(kafka: Any, tmp_path: Path) -> None:
    with service(
        kafka.bootstrap_servers,
        tmp_path,
        SCORING__POLICY="fixed",
        SCORING__REVIEW_THRESHOLD="0",
        LABELLING__GENUINE_SHARE="1",
    ) as running:
        topics = running.topics
        scorer, learner = start(running), start(running, WORKER__AGENTS=LEARNING_SIDE)
        good = [(b"zebra-card", orjson.dumps(CARD)), (b"zebra-debtor", orjson.dumps(TRANSFER))]
        running.produce([*good, *good, *bad(CARD, b"zebra-card"), *bad(TRANSFER, b"zebra-debtor")])
        running.produce([(b"zebra", orjson.dumps(LABEL)), *bad(LABEL, b"zebra")], topics.labels)
        for topic in (topics.scores, topics.outcomes, topics.examples, topics.reputations, topics.controls):
            running.produce(bad(LABEL, b"zebra"), topic)
        running.produce([(b"boost@9", b"zebra"), (b"zebra@1", b"zebra")], topics.models)
        running.wait_until_processed()
        wait_until(lambda: has_learnt(running), 60, running.logs)
        told = asked(running, scorer) + asked(running, learner)
        told += commanded(running, "doctor") + commanded(running, "topics", "check")
        running.produce([(b"zebra-card", b"zebra poison")])
        running.produce([(b"counterparty:zebra", b"zebra poison")], topics.outcomes)
        wait_until(lambda: None not in {scorer.poll(), learner.poll()}, 90, running.logs)
        logs = "\n".join(path.read_text() for path in tmp_path.glob("worker-*.log"))
        dead = read_committed(running.servers, topics.dead_letters)
    assert any(MARK.encode() in (letter.value or b"") for letter in dead), "the topics have what was hidden"
    for sign in ("message refused", "agent failed", "RuntimeError: #", "KeyError: #", '"level": "debug"'):
        assert sign in logs, "what might tell a token was written"
    assert "fraudstream_dead_letters_total" in told
    assert {scorer.returncode, learner.returncode} == {1}
    found = [line[:2_000] for line in (logs + told).splitlines() if MARK in line.lower()]
    assert found == []
