"""Which version scores: the newest, or the one that is pinned, whatever came first."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.snapshots.selector import MOST_LABELS, ModelSelector
from schemas.errors import ErrorType, InvalidMessage
from tests.models.model_cases import NAME, pin, snapshot

if TYPE_CHECKING:
    from collections.abc import Callable


@dataclass
class NamedScorer:
    name: str


class Scorers:
    """Stands for the scoring core: a shelf, and the names of the scorers that it put in force."""

    def __init__(self) -> None:
        self.used: list[str] = []
        self.shelf = ModelSelector(NAME, lambda scorer: self.used.append(scorer.name))

    def put(self, version: int, *labels: float) -> None:
        self.shelf.put(snapshot(version, labels_recorded=labels), NamedScorer(f"{NAME}@{version}"))

    @property
    def in_force(self) -> int:
        held = self.shelf.in_force
        return 0 if held is None else held.version


@pytest.fixture
def scorers() -> Scorers:
    return Scorers()


def test_the_prior_model_scores_until_a_version_comes(scorers: Scorers) -> None:
    assert (scorers.in_force, scorers.used) == (0, [])
    scorers.put(3)
    assert (scorers.in_force, scorers.used) == (3, ["forest@3"])


def test_the_newest_version_scores(scorers: Scorers) -> None:
    for version in (3, 7, 20):
        scorers.put(version)
    assert scorers.used == ["forest@3", "forest@7", "forest@20"]


@pytest.mark.parametrize("version", [7, 6, 1])
def test_a_version_that_is_not_newer_is_refused_and_changes_nothing(scorers: Scorers, version: int) -> None:
    scorers.put(7)
    with pytest.raises(InvalidMessage) as refused:
        scorers.put(version)
    assert refused.value.error_type is ErrorType.OLD_VERSION
    assert scorers.used == ["forest@7"]


def test_an_old_version_is_refused_even_after_the_newest_was_removed(scorers: Scorers) -> None:
    scorers.put(7)
    scorers.put(9)
    scorers.shelf.remove(9)
    with pytest.raises(InvalidMessage):
        scorers.put(8)


def test_a_pin_goes_back_and_its_end_goes_on(scorers: Scorers) -> None:
    scorers.put(3)
    scorers.put(7)
    scorers.shelf.pin(pin(3))
    scorers.put(9)
    assert scorers.in_force == 3
    scorers.shelf.pin(None)
    assert scorers.used == ["forest@3", "forest@7", "forest@3", "forest@9"]


def test_a_pin_to_version_0_is_the_prior_model(scorers: Scorers) -> None:
    scorers.put(3)
    scorers.shelf.pin(pin(0))
    scorers.put(4)
    assert scorers.used == ["forest@3", "prior"]
    assert scorers.in_force == 0


def test_a_pin_to_a_version_that_comes_later_holds_from_then_on(scorers: Scorers) -> None:
    scorers.put(3)
    scorers.shelf.pin(pin(7))
    seen = [scorers.in_force]
    for version in (5, 7, 9):
        scorers.put(version)
        seen.append(scorers.in_force)
    assert seen == [3, 5, 7, 7], "the newest scores while the pinned version is not there"


def test_a_pin_of_another_model_holds_nothing(scorers: Scorers) -> None:
    scorers.put(3)
    scorers.put(7)
    scorers.shelf.pin(pin(3, name="challenger"))
    assert scorers.in_force == 7


def test_a_removed_version_can_be_pinned_no_more(scorers: Scorers) -> None:
    for version in (3, 7):
        scorers.put(version)
    scorers.shelf.remove(3)
    scorers.shelf.pin(pin(3))
    assert scorers.in_force == 7


def test_a_version_that_is_removed_while_it_scores_stays_until_another_takes_its_place(
    scorers: Scorers,
) -> None:
    scorers.put(3)
    scorers.put(7)
    scorers.shelf.pin(pin(3))
    scorers.shelf.remove(3)
    assert scorers.in_force == 3
    scorers.shelf.pin(None)
    scorers.shelf.pin(pin(3))
    assert scorers.in_force == 7


@given(
    versions=st.lists(st.integers(1, 30), unique=True, min_size=1).map(sorted),
    pinned=st.none() | st.integers(0, 30),
    where=st.integers(0, 30),
)
def test_all_scorers_come_to_the_same_whenever_they_hear_of_the_pin(
    versions: list[int], pinned: int | None, where: int
) -> None:
    scorers = Scorers()
    steps: list[Callable[[], None]] = [lambda version=version: scorers.put(version) for version in versions]
    steps.insert(where, lambda: scorers.shelf.pin(None if pinned is None else pin(pinned)))
    for step in steps:
        step()
    assert scorers.in_force == (pinned if pinned in {0, *versions} else versions[-1])


def test_labels_are_told_once_by_the_version_that_scores(scorers: Scorers) -> None:
    scorers.put(3, 10.0, 11.0)
    scorers.put(4, 12.0)
    assert scorers.shelf.take_labels() == [10.0, 11.0, 12.0]
    assert scorers.shelf.take_labels() == []


def test_labels_wait_while_a_pin_keeps_what_learnt_them_from_scoring(scorers: Scorers) -> None:
    scorers.put(3)
    scorers.shelf.pin(pin(3))
    scorers.put(4, 12.0)
    assert scorers.shelf.take_labels() == []
    scorers.shelf.pin(None)
    assert scorers.shelf.take_labels() == [12.0]


def test_labels_that_wait_are_bounded(scorers: Scorers) -> None:
    scorers.shelf.pin(pin(0))
    for version in range(1, 12):
        scorers.put(version, *[float(version)] * 1_000)
    scorers.shelf.pin(None)
    assert scorers.shelf.take_labels() == [float(version) for version in range(2, 12) for _ in range(1_000)]
    assert MOST_LABELS == 10_000


def test_labels_that_were_learnt_before_this_scorer_was_there_are_not_told(scorers: Scorers) -> None:
    scorers.put(3, 10.0)
    scorers.shelf.forget_labels()
    scorers.put(4, 12.0)
    assert scorers.shelf.take_labels() == [12.0]
