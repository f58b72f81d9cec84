"""Card numbers (primary account numbers, PAN) and IBANs: how they are recognised and masked.

A card number is 12 to 19 digits with a network's first digits, a length that the network issues, and a valid
check digit; the bank's own prefixes count at every length. Of random 16-digit numbers three in a hundred are
taken for one, of 15-digit ids of a network fewer than one in a thousand.

Digits stand together, or in groups with one kind of separator between them: a space, a dash, a dot, an
underscore, a slash or a colon. Full-width and other digits, and Unicode's spaces, count as the ASCII ones.
What has letters between its digits, or is encoded, is not found.

Sources: ISO/IEC 7812-1 annex B (the check digit after Luhn, US patent 2,950,048); the issuers' published
number ranges; ISO 13616-1 and SWIFT's IBAN registry (lengths by country); ISO 7064 (MOD 97-10).
"""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

_KEPT_DIGITS = 4
_SHORTEST, _LONGEST = 12, 19
_DIGITS = b"0123456789"
_DOUBLED = bytes.maketrans(_DIGITS, b"0246813579")
# A text with more numbers like a card's than this is taken to hold one, so that looking stays a matter of
# milliseconds: of so many that have a network's first digits, some have all the rest too.
_MOST_CANDIDATES = 300
# What is left of a masked number may be the beginning of another one.
_MOST_PASSES = 3

# Lengths are those that are issued: a range of lengths that no card has would refuse ids without need.
_NETWORKS = re.compile(
    rb"""
      4[0-9]{12}(?:[0-9]{3}){0,2}                                                       # Visa
    | (?:5[1-5][0-9]{2}|222[1-9]|22[3-9][0-9]|2[3-6][0-9]{2}|27[01][0-9]|2720)[0-9]{12} # Mastercard
    | 3[47][0-9]{13}                                                                    # American Express
    | 3(?:0[0-59]|[689][0-9])[0-9]{11}(?:[0-9]{2}(?:[0-9]{3})?)?                        # Diners Club
    | 35(?:2[89]|[3-8][0-9])[0-9]{12}(?:[0-9]{3})?                                      # JCB
    | (?:6011|64[4-9][0-9]|65[0-9]{2}|62[0-9]{2})[0-9]{12}(?:[0-9]{3})?                 # Discover, UnionPay
    | (?:5018|5020|5038|5893|6304|6759|676[1-3])[0-9]{8,15}                             # Maestro
    | 220[0-4][0-9]{12}(?:[0-9]{3})?                                                    # Mir
    | (?:508[0-9]|60[0-9]{2}|8[12][0-9]{2}|9792)[0-9]{12}                               # RuPay, Troy
    """,
    re.VERBOSE,
)
_FIRST_DIGITS = "2[2-7]|3[05-9]|34|4|5[0-58]|6[02-7]|8[12]|97"
_SEPARATOR = r"(?:\ ?[-._/:]\ ?|\ {1,3})"
_GROUP = re.compile(r"[0-9]+(?![0-9])")
_LONG_NUMBER = re.compile(
    r"(?!(?<=[Tt])[0-9]{2}:[0-9]{2}:)"  # not the clock of a time
    r"[0-9](?:[ ._/:-]{0,3}[0-9]){11,}"
)
# What no card number stands in: a word of hexadecimal digits that is longer than any, whose digit runs are
# chance; a UUID; and a JSON number with a fraction.
_CHANCE = re.compile(
    r"(?<![0-9A-Za-z])(?:"
    r"[0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}"
    r"|(?=[0-9]*[A-Fa-f])[0-9A-Fa-f]{20,}"
    r")(?![0-9A-Za-z])"
    r"|(?:(?<=[\[,:])|(?<=[\[,:]\ ))-?[0-9]{1,11}\.[0-9]+(?=[eE\]},\ ])",
    re.VERBOSE,
)
_ESCAPED = re.compile(r"\\u([0-9A-Fa-f]{4})")
_MEANINGFUL = frozenset("0123456789 -._/:")
_DASHES = dict.fromkeys((*range(0x2010, 0x2016), 0x2212), "-")
_NO_WIDTH = dict.fromkeys((0x200B, 0x200C, 0x200D, 0x2060, 0xFEFF), " ")
_BEYOND_DECIMALS = 0x1FBFA
_IBAN_LENGTHS = {
    country: length
    for length, countries in {
        15: "NO",
        16: "BE",
        18: "DK FI FK FO GL NL SD",
        19: "MK SI",
        20: "AT BA EE KZ LT LU MN XK",
        21: "CH HR LI LV",
        22: "BG BH CR DE GB GE IE ME RS VA",
        23: "AE GI IL IQ OM SO TL",
        24: "AD CZ ES MD PK RO SA SE SK TN VG",
        25: "LY PT ST",
        26: "IS TR",
        27: "BI DJ FR GR IT MC MR SM",
        28: "AL AZ BY CY DO GT HU LB NI PL SV",
        29: "BR EG PS QA UA",
        30: "JO KW MU YE",
        31: "MT SC",
        32: "LC",
        33: "RU",
    }.items()
    for country in countries.split()
}
_IBAN_FORM = re.compile(r"[A-Z]{2}[0-9]{2}[A-Z0-9]{11,30}")
_IBAN_IN_TEXT = re.compile(r"(?<![0-9A-Za-z])[A-Za-z]{2}[0-9]{2}(?:[ -]?[0-9A-Za-z]){11,30}(?![0-9A-Za-z])")


