"""Sets up OpenTelemetry's SDK: the batches recorded, their parents, and the collector of their spans.

Spans are sent in batches by a thread of their own. While the collector is away they wait, 2,048 at most, and
then are dropped; no batch of transactions waits for them. A worker that ends sends its last within seconds.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import OTELResourceDetector, Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.sdk.trace.sampling import ALWAYS_ON, ParentBased, Sampler, TraceIdRatioBased

if TYPE_CHECKING:
    from collections.abc import Sequence

    from opentelemetry.context import Context
    from opentelemetry.sdk.trace.sampling import SamplingResult
    from opentelemetry.trace import Link, SpanKind, Tracer, TraceState
    from opentelemetry.util.types import Attributes

    from fraudstream.settings import TracingSettings

_PATH: Final = "/v1/traces"
_ANSWER_SECONDS: Final = 5


class LinkedOrRatio(Sampler):
    """Records a batch with a record whose own trace is recorded, and a share of the others."""

    def __init__(self, ratio: float) -> None:
        """Record this share, from 0 to 1, of the batches that nobody has decided on."""
        self._rest = TraceIdRatioBased(ratio)

    def should_sample(
        self,
        parent_context: Context | None,
        trace_id: int,
        name: str,
        kind: SpanKind | None = None,
        attributes: Attributes = None,
        links: Sequence[Link] | None = None,
        trace_state: TraceState | None = None,
    ) -> SamplingResult:
        """Choose for a span that has no parent; of the arguments, the links and the id decide."""
        is_wanted = any(link.context.trace_flags.sampled for link in links or ())
        sampler = ALWAYS_ON if is_wanted else self._rest
        return sampler.should_sample(parent_context, trace_id, name, kind, attributes, links, trace_state)

    def get_description(self) -> str:
        """Name it, for people."""
        return f"LinkedOrRatio{{{self._rest.get_description()}}}"


def new_tracer(settings: TracingSettings, version: str, instance: str) -> Tracer:
    """What makes the spans of a worker, and sends them.

    Args:
        settings: say how many and where to.
        version: of this release.
        instance: the worker's slot, or nothing; OTEL_SERVICE_NAME and OTEL_RESOURCE_ATTRIBUTES come first.
    """
    own = {"service.name": "fraudstream", "service.version": version}
    own |= {"service.instance.id": instance} if instance else {}
    provider = TracerProvider(
        sampler=ParentBased(LinkedOrRatio(settings.ratio)),
        resource=Resource(own).merge(OTELResourceDetector().detect()),
    )
    endpoint = None if settings.endpoint is None else settings.endpoint.rstrip("/") + _PATH
    exporter = OTLPSpanExporter(endpoint=endpoint, timeout=_ANSWER_SECONDS)
    provider.add_span_processor(BatchSpanProcessor(exporter))
    return provider.get_tracer("fraudstream", version)
