"""Mutations that know the structure of a message: deep, doubled, huge, early, late and strange parts.

They go on from `tests/integration/mutations.py`, which flips, cuts, splices and swaps, and add what a record
has beside its key and value: headers and a timestamp.
"""

from __future__ import annotations

import random
import re
from typing import TYPE_CHECKING, Any, NamedTuple

import orjson

from tests.integration import mutations
from tests.integration.mutations import JUNK, subject

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    Headers = list[tuple[str, bytes | None]]
    Made = tuple[bytes | None, bytes | None]

PAN = "4111111111111111"  # the card network's published number for tests
IBAN = "DE89370400440532013000"  # the registry's example
SENT_AT_MS = 1_790_000_000_000
"""When records are sent, unless their timestamp is mutated; after all that valid messages tell of."""
TIMES = (
    *("1970-01-01T00:00:00Z", "1969-12-31T23:59:59.999999Z", "0001-01-01T00:00:00Z", "0000-01-01T00:00:00Z"),
    *("9999-12-31T23:59:59.999999Z", "9999-12-31T23:59:59.999999-23:59", "1970-01-01T00:00:00+23:59"),
    *("2026-02-29T00:00:00Z", "2024-02-29T00:00:00Z", "2026-03-01T24:00:00Z", "2026-03-01T23:59:60Z"),
    *("2026-03-01t10:00:00z", "2026-03-01 10:00:00Z", "2026-03-01T10:00:00.123456789Z"),
    *("2026-03-01T10:00:00+24:00", "2026-03-01T10:00:00-00:00", "20260301T100000Z", "1772359200"),
)
NUMBERS = (
    *(b"0", b"-0", b"1e308", b"1e309", b"-1e999", b"1E400", b"9" * 400, b"0." + b"0" * 400 + b"1"),
    *(b"9223372036854775807", b"9223372036854775808", b"18446744073709551616", b"-9223372036854775809"),
    *(b"1.7976931348623157e308", b"5e-324", b"00", b"1.", b".5", b"+1", b"0x10", b"NaN", b"-Infinity"),
)
AMOUNTS = (
    *("0", "0.0", "0.00", "0.0001", "999999999999", "999999999999.99", "1000000000000", "-1", "+1", "01"),
    *("1,5", "1.", ".5", "1e3", "\u0661\u0662", "12.50 ", "12.505", "NaN", "inf", "0x10"),
)
TEXTS = (
    *(
        "\0",
        "\ud7ff",
        "\ufffd",
        "\u202e",
        "\u200b",
        "\U0001f4b3",
        "e\u0301",
        "\u0130",
        "\ufeff",
        "\x7f",
        "\x85",
    ),
    *(
        "a" * 64,
        "a" * 65,
        "a" * 128,
        "a" * 129,
        "a" * 5_000,
        "'; --",
        "{{7*7}}",
        "../../x",
        "\u2028",
        PAN,
        IBAN,
    ),
)
TIMESTAMPS = (0, 1, 10**9, 1_772_000_000_000, 2**31, 253_402_300_799_999, 2**53, 2**62)
_VALUES = re.compile(rb'"[a-z_]+":("[^"]*"|[0-9.]+|true|false|null)')


class FuzzRecord(NamedTuple):
    """A record as a sender may send it."""

    key: bytes | None
    value: bytes | None
    headers: Headers
    timestamp_ms: int


def mutated(values: Sequence[bytes], count: int, seed: int) -> Iterator[FuzzRecord]:
    """`count` records made from valid ones, the same for the same seed."""
    rng = random.Random(seed)
    for _ in range(count):
        value = rng.choice(values)
        key, made = rng.choice(MUTATIONS)(rng, value, values)
        if made and rng.random() < 0.03:  # now and then, one mutation upon another
            made = _noise(rng, made)
        yield FuzzRecord(key, made, _headers(rng), _timestamp(rng))


def _headers(rng: random.Random) -> Headers:
    if rng.random() < 0.95:
        return []
    names = ("trace", "fraudstream-error-type", "__connect.errors.topic", "", "\u00fc", PAN, "x" * 300)
    return [(rng.choice(names), rng.choice((None, b"", b"\xff", b"7", PAN.encode()))) for _ in range(3)]


def _timestamp(rng: random.Random) -> int:
    return rng.choice(TIMESTAMPS) if rng.random() < 0.02 else SENT_AT_MS


def _noise(rng: random.Random, value: bytes) -> bytes:
    noisy = bytearray(value)
    noisy[rng.randrange(len(noisy))] = rng.randrange(256)
    return bytes(noisy)