def passes_luhn(digits: bytes) -> bool:
    """Tell whether ASCII digits carry a valid check digit.

    >>> passes_luhn(b"79927398713")
    True
    """
    odd, even = digits[-1::-2], digits[-2::-2].translate(_DOUBLED)
    return (sum(odd) + sum(even) - ord("0") * len(digits)) % 10 == 0


def is_card_number(digits: bytes, prefixes: tuple[bytes, ...] = ()) -> bool:
    """Tell whether ASCII digits are a card number of a network, or of the bank that has these prefixes."""
    in_range = _NETWORKS.fullmatch(digits) or (
        digits.startswith(prefixes) and _SHORTEST <= len(digits) <= _LONGEST
    )
    return bool(in_range) and passes_luhn(digits)


def is_iban(text: str) -> bool:
    """Tell whether a text is an IBAN of its country's length with valid check digits, grouped or not.

    >>> is_iban("DE89 3704 0044 0532 0130 00"), is_iban("DE88 3704 0044 0532 0130 00")
    (True, False)
    """
    iban = re.sub("[ -]", "", text).upper()
    if len(iban) != _IBAN_LENGTHS.get(iban[:2]) or not _IBAN_FORM.fullmatch(iban):
        return False
    return int("".join(str(int(character, 36)) for character in iban[4:] + iban[:4])) % 97 == 1


def contains_pan(text: bytes, prefixes: tuple[bytes, ...] = ()) -> bool:
    """Tell whether a card number stands in UTF-8 text, in one or in groups; other bytes are passed over."""
    return holds_card_number(_plain(text), prefixes)


def holds_card_number(text: str, prefixes: tuple[bytes, ...] = ()) -> bool:
    """Tell whether a card number stands in ASCII text, in one or in groups."""
    for number, span in enumerate(_candidates(_without_chance(text), prefixes)):
        if span is not None or number == _MOST_CANDIDATES:
            return True
    return False


def mask_pans(text: bytes, prefixes: tuple[bytes, ...] = ()) -> bytes:
    """Put asterisks for all digits of each card number but the last four; without one, nothing changes."""
    plain = _plain(text)
    for count in range(_MOST_PASSES):
        scanned, masked = _without_chance(plain), list(plain)
        for number, span in enumerate(_candidates(scanned, prefixes)):
            if number == _MOST_CANDIDATES:
                return mask_numbers(text)
            if span is not None:
                _mask(masked, *span)
        if masked == list(plain):
            return _encoded(plain) if count else text
        plain = "".join(masked)
    return mask_numbers(text)


