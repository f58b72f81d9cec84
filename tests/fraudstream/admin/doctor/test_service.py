"""What the doctor finds wrong with groups, with the worker on this machine, and with models."""

from __future__ import annotations

import http.server
import threading
import time
import uuid
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from socket import create_server
from typing import TYPE_CHECKING, Any, cast

import pytest
from kafka import OffsetAndMetadata, TopicPartition

from agents.runtime.logs import identity
from agents.runtime.offset_metadata import OffsetMetadata
from agents.runtime.testing import FakeRecord
from fraudstream.admin.doctor import Severity
from fraudstream.admin.doctor.group import Lag, _judge, check_offsets, lags
from fraudstream.admin.doctor.machine import own_version
from fraudstream.admin.doctor.models import check_models, judge_controls, judge_models
from fraudstream.admin.doctor.worker import check_worker, judge_worker
from fraudstream.admin.models.controls import fold_controls
from fraudstream.admin.models.versions import Published, Versions
from fraudstream.settings import Settings
from models.controls import sign
from models.scoring.features import FEATURES_VERSION
from schemas.control import ModelPin
from schemas.snapshot import Learner, ModelSnapshot
from tests.fraudstream.admin.doctor.doctor_answers import FakeAdmin, ill

if TYPE_CHECKING:
    from collections.abc import Iterator

    from kafka.admin import KafkaAdminClient

NOW = datetime(2026, 5, 4, 12, tzinfo=UTC)
BUILD = f'fraudstream_build_info{{confluent_kafka="2.16.1",fraudstream="{own_version()}"}} 1.0\n'


class Place:
    topic = "transactions"


@pytest.mark.parametrize(
    ("members", "age", "severity"),
    [
        (2, 1.0, Severity.OK),
        (2, 90.0, Severity.WARNING),
        (2, None, Severity.OK),
        (0, 1.0, Severity.PROBLEM),
    ],
)
def test_records_that_wait_long_or_for_nobody_are_told(
    members: int, age: float | None, severity: Severity
) -> None:
    oldest = None if age is None else time.time() - age
    finding = _judge("group g has workers", members, {Place(): Lag(10, 31), Place(): Lag(4, 5)}, oldest)
    assert finding.severity is severity
    assert "about 20 records of transactions wait" in finding.sentence
    assert ("the oldest for" in finding.sentence) is (age is not None)


TOPIC_ID = uuid.UUID(int=5)
IDENTITY = identity(TOPIC_ID.int)


@pytest.mark.parametrize(
    ("offset", "note", "severity", "words"),
    [
        (60, OffsetMetadata(log=IDENTITY), None, ""),
        (60, OffsetMetadata(), None, ""),
        (60, OffsetMetadata(log=IDENTITY ^ 9, epoch=9), None, ""),
        (
            60,
            OffsetMetadata(log=IDENTITY + 1),
            Severity.WARNING,
            "to another transactions partition 2",
        ),
        (61, OffsetMetadata(log=IDENTITY), Severity.PROBLEM, "which ends at 60"),
        (61, OffsetMetadata(), Severity.PROBLEM, "run `fraudstream profiles rebase`"),
    ],
)
def test_offsets_that_count_in_another_log_are_told_with_the_fix(
    offset: int, note: OffsetMetadata, severity: Severity | None, words: str
) -> None:
    place = TopicPartition("transactions", 2)
    fake = FakeAdmin(
        list_group_offsets={"g": {place: OffsetAndMetadata(offset, note.text(), -1)}},
        describe_topics=[{"name": "transactions", "topic_id": str(TOPIC_ID), "error_code": 0}],
        list_partition_offsets=lambda places: {each: OffsetAndMetadata(60, "", -1) for each in places},
    )
    admin = cast("KafkaAdminClient", fake)
    found = ill(check_offsets(admin, "g", lags(admin, "g") or {}))
    assert [each for each, _ in found] == ([severity] if severity else [])
    assert all(words in sentence for _, sentence in found)


@pytest.mark.parametrize(
    ("status", "checks", "metrics", "expected"),
    [
        (200, "[+]canary ok\n", BUILD, []),
        (503, "[+]canary ok\n[-]broadcast failed: it waits\n", BUILD, [Severity.PROBLEM]),
        (200, "[+]canary ok\n", 'fraudstream_build_info{fraudstream="0.0.9"} 1.0\n', [Severity.WARNING]),
        (200, "hello", "hello", [Severity.PROBLEM]),
    ],
)
def test_what_a_worker_says_of_itself_is_passed_on(
    status: int, checks: str, metrics: str, expected: list[Severity]
) -> None:
    found = ill(judge_worker(status, checks, metrics, "127.0.0.1 port 1"))
    assert [severity for severity, _ in found] == expected
    if status == 503:
        assert found[0][1] == "The worker at 127.0.0.1 port 1 is not ready: broadcast failed: it waits."


def test_the_doctor_says_which_model_a_worker_scores_by_and_since_when() -> None:
    checks = "[+]canary ok\n[+]model ok: boost@7 in force since 2026-05-04T12:00:00Z\n"
    [finding] = judge_worker(200, checks, BUILD, "127.0.0.1 port 1")
    said = "The worker at 127.0.0.1 port 1 is ready, boost@7 in force since 2026-05-04T12:00:00Z."
    assert (finding.severity, finding.sentence) == (Severity.OK, said)


