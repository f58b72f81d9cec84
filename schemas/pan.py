"""Card numbers (primary account numbers, PAN): how one is recognised and masked.

Sources: ISO/IEC 7812-1 annex B (the check digit after Luhn, US patent 2,950,048); the issuers' published
number ranges. A number range makes a chance hit rare: one digit run in ten passes Luhn, about one in fifty
passes both.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

_KEPT_DIGITS = 4
_SHORTEST, _LONGEST = 12, 19
_DIGITS = b"0123456789"
_DOUBLED = bytes.maketrans(_DIGITS, b"0246813579")
_SEPARATORS = b" -"

_NETWORKS = re.compile(
    rb"""
      4[0-9]{12}(?:[0-9]{3}){0,2}                                                       # Visa
    | (?:5[1-5][0-9]{2}|222[1-9]|22[3-9][0-9]|2[3-6][0-9]{2}|27[01][0-9]|2720)[0-9]{12} # Mastercard
    | 3[47][0-9]{13}                                                                    # American Express
    | 3(?:0[0-59]|[689][0-9])[0-9]{11,16}                                               # Diners Club
    | 35(?:2[89]|[3-8][0-9])[0-9]{12,15}                                                # JCB
    | (?:5[0678]|6[0-9])[0-9]{11,17}                                   # Maestro, Discover, UnionPay, RuPay
    | 220[0-4][0-9]{12,15}                                                              # Mir
    | (?:8[12][0-9]{2}|9792)[0-9]{12}                                                   # RuPay, Troy
    """,
    re.VERBOSE,
)
# Where a number may start, with the groups of digits that may belong to it (only the last one may be short);
# overlapping, hence the lookahead.
_CANDIDATE = re.compile(rb"(?<![0-9])(?=([0-9]{3,19}(?:[ -][0-9]{3,19}){0,5}(?:[ -][0-9]{1,2})?))")
_GROUP = re.compile(rb"[0-9]+(?![0-9])")
_LONG_NUMBER = re.compile(rb"[0-9](?:[ -]*[0-9]){11,}")
# A word of hexadecimal digits longer than any card number is a digest: its digit runs are chance.
_DIGEST = re.compile(rb"(?<![0-9A-Za-z])(?=[0-9]*[A-Fa-f])[0-9A-Fa-f]{20,}(?![0-9A-Za-z])")
# JSON may write an ASCII character as an escape; a digit or separator written so still counts.
_ESCAPED = re.compile(rb"\\u00(3[0-9]|2[0Dd])")


def passes_luhn(digits: bytes) -> bool:
    """Tell whether ASCII digits carry a valid check digit.

    >>> passes_luhn(b"79927398713")
    True
    """
    odd, even = digits[-1::-2], digits[-2::-2].translate(_DOUBLED)
    return (sum(odd) + sum(even) - ord("0") * len(digits)) % 10 == 0


def is_card_number(digits: bytes) -> bool:
    """Tell whether ASCII digits lie in a card network's number range and carry a valid check digit."""
    return _NETWORKS.fullmatch(digits) is not None and passes_luhn(digits)


def may_be_card_number(digits: bytes) -> bool:
    """Tell whether ASCII digits have the length of a card number (12 to 19) and a valid check digit."""
    return _SHORTEST <= len(digits) <= _LONGEST and passes_luhn(digits)


def without_digests(text: bytes) -> bytes:
    """Blank hexadecimal digests, keeping every position."""
    return _DIGEST.sub(lambda match: b"x" * len(match[0]), text)


def contains_pan(text: bytes) -> bool:
    """Tell whether a card number of a known network stands in the text, in one or in groups."""
    return next(_card_numbers(without_digests(_unescaped(text)), 0), None) is not None


def mask_pans(text: bytes) -> bytes:
    """Put asterisks for all digits of each card number but the last four; the rest stays byte for byte."""
    scanned = bytearray(without_digests(_unescaped(text)))
    masked = bytearray(_unescaped(text))
    position, found = 0, False
    while span := next(_card_numbers(scanned, position), None):
        scanned[slice(*span)] = masked[slice(*span)] = _masked(scanned[slice(*span)])
        position, found = span[0] + 1, True
    return bytes(masked) if found else text


def mask_numbers(text: bytes) -> bytes:
    """Mask every number of 12 digits or more, grouped in whatever way, unless it stands in a digest.

    For a message that was refused as `pan`: the token fields refuse more than `contains_pan` finds, and where
    one card number is known to be, caution costs nothing.
    """
    masked = bytearray(_unescaped(text))
    for match in _LONG_NUMBER.finditer(without_digests(bytes(masked))):
        masked[slice(*match.span())] = _masked(match[0])
    return bytes(masked)


def _unescaped(text: bytes) -> bytes:
    """Spell escaped digits and separators out."""
    return _ESCAPED.sub(lambda match: bytes([int(match[1], 16)]), text) if b"\\" in text else text


def _card_numbers(text: bytes | bytearray, position: int) -> Iterator[tuple[int, int]]:
    """Yield start and end of each card number from a position on, the longest one of each start."""
    for match in _CANDIDATE.finditer(text, position):
        start, farthest = match.span(1)
        ends = [group.end() for group in _GROUP.finditer(text, start, farthest)]
        if text[farthest : farthest + 1].isdigit():
            ends.pop()
        for end in reversed(ends):
            if is_card_number(bytes(text[start:end]).translate(None, _SEPARATORS)):
                yield start, end
                break


def _masked(number: bytes | bytearray) -> bytes:
    """Put asterisks for all digits but the last four, keeping separators."""
    digits = [index for index, byte in enumerate(number) if byte in _DIGITS]
    masked = bytearray(number)
    for index in digits[:-_KEPT_DIGITS]:
        masked[index] = ord("*")
    return bytes(masked)
