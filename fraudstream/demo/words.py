"""Figures in words, the same on the live screen, in plain lines and in the summary."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from fraudstream.demo.latency import Percentiles
    from schemas.alert import Alert, Reason

_BARS: Final = "▁▂▃▄▅▆▇█"
_HALF: Final = 0.5


def latency(percentiles: Percentiles | None) -> str:
    """Both percentiles in milliseconds, a dash for none.

    >>> latency(None)
    '-'
    """
    if percentiles is None:
        return "-"
    return f"p50 {milliseconds(percentiles.p50)}, p99 {milliseconds(percentiles.p99)}"


def milliseconds(seconds: float) -> str:
    """Seconds as milliseconds, with one decimal below ten.

    >>> milliseconds(0.00312), milliseconds(0.1184)
    ('3.1 ms', '118 ms')
    """
    value = seconds * 1_000
    return f"{value:.1f} ms" if value < 10 else f"{value:,.0f} ms"  # noqa: PLR2004 - as the docstring says


def percent(part: int, whole: int) -> str:
    """A share in whole percent, a dash of nothing.

    >>> percent(1, 3), percent(0, 0)
    ('33 %', '-')
    """
    return f"{100 * part / whole:.0f} %" if whole else "-"


def share(part: float) -> str:
    """A share in whole percent.

    >>> share(0.414)
    '41 %'
    """
    return f"{100 * part:.0f} %"


def bars(shares: Sequence[float]) -> str:
    """A plot on one line: a bar for each share, as high as the line for a half, or for the highest beyond.

    >>> bars([0.0, 0.2, 0.5]), bars([0.0, 0.2, 0.5, 1.0])
    ('▁▄█', '▁▂▅█')
    """
    height = max(_HALF, *shares) if shares else _HALF
    return "".join(_BARS[min(len(_BARS) - 1, int(share / height * len(_BARS)))] for share in shares)


def model(scored_by: str) -> str:
    """The name of a model with its version, a dash of none.

    >>> model("forest@3021"), model("prior"), model("")
    ('forest@3,021', 'prior', '-')
    """
    name, _, version = scored_by.partition("@")
    return f"{name}@{int(version):,}" if version else name or "-"


def seconds(percentiles: Percentiles | None) -> str:
    """Both percentiles in seconds, a dash for none.

    >>> seconds(None)
    '-'
    """
    return "-" if percentiles is None else f"p50 {percentiles.p50:.1f} s, p99 {percentiles.p99:.1f} s"


def moment(timestamp: float) -> str:
    """A simulated time, to the minute.

    >>> moment(1_522_540_831)
    'Sun 2018-04-01 00:00'
    """
    return f"{datetime.fromtimestamp(timestamp, UTC):%a %Y-%m-%d %H:%M}"


def counts(by_name: Mapping[str, int]) -> str:
    """Counts with their names.

    >>> counts({"pan": 2, "not-json": 1})
    '2 pan, 1 not-json'
    """
    return ", ".join(f"{count:,} {name}" for name, count in by_name.items())


def shares(by_name: Mapping[str, int]) -> str:
    """Names with their shares of the whole.

    >>> shares({"demo-1": 3, "demo-2": 1})
    'demo-1 75 %, demo-2 25 %'
    """
    whole = sum(by_name.values())
    return ", ".join(f"{name} {percent(count, whole)}" for name, count in by_name.items())


def subject_and_amount(alert: Alert) -> str:
    """Who paid how much, and when in simulated time."""
    transaction = alert.transaction
    amount = transaction.amount if transaction.kind == "card" else transaction.instructed_amount
    return f"{amount} {transaction.currency} by {transaction.subject}, {moment(transaction.event_timestamp)}"


def reason(each: Reason) -> str:
    """A reason's sentence with what was seen and what is normal for this subject, where that is known."""
    if each.normal_for_subject is None:
        return each.text
    return f"{each.text.rstrip('.')} ({_number(each.value)}, normally {_number(each.normal_for_subject)})."


def _number(value: float) -> str:
    return f"{value:,.2f}".rstrip("0").rstrip(".")