@contextmanager
def server(pages: dict[str, tuple[int, str]], token: str | None = None) -> Iterator[int]:
    """A web server on loopback with these pages, for those who have the token; gives its port."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            is_known = token is None or self.headers["Authorization"] == f"Bearer {token}"
            status, text = pages[self.path] if is_known else (401, "")
            self.send_response(status)
            self.end_headers()
            self.wfile.write(text.encode())

        def log_message(self, *_: object) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as running:
        threading.Thread(target=running.serve_forever, daemon=True).start()
        yield running.server_port
        running.shutdown()


def test_a_running_worker_is_asked_with_the_token() -> None:
    token = "a-token-for-tests-alone"  # noqa: S105 - a test's token
    pages = {"/readyz?verbose": (200, "[+]canary ok\nreadyz check passed\n"), "/metrics": (200, BUILD)}
    with server(pages, token) as port:
        (ready,) = check_worker(Settings(web={"port": port, "token": token}))
        (stranger,) = check_worker(Settings(web={"port": port}))
    assert (ready.severity, ready.sentence) == (Severity.OK, f"The worker at 127.0.0.1 port {port} is ready.")
    assert stranger.severity is Severity.WARNING
    assert "FRAUDSTREAM_WEB__TOKEN" in stranger.sentence


def test_a_port_is_free_or_another_programs() -> None:
    with create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        threading.Thread(target=lambda: [silent.accept()[0].close()], daemon=True).start()
        (taken,) = check_worker(Settings(web={"port": port}))
    (free,) = check_worker(Settings(web={"port": port}))
    assert taken.severity is Severity.PROBLEM
    assert "FRAUDSTREAM_WEB__PORT" in taken.sentence
    assert free.severity is Severity.OK


def snapshot(version: int, **changes: Any) -> ModelSnapshot:
    learner = {"algorithm": "boost", "parameters": {}, "seed": 1, "code_version": own_version()}
    learner |= changes.pop("learner", {})
    usual = {
        "name": "boost",
        "version": version,
        "features_version": FEATURES_VERSION,
        "examples_offset": version - 1,
        "created_at": NOW - timedelta(minutes=5),
        "learner": Learner(**learner),
        "quality": {},
        "calibration": {},
        "onnx_size": 1,
        "onnx_sha256": "0" * 64,
    }
    return ModelSnapshot(**{**usual, **changes})


def versions(*snapshots: ModelSnapshot, pin: int | None = None) -> Versions:
    published = tuple(Published(each.version, 1, each, None) for each in snapshots)
    held = None if pin is None else ModelPin(name="boost", model_version=pin, issued_at=NOW, remark="a drift")
    return Versions("boost", published, held)


def judge(found: Versions, **settings: Any) -> list[tuple[Severity, str]]:
    return ill(judge_models(found, Settings(**settings), NOW.timestamp()))


def test_a_fresh_model_of_this_release_is_well() -> None:
    assert judge(versions(snapshot(7), snapshot(9))) == []


@pytest.mark.parametrize(
    ("changes", "severity", "words"),
    [
        ({"features_version": FEATURES_VERSION - 1}, Severity.PROBLEM, "scorers refuse it"),
        ({"learner": {"algorithm": "forest"}}, Severity.WARNING, "learnt by forest from seed 1"),
        ({"learner": {"seed": 2}}, Severity.WARNING, "learnt by boost from seed 2"),
        ({"learner": {"code_version": "0.0.9"}}, Severity.WARNING, "learnt by fraudstream 0.0.9"),
        ({"created_at": NOW - timedelta(days=8)}, Severity.WARNING, "is 8 days old"),
    ],
)
def test_a_model_that_does_not_fit_is_told(changes: dict[str, Any], severity: Severity, words: str) -> None:
    ((found, sentence),) = judge(versions(snapshot(7), snapshot(9, **changes)))
    assert found is severity
    assert words in sentence
    assert judge(versions(snapshot(7, **changes), snapshot(9))) == [], "only the newest counts"


def test_versions_that_scorers_refuse_are_counted_with_the_reason() -> None:
    false = Published(11, 1, None, "its signature is not right")
    ((severity, sentence),) = judge(Versions("boost", (*versions(snapshot(9)).published, false), None))
    assert severity is Severity.PROBLEM
    assert (
        "refuse 1 version(s) of boost on the topic, the newest, 11, because its signature is not" in sentence
    )


@pytest.mark.parametrize(
    ("pin", "expected"),
    [(None, []), (9, []), (7, [Severity.WARNING]), (0, [Severity.WARNING]), (8, [Severity.PROBLEM])],
)
def test_a_pin_that_holds_scorers_back_is_told(pin: int | None, expected: list[Severity]) -> None:
    found = judge(versions(snapshot(7), snapshot(9), pin=pin))
    assert [severity for severity, _ in found] == expected
    assert all("since 2026-05-04 (a drift)" in sentence for _, sentence in found)


@pytest.mark.parametrize(
    ("values", "severity", "words"),
    [
        ([], Severity.OK, "no control is set"),
        (["signed"], Severity.OK, "In force: model (model-pin) since 2026-05-04."),
        (["signed", "false"], Severity.WARNING, "refuse 1 control(s), the last at offset 1, because"),
        (["signed", "signed"], Severity.WARNING, "not newer than the one in force"),
    ],
)
def test_controls_that_scorers_refuse_are_told(values: list[str], severity: Severity, words: str) -> None:
    key, pin = b"a key for tests alone", ModelPin(name="boost", model_version=7, issued_at=NOW)
    signed = {"signed": sign(pin, key), "false": sign(pin, b"another key")}

    records = [FakeRecord(b"model", signed[value], offset) for offset, value in enumerate(values)]
    log = fold_controls(records, key)  # type: ignore[arg-type] - a fake's
    (finding,) = judge_controls(log)
    assert finding.severity is severity
    assert words in finding.sentence


def test_without_a_key_nothing_can_be_said_of_models() -> None:
    ((severity, sentence),) = ill(check_models(Settings()))
    assert severity is Severity.WARNING
    assert "FRAUDSTREAM_LEARNING__SIGNING_KEY" in sentence
