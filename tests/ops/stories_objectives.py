"""Budgets that burn too fast, at each burn rate."""

from __future__ import annotations

from tests.ops.story import ARRIVED, DAY, HOUR, WITHIN_10_S, WITHIN_50_MS, Case, counter, refused


def _bad_share(bucket: str, *parts: tuple[float, int], rate: float = 600) -> dict[str, str]:
    """Transactions at `rate` a sample, of which a share misses the bucket in each part."""
    none = counter((0, sum(samples for _, samples in parts)))
    return {
        ARRIVED: counter(*((rate, samples) for _, samples in parts)),
        bucket: counter(*((rate * (1 - share), samples) for share, samples in parts)),
        refused("transactions", "internal-error"): none,
    }


def _budget(name: str, bucket: str, allowed: float) -> tuple[Case, ...]:
    """Burn rates of one objective, each just above and just below."""
    fast, slow = f"Fraudstream{name}BudgetBurnsFast", f"Fraudstream{name}BudgetBurnsSlowly"

    def share(burn: float, *samples: int) -> dict[str, str]:
        before, during, after = samples
        return _bad_share(bucket, (0, before), (burn * allowed, during), (0, after))

    hour, day = HOUR // 10, DAY // 30
    return (
        Case(fast, share(16, HOUR, HOUR, 2 * HOUR), 119, 160, before=HOUR, why="(16 x for an hour)"),
        Case(fast, share(5.8, 1, 7 * hour, hour), None, 7 * HOUR, before=6 * HOUR, step=10, why="(5.8 x)"),
        Case(
            slow, share(3.2, 2, day, 2 * day), DAY + 30, 3 * DAY, before=30, step=30, why="(3.2 x for a day)"
        ),
        Case(slow, share(0.9, 2, 3 * day, 2), None, 3 * DAY, before=DAY, step=30, why="(0.9 x)"),
    )


OBJECTIVES = (
    *_budget("Scoring", WITHIN_10_S, 0.001),
    *_budget("Latency", WITHIN_50_MS, 0.01),
    Case(
        "FraudstreamScoringBudgetBurnsFast",
        _bad_share(WITHIN_10_S, (0, 1), (0.0062, 42), (0, 6)),
        6 * HOUR,
        8 * HOUR,
        before=10,
        step=10,
        why="(6.2 x for 6 hours)",
    ),
    Case(
        "FraudstreamScoringBudgetBurnsSlowly",
        _bad_share(WITHIN_10_S, (0, 2), (0.0011, 3 * DAY // 30), (0, DAY // 30)),
        3 * DAY + 30,
        4 * DAY,
        before=30,
        step=30,
        why="(1.1 x for 3 days)",
    ),
    Case(
        "FraudstreamScoringBudgetBurnsFast",
        _bad_share(WITHIN_10_S, (1, 2 * HOUR), rate=0.05),
        None,
        2 * HOUR,
        before=HOUR,
        why="(all of them, but only 6)",
    ),
    Case(
        "FraudstreamScoringBudgetBurnsFast",
        {
            ARRIVED: counter((60, 4 * HOUR)),
            WITHIN_10_S: counter((60, 4 * HOUR)),
            refused("transactions", "internal-error"): counter((0, HOUR), (1.2, HOUR), (0, 2 * HOUR)),
        },
        119,
        160,
        before=HOUR,
        why="(2 % set apart as internal-error)",
    ),
    *(
        Case(
            f"Fraudstream{name}BudgetBurns{speed}",
            _bad_share(bucket, (1, 2), (0, 3 * HOUR)),
            None,
            3 * HOUR,
            before=1,
            why="(the first two minutes after an install)",
        )
        for name, bucket in (("Scoring", WITHIN_10_S), ("Latency", WITHIN_50_MS))
        for speed in ("Fast", "Slowly")
    ),
)
