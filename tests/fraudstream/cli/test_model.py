"""`fraudstream model` without Kafka: what the records come to, and what is refused in one sentence."""

from __future__ import annotations

import sys
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import orjson
import pytest
from typer.testing import CliRunner, Result

from agents.erasures import Erasures
from agents.runtime.testing import FakeRecord
from fraudstream.admin.models import ModelRefused, Versions, choose, signing_key, version_before
from fraudstream.admin.models.controls import fold_controls
from fraudstream.admin.models.rebuild import compare, fold, refuse_gaps
from fraudstream.admin.models.versions import fold_models, pin_of
from fraudstream.cli import app
from fraudstream.errors import FraudstreamError
from fraudstream.kafka.read import Span
from fraudstream.settings import Settings
from tests.models.model_cases import (
    KEY,
    NAME,
    START,
    contents,
    example,
    new_model,
    pin,
    sealed,
    signed,
    snapshot,
    unpin,
)
from tests.models.unsound_models import UNSOUND

if TYPE_CHECKING:
    from schemas.control import ModelPin, ModelUnpin


def versions(*numbers: int, held_to: ModelPin | None = None, false: tuple[int, ...] = ()) -> Versions:
    """What is known after these versions were published, the false ones with another key."""
    records = [FakeRecord(b"forest@%d" % number, sealed(number)) for number in numbers]
    records += [FakeRecord(b"forest@%d" % number, sealed(number, b"another key")) for number in false]
    return Versions(NAME, fold_models(records, NAME, KEY), held_to)


def run(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["model", *arguments], catch_exceptions=False)


# -- what is on the topic


def test_versions_are_what_was_published_and_not_taken_back() -> None:
    records = [
        FakeRecord(b"forest@3", sealed(3)),
        FakeRecord(b"forest@9", sealed(9)),
        FakeRecord(b"forest@5", sealed(5)),
        FakeRecord(b"challenger@4", sealed(4, name="challenger")),
        FakeRecord(b"forest@3", None),
    ]
    assert [each.version for each in fold_models(records, NAME, KEY)] == [5, 9]


@pytest.mark.parametrize(
    ("key", "value"),
    [
        (b"forest@9", sealed(9, b"another key")),
        (b"forest@9", b"junk"),
        (b"forest@9", sealed(8)),
        (b"forest@9", sealed(9, name="challenger")),
    ],
)
def test_what_is_not_rightly_signed_is_told_with_its_fault_and_never_found(key: bytes, value: bytes) -> None:
    [published] = fold_models([FakeRecord(key, value)], NAME, KEY)
    assert published.snapshot is None
    assert published.fault
    known = Versions(NAME, (published,), None)
    assert (known.newest, known.in_force) == (0, 0)
    with pytest.raises(ModelRefused, match=r"^Scorers refuse version 9 of forest: .*\.$"):
        known.find(9)


@pytest.mark.parametrize("changes", UNSOUND.values(), ids=UNSOUND)
def test_a_model_that_does_not_score_as_it_says_is_told_with_its_fault_and_never_found(
    changes: dict[str, Any],
) -> None:
    published = fold_models(
        [FakeRecord(b"forest@9", sealed(9, **changes)), FakeRecord(b"forest@5", sealed(5))], NAME, KEY
    )
    known = Versions(NAME, published, None)
    assert (known.newest, published[1].is_signed) == (5, True)
    with pytest.raises(ModelRefused, match=r"^Scorers refuse version 9 of forest: forest@9 .*\.$"):
        known.find(9)


def test_the_newest_is_in_force_unless_a_version_that_is_there_is_pinned() -> None:
    assert versions(3, 9).in_force == 9
    assert versions(3, 9, held_to=pin(3)).in_force == 3
    assert versions(3, 9, held_to=pin(0)).in_force == 0
    assert versions(3, 9, held_to=pin(5)).in_force == 9
    assert versions(3, 9, held_to=pin(12), false=(12,)).in_force == 9


@pytest.mark.parametrize(
    ("told", "held_to"),
    [
        (pin(9, minutes=1), 9),
        (unpin(minutes=1), None),
        (pin(9, "challenger", minutes=1), None),
        (pin(9), 7),
    ],
)
def test_the_pin_is_the_last_one_that_scorers_take(told: ModelPin | ModelUnpin, held_to: int | None) -> None:
    records = [
        FakeRecord(*signed(pin(7))),
        FakeRecord(*signed(told)),
        FakeRecord(b"model", None),
        FakeRecord(b"model", b"{"),
    ]
    found = pin_of(fold_controls(records, KEY).controls, NAME)
    assert (found and found.model_version) == held_to


