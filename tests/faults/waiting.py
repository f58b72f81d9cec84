"""Waiting for something that other processes do."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from confluent_kafka import KafkaException

if TYPE_CHECKING:
    from collections.abc import Callable

_PAUSE_SECONDS = 0.2


class NotWithinTimeError(Exception):
    """What was waited for did not happen; the text is one sentence."""


def wait_until(true: Callable[[], object], seconds: float, what: str) -> None:
    """Return once it is true; a broker that does not answer meanwhile counts as false.

    Raises:
        NotWithinTimeError: it is not within so many seconds.
    """
    deadline = time.monotonic() + seconds
    while not _is(true):
        if time.monotonic() > deadline:
            raise NotWithinTimeError(f"{what}: not within {seconds:.0f} s.")
        time.sleep(_PAUSE_SECONDS)


def _is(true: Callable[[], object]) -> bool:
    try:
        return bool(true())
    except KafkaException:
        return False
