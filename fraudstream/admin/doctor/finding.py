"""What a check found."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Severity(StrEnum):
    """How much it matters."""

    OK = "ok"
    WARNING = "warning"
    """The service works, and something about it should be known, or could not be looked at."""
    PROBLEM = "problem"
    """Something does not work, or will not for long."""


@dataclass(frozen=True)
class Finding:
    """One thing looked at: how it is, and a sentence of what was seen and, if ill, the mend."""

    subject: str
    severity: Severity
    sentence: str


def well(subject: str, sentence: str) -> Finding:
    """Nothing to mend."""
    return Finding(subject, Severity.OK, sentence)


def warning(subject: str, sentence: str) -> Finding:
    """Something to know."""
    return Finding(subject, Severity.WARNING, sentence)


def problem(subject: str, sentence: str) -> Finding:
    """Something to mend."""
    return Finding(subject, Severity.PROBLEM, sentence)
