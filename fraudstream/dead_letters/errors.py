"""What goes wrong with dead letters, as one sentence."""

from __future__ import annotations

from fraudstream.errors import FraudstreamError


class DeadLettersRefused(FraudstreamError):
    """What was asked of dead letters cannot be done; the text is one sentence."""