def mask_numbers(text: bytes) -> bytes:
    """Mask every number of 12 digits or more, however grouped, unless it stands in a digest, and every IBAN.

    For a message that was refused for what it holds: where one card number is known to be, caution costs
    nothing.
    """
    plain = _plain(text)
    masked = list(plain)
    for match in _LONG_NUMBER.finditer(_without_chance(plain)):
        _mask(masked, *match.span())
    for match in _IBAN_IN_TEXT.finditer(plain):
        if is_iban(match[0]):
            kept = len(match[0]) - _KEPT_DIGITS
            masked[match.start() : match.start() + kept] = "*" * kept
    return _encoded("".join(masked))


def _plain(text: bytes) -> str:
    """Spell out what means a digit or a separator: JSON's escapes, and Unicode's other forms of them."""
    plain = text.decode(errors="surrogateescape")
    if "\\" in plain:
        plain = _ESCAPED.sub(_unescaped, plain)
    return plain if plain.isascii() else plain.translate(_other_forms())


def _unescaped(escape: re.Match[str]) -> str:
    """Spell out an escaped digit or separator, and leave every other escape."""
    code = int(escape[1], 16)
    character = _other_forms().get(code, chr(code))
    return character if character in _MEANINGFUL else escape[0]


@lru_cache(maxsize=1)
def _other_forms() -> dict[int, str]:
    """List the code points beyond ASCII that mean a digit or a separator, each with what it means (NFKC)."""
    forms = {}
    for code in range(0x80, _BEYOND_DECIMALS):
        character = unicodedata.normalize("NFKC", chr(code))
        if character.isdecimal() and len(character) == 1:
            character = str(int(character))
        if character in _MEANINGFUL:
            forms[code] = character
    return forms | _DASHES | _NO_WIDTH


def _encoded(plain: str) -> bytes:
    return plain.encode(errors="surrogateescape")


def _without_chance(text: str) -> str:
    """Blank what holds no card number, keeping every position."""
    return _CHANCE.sub(lambda match: "x" * len(match[0]), text)


@lru_cache(maxsize=8)
def _candidate(prefixes: tuple[bytes, ...]) -> re.Pattern[str]:
    """Compile where a card number may start, and the groups of digits that may belong to it.

    Matches overlap, hence the lookahead.
    """
    first = "|".join([_FIRST_DIGITS, *(prefix.decode()[:2] for prefix in prefixes)])
    return re.compile(
        rf"""
        (?<![0-9])(?={first})(?=(
            [0-9]{{12,19}}(?![0-9])
          | [0-9]{{2,10}}(?=({_SEPARATOR})[0-9])(?:(?:\2|[ -])[0-9]{{1,10}}(?![0-9])){{1,9}}
        ))
        """,
        re.VERBOSE,
    )


def _candidates(text: str, prefixes: tuple[bytes, ...]) -> Iterator[tuple[int, int] | None]:
    """Yield the span of the card number, the longest one, for each place where one might start; else None."""
    for match in _candidate(prefixes).finditer(text):
        start, farthest = match.span(1)
        if farthest - start >= _SHORTEST:
            yield _card_number(text, start, farthest, prefixes)


def _card_number(text: str, start: int, farthest: int, prefixes: tuple[bytes, ...]) -> tuple[int, int] | None:
    ends = [group.end() for group in _GROUP.finditer(text, start, farthest)]
    for end in reversed(ends):
        digits = re.sub("[^0-9]", "", text[start:end]).encode()
        if len(digits) <= _LONGEST and is_card_number(digits, prefixes):
            return start, end
    return None


def _mask(characters: list[str], start: int, end: int) -> None:
    """Put asterisks for all digits of a span but the last four, keeping separators."""
    digits = [index for index in range(start, end) if characters[index] not in " ._/:-"]
    for index in digits[:-_KEPT_DIGITS]:
        characters[index] = "*"
