"""`fraudstream subject erase` without Kafka: what the certificate says, who signed it, what is refused."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import orjson
import pytest
from typer.testing import CliRunner, Result

from agents.runtime.testing import FakeRecord
from agents.topics import Topics
from fraudstream.admin.data_subject.certificate import (
    Certificate,
    CertificateRefused,
    ErasureStatus,
    Model,
    ModelChange,
    signed,
    token_hmac,
    verified,
)
from fraudstream.admin.data_subject.erasure import labelling_files, model_change, remains, stores
from fraudstream.admin.data_subject.inventory import Holding, Inventory, Learnt
from fraudstream.admin.data_subject.matching import TokenRole
from fraudstream.admin.data_subject.tracker import (
    ErasureProgress,
    ErasureRefused,
    Request,
    refuse_pin,
    stained,
)
from fraudstream.admin.models.versions import Published, Versions, fold_models
from fraudstream.cli import app
from fraudstream.errors import FraudstreamError
from fraudstream.kafka.topics import TopicState
from tests.models.model_cases import KEY, NAME, pin, sealed, snapshot

if TYPE_CHECKING:
    from pathlib import Path

    from schemas.control import ModelPin

NOW = datetime(2026, 3, 1, tzinfo=UTC)
TOPICS = Topics()
DAY_MS = 86_400_000


def certificate(**changes: Any) -> Certificate:
    model = ModelChange(
        name=NAME,
        examples=0,
        before=Model(version=0, sha256=None),
        after=Model(version=0, sha256=None),
        taken_back=(),
        status=ErasureStatus.NOTHING_HELD,
        others=(),
    )
    fields = {
        "erasure_id": "0" * 32,
        "token_hmac": token_hmac("card_a", KEY),
        "issued_at": NOW,
        "completed_at": NOW,
        "code_version": "0.1.0",
        "stores": (),
        "model": model,
        "remains": (),
    }
    return Certificate(**fields | changes)


# -- the signature


def test_a_certificate_is_verified_by_the_key_that_signed_it_however_it_is_written() -> None:
    document = signed(certificate(), KEY)
    for content in (orjson.dumps(document), orjson.dumps(document, option=orjson.OPT_INDENT_2)):
        assert verified(content, KEY) == certificate()


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (orjson.dumps(signed(certificate(), b"another key")), "is not signed with"),
        (orjson.dumps(signed(certificate(), KEY) | {"code_version": "9"}), "is not signed with"),
        (b"{}", "is no certificate"),
        (b"[]", "is no certificate"),
        (b"{", "is no certificate"),
    ],
)
def test_an_altered_or_foreign_certificate_is_refused(content: bytes, says: str) -> None:
    with pytest.raises(CertificateRefused, match=says):
        verified(content, KEY)


def test_a_certificate_names_the_token_by_a_keyed_hash_alone() -> None:
    assert "card_a" not in orjson.dumps(signed(certificate(), KEY)).decode()
    assert token_hmac("card_a", KEY) != token_hmac("card_a", b"another key")


# -- what was done

STOCK = Inventory("card_a", profiles={0: {}}, rows=["t1", "t2"], examples=[Learnt(4, "t1"), Learnt(6, "t2")])
DONE = {TOPICS.transactions, TOPICS.labels_keyed, TOPICS.scores, TOPICS.outcomes, TOPICS.examples}


def versions(*numbers: int, held_to: ModelPin | None = None) -> Versions:
    records = [FakeRecord(b"forest@%d" % number, sealed(number)) for number in numbers]
    return Versions(NAME, fold_models(records, NAME, KEY), held_to)


def progress(*missing: str, mark: int = 12) -> ErasureProgress:
    return ErasureProgress({TOPICS.examples: [((TOPICS.examples, 0), mark)]}, DONE - set(missing))


def test_a_store_whose_owner_has_not_confirmed_is_pending() -> None:
    found = {each.store: each for each in stores(STOCK, Inventory("card_a"), progress(TOPICS.scores), TOPICS)}
    assert (found["profile"].status, found["profile"].held, found["profile"].left) == (
        ErasureStatus.ERASED,
        1,
        0,
    )
    assert found["labelling"].status is ErasureStatus.PENDING
    assert found["reputations"].status is ErasureStatus.NOTHING_HELD
    assert found["examples"].erasure == ("examples/0@12",)
    assert not certificate(stores=tuple(found.values())).is_complete


def test_the_versions_that_may_have_learnt_an_example_are_those_above_its_offset() -> None:
    assert stained(versions(3, 4, 5, 9), STOCK) == [5, 9]
    assert stained(versions(3, 4, 5, 9, 13), STOCK, mark=12) == [5, 9]
    assert stained(versions(3, 9), Inventory("card_a")) == []


def test_the_model_is_erased_once_no_version_is_left_that_may_have_learnt_the_examples() -> None:
    before = versions(3, 5, 9)
    change = model_change(STOCK, progress(), TOPICS, before, versions(3, 13), ("challenger",))
    assert (change.status, change.taken_back, change.examples) == (ErasureStatus.ERASED, (5, 9), 2)
    assert (change.before.version, change.after.version) == (9, 13)
    assert change.after.sha256 is not None
    waiting = model_change(STOCK, progress(), TOPICS, before, versions(3, 5, 9), ())
    assert (waiting.status, waiting.taken_back) == (ErasureStatus.PENDING, ())
    assert not certificate(model=waiting).is_complete
    early = model_change(STOCK, progress(), TOPICS, versions(3), versions(3), ())
    assert early.status is ErasureStatus.NOTHING_HELD
    assert early.after == Model(version=3, sha256=before.find(3).snapshot.onnx_sha256)  # type: ignore[union-attr]


@pytest.mark.parametrize("version", [5, 9])
def test_a_pin_on_a_version_that_learnt_an_example_is_refused(version: int) -> None:
    with pytest.raises(ErasureRefused, match=rf"^Version {version} of forest is pinned"):
        refuse_pin(versions(3, 5, 9, held_to=pin(version)), STOCK)


@pytest.mark.parametrize("version", [0, 3, 4])
def test_a_pin_on_an_earlier_version_is_not(version: int) -> None:
    refuse_pin(versions(3, 4, 5, held_to=pin(version)), STOCK)
    refuse_pin(versions(9, held_to=pin(9)), Inventory("card_a"))


def test_versions_of_a_log_that_is_gone_may_have_learned_anybody() -> None:
    """Their offsets are none of the log that is there: here it began behind version 5."""
    known = Versions(NAME, published({3: 2, 5: 4, 7: 1, 10: 4, 12: 6}), None)
    assert known.base == 5
    assert stained(known, STOCK) == [3, 5, 10, 12], "the first example stood at offset 4"
    assert stained(known, Inventory("card_b")) == [3, 5]


def published(offsets: dict[int, int]) -> tuple[Published, ...]:
    """Versions by the offset of the last example that they learned."""
    return tuple(
        Published(version, 1, snapshot(version, examples_offset=offset), None)
        for version, offset in offsets.items()
    )


def test_a_card_number_is_no_token() -> None:
    with pytest.raises(ErasureRefused, match=r"^This is no token") as refused:
        Request.of("4111111111111111", "0" * 32, NOW)
    assert "4111" not in str(refused.value)


# -- what remains


def test_a_certificate_claims_nothing_of_files_that_nobody_looked_into() -> None:
    [files] = labelling_files(kept=2)
    assert (files.topic, files.until) == ("labelling's files", None)
    assert "this certificate did not look into them" in files.why
    assert list(labelling_files(kept=0)) == []


LOG = {"cleanup.policy": "delete", "retention.ms": str(7 * DAY_MS), "segment.ms": str(DAY_MS)}
TABLE = {
    "cleanup.policy": "compact",
    "retention.ms": "-1",
    "segment.ms": str(DAY_MS),
    "max.compaction.lag.ms": str(9_223_372_036_854_775_807),
    "delete.retention.ms": str(DAY_MS),
}


@pytest.mark.parametrize(
    ("config", "days"),
    [
        (LOG, 8),
        (LOG | {"retention.ms": "-1"}, None),
        (LOG | {"retention.ms": str(2**63 - 1)}, None),
        (TABLE, None),
        ({}, None),
        (TABLE | {"max.compaction.lag.ms": str(2 * DAY_MS)}, 5),
    ],
)
def test_what_remains_has_the_date_that_the_topics_settings_promise(
    config: dict[str, str], days: int | None
) -> None:
    holding = Holding(Counter({TokenRole.SUBJECT: 3}), 1, NOW - timedelta(days=3), NOW)
    [left] = remains({"a": holding}, {"a": TopicState(1, 1, config)}, NOW)
    assert (left.topic, left.records, left.first, left.last) == ("a", 4, NOW - timedelta(days=3), NOW)
    assert left.until == (None if days is None else NOW + timedelta(days=days))
    assert left.why


# -- the command line


def run(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["subject", *arguments], catch_exceptions=False)


def test_without_a_key_nothing_is_erased_or_verified(tmp_path: Path) -> None:
    file = tmp_path / "certificate.json"
    file.write_bytes(orjson.dumps(signed(certificate(), KEY)))
    for arguments in (["erase", "card_a", "--out", str(file)], ["verify", str(file)]):
        with pytest.raises(FraudstreamError, match=r"^FRAUDSTREAM_LEARNING__SIGNING_KEY is not set"):
            run(*arguments)


def test_verify_says_whose_a_certificate_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FRAUDSTREAM_LEARNING__SIGNING_KEY", KEY.decode())
    file = tmp_path / "certificate.json"
    file.write_bytes(orjson.dumps(signed(certificate(), KEY)))
    assert run("verify", str(file), "--token", "card_a").exit_code == 0
    with pytest.raises(CertificateRefused, match="another card or account"):
        run("verify", str(file), "--token", "card_b")


def test_a_pending_erasure_is_status_1_and_still_has_its_certificate(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FRAUDSTREAM_LEARNING__SIGNING_KEY", KEY.decode())
    pending = certificate(stores=stores(STOCK, STOCK, ErasureProgress(), TOPICS))
    monkeypatch.setattr("fraudstream.admin.data_subject.erasure.erase", lambda *_, **__: pending)
    file = tmp_path / "certificate.json"
    result = run("erase", "card_a", "--out", str(file))
    assert result.exit_code == 1
    assert "labelling: 2 held, pending." in result.stderr
    assert verified(file.read_bytes(), KEY) == pending


def test_an_unknown_token_is_said_and_nothing_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FRAUDSTREAM_LEARNING__SIGNING_KEY", KEY.decode())
    monkeypatch.setattr("fraudstream.admin.data_subject.erasure.erase", lambda *_, **__: None)
    result = run("erase", "card_a", "--out", str(tmp_path / "certificate.json"))
    assert (result.exit_code, result.stderr) == (0, "Nothing is held on it: nothing was written.\n")
    assert not list(tmp_path.iterdir())


def test_kafka_away_is_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fraudstream.kafka.read._ANSWER_SECONDS", 0.5)
    monkeypatch.setenv("FRAUDSTREAM_KAFKA__BOOTSTRAP_SERVERS", "127.0.0.1:1")
    with pytest.raises(FraudstreamError, match=r"^Kafka at 127\.0\.0\.1:1 does not give"):
        run("show", "card_a")
