"""Cards by the million: their tokens, the partitions that these belong to, and in which order they pay."""

from __future__ import annotations

from math import ceil
from typing import TYPE_CHECKING, Final

import numpy as np

from benchmarks.traffic import SEED
from fraudstream.simulate.world import token

if TYPE_CHECKING:
    from collections.abc import Sequence

    from models.arrays import Integers

_START: Final = 0x9747B28C
_FACTOR: Final = np.uint32(0x5BD1E995)


def card(number: int) -> str:
    """The token of a card; all have the same length."""
    return token("card", SEED, number)


def partitions_of(keys: Sequence[bytes], partitions: int) -> Integers:
    """The partitions [n] of keys of one length, as Kafka's clients choose them (murmur2), a million a second.

    >>> partitions_of([b"card_a", b"card_b"], 8).tolist()
    [6, 7]
    """
    length = len(keys[0])
    padded = np.zeros((len(keys), 4 * ceil(length / 4)), dtype=np.uint8)
    padded[:, :length] = np.frombuffer(b"".join(keys), dtype=np.uint8).reshape(-1, length)
    words = padded.view("<u4").T
    hashes = np.full(len(keys), _START ^ length, dtype=np.uint32)
    for word in words[: length // 4]:
        mixed = word * _FACTOR
        hashes = hashes * _FACTOR ^ (mixed ^ mixed >> 24) * _FACTOR
    if length % 4:
        hashes = (hashes ^ words[-1]) * _FACTOR
    hashes = (hashes ^ hashes >> 13) * _FACTOR
    hashes ^= hashes >> 15
    return (hashes & 0x7FFFFFFF).astype(np.int64) % partitions


def turns(cards: int, count: int, seed: int) -> list[int]:
    """Numbers of so many cards at random, none a second time before all had their turn.

    A card that comes twice in one batch costs more. That would burden the fewer cards, and hide what is
    measured: the size of the state.
    """
    draws = np.random.default_rng(seed)
    rounds = [draws.permutation(cards) for _ in range(ceil(count / cards))]
    return np.concatenate(rounds)[:count].tolist()