# -- choosing


def test_a_pin_names_the_version_the_time_and_the_reason() -> None:
    chosen = choose(versions(3, 9), 3, START, "too many alerts")
    assert (chosen.name, chosen.model_version, chosen.issued_at) == (NAME, 3, START)
    assert chosen.remark == "too many alerts"


def test_the_prior_model_can_always_be_pinned() -> None:
    assert choose(versions(false=(3,)), 0, START).model_version == 0


@pytest.mark.parametrize("version", [4, 12])
def test_a_version_that_scorers_do_not_have_cannot_be_pinned(version: int) -> None:
    with pytest.raises(ModelRefused, match=f"ersion {version} of forest"):
        choose(versions(3, 9, false=(12,)), version, START)


def test_a_remark_that_cannot_be_stored_is_one_sentence() -> None:
    with pytest.raises(ModelRefused, match=r"^The remark cannot be stored"):
        choose(versions(3), 3, START, "x" * 100_000)


@pytest.mark.parametrize(
    ("held_to", "before"),
    [(None, 7), (pin(9), 7), (pin(7), 3), (pin(5), 7)],
)
def test_rolling_back_goes_to_the_version_before_the_one_in_force(
    held_to: ModelPin | None, before: int
) -> None:
    assert version_before(versions(3, 7, 9, held_to=held_to, false=(8,))) == before


@pytest.mark.parametrize(
    ("held_to", "says"),
    [
        (pin(3), "No version before 3 is on the topic: `fraudstream model pin prior` goes back"),
        (pin(0), "The prior model is in force"),
    ],
)
def test_there_may_be_nothing_to_roll_back_to(held_to: ModelPin, says: str) -> None:
    with pytest.raises(ModelRefused, match=f"^{says}"):
        version_before(versions(3, 7, held_to=held_to))


# -- rebuilding


@pytest.mark.parametrize(
    ("span", "to", "says"),
    [
        (Span(4, 90), 50, "begins at offset 4: its retention removed what came before"),
        (Span(0, 0), 0, "is empty."),
        (Span(0, 50), 50, "ends at offset 49, before 50."),
    ],
)
def test_a_log_that_is_not_whole_up_to_the_offset_is_refused(span: Span, to: int, says: str) -> None:
    with pytest.raises(ModelRefused) as refused:
        refuse_gaps("examples", span, to)
    assert says in str(refused.value)


def test_a_whole_log_is_not_refused() -> None:
    refuse_gaps("examples", Span(0, 50), 49)


def test_the_fold_takes_the_log_up_to_and_including_the_offset() -> None:
    """Offsets have gaps where transactions end; what cannot be learnt is passed over and counted."""
    offsets = [0, 1, 2, 4, 5, 8, 9, 10]
    records = [FakeRecord(None, example(offset).to_json(), offset) for offset in offsets]
    records[1] = FakeRecord(None, b"{", 1)
    records[2] = FakeRecord(None, example(2, features_version=1).to_json(), 2)
    model, told = new_model(), list[tuple[int, int]]()
    assert fold(model, records, 8, lambda done, total: told.append((done, total)), Erasures(KEY)) == 2
    expected = new_model()
    for offset in (0, 4, 5, 8):
        expected.fold(example(offset), offset)
    assert contents(model) == contents(expected)
    assert told == [(1, 9), (2, 9), (3, 9), (5, 9), (6, 9), (9, 9)]


def test_an_offset_between_examples_is_the_version_of_the_last_one_before_it() -> None:
    model = new_model()
    records = [FakeRecord(None, example(n).to_json(), n) for n in (0, 4, 9)]
    fold(model, records, 7, lambda _done, _of: None, Erasures(KEY))
    assert model.version == 5


# -- the command line


@pytest.mark.parametrize(
    "command",
    [["list"], ["show", "newest"], ["pin", "3"], ["unpin"], ["rollback"], ["rebuild", "--to", "3"]],
)
def test_without_a_key_no_model_can_be_trusted(command: list[str]) -> None:
    with pytest.raises(ModelRefused, match=r"^FRAUDSTREAM_LEARNING__SIGNING_KEY is not set"):
        run(*command)


