"""Random mutations of valid records: some stay valid, some repeat others, most must be refused."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Any

import orjson

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

Record = tuple[bytes | None, bytes | None]

JUNK: tuple[Any, ...] = (
    *(None, True, False, 0, -1, 1.5, 1e308, 2**63, "", " ", "\0", "ü", "NaN", "-0.00", "EUR", "FR", "card"),
    *("transfer", "9" * 400, "2026-03-01T10:00:00Z", "2999-01-01T00:00:00Z", "1970-01-01T00:00:00+14:00"),
    *([], {}, [[[]]], {"a": {"b": []}}, "4111111111111111"),
)
KEYS = (None, b"", b"\xff", b"card-1", b"4111111111111111", b"k" * 3_000)


def mutated(values: Sequence[bytes], count: int, seed: int) -> Iterator[Record]:
    """`count` records made from valid ones, the same for the same seed."""
    rng = random.Random(seed)
    for _ in range(count):
        value = rng.choice(values)
        yield rng.choice(MUTATIONS)(rng, value, values)


def subject(value: bytes) -> bytes:
    fields = orjson.loads(value)
    return str(fields.get("card_id") or fields["debtor_account"]).encode()


def same(rng: random.Random, value: bytes, values: Sequence[bytes]) -> Record:
    """Nothing changed: valid, and soon a repeat."""
    del rng, values
    return subject(value), value


def renamed(rng: random.Random, value: bytes, values: Sequence[bytes]) -> Record:
    """Another transaction of the same subject: valid."""
    del values
    fields = orjson.loads(value)
    name = "transaction_id" if "transaction_id" in fields else "end_to_end_id"
    return subject(value), orjson.dumps(fields | {name: f"mutation-{rng.getrandbits(60):x}"})


def flipped(rng: random.Random, value: bytes, values: Sequence[bytes]) -> Record:
    del values
    flipped = bytearray(value)
    for _ in range(rng.randint(1, 4)):
        flipped[rng.randrange(len(flipped))] ^= 1 << rng.randrange(8)
    return subject(value), bytes(flipped)


def cut(rng: random.Random, value: bytes, values: Sequence[bytes]) -> Record:
    del values
    start = rng.randrange(len(value))
    return subject(value), value[:start] + value[start + rng.choice((1, 2, 8, len(value))) :]


def filled(rng: random.Random, value: bytes, values: Sequence[bytes]) -> Record:
    del values
    start = rng.randrange(len(value) + 1)
    return subject(value), value[:start] + rng.randbytes(rng.randint(1, 8)) + value[start:]


def spliced(rng: random.Random, value: bytes, values: Sequence[bytes]) -> Record:
    other = rng.choice(values)
    return subject(value), value[: rng.randrange(len(value))] + other[rng.randrange(len(other)) :]


def swapped(rng: random.Random, value: bytes, values: Sequence[bytes]) -> Record:
    """Another value in one field: junk, or another message's."""
    other = list(orjson.loads(rng.choice(values)).values())
    fields = orjson.loads(value)
    return subject(value), orjson.dumps(fields | {rng.choice(list(fields)): rng.choice((*JUNK, *other))})


def rekeyed(rng: random.Random, value: bytes, values: Sequence[bytes]) -> Record:
    return rng.choice((*KEYS, subject(rng.choice(values)))), value


def emptied(rng: random.Random, value: bytes, values: Sequence[bytes]) -> Record:
    del values
    return subject(value), rng.choice((None, b"", b"{}", b"[]", b"null", b"\0" * 40))


MUTATIONS: tuple[Callable[[random.Random, bytes, Sequence[bytes]], Record], ...] = (
    *(same, renamed, renamed, renamed),
    *(flipped, cut, filled, spliced, swapped, swapped, rekeyed, emptied),
)
