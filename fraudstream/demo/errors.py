"""Why a demo may end before its time."""

from __future__ import annotations

from fraudstream.errors import FraudstreamError


class DemoFailed(FraudstreamError):
    """A worker left, or something that was sent is not accounted for; the text is one sentence."""
