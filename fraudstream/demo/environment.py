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

_LEARNING: Final = {"FRAUDSTREAM_WORKER__AGENTS": "labelling,reputation,learning"}


def demo_topics(options: DemoOptions) -> TopicSettings:
    """Topics with a partition for each worker."""
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
        **(_LEARNING if learns else {}),
        "FRAUDSTREAM_WORKER__SLOT": slot,
        "FRAUDSTREAM_WORKER__FOLDER": str(folder / slot),
        "FRAUDSTREAM_WEB__PORT": str(port),
    }
