"""Senders' partitioners are known by where profiles stand."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from fraudstream.admin.profile_moves import PARTITIONERS, _find_partitioner, _Partition
from fraudstream.admin.profiles import ProfilesRefused
from models.scoring.state import PROFILE_PREFIX

if TYPE_CHECKING:
    from collections.abc import Callable

CARDS = [f"card_{number}".encode() for number in range(200)]


def standing(place: Callable[[bytes], int], count: int) -> dict[int, _Partition]:
    held = {number: _Partition() for number in range(6)}
    for card in CARDS:
        held[place(card) % count].entries[PROFILE_PREFIX + card] = b"profile"
    return held


@pytest.mark.parametrize("name", PARTITIONERS)
@pytest.mark.parametrize("before", [1, 4, 6])
def test_a_partitioner_is_found_by_the_partitions_that_there_were(name: str, before: int) -> None:
    found, _ = _find_partitioner(standing(PARTITIONERS[name], before), 6)
    assert found == name or before == 1


def test_profiles_that_began_since_then_stand_where_they_belong_now() -> None:
    held = standing(PARTITIONERS["fnv1a"], 4)
    for number, partition in standing(PARTITIONERS["fnv1a"], 6).items():
        held[number].entries |= partition.entries
    assert _find_partitioner(held, 6)[0] == "fnv1a"


def test_an_unknown_partitioner_is_refused_with_the_way_out() -> None:
    with pytest.raises(ProfilesRefused, match="profiles rebuild"):
        _find_partitioner(standing(len, 4), 6)


def test_partitioners_give_the_known_numbers_of_their_methods() -> None:
    """FNV-1a of "a" is in its authors' table; CRC-32 of "123456789" is its check value; Kafka's own test."""
    places = {name.split()[0]: partitioner for name, partitioner in PARTITIONERS.items()}
    assert places["fnv1a"](b"a") == 0xE40C292C
    assert places["crc32"](b"123456789") == 0xCBF43926
    assert places["murmur2"](b"21") == -973932308 & 0x7FFFFFFF
