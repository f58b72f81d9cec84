"""`fraudstream dead-letters` on a real Kafka with a live worker: mended messages are scored, each once."""

from __future__ import annotations

import json
import random
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import orjson
import pytest
from confluent_kafka import Producer
from faulty import read_committed
from service import Service, service, wait_until
from typer.testing import CliRunner, Result

from fraudstream.admin.dead_letters import (
    DeadLetterLog,
    DeadLettersRefused,
    FixedMessage,
    Replayed,
    read_letters,
    replay,
)
from fraudstream.admin.dead_letters.log import NOTE_HEADER, REPLAY_HEADER
from fraudstream.admin.dead_letters.repair import UNCHANGED, Repairer
from fraudstream.admin.dead_letters.replay import Replayer
from fraudstream.cli import app
from fraudstream.settings import Settings, load_settings
from schemas.errors import ErrorType
from tests.strange_senders import unprotect

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.kafka

PAN = "4111111111111111"  # the card network's published number for tests
DAY_MS = 86_400_000
HEADERS = [("trace", b"\x00\xff 7"), ("trace", b"again"), ("empty", b""), ("none", None)]
MANY = 30


def card(name: str, **changes: Any) -> dict[str, Any]:
    return {
        "kind": "card",
        "transaction_id": name,
        "event_time": "2026-03-01T10:00:00+01:00",
        "card_id": "card-1",
        "merchant_id": "merchant-1",
        "amount": "12.50",
        "currency": "EUR",
    } | changes


class Refused:
    """Sends records that the worker refuses, three days old, and knows where their letters stand."""

    def __init__(self, running: Service) -> None:
        self.running = running
        self.sent_at = time.time_ns() // 1_000_000 - 3 * DAY_MS
        self._producer = Producer(
            {
                "bootstrap.servers": running.servers,
                "compression.type": "gzip",
                "message.max.bytes": 100_000_000,
            }
        )

    def send(self, *records: tuple[bytes | None, bytes | None], topic: str | None = None) -> list[str]:
        """Send records and wait for their dead letters; gives the places of these, in order."""
        offsets: list[int] = []
        to = topic or self.running.topics.transactions
        for key, value in records:
            self._producer.produce(
                *(to, value, key, 2),
                headers=HEADERS,
                timestamp=self.sent_at,
                on_delivery=lambda error, message: offsets.append(-1 if error else message.offset()),
            )
        assert self._producer.flush(30) == 0
        found: dict[int, str] = {}

        def are_there() -> bool:
            book = read_letters(load_settings(), lambda letter: letter.without_content())
            found.update(
                {each.why.offset: str(each.place) for each in book.letters.values() if each.why.topic == to}
            )
            return found.keys() >= set(offsets)

        wait_until(are_there, 60, self.running.logs)
        return [found[offset] for offset in offsets]


