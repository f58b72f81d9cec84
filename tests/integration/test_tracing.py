"""Traces of a running service: what a collector gets of a transaction that came with a trace."""

from __future__ import annotations

import http.server
import json
import subprocess
import sys
import threading
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest
from confluent_kafka import Producer
from faulty import read_committed
from service import service, wait_until

pytest.importorskip("opentelemetry.sdk", reason="the extra fraudstream[tracing] is not installed")

from google.protobuf.json_format import MessageToDict
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from fraudstream.local.broker import LocalKafka

pytestmark = pytest.mark.kafka

TRACE, PARENT = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
TRACEPARENT = f"00-{TRACE}-{PARENT}-01".encode()
SUBJECT = "tok-4f7a9c-recognisable"


class Collector:
    """The spans that came by OTLP over HTTP, and all that was said in them."""

    def __init__(self) -> None:
        self.port = 0
        self.requests: list[ExportTraceServiceRequest] = []

    def take(self, path: str, body: bytes) -> None:
        assert path == "/v1/traces"
        self.requests.append(ExportTraceServiceRequest.FromString(body))

    def spans(self) -> list[Any]:
        return [
            span
            for request in [*self.requests]
            for resource in request.resource_spans
            for scope in resource.scope_spans
            for span in scope.spans
        ]

    def trace_of(self, name: str) -> set[str]:
        """The spans of the traces whose first span has this name."""
        traces = {span.trace_id for span in self.spans() if span.name == name}
        return {span.name for span in self.spans() if span.trace_id in traces}

    def said(self) -> str:
        return json.dumps([MessageToDict(request) for request in self.requests])


@contextmanager
def collector() -> Iterator[Collector]:
    spans = Collector()

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            spans.take(self.path, self.rfile.read(int(self.headers["Content-Length"])))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        spans.port = server.server_port
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield spans
        server.shutdown()


def payment(number: int) -> bytes:
    return json.dumps(
        {
            "kind": "card",
            "transaction_id": f"id-of-somebody-{number}",
            "event_time": datetime.now(UTC).isoformat(),
            "card_id": SUBJECT,
            "merchant_id": "shop-of-somebody",
            "amount": "12.50",
            "currency": "EUR",
        }
    ).encode()


def test_both_sides_send_linked_spans_and_name_nobody(
    kafka: LocalKafka, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One of three payments is traced; by the ratio of 0 nothing else would be."""
    monkeypatch.setenv("OTEL_BSP_SCHEDULE_DELAY", "200")
    with collector() as spans:
        tracing = {"ENABLED": "true", "RATIO": "0", "ENDPOINT": f"http://127.0.0.1:{spans.port}"}
        settings = {f"TRACING__{name}": value for name, value in tracing.items()}
        with service(kafka.bootstrap_servers, tmp_path, 1, **settings) as running:
            running.start()
            running.start_learning()
            producer = Producer({"bootstrap.servers": kafka.bootstrap_servers})
            for number in range(3):
                headers = {"traceparent": TRACEPARENT, "secret": SUBJECT.encode()} if number == 1 else {}
                producer.produce(running.topics.transactions, payment(number), SUBJECT, headers=headers)
            assert producer.flush(30) == 0
            scoring, labelling = (
                f"process {topic}" for topic in (running.topics.transactions, running.topics.scores)
            )
            wait_until(
                lambda: all("commit" in spans.trace_of(name) for name in (scoring, labelling)),
                90,
                running.logs,
            )
            scores = read_committed(kafka.bootstrap_servers, running.topics.scores)
            assert running.stop() == [0, 0]
    assert [dict(each.headers) for each in scores] == [{}, {"traceparent": TRACEPARENT}, {}]
    for name in (scoring, labelling):
        batches = [span for span in spans.spans() if span.name == name]
        assert {link.trace_id.hex() for span in batches for link in span.links} == {TRACE}
    stages = {"take", "decode", "profile", "features", "score", "decide", "encode", "produce", "commit"}
    assert spans.trace_of(scoring) == {scoring, *stages}
    assert spans.trace_of(labelling) >= {labelling, "take", "keep", "tell", "commit"}
    for secret in (SUBJECT, "id-of-somebody", "shop-of-somebody", "12.50"):
        assert secret not in spans.said()


def test_without_traces_a_worker_does_not_load_opentelemetry_and_without_it_says_what_to_do() -> None:
    program = """
import sys
sys.modules["opentelemetry"] = None  # as if it were not installed
from prometheus_client import CollectorRegistry
from fraudstream.errors import FraudstreamError
from fraudstream.settings import Settings
from fraudstream.worker.tracing import new_telemetry
import fraudstream.worker.app
print(type(new_telemetry(Settings(), CollectorRegistry())).__name__)
try:
    new_telemetry(Settings(tracing={"enabled": True}), CollectorRegistry())
except FraudstreamError as refusal:
    print(refusal)
"""
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    kind, refusal = ended.stdout.splitlines()
    assert kind == "Telemetry"
    assert refusal.startswith("FRAUDSTREAM_TRACING__ENABLED needs opentelemetry")
    assert "`pip install fraudstream[tracing]`" in refusal
