"""Workers that are gone, not ready, restless or cannot commit."""

from __future__ import annotations

from tests.ops.story import HOUR, INFO, OTHER, STARTED, WORKER, Case, counted, counter, gauge


def _check(check: str, *parts: tuple[float | None, int]) -> dict[str, str]:
    return {f'fraudstream_readiness_check{{{WORKER},check="{check}"}}': gauge(*parts)}


def _owned(second: tuple[tuple[float | None, int], ...]) -> dict[str, str]:
    """Two workers with four partitions each, and what the second one holds."""
    length = sum(samples for _, samples in second)
    return {
        INFO: gauge((1, length)),
        INFO.replace('instance="a"', 'instance="b"'): gauge((1, length)),
        f"fraudstream_assigned_partitions{{{WORKER}}}": gauge((4, length)),
        f"fraudstream_assigned_partitions{{{OTHER}}}": gauge(*second),
    }


def _rebalances(*parts: tuple[float, int]) -> dict[str, str]:
    return {f'fraudstream_rebalances_total{{{WORKER},outcome="revoked"}}': counter(*parts)}


def _commits(le: str, length: int, *parts: tuple[float, int]) -> dict[str, str]:
    """Commits, 100 a minute, some of which take longer than `le` and less than 5 s."""
    bucket = f"fraudstream_commit_seconds_bucket{{{WORKER}"
    return {
        f'{bucket},le="{le}"}}': counter(*parts),
        f'{bucket},le="5.0"}}': counter((100, length)),
        f'{bucket},le="+Inf"}}': counter((100, length)),
    }


def _unserved(*parts: tuple[float | None, int]) -> dict[str, str]:
    return {f'fraudstream_unserved_partitions{{{WORKER},topic="transactions"}}': gauge(*parts)}


def _missing(*parts: tuple[float | None, int]) -> dict[str, str]:
    return {f'fraudstream_topic_missing{{{WORKER},topic="transactions"}}': gauge(*parts)}


def _failed_commits(*parts: tuple[float, int]) -> dict[str, str]:
    return {f'fraudstream_commits_total{{{WORKER},result="failed"}}': counter(*parts)}


LEARNER = 'fraudstream_worker_info{job="fraudstream",instance="c",agents="labelling,reputation,learning"}'
NOTED = f'fraudstream_starts_without_progress{{{WORKER},topic="transactions",partition="2"}}'
UP = f"up{{{WORKER}}}"
_FLAPS = ((0, 3), (1, 1), (0, 2), (1, 1))
"""Scrapes of a worker that starts every few seconds: answered or not."""
STALL = f"fraudstream_progress_age_seconds{{{WORKER}}}"

WORKERS = (
    Case("FraudstreamNobodyScores", {INFO: gauge((1, 10), (None, 20), (1, 10))}, 25, 35, before=10),
    Case("FraudstreamNobodyScores", {INFO: gauge((1, 10), (None, 4), (1, 10))}, None, 20, before=15),
    Case("FraudstreamNobodyLearns", {LEARNER: gauge((1, 10), (None, 40), (1, 10))}, 45, 55, before=25),
    Case("FraudstreamNobodyLearns", {LEARNER: gauge((1, 10), (None, 14), (1, 10))}, None, 30, before=24),
    Case("FraudstreamWorkerUnreachable", {UP: gauge((1, 5), (0, 10), (1, 5))}, 10, 17, before=7),
    Case("FraudstreamWorkerUnreachable", {UP: gauge((1, 5), (0, 3), (1, 5))}, None, 10, before=8),
    Case("FraudstreamWorkerNotReady", _check("broadcast", (1, 5), (0, 10), (1, 5)), 12, 17, before=9),
    Case("FraudstreamWorkerNotReady", _check("broadcast", (1, 5), (0, 5), (1, 9)), None, 12, before=10),
    Case("FraudstreamCanaryFails", _check("canary", (1, 5), (0, 5), (1, 5)), 8, 12, before=5),
    Case("FraudstreamCanaryFails", _check("canary", (1, 5), (0, 1), (1, 5)), None, 8, before=6),
    Case(
        "FraudstreamWorkerRestarts",
        {STARTED: gauge((1, 10), (600, 5), (900, 5), (1200, 60))},
        25,
        60,
        before=15,
    ),
    Case("FraudstreamWorkerRestarts", {STARTED: gauge((1, 10), (600, 5), (900, 65))}, None, 60, before=25),
    Case(
        "FraudstreamWorkerRestarts",
        {STARTED: gauge((1, 10), (600, 1), (None, 6), (950, 63)), UP: gauge((1, 10), *_FLAPS, (1, 60))},
        20,
        60,
        before=10,
        why="(31 starts in 400 s, two of them scraped)",
    ),
    Case(
        "FraudstreamWorkerRestarts",
        {STARTED: gauge((1, 10), (None, 7), (950, 63)), NOTED: gauge((0, 10), (None, 7), (5, 1), (0, 62))},
        20,
        60,
        before=10,
        why="(the successor alone was scraped)",
    ),
    Case(
        "FraudstreamWorkerRestarts",
        {STARTED: gauge((1, 10), (None, 2), (720, 30)), UP: gauge((1, 10), (0, 2), (1, 30))},
        None,
        40,
        before=20,
        why="(a rolling update)",
    ),
    Case("FraudstreamWorkerStalls", {STALL: gauge((0, 5), (45, 2), (0, 10))}, 8, 15, before=4),
    Case("FraudstreamWorkerStalls", {STALL: gauge((0, 5), (29, 2), (0, 10))}, None, 15, before=8),
    Case("FraudstreamGroupUnsettled", _rebalances((0, 20), (0.5, 20), (0, 20)), 39, 57, before=20),
    Case("FraudstreamGroupUnsettled", _rebalances((0, 20), (0.3, 20), (0, 20)), None, 57, before=39),
    Case(
        "FraudstreamPartitionsUnowned",
        _owned(((4, 6 * HOUR), (0, 15), (4, 10))),
        6 * HOUR + 10,
        6 * HOUR + 20,
        before=6 * HOUR + 3,
    ),
    Case(
        "FraudstreamPartitionsUnowned",
        _owned(((4, 6 * HOUR), (8, 1), (4, 30))),
        None,
        6 * HOUR + 20,
        before=6 * HOUR + 5,
        why="(counted twice while they move)",
    ),
    Case("FraudstreamPartitionsUnserved", _unserved((0, 5), (2, 10), (0, 5)), 8, 17, before=5),
    Case("FraudstreamPartitionsUnserved", _unserved((0, 20)), None, 17, before=5),
    Case("FraudstreamTopicMissing", _missing((0, 5), (1, 10), (0, 5)), 8, 17, before=5),
    Case("FraudstreamTopicMissing", _missing((0, 20)), None, 17, before=5),
    *counted("FraudstreamTopicReplaced", "fraudstream_logs_replaced_total", ',topic="transactions"'),
    *counted("FraudstreamPartitionOnTrial", "fraudstream_partition_trials_total", ',topic="transactions"'),
    Case("FraudstreamCommitsFail", _failed_commits((0, 5), (1, 1), (0, 30)), 10, 30, before=5),
    Case("FraudstreamCommitsFail", _failed_commits((0, 36)), None, 30, before=5),
    Case(
        "FraudstreamCommitsSlow",
        _commits("2.5", 60, (100, 10), (97, 20), (100, 30)),
        28,
        45,
        before=15,
    ),
    Case("FraudstreamCommitsSlow", _commits("2.5", 60, (100, 10), (99.5, 50)), None, 45, before=28),
)