@pytest.fixture(scope="module")
def running(kafka: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """One service with one worker for all tests here; the command line has the same settings."""
    folder = tmp_path_factory.mktemp("dead-letters")
    with service(kafka.bootstrap_servers, folder) as running, pytest.MonkeyPatch.context() as patch:
        for name, value in running.environment().items():
            if name.startswith("FRAUDSTREAM_"):
                patch.setenv(name, value)
        running.start()
        yield running


@pytest.fixture(scope="module")
def refused(running: Service) -> Refused:
    return Refused(running)


def run(*arguments: str, status: int = 0) -> Result:
    result = CliRunner().invoke(app, ["dead-letters", *arguments], catch_exceptions=False)
    assert result.exit_code == status, result.output
    return result


def rows(*arguments: str, status: int = 0) -> list[dict[str, Any]]:
    return [json.loads(line) for line in run(*arguments, "--json", status=status).stdout.splitlines()]


def replays(running: Service, topic: str | None = None) -> list[Any]:
    """The records that were put back, as a reader of committed records sees them."""
    records = read_committed(running.servers, topic or running.topics.transactions)
    return [each for each in records if any(name == REPLAY_HEADER for name, _ in each.headers)]


def marks(running: Service) -> Counter[str]:
    """How often the message of each letter was put back."""
    return Counter(dict(each.headers)[REPLAY_HEADER].decode() for each in replays(running))


def wait_until_scored(running: Service, *names: str) -> None:
    """Wait until each of these transactions has its score; each must have one alone."""

    def scored() -> Counter[str]:
        values = (json.loads(each.value) for each in read_committed(running.servers, running.topics.scores))
        return Counter(each["transaction_id"] for each in values if each["transaction_id"] in names)

    wait_until(lambda: scored().keys() == set(names), 60, running.logs)
    assert set(scored().values()) == {1}


def test_a_mended_message_is_scored_and_a_second_replay_sends_nothing(
    refused: Refused, tmp_path: Path
) -> None:
    running = refused.running
    broken = orjson.dumps(card("mended-value", amount="1e400"))
    by_value, by_key = refused.send((b"card-1", broken), (b"card-2", orjson.dumps(card("mended-key"))))
    listed = {row["place"]: row for row in rows("list")}
    assert (listed[by_value]["error_type"], listed[by_value]["field"]) == ("invalid-amount", "amount")
    assert (listed[by_key]["error_type"], listed[by_key]["replayed_to"]) == ("key-mismatch", None)
    (shown,) = rows("show", by_value)
    assert (shown["value"], shown["key"]) == ({"text": broken.decode()}, {"text": "card-1"})
    assert [name for name, _ in shown["headers"]] == [name for name, _ in HEADERS]

    (as_it_came,) = rows("replay", by_value, status=1)
    assert "would be refused again (invalid-amount" in as_it_came["refusal"]
    mended = tmp_path / "mended.json"
    mended.write_bytes(orjson.dumps(card("mended-value")))
    edits = {by_value: ("--value", str(mended)), by_key: ("--key", "card-1")}
    for place, edit in edits.items():
        (dry,) = rows("replay", place, *edit, "--dry-run")
        assert (dry["status"], dry["sent_to"]) == ("would be sent", None)
    assert marks(running).keys().isdisjoint(edits)

    for place, edit in edits.items():
        assert [row["status"] for row in rows("replay", place, *edit)] == ["sent"]
        assert [row["status"] for row in rows("replay", place, *edit)] == ["sent before"]
    wait_until_scored(running, "mended-value", "mended-key")
    back = {dict(each.headers)[REPLAY_HEADER].decode(): each for each in replays(running)}
    for place in edits:
        assert back[place].headers == [*HEADERS, (REPLAY_HEADER, place.encode())]
        assert (back[place].key, back[place].timestamp) == (b"card-1", refused.sent_at)
    assert back[by_value].partition == 2, "its key is as it came, so its partition is"
    done = {row["place"]: row["replayed_to"] for row in rows("list")}
    assert done[by_value] == f"{running.topics.transactions} 2/{back[by_value].offset}"
    assert Counter(marks(running)[place] for place in edits) == {1: 2}


def test_masked_and_omitted_messages_go_back_mended(refused: Refused, tmp_path: Path) -> None:
    unprotect(refused.running.servers, refused.running.topics.transactions, max_message_bytes="100000000")
    with_pan = orjson.dumps(card("unmasked", card_id=PAN))
    keyed_right = orjson.dumps(card("keyed-right", merchant_id=PAN))
    huge = orjson.dumps(card("made-small", remark="x" * 20_000_000))
    places = refused.send((PAN.encode(), with_pan), (b"card-1", keyed_right), (b"card-1", huge))
    assert [rows("show", place)[0]["content"].split()[0] for place in places] == ["card", "card", "left"]
    assert PAN not in run("show", places[0]).stdout
    for place in places:
        assert "--value" in run("replay", place, status=1).stderr
    for place, name, key in zip(
        places, ("unmasked", "keyed-right", "made-small"), (("--key", "card-1"), (), ()), strict=True
    ):
        value = tmp_path / name
        value.write_bytes(orjson.dumps(card(name)))
        if key:
            assert "is a card number" in run("replay", place, "--value", str(value), status=1).stderr
        run("replay", place, "--value", str(value), *key)
    wait_until_scored(refused.running, "unmasked", "keyed-right", "made-small")
    back = {dict(each.headers)[REPLAY_HEADER].decode(): each for each in replays(refused.running)}
    assert back[places[2]].headers[:-1] == HEADERS, "fetched where the message had stood"


def test_many_are_edited_as_files_and_a_label_goes_back_to_the_labels(
    refused: Refused, tmp_path: Path
) -> None:
    label = {
        "transaction_id": "labelled",
        "subject": "card-1",
        "outcome": "fraud",
        "origin": "analyst",
        "label_time": "2026-03-02T10:00:00+01:00",
    }
    wrong = [orjson.dumps(label | {"transaction_id": f"labelled-{n}", "origin": "witness"}) for n in range(3)]
    labels = refused.running.topics.labels
    places = refused.send(*((b"any", each) for each in wrong), topic=labels)
    run("replay", "--all", "--type", "unknown-code", "--to-file", str(tmp_path))
    for file in tmp_path.glob("*.value"):
        file.write_bytes(file.read_bytes().replace(b"witness", b"customer"))
    assert Counter(row["status"] for row in rows("replay", "--from-file", str(tmp_path))) == {"sent": 3}
    assert {dict(each.headers)[REPLAY_HEADER].decode() for each in replays(refused.running, labels)} == {
        *places
    }
    keyed = refused.running.topics.labels_keyed

    def are_keyed() -> bool:
        taken = [json.loads(each.value) for each in read_committed(refused.running.servers, keyed)]
        return {each["transaction_id"] for each in taken} == {f"labelled-{n}" for n in range(3)}

    wait_until(are_keyed, 60, refused.running.logs)


def mended_now(settings: Settings, place: str) -> tuple[list[FixedMessage], DeadLetterLog]:
    """What an operator who looks now would send of one letter of a key that was mended."""
    book = read_letters(settings, lambda letter: letter)
    letters = [letter for letter in book.letters.values() if str(letter.place) == place]
    mender = Repairer(settings.model_copy(update={"scoring": _lenient(settings)}), lambda _: None)
    return [mender.mend(letter, UNCHANGED) for letter in letters], book


def _lenient(settings: Settings) -> Any:
    """The scoring of a service that was mended: it takes a key that is not the subject."""
    return settings.scoring.model_copy(update={"key_mismatch": "score"})


def test_a_crash_between_message_and_note_leaves_neither(
    refused: Refused, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The message of an operator who died is never read; the next replay sends it, once."""
    (place,) = refused.send((b"card-2", orjson.dumps(card("crashed"))))
    settings = load_settings()
    crashed = Replayer(settings)
    batch, book = mended_now(settings, place)
    with monkeypatch.context() as patch:
        patch.setattr(Replayer, "_put_note", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            crashed.send(batch, book)
    assert [row["status"] for row in rows("replay", place, "--key", "card-1")] == ["sent"]
    assert [row["status"] for row in rows("replay", place, "--key", "card-1")] == ["sent before"]
    wait_until_scored(refused.running, "crashed")
    assert marks(refused.running)[place] == 1


def test_an_operator_who_looked_before_another_began_cannot_send(refused: Refused) -> None:
    (place,) = refused.send((b"card-2", orjson.dumps(card("overtaken"))))
    settings = load_settings()
    early = Replayer(settings)
    batch, book = mended_now(settings, place)
    assert len(batch) == 1
    assert [row["status"] for row in rows("replay", place, "--key", "card-1")] == ["sent"]
    with pytest.raises(DeadLettersRefused, match="Another replay has begun meanwhile"):
        early.send(batch, book)
    wait_until_scored(refused.running, "overtaken")
    assert marks(refused.running)[place] == 1


def test_operators_at_the_same_time_send_each_message_once(refused: Refused) -> None:
    names = [f"contended-{n}" for n in range(MANY)]
    places = set(refused.send(*((b"", orjson.dumps(card(name))) for name in names)))
    settings = load_settings()
    lenient = settings.model_copy(update={"scoring": _lenient(settings)})

    def operate(number: int) -> list[Replayed]:
        pauses = random.Random(number)
        while True:
            try:
                return [*replay(lenient, lambda each: each.why.error_type is ErrorType.EMPTY_KEY, {})]
            except DeadLettersRefused:  # another has begun: run it again, as the sentence says
                time.sleep(pauses.uniform(0.0, 3.0))

    with ThreadPoolExecutor(4) as operators:
        told = [*operators.map(operate, range(4))]
    # the worker refuses them again, and an operator who comes late sends those letters too: they do not count
    sent = [str(each.place) for mine in told for each in mine if each.status == "sent"]
    assert sum(place in places for place in sent) == MANY
    assert {
        place: count for place, count in marks(refused.running).items() if place in places
    } == dict.fromkeys(places, 1)


def test_notes_stand_behind_their_letters_in_the_same_partition(refused: Refused) -> None:
    """So retention, which removes a partition from its front, takes no note before its letter."""
    topic = refused.running.topics.dead_letters
    noted = [
        (note, dict(note.headers)[NOTE_HEADER].decode().split("-"))
        for note in read_committed(refused.running.servers, topic)
        if NOTE_HEADER in dict(note.headers)
    ]
    assert len(noted) >= MANY
    assert all((note.partition, note.offset > int(offset)) == (int(p), True) for note, (p, offset) in noted)
    assert run("list").stderr.endswith(f"; {len(noted)} replayed.\n")


def test_what_is_not_there_is_said_in_one_sentence(running: Service) -> None:
    del running
    with pytest.raises(DeadLettersRefused, match="No dead letter stands at 0-999999"):
        run("replay", "0-999999")
    with pytest.raises(DeadLettersRefused, match="No dead letter stands at 0-999999"):
        run("show", "0-999999")
