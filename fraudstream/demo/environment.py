"""The settings that a demo's workers get, as environment variables."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Final

from fraudstream.settings.sections import TopicSettings
from fraudstream.settings.tree import PREFIX

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from fraudstream.demo.options import DemoOptions

ALERTS_PER_10000: Final = 100
"""The alert budget: about as many as there are frauds, so that the best of models could alert each."""

# Alerts keep to the budget whatever scores, so what changes is what they catch: probabilities of one in a
# hundred may be the highest of a day, and hardly any is so high that it is an alert beyond the budget.
_SCORING: Final = {
    "FRAUDSTREAM_SCORING__POLICY": "budget",
    "FRAUDSTREAM_SCORING__ALERTS_PER_10000": str(ALERTS_PER_10000),
    "FRAUDSTREAM_SCORING__BUDGET_FLOOR": "0.005",
    "FRAUDSTREAM_SCORING__BUDGET_CEILING": "0.98",
    "FRAUDSTREAM_SCORING__DECLINE_THRESHOLD": "0.98",
}
_LEARNING: Final = {"FRAUDSTREAM_WORKER__AGENTS": "labelling,reputation,learning"}


def demo_topics(options: DemoOptions) -> TopicSettings:
    """Topics with a partition for each worker.

    No more than that, since the budget is kept in each partition: the more transactions it sees, the sooner
    its threshold follows a model whose scores lie elsewhere.
    """
    return TopicSettings(
        partitions=options.workers, score_partitions=options.workers, reputation_partitions=options.workers
    )


def common_environment(options: DemoOptions, bootstrap_servers: str, signing_key: str) -> dict[str, str]:
    """What all workers get: the person's own, with the demo's settings of the service instead of theirs."""
    inherited = {name: value for name, value in os.environ.items() if not name.upper().startswith(PREFIX)}
    return inherited | {
        "FRAUDSTREAM_KAFKA__BOOTSTRAP_SERVERS": bootstrap_servers,
        "FRAUDSTREAM_DELIVERY__MODE": options.mode,
        **topic_environment(demo_topics(options)),
        "FRAUDSTREAM_LEARNING__SIGNING_KEY": signing_key,
        "FRAUDSTREAM_LOG__FORMAT": "json",
    }


def topic_environment(topics: TopicSettings) -> dict[str, str]:
    """How many partitions there are."""
    return {
        f"FRAUDSTREAM_TOPICS__{name.upper()}": str(getattr(topics, name))
        for name in ("partitions", "score_partitions", "reputation_partitions")
    }


def worker_environment(
    common: Mapping[str, str], slot: str, port: int, folder: Path, *, learns: bool
) -> dict[str, str]:
    """What one worker gets."""
    return {
        **common,
        **(_LEARNING if learns else _SCORING),
        "FRAUDSTREAM_WORKER__SLOT": slot,
        "FRAUDSTREAM_WORKER__FOLDER": str(folder / slot),
        "FRAUDSTREAM_WEB__PORT": str(port),
    }