def _changed(value: bytes, change: Callable[[dict[str, Any]], dict[str, Any]]) -> Made:
    return subject(value), orjson.dumps(change(orjson.loads(value)))


def _field(rng: random.Random, fields: dict[str, Any], end: str) -> str:
    """A field whose name ends so, else any."""
    return rng.choice([name for name in fields if name.endswith(end)] or list(fields))


def nested(rng: random.Random, value: bytes, values: Sequence[bytes]) -> Made:
    """A field deeper than others, or too deep."""
    del values
    depth = rng.choice((1, 2, 30, 31, 32, 33, 200, 9_000))
    opened, closed = rng.choice(((b"[", b"]"), (b'{"a":', b"}")))
    inner = b"" if opened == b"[" else b"1"
    part = b',"remark":' + opened * depth + inner + closed * depth
    return subject(value), value[:-1] + part + b"}"


def doubled(rng: random.Random, value: bytes, values: Sequence[bytes]) -> Made:
    """A name twice, with another value or the same."""
    del values
    fields = orjson.loads(value)
    name = rng.choice(list(fields))
    again = orjson.dumps({name: rng.choice((fields[name], *JUNK))})[1:-1]
    return subject(value), value[:-1] + b"," + again + b"}"


def numbered(rng: random.Random, value: bytes, values: Sequence[bytes]) -> Made:
    """A number where a string or a flag stood, as no encoder would write it."""
    del values
    places = [match.span(1) for match in _VALUES.finditer(value)]
    start, end = rng.choice(places)
    return subject(value), value[:start] + rng.choice(NUMBERS) + value[end:]


def dated(rng: random.Random, value: bytes, values: Sequence[bytes]) -> Made:
    """A time at the edge of what there is."""
    del values
    return _changed(value, lambda fields: fields | {_field(rng, fields, "_time"): rng.choice(TIMES)})


def priced(rng: random.Random, value: bytes, values: Sequence[bytes]) -> Made:
    """An amount at the edge, with an id of its own so that it is no repeat."""
    made = mutations.renamed(rng, value, values)[1] or b""
    return _changed(made, lambda fields: fields | {_field(rng, fields, "amount"): rng.choice(AMOUNTS)})


def strange(rng: random.Random, value: bytes, values: Sequence[bytes]) -> Made:
    """A text that few expect; where it is the subject's, its key is the same."""
    del values

    def change(fields: dict[str, Any]) -> dict[str, Any]:
        name = rng.choice(list(fields))
        text = rng.choice(TEXTS)
        return fields | {name: rng.choice((text, f"{fields[name]}{text}"))}

    made = _changed(value, change)[1] or b""
    return subject(made), made


def escaped(rng: random.Random, value: bytes, values: Sequence[bytes]) -> Made:
    """Characters as escapes: the same message, a lone surrogate, or an escape that is none."""
    del values
    start = rng.randrange(1, len(value) - 1)
    escape = rng.choice((b"\\u%04x" % value[start], b"\\ud800", b"\\u00", b"\\x41", b"\\u0000", b"\\"))
    return subject(value), value[:start] + escape + value[start + 1 :]


def padded(rng: random.Random, value: bytes, values: Sequence[bytes]) -> Made:
    """Bytes around a message, or a field that it does not know, up to more than may be."""
    del values
    longer = value[:-1] + b',"remark":"' + b"x" * rng.choice((0, 1, 5_000, 65_000, 70_000)) + b'"}'
    around = (b"\n" + value, value + b"\0", b"\xef\xbb\xbf" + value, value + value, b" " * 70_000 + value)
    return subject(value), rng.choice((longer, *around))


def wrapped(rng: random.Random, value: bytes, values: Sequence[bytes]) -> Made:
    """A message in something else, or of another version."""
    del values
    five = b"\0\0\0\0\7"  # the prefix of a schema registry's clients
    whole = (b"[" + value + b"]", b'{"payload":' + value + b"}", orjson.dumps(value.decode()), five + value)
    version = orjson.dumps(
        orjson.loads(value) | {"schema_version": rng.choice((0, 1, 2, True, "1", 1.0, None))}
    )
    return subject(value), rng.choice((*whole, version))


MUTATIONS: tuple[Callable[[random.Random, bytes, Sequence[bytes]], Made], ...] = (
    *mutations.MUTATIONS,
    *(mutations.renamed, mutations.renamed, mutations.renamed),
    *(nested, doubled, numbered, dated, priced, priced, strange, escaped, padded, wrapped),
)
