"""Traces: one span a batch, with a child for each stage on its way, for OpenTelemetry.

A batch has as many parents as its records name in their header `traceparent` (W3C Trace Context), so they are
links, not parents. What a span says is names, numbers and model versions: no key, value, id or other header.
Scores and alerts carry the context on that their transaction came with.

Only workers that trace import this module: OpenTelemetry is an extra.
"""

from __future__ import annotations

import re
import time
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Final

from opentelemetry.context import Context
from opentelemetry.trace import (
    Link,
    NonRecordingSpan,
    SpanContext,
    SpanKind,
    Status,
    StatusCode,
    TraceFlags,
    set_span_in_context,
)

from agents.headers import read_headers
from agents.telemetry import Telemetry

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from contextlib import AbstractContextManager

    import numpy as np
    from numpy.typing import NDArray
    from opentelemetry.trace import Span, Tracer
    from prometheus_client import CollectorRegistry

    from agents.runtime import Chunk
    from agents.runtime.records import Header, KafkaRecord
    from models.scoring.pipeline import ScoredBatch
    from schemas.errors import ErrorType
    from schemas.snapshot import ModelSnapshot

    Attributes = dict[str, str | int]

TRACEPARENT: Final = "traceparent"
_CARRIED: Final = {TRACEPARENT, "tracestate"}
_FORM: Final = re.compile(rb"(?!ff)[0-9a-f]{2}-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(?:-.*)?", re.ASCII)
_NS: Final = 1_000_000_000

_batch: ContextVar[Span | None] = ContextVar("batch", default=None)
"""The sampled batch in this agent's hands: each agent runs in a task of its own, hence in its own context."""


def parent_of(record: KafkaRecord) -> SpanContext | None:
    """The span that a record's header names; None where there is none, or none that is rightly written."""
    for name, value in read_headers(record):
        if name == TRACEPARENT and (match := _FORM.fullmatch(value or b"")):
            trace, span, flags = (int(part, 16) for part in match.groups())
            context = SpanContext(trace, span, is_remote=True, trace_flags=TraceFlags(flags))
            return context if context.is_valid else None
    return None


