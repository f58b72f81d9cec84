"""Transactions and labels that wait, stop or are refused, and what scorers refuse or do not hear."""

from __future__ import annotations

from tests.ops.story import (
    ACCEPTED,
    ARRIVED,
    DAY,
    HOUR,
    SKIPPED,
    STARTED,
    WORKER,
    Case,
    broadcast_refused,
    counted,
    counter,
    gauge,
    refused,
)


def _waits(topic: str, *parts: tuple[float | None, int]) -> dict[str, str]:
    return {f'fraudstream_waiting_seconds{{{WORKER},topic="{topic}",partition="3"}}': gauge(*parts)}


def _arrivals(*parts: tuple[float, int], length: int = 0) -> dict[str, str]:
    """Transactions scored, none known already and none refused."""
    length = length or sum(samples for _, samples in parts)
    return {
        ARRIVED: counter(*parts),
        SKIPPED: counter((0, length)),
        refused("transactions", "not-json"): counter((0, length)),
    }


def _lag(growth: float, length: int) -> dict[str, str]:
    """60 transactions a minute are scored, and so many more arrive, from the 10th minute to the 20th."""
    lag = f'fraudstream_lag_records{{{WORKER},topic="transactions",partition="0"}}'
    risen = counter((0, 10), (growth, 10))
    return {lag: f"{risen} {growth * 10}+0x{length - 22}", **_arrivals((60, length))}


def _refusals(topic: str, accepted: str, *parts: tuple[float, int]) -> dict[str, str]:
    """So many messages a minute that are taken in, and some that are refused."""
    length = sum(samples for _, samples in parts)
    return {
        accepted: counter((100, length)),
        SKIPPED: counter((0, length)),
        refused(topic, "not-json"): counter(*parts),
    }


def _replays(*parts: tuple[float, int]) -> dict[str, str]:
    """600 transactions a minute are scored, and so many passed over as read before."""
    length = sum(samples for _, samples in parts)
    replayed = SKIPPED.replace('reason="repeat"', 'reason="replay"')
    return {**_arrivals((600, length)), replayed: counter(*parts)}


def _amounts_unknown(*parts: tuple[float, int]) -> dict[str, str]:
    """100 transactions a minute, and of how many the amount is not known."""
    unknown = f"fraudstream_transactions_amount_unknown_total{{{WORKER}}}"
    return {unknown: counter(*parts), ARRIVED: counter((100, sum(samples for _, samples in parts)))}


def _unaccounted(*parts: tuple[float | None, int]) -> dict[str, str]:
    return {f'fraudstream_unaccounted_records{{{WORKER},topic="transactions"}}': gauge(*parts)}


_FIVES = DAY // 5
_LOST = "fraudstream_records_lost_total"

