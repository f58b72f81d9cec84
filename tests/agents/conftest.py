"""Records and an app as the agents see them, without a broker."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import orjson
import pytest
from prometheus_client import CollectorRegistry

from agents.runtime.testing import FakeApp, FakeRecord
from agents.telemetry import Telemetry
from agents.topics import Topics

if TYPE_CHECKING:
    from collections.abc import Callable


@pytest.fixture
def app() -> FakeApp:
    return FakeApp()


@pytest.fixture
def topics() -> Topics:
    return Topics()


@pytest.fixture
def registry() -> CollectorRegistry:
    return CollectorRegistry()


@pytest.fixture
def telemetry(registry: CollectorRegistry) -> Telemetry:
    return Telemetry(registry)


@pytest.fixture
def record() -> Callable[..., FakeRecord]:
    """Makes the record of a card transaction; `key` and `value` replace what is right."""

    def make(offset: int = 0, *, key: Any = ..., value: Any = ..., **changes: Any) -> FakeRecord:
        fields = card(**changes)
        return FakeRecord(
            fields["card_id"].encode() if key is ... else key,
            orjson.dumps(fields) if value is ... else value,
            offset,
            topic="transactions",
            partition=2,
            headers=[("trace", b"7")],
        )

    return make


def card(**changes: Any) -> dict[str, Any]:
    return {
        "kind": "card",
        "transaction_id": "t-1",
        "event_time": "2026-03-01T10:00:00+00:00",
        "card_id": "card-1",
        "merchant_id": "merchant-1",
        "amount": "12.50",
        "currency": "EUR",
    } | changes
