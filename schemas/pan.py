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
# Where a number may start, with the 12 to 19 digits that may belong to it; overlapping, hence the lookahead.
_CANDIDATE = re.compile(rb"(?<![0-9])(?=([0-9](?:[ -]?[0-9]){11,18}))")
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
    return next(_card_numbers(without_digests(_unescaped(text)), 0, any_network=False), None) is not None


def mask_pans(text: bytes, *, any_network: bool = False) -> bytes:
    """Replace the digits of every card number but the last four by asterisks; other text stays byte for byte.

    Args:
        text: any bytes.
        any_network: mask every run of 12 to 19 digits that passes Luhn, whatever its range. For a message
            refused because of a card number, which the looser rule of the token fields may have found.
    """
    unescaped = _unescaped(text)
    scanned = bytearray(without_digests(unescaped))
    masked = bytearray(unescaped)
    position, found = 0, False
    while span := next(_card_numbers(scanned, position, any_network=any_network), None):
        found = True
        for index in _masked_positions(scanned, *span):
            scanned[index] = masked[index] = ord("*")
        position = span[0] + 1
    return bytes(masked) if found else text


def _unescaped(text: bytes) -> bytes:
    """Spell escaped digits and separators out."""
    return _ESCAPED.sub(lambda match: bytes([int(match[1], 16)]), text) if b"\\" in text else text


def _card_numbers(text: bytes | bytearray, position: int, *, any_network: bool) -> Iterator[tuple[int, int]]:
    """Yield start and end of each card number from a position on, the longest one of each start."""
    refused = may_be_card_number if any_network else is_card_number
    for match in _CANDIDATE.finditer(text, position):
        start = match.start()
        for end in _ends(text, start, match.end(1)):
            if refused(bytes(text[start:end]).translate(None, _SEPARATORS)):
                yield start, end
                break


def _ends(text: bytes | bytearray, start: int, farthest: int) -> Iterator[int]:
    """Yield where a number that starts here may end: after a digit, before none; the farthest first."""
    for end in range(farthest, start, -1):
        if text[end - 1] in _DIGITS and not text[end : end + 1].isdigit():
            yield end


def _masked_positions(text: bytes | bytearray, start: int, end: int) -> list[int]:
    """Positions of the digits between start and end but the last four."""
    return [index for index in range(start, end) if text[index] in _DIGITS][:-_KEPT_DIGITS]
