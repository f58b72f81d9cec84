"""Two currencies on a real Kafka: amounts are missing until an operator gives rates, then compared."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import orjson
import pytest
from faulty import read_committed
from service import Service, service, values, wait_until
from typer.testing import CliRunner

from fraudstream.cli import app
from models.scoring.features import NAMES

pytestmark = pytest.mark.kafka

EXAMPLE = Path(__file__).parents[2] / "deploy" / "exchange-rates.example.json"
START = datetime(2026, 1, 1, 12, tzinfo=UTC)


def send(running: Service, day: int, amount: str, currency: str) -> dict[str, Any]:
    """The score of a transfer of that day."""
    order = {
        "kind": "transfer",
        "end_to_end_id": "NOTPROVIDED",
        "event_time": START + timedelta(days=day),
        "debtor_account": "acc",
        "creditor_account": "shop",
        "instructed_amount": amount,
        "currency": currency,
    }
    running.produce([(b"acc", orjson.dumps(order))])
    running.wait_until_processed()
    return values(read_committed(running.servers, running.topics.scores))[-1]


def test_an_operators_rates_are_used_by_a_running_worker_and_by_a_rebuild(
    kafka: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ratio = NAMES.index("amount_ratio")
    with service(kafka.bootstrap_servers, tmp_path) as running:
        for name, value in running.environment().items():
            monkeypatch.setenv(name, value)
        worker = running.start()
        send(running, 0, "50.00", "EUR")
        unknown = send(running, 1, "32000", "XOF")
        assert (unknown["features"][ratio], unknown["features_complete"]) == (1.0, False)
        assert running.metric(worker, "fraudstream_transactions_amount_unknown_total") == 1
        assert running.metric(worker, "fraudstream_transactions_id_reused_total") == 1

        assert CliRunner().invoke(app, ["control", "rates", str(EXAMPLE)]).exit_code == 0
        applied = "fraudstream_broadcast_records_applied_total"
        wait_until(lambda: running.metric(worker, applied) == 1, 10, running.logs)
        known = send(running, 2, "32000", "XOF")
        assert known["features"][ratio] == pytest.approx(32_000 / 655.957 / 50.0, rel=1e-3)
        assert known["features_complete"]
        assert running.stop() == [0]

        assert CliRunner().invoke(app, ["profiles", "rebuild"], catch_exceptions=False).exit_code == 0
        running.start()
        after = send(running, 3, "50.00", "EUR")
        own_mean = after["features"][NAMES.index("own_mean")]
        assert 48.78 < own_mean < 50.0, "the rebuild knows both transfers in francs"
        assert running.stop() == [0, 0]
