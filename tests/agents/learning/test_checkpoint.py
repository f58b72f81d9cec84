"""The learner's checkpoint: whole or not at all, and never opened unless it is our own."""

from __future__ import annotations

import hmac
import importlib
import pickle
import pkgutil
from typing import TYPE_CHECKING

import pytest

import agents
import fraudstream
import models
import schemas
from agents.learning.checkpoint import ForeignModelError, ModelFile
from agents.runtime.errors import sentence
from agents.telemetry.redaction import Redactor
from tests.models.model_cases import KEY, contents, example, new_model

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from models.snapshots.online_model import OnlineModel


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "made" / "here" / "forest.model"


def model_of(count: int) -> OnlineModel:
    model = new_model()
    for number in range(count):
        model.fold(example(number, fraud=number % 5 == 0), number)
    return model


def test_nothing_was_written_at_first(path: Path) -> None:
    assert ModelFile(path, KEY, print).read() is None


def test_what_was_written_last_is_read(path: Path) -> None:
    file = ModelFile(path, KEY, print)
    file.write(model_of(5))
    file.write(model_of(9))
    read = ModelFile(path, KEY, print).read()
    assert read is not None
    assert contents(read) == contents(model_of(9))
    assert [each.name for each in path.parent.iterdir()] == [path.name]


def test_a_write_that_failed_leaves_what_was_there(path: Path) -> None:
    file = ModelFile(path, KEY, print)
    file.write(model_of(5))
    path.with_suffix(".new").write_bytes(b"half a mod")  # as a kill in the midst of writing leaves it
    read = file.read()
    assert read is not None
    assert read.version == 5
    file.write(model_of(6))
    read = file.read()
    assert read is not None
    assert read.version == 6


def test_a_checkpoint_of_another_release_is_reported_and_not_read(path: Path) -> None:
    """A pickle names its classes by their paths, which another release may not have."""
    payload = pickle.dumps((1, {"examples": 5}))
    path.parent.mkdir(parents=True)
    path.write_bytes(hmac.digest(KEY, payload, "sha256") + payload)
    reported: list[Path] = []
    assert ModelFile(path, KEY, reported.append).read() is None
    assert reported == [path]


class Bomb:
    """Runs when it is unpickled."""

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return pytest.fail, ("a foreign pickle was opened",)


@pytest.mark.parametrize("content", [b"", b"short", pickle.dumps(Bomb()), bytes(32) + pickle.dumps(Bomb())])
def test_a_file_that_is_not_signed_is_refused_unopened(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True)
    path.write_bytes(content)
    with pytest.raises(ForeignModelError, match=r"forest\.model is not signed with FRAUDSTREAM_LEARNING__"):
        ModelFile(path, KEY, print).read()


def test_another_key_is_refused_with_the_mend(path: Path) -> None:
    ModelFile(path, b"the key of before", print).write(model_of(5))
    with pytest.raises(ForeignModelError, match="or remove the file to learn again from the examples"):
        ModelFile(path, KEY, print).read()


@pytest.mark.parametrize("place", [0, 31, 32, -1])
def test_an_altered_file_is_refused(path: Path, place: int) -> None:
    ModelFile(path, KEY, print).write(model_of(5))
    content = bytearray(path.read_bytes())
    content[place] ^= 1
    path.write_bytes(content)
    with pytest.raises(ForeignModelError):
        ModelFile(path, KEY, print).read()


def test_every_error_of_ours_says_that_its_text_is_for_people() -> None:
    for package in (schemas, models, agents, fraudstream):
        for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            if not module.name.endswith("__main__"):
                importlib.import_module(module.name)
    ours = [
        each
        for each in _below(Exception)
        if each.__module__.partition(".")[0] in {"schemas", "models", "agents", "fraudstream"}
    ]
    assert ForeignModelError in ours
    assert [each for each in ours if not getattr(each, "is_for_people", False)] == []


def test_the_sentence_of_a_foreign_checkpoint_is_shown() -> None:
    said = "the file is not signed with the key: set it"
    assert sentence(ForeignModelError(said)) == f"ForeignModelError: {said}"
    assert Redactor(b"key").named(ForeignModelError(said)) == f"ForeignModelError: {said}"
    assert said not in Redactor(b"key").named(ValueError(said))


def _below(kind: type[BaseException]) -> Iterator[type[BaseException]]:
    for each in kind.__subclasses__():
        yield each
        yield from _below(each)
