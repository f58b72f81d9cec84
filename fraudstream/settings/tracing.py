"""Whether batches are traced, how many of them, and where their spans go."""

from typing import Annotated

from pydantic import Field

from fraudstream.settings.section import Section


class TracingSettings(Section):
    """Traces of batches for OpenTelemetry; they need the extra `fraudstream[tracing]`."""

    enabled: bool = False
    """Whether there are any."""
    ratio: Annotated[float, Field(ge=0, le=1)] = 0.01
    """Share of the batches that are traced; one with a sampled `traceparent` among its records always is."""
    endpoint: Annotated[str, Field(pattern=r"^https?://[^\s@]+$")] | None = None
    """The collector (OTLP over HTTP), such as http://127.0.0.1:4318; else OTEL_EXPORTER_OTLP_ENDPOINT."""
