"""Where a peer's program finds Kafka, its topics and its model; it knows nothing else of the benchmark."""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass
from typing import Final, Self

_VARIABLE: Final = "PEER_PLACE"


@dataclass(frozen=True)
class Place:
    """What a program is told.

    Attributes:
        bootstrap_servers: of Kafka.
        transactions: topic to read from its beginning.
        scores: topic for a score each.
        alerts: topic for what is not approved.
        group: name of the consumer group, where the program joins one.
        model: folder with `forest.onnx` and `forest.json`.
        state: folder of its own, new and empty.
    """

    bootstrap_servers: str
    transactions: str
    scores: str
    alerts: str
    group: str
    model: str
    state: str

    @classmethod
    def of_environment(cls) -> Self:
        """What the benchmark told this process."""
        return cls(**json.loads(os.environ[_VARIABLE]))

    def to_environment(self) -> dict[str, str]:
        """What tells it to a process."""
        return {_VARIABLE: json.dumps(asdict(self))}