class TracedTelemetry(Telemetry):
    """Tells operations what `Telemetry` tells, and spans beside.

    Args:
        registry: of the metrics.
        tracer: makes the spans; whether a batch is recorded is its sampler's choice.
        group: the consumer group, an attribute of each batch.
    """

    def __init__(self, registry: CollectorRegistry, tracer: Tracer, group: str) -> None:
        super().__init__(registry)
        self._tracer = tracer
        self._group = group
        self._ended: list[Context] = []
        self._chosen: list[Context] = []
        self._chosen_ns = 0

    def batch_began(self, chunks: Sequence[Chunk]) -> None:
        """Begin a span at the time when the oldest chunk came from Kafka; its first stage ends here."""
        topic, received = chunks[0].topic, min(chunk.received_ns for chunk in chunks)
        records = [record for chunk in chunks for record in chunk.records]
        found = [parent for record in records if (parent := parent_of(record)) is not None]
        parents = {(parent.trace_id, parent.span_id): parent for parent in found}
        span = self._tracer.start_span(
            f"process {topic}",
            context=Context(),
            kind=SpanKind.CONSUMER,
            links=[Link(parent) for parent in parents.values()],
            start_time=received,
            attributes={
                "messaging.system": "kafka",
                "messaging.operation.type": "process",
                "messaging.operation.name": "process",
                "messaging.destination.name": topic,
                "messaging.consumer.group.name": self._group,
                "messaging.batch.message_count": len(records),
            },
        )
        if not span.is_recording():
            return
        for chunk in chunks:
            span.add_event("chunk", _place(chunk))
        self._add("take", set_span_in_context(span), received, time.time_ns())
        _batch.set(span)

    def batch_ended(self, *, finished: bool) -> None:
        """End the span; its last stages come with the commit."""
        if (span := _batch.get()) is None:
            return
        _batch.set(None)
        if finished:
            self._ended.append(set_span_in_context(NonRecordingSpan(span.get_span_context())))
        else:
            span.set_status(Status(StatusCode.ERROR))
        span.end()

    def checkpoint_chosen(self) -> None:
        """Note which batches the commit under way includes."""
        self._chosen += self._ended
        self._ended = []
        self._chosen_ns = time.time_ns()

    def outputs_delivered(self) -> None:
        """Add to each of them how long its outputs took from here to the broker."""
        self._add_to_chosen("produce")

    def committed(self, seconds: float, changelog_records: int) -> None:
        """Add to each of them how long it took to be durable."""
        super().committed(seconds, changelog_records)
        self._add_to_chosen("commit")
        self._chosen = []

    def commit_failed(self, reason: str) -> None:
        """Say of each of them that it was not committed; the reason is for the log."""
        super().commit_failed(reason)
        self._add_to_chosen("commit", Status(StatusCode.ERROR))
        self._chosen = []

    def stage(self, name: str) -> AbstractContextManager[object]:
        """Time a stage, and make it a child of the batch in hand."""
        timer = super().stage(name)
        return timer if _batch.get() is None else self._timed(timer, name)

    def step(self, name: str) -> AbstractContextManager[object]:
        """Make a stage without a metric a child of the batch in hand."""
        nothing = super().step(name)
        return nothing if _batch.get() is None else self._timed(nothing, name)

    def carried(self, records: Iterable[KafkaRecord]) -> Iterator[Sequence[Header]]:
        """The trace context that each record came with, as headers for what follows from it."""
        return (
            [header for header in read_headers(record) if header[0] in _CARRIED] if parent_of(record) else ()
            for record in records
        )

    def transactions_scored(self, judged: ScoredBatch, arrived: NDArray[np.float64], now: float) -> None:
        """Say of the batch how many were scored, and by what."""
        super().transactions_scored(judged, arrived, now)
        if (span := _batch.get()) is not None:
            span.set_attribute("fraudstream.scored", len(judged))
            span.set_attribute("fraudstream.scored_by", judged.scored_by)

    def dead_lettered(
        self, topic: str, error_type: ErrorType, reason: str, *, partition: int, offset: int
    ) -> None:
        """Say of the batch which message was refused; the reason is for the log."""
        super().dead_lettered(topic, error_type, reason, partition=partition, offset=offset)
        if (span := _batch.get()) is not None:
            place: Attributes = {
                "messaging.destination.partition.id": str(partition),
                "messaging.kafka.offset": offset,
            }
            span.add_event("dead letter", {**place, "error.type": str(error_type)})

    def snapshot_published(self, snapshot: ModelSnapshot, size: int, seconds: float) -> None:
        """Add to the batch that gave the reason, which may have ended, how long it took to compile."""
        super().snapshot_published(snapshot, size, seconds)
        if (span := _batch.get()) is None:
            return
        now = time.time_ns()
        attributes: Attributes = {"fraudstream.model": snapshot.scored_by, "fraudstream.snapshot_bytes": size}
        self._add("publish", set_span_in_context(span), now - int(seconds * _NS), now, attributes=attributes)

    def _add_to_chosen(self, name: str, status: Status | None = None) -> None:
        now = time.time_ns()
        for batch in self._chosen:
            self._add(name, batch, self._chosen_ns, now, status)

    def _add(
        self,
        name: str,
        batch: Context,
        began: int,
        ended: int,
        status: Status | None = None,
        attributes: Attributes | None = None,
    ) -> None:
        """Make a child of a batch that lasted from `began` to `ended` (ns since 1970)."""
        span = self._tracer.start_span(name, batch, start_time=began, attributes=attributes)
        if status is not None:
            span.set_status(status)
        span.end(ended)

    @contextmanager
    def _timed(self, timer: AbstractContextManager[object], name: str) -> Iterator[None]:
        """A child of the batch in hand; of a failure it says the kind, since the text may hold anything."""
        batch = _batch.get()
        assert batch is not None, "the caller looked"
        span = self._tracer.start_span(name, set_span_in_context(batch))
        try:
            with timer:
                yield
        except Exception as failure:
            span.set_status(Status(StatusCode.ERROR, type(failure).__name__))
            raise
        finally:
            span.end()


def _place(chunk: Chunk) -> Attributes:
    return {
        "messaging.destination.partition.id": str(chunk.partition),
        "messaging.kafka.offset": chunk.first,
        "fraudstream.last_offset": chunk.last,
        "messaging.batch.message_count": len(chunk.records),
    }