def test_the_key_is_the_one_of_the_settings() -> None:
    assert signing_key(Settings(learning={"signing_key": KEY.decode()})) == KEY


@pytest.mark.parametrize(
    "command", [["list"], ["pin", "3"], ["unpin"], ["rollback"], ["rebuild", "--to", "3"]]
)
def test_kafka_away_is_one_sentence(monkeypatch: pytest.MonkeyPatch, command: list[str]) -> None:
    monkeypatch.setattr("fraudstream.kafka.admin.BOOTSTRAP_MS", 100)
    monkeypatch.setenv("FRAUDSTREAM_KAFKA__BOOTSTRAP_SERVERS", "127.0.0.1:1")
    monkeypatch.setenv("FRAUDSTREAM_LEARNING__SIGNING_KEY", KEY.decode())
    with pytest.raises(FraudstreamError, match=r"^Kafka does not answer at 127\.0\.0\.1:1"):
        run(*command)


@pytest.mark.parametrize(
    "command",
    [["pin", "three"], ["pin", "-1"], ["pin"], ["show", "x"], ["rebuild"], ["rebuild", "--to", "-1"]],
)
def test_wrong_usage_is_status_2(monkeypatch: pytest.MonkeyPatch, command: list[str]) -> None:
    monkeypatch.setattr("fraudstream.admin.models.read_versions", lambda _: versions(3))
    assert run(*command).exit_code == 2


@pytest.fixture
def published(monkeypatch: pytest.MonkeyPatch) -> list[Versions]:
    """What the commands read; a test puts its own there."""
    known = [versions(3, 9, false=(12,), held_to=pin(3))]
    monkeypatch.setattr("fraudstream.admin.models.read_versions", lambda _: known[-1])
    return known


@pytest.mark.usefixtures("published")
def test_list_is_data_on_standard_output_and_the_pin_in_words_on_standard_error() -> None:
    result = run("list", "--json")
    rows = [orjson.loads(line) for line in result.stdout.splitlines()]
    assert [(row["version"], row["signature"]) for row in rows] == [(3, "right"), (9, "right"), (12, "wrong")]
    assert [row.get("is_newest") for row in rows] == [False, True, None]
    assert [row.get("is_in_force") for row in rows] == [True, False, None]
    assert result.stderr == "Pinned on 2026-03-01 00:00:00+0000 is forest@3.\n"


def test_a_pin_that_cannot_hold_is_said(published: list[Versions]) -> None:
    late = pin(5).model_copy(update={"issued_at": START + timedelta(days=1), "remark": "as agreed"})
    published.append(versions(3, 9, held_to=late))
    words = run("list").stderr
    assert words == (
        "Pinned on 2026-03-02 00:00:00+0000 (as agreed) is forest@5, which is not on the topic, so forest@9 "
        "scores.\n"
    )


@pytest.mark.usefixtures("published")
def test_pin_and_rollback_write_one_record_and_say_what_it_changes(monkeypatch: pytest.MonkeyPatch) -> None:
    written: list[ModelPin] = []
    monkeypatch.setattr("fraudstream.admin.models.issue", lambda _, chosen: written.append(chosen))
    assert run("pin", "9", "--remark", "better").stderr == (
        "Every scorer is held to forest@9; in force was forest@3.\n"
    )
    assert run("pin", "prior").stderr == "Every scorer is held to the prior model; in force was forest@3.\n"
    with pytest.raises(ModelRefused, match="No version before 3"):
        run("rollback")
    assert [(each.model_version, each.remark) for each in written] == [(9, "better"), (0, None)]


def test_where_versions_go_on_from_a_log_that_is_gone_a_rebuilt_one_is_compared_with_none(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    records = [FakeRecord(b"forest@9", sealed(9, examples_offset=3))]
    known = Versions(NAME, fold_models(records, NAME, KEY), None)
    # The package exports a function of the same name as this module.
    module = sys.modules["fraudstream.admin.models.rebuild"]
    monkeypatch.setattr(module, "read_versions", lambda _: known)
    said = compare(Settings(), snapshot(4))
    assert said.startswith(
        "forest@4 cannot be compared. Versions up to 5 were learned from a log of examples"
    )