FLOW = (
    Case(
        "FraudstreamTransactionsWait",
        _waits("bank.transactions", (0, 5), (31, 5), (0, 5)),
        8,
        12,
        before=5,
    ),
    Case("FraudstreamTransactionsWait", _waits("transactions", (0, 5), (29, 5), (0, 5)), None, 12, before=8),
    Case("FraudstreamTransactionsWait", _waits("scores", (0, 5), (99, 5), (0, 5)), None, 12, before=8),
    Case("FraudstreamLagGrows", _lag(30, 60), 19, 45, before=9),
    Case("FraudstreamLagGrows", _lag(5, 60), None, 45, before=19),
    Case("FraudstreamLearningWaits", _waits("scores", (0, 5), (601, 10), (0, 5)), 14, 17, before=8),
    Case("FraudstreamLearningWaits", _waits("scores", (0, 5), (599, 10), (0, 5)), None, 17, before=14),
    Case(
        "FraudstreamTransactionsStop",
        _arrivals((300, _FIVES + 12), (0, 12), (300, 12)),
        DAY + 90,
        DAY + 2 * HOUR + 10,
        before=DAY + 70,
        step=5,
    ),
    Case(
        "FraudstreamTransactionsStop",
        _arrivals((25, _FIVES + 12), (0, 12), (25, 12)),
        None,
        DAY + 2 * HOUR + 10,
        before=DAY + 90,
        step=5,
        why="(never more than 5 a minute)",
    ),
    Case(
        "FraudstreamTransactionsStop",
        _arrivals((3_000, 5 * _FIVES), (0, 2 * _FIVES), (3_000, 5 * _FIVES), (0, 2 * _FIVES)),
        None,
        12 * DAY + 6 * HOUR,
        before=12 * DAY + 20,
        step=5,
        why="(a weekend like the one before)",
    ),
    Case(
        "FraudstreamTransactionsStop",
        _arrivals((3_000, 10 * _FIVES), (0, 12), (3_000, 12)),
        10 * DAY + 30,
        10 * DAY + 100,
        before=10 * DAY + 10,
        step=5,
        why="(on a day like the week before)",
    ),
    Case("FraudstreamReplays", _replays((0, 30), (60, 15), (0, 30)), 44, 70, before=30),
    Case(
        "FraudstreamReplays",
        _replays((0, 30), (450, 1), (0, 44)),
        None,
        70,
        before=32,
        why="(what a killed worker had in hand)",
    ),
    Case("FraudstreamAmountsUnknown", _amounts_unknown((0, 60), (10, 60), (0, 90)), 118, 200, before=60),
    Case("FraudstreamAmountsUnknown", _amounts_unknown((4, 210)), None, 200, before=118),
    Case("FraudstreamRecordsUnaccounted", _unaccounted((0, 10), (1, 5), (0, 30)), 12, 40, before=9),
    Case(
        "FraudstreamRecordsUnaccounted",
        _unaccounted((0, 10), (-1, 5), (0, 30)),
        12,
        40,
        before=9,
        why="(more came out than went in)",
    ),
    Case("FraudstreamRecordsUnaccounted", _unaccounted((0, 45)), None, 40, before=12),
    *counted("FraudstreamRecordsLost", _LOST, ',topic="transactions",error_type="records-lost"'),
    *counted("FraudstreamRecordsLost", _LOST, ',topic="scores",error_type="unreadable-batch"', why="(ours)"),
    Case(
        "FraudstreamMessagesRefused",
        _refusals("transactions", ARRIVED, (0, 20), (1.2, 40), (0, 30)),
        50,
        85,
        before=20,
    ),
    Case(
        "FraudstreamMessagesRefused",
        _refusals("transactions", ARRIVED, (0, 20), (0.9, 40), (0, 30)),
        None,
        85,
        before=50,
    ),
    Case(
        "FraudstreamMessagesRefused",
        _refusals("bank.labels", ACCEPTED, (0, 20), (1.2, 40), (0, 30)),
        50,
        85,
        before=20,
        why="(labels)",
    ),
    Case(
        "FraudstreamRefusalsBurst",
        _refusals("transactions", ARRIVED, (0, DAY // 2), (24, 5), (0, 15)),
        DAY + 8,
        DAY + 26,
        before=DAY,
        step=2,
    ),
    Case(
        "FraudstreamRefusalsBurst",
        _refusals("transactions", ARRIVED, (0, DAY // 2), (16, 5), (0, 15)),
        None,
        DAY + 26,
        before=DAY + 8,
        step=2,
    ),
    Case(
        "FraudstreamRefusalsBurst",
        _refusals("transactions", ARRIVED, (4, DAY // 2), (36, 5), (4, 15)),
        None,
        DAY + 26,
        before=DAY + 8,
        step=2,
        why="(not ten times the usual)",
    ),
    Case(
        "FraudstreamInternalErrors",
        {
            refused("transactions", "internal-error"): counter((0, 30), (1, 1), (0, 30)),
            STARTED: gauge((-9e9, 61)),
        },
        35,
        50,
        before=30,
    ),
    Case(
        "FraudstreamInternalErrors",
        {refused("examples", "not-json"): counter((0, 30), (1, 1), (0, 30)), STARTED: gauge((-9e9, 61))},
        35,
        50,
        before=30,
        why="(a message of our own)",
    ),
    Case(
        "FraudstreamInternalErrors",
        {
            refused("transactions", "internal-error"): gauge((None, 30), (1, 31)),
            STARTED: gauge((None, 30), (1_800, 31)),
        },
        35,
        50,
        before=29,
        why="(before the first scrape)",
    ),
    Case(
        "FraudstreamInternalErrors",
        {refused("transactions", "not-json"): counter((0, 30), (9, 30)), STARTED: gauge((-9e9, 61))},
        None,
        50,
        before=35,
        why="(a message that is wrong itself)",
    ),
    Case(
        "FraudstreamBroadcastStale",
        {f"fraudstream_broadcast_staleness_seconds{{{WORKER}}}": gauge((1, 5), (61, 5), (1, 5))},
        9,
        12,
        before=6,
    ),
    Case(
        "FraudstreamBroadcastStale",
        {f"fraudstream_broadcast_staleness_seconds{{{WORKER}}}": gauge((1, 5), (59, 5), (1, 5))},
        None,
        12,
        before=9,
    ),
    *(
        case
        for alert, its, others in (
            ("FraudstreamSignatureRefused", "bad-signature", "old-version"),
            ("FraudstreamBroadcastRefused", "old-version", "bad-signature"),
        )
        for case in (
            Case(
                alert,
                {
                    broadcast_refused("models", its): counter((0, 30), (1, 1), (0, 30)),
                    STARTED: gauge((-9e9, 61)),
                },
                35,
                50,
                before=30,
            ),
            Case(
                alert,
                {
                    broadcast_refused("models", its): gauge((None, 30), (1, 31)),
                    STARTED: gauge((None, 30), (1_800, 31)),
                },
                35,
                50,
                before=29,
                why="(while it started)",
            ),
            Case(
                alert,
                {
                    broadcast_refused("models", others): counter((0, 30), (1, 1), (0, 30)),
                    STARTED: gauge((-9e9, 61)),
                },
                None,
                50,
                before=35,
            ),
        )
    ),
)
