"""Inputs to begin with: valid messages of every contract, and edge cases, found or thought of."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import TYPE_CHECKING, Final

from models.profiles.layout import RATES, ROW, empty_row

if TYPE_CHECKING:
    from collections.abc import Iterator

GOLDEN: Final = Path(__file__).parent.parent / "golden" / "v1"
_CONTRACTS: Final = {
    "snapshot": "model-snapshot",
    "examples_erasure": "examples-erasure",
    "reputation-agent": "outcomes",
}
_GOOD: Final = (GOLDEN / "transaction.card.json").read_bytes()

OF_EVERY_MESSAGE: Final = (
    *(b"", b"\0", b"{}", b"[]", b"null", b"true", b'"', b"{", b'{"', b"\xff", b"\xef\xbb\xbf{}", b"{}\0"),
    *(b'{"\\ud800":1}', b'{"a":"\\', b'{"a":1,"a":1}', b'{"a":{"b":1,"b":2}}', b'{"a":"}{,:\\""}'),
    b'{"a":' + b"[" * 32 + b"]" * 32 + b"}",
    b"[" * 65_536,
    b'{"a":' * 9_000 + b"1" + b"}" * 9_000,
    b"1" * 5_000,
    b'{"a":1e999}',
    b'{"a":' + b"9" * 4_500 + b"}",
    b'{"a":"' + b"4111 1111 1111 1111" + b'"}',
    b" " * 65_537,
)
"""What a reader of JSON meets."""

_PROFILE: Final = empty_row().tobytes()
_HEAD: Final = 2  # the target writes the layout itself


def _profile(field: str, number: float, form: str = "<d") -> bytes:
    """A profile with one number put in its place."""
    at = ROW.fields[field][1]
    made = struct.pack(form, number)
    return _PROFILE[_HEAD:at] + made + _PROFILE[at + len(made) :]


_REPUTATION: Final = 25
"""Numbers of a packed reputation."""
_NUMBERS: Final = (float("nan"), float("inf"), -1.0, 1e308)

EDGES: Final[dict[str, tuple[bytes, ...]]] = {
    "transaction": (
        _GOOD.replace(b"EUR", b"\\u0045UR"),
        _GOOD[:-1] + b',"schema_version":true}',
        _GOOD[:-1] + b',"remark":' + b'{"a":' * 31 + b"1" + b"}" * 32,
    ),
    # Found: more digits than Python reads.
    "version": (
        b"forest@",
        b"forest@-1",
        b"forest@\xd9\xa3",
        b"forest@1@2",
        b"\xff@1",
        b"forest@" + b"9" * 5_000,
    ),
    "unseal": (b"FSM1", b"FSM1" + b"\0" * 36),
    "unseal-signed": (b"", b"\xff\xff\xff\xff", b"\0\0\0\2{}", b"\0\0\0\0"),
    "models": (b"", b"\n", b"forest@7\n", b"\xff\n\xff"),
    "reputations": (b"", b"counterparty:a\n{}", b"\n{}"),
    "controls": (b'{},"signature":"' + b"0" * 64 + b'"}', b"{", b""),
    "headers": (
        b"transactions\n-1",
        b"t\n" + b"9" * 5_000,
        b"t\n\xd9\xa3\n1",
        b"\xff\n0\n0\na\nb\nc\nd\npan",
    ),
    "changelog": (b"", b"\0" * 7, b"\0" * 8),
    # Found: a threshold that was NaN, or so low that its exponential is none.
    "scoring-state": (
        *(b"p:\xff\n", b"p:card-1\n", b"policy\n", b"q:\n", b"\1" + b"\0" * 8, b"\1" + b"\0" * 9),
        *(b"\1" + struct.pack("<d", number) for number in (*_NUMBERS, -1e308)),
        *(b"\1" + struct.pack("<dQdd", 0.0, 7, 0.0, number) for number in (*_NUMBERS, 0.5)),
    ),
    # Found: a time that no calendar has stopped the agent at each record of that key.
    "reputation-state": (
        *(b"country:FR\n", b"country:FR\n" + b"\0" * 8, b"\xff\n" + b"\0" * 300),
        *(
            b"country:FR\n" + position + struct.pack(f"<{_REPUTATION}d", *([number] * _REPUTATION))
            for number in (*_NUMBERS, -1e300, 1e12, 2.6e11, 5.0)
            for position in (b"\0" * 8, b"\xff" * 16)
        ),
    ),
    # Found: a time that was taken, and then no reputation of its key could be published.
    "outcomes": tuple(
        b'{"kind":"country","id":"FR","events":[[%s,%s,1,1,0,0]]}' % (time, happened)
        for time, happened in ((b"1e300", b"0"), (b"0", b"1e300"), (b"-5", b"0"), (b"999999999999", b"0"))
    ),
    # Found: a row of the right layout with such a number was restored, and its scores were NaN.
    "profile": (
        b"",
        *(_profile(field, number) for field in ("newest", "sums", "recent_times") for number in _NUMBERS),
        *(_profile("recent_amounts", number, "<f") for number in (*_NUMBERS[:3], 1e38)),
        b"\xff" * (ROW.itemsize - _HEAD),
        b"\0" * (ROW.fields["sums"][1] - _HEAD)
        + struct.pack(f"<{len(RATES)}d", *(1e33 / 10**place for place in range(len(RATES)))),
    ),
    "mask": (
        *(b"4111111111111111", b"4111 1111 1111 1111 1", b"4111-1111-1111-1111", b"\\u0034111111111111111"),
        b"4111111111111111" * 40,
        b"5105 1051 0510 5100 4111 1111 1111 1111",
        b"deadbeef4111111111111111deadbeef",
        b"41111111111111114",
    ),
}
"""By target."""


def cases(target: str) -> Iterator[bytes]:
    """All inputs to begin a target with."""
    contract = _CONTRACTS.get(target, target)
    files = sorted(GOLDEN.glob(f"{contract}.*.json"))
    yield from (file.read_bytes() for file in files)
    if files:
        yield from OF_EVERY_MESSAGE
    yield from EDGES.get("outcomes" if target == "reputation-agent" else target, ())
