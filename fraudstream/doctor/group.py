"""Checks of the workers' consumer group: whether somebody works, and how much waits."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kafka.admin import OffsetSpec

from fraudstream.doctor.finding import Finding

if TYPE_CHECKING:
    from collections.abc import Iterator

    from kafka.admin import KafkaAdminClient

    from fraudstream.settings import Settings


def check_group(admin: KafkaAdminClient, settings: Settings) -> Iterator[Finding]:
    """The group's members, and the records that it has not committed."""
    group = settings.worker.group
    members = len(admin.describe_groups([group])[group]["members"])
    waiting = lag(admin, group)
    seen = f"group {group} has {members} worker(s)"
    if waiting is None:
        yield Finding("group", ok=True, sentence=f"The {seen} and has committed nothing yet.")
    elif waiting and not members:
        mend = "start one with `fraudstream worker`"
        yield Finding("group", ok=False, sentence=f"The {seen} while about {waiting} records wait: {mend}.")
    else:
        yield Finding("group", ok=True, sentence=f"The {seen}; about {waiting} records wait.")


def lag(admin: KafkaAdminClient, group: str) -> int | None:
    """Records after the group's commits, of all partitions; None when it never committed.

    The marker that ends a sender's transaction takes an offset too, so one a partition is not counted.
    """
    committed = admin.list_group_offsets(group)[group]
    if not committed:
        return None
    ends = admin.list_partition_offsets(dict.fromkeys(committed, OffsetSpec.LATEST))
    waiting: int = sum(max(0, ends[place].offset - committed[place].offset - 1) for place in committed)
    return waiting
