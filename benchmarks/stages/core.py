"""CPU microseconds per event of the core's stages at several batch sizes, beside profiles of plain objects.

    python benchmarks/stages/core.py [--out FILE]

The stream is seeded: 3,000 cards, 2,000 terminals, 20 days. Each figure is the best of a few rounds over the
same events on a warm store, by `time.process_time`, so that what else the machine does counts as little as it
can. A stage's time is what the whole batch takes, divided by its events; `rest` is the core between stages.
"""

from __future__ import annotations

import argparse
import json
import platform
import time
from collections import defaultdict
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from plain_profiles import PlainProfiles

from models.batch import EventBatch
from models.profiles.store import ProfileStore
from models.reputations.store import ReputationStore
from models.scoring.features import PROFILE
from models.scoring.pipeline import Scored, ScoringCore
from models.scoring.policy import FixedThresholdPolicy
from models.scoring.prior import PriorModel
from schemas.transaction import CardTransaction

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from models.arrays import Floats

BATCH_SIZES = (1, 8, 32, 100, 500)
EVENTS = 16_000
WARM_EVENTS = 8_000
MOST_BATCHES = 500
ROUNDS = 3
STAGES = ("columns", "profile", "features", "score", "decide", "rest")
CARDS, TERMINALS, SECONDS = 3_000, 2_000, 20 * 86_400.0


class StageClock:
    """Adds up the CPU seconds of each stage."""

    def __init__(self) -> None:
        self.seconds: defaultdict[str, float] = defaultdict(float)

    @contextmanager
    def __call__(self, stage: str) -> Iterator[None]:
        """Count what runs inside for ``stage``."""
        start = time.process_time()
        yield
        self.seconds[stage] += time.process_time() - start


def bank() -> list[CardTransaction]:
    """The seeded stream."""
    draws = np.random.default_rng(0)
    times = np.sort(draws.uniform(0.0, SECONDS, EVENTS)) + datetime(2026, 1, 1, tzinfo=UTC).timestamp()
    return [
        CardTransaction(
            transaction_id=f"t{number}",
            event_time=datetime.fromtimestamp(moment, UTC),
            card_id=f"card_{draws.integers(CARDS)}",
            merchant_id="m",
            terminal_id=f"terminal_{draws.integers(TERMINALS)}",
            amount=f"{draws.lognormal(3.0, 1.0):.2f}",
            currency="EUR",
            country=str(draws.choice(["FR", "DE"], p=[0.97, 0.03])),
            merchant_category_code="5411",
            channel="pos",
        )
        for number, moment in enumerate(times.tolist())
    ]


def core_round(events: Sequence[CardTransaction], size: int) -> dict[str, float]:
    """Microseconds per event of each stage in one round at this batch size."""
    clock = StageClock()
    core = ScoringCore(PriorModel(), ReputationStore(), lambda: FixedThresholdPolicy(0.5, 0.9))
    state = core.new_state()
    core.process(events[:WARM_EVENTS], range(WARM_EVENTS), state)
    core = ScoringCore(PriorModel(), ReputationStore(), lambda: FixedThresholdPolicy(0.5, 0.9), clock)
    count, whole = 0, time.process_time()
    for part, offsets in batches(len(events), size):
        results = core.process(events[part], offsets, state)
        count += sum(isinstance(result, Scored) for result in results)
    whole = time.process_time() - whole
    clock.seconds["columns"] = columns_seconds(events, size)
    clock.seconds["rest"] = whole - sum(clock.seconds.values())
    return {stage: 1e6 * clock.seconds[stage] / count for stage in STAGES} | {"whole": 1e6 * whole / count}


def columns_seconds(events: Sequence[CardTransaction], size: int) -> float:
    """CPU seconds to make the columns of every batch of a round."""
    start = time.process_time()
    for part, offsets in batches(len(events), size):
        EventBatch.of(events[part], offsets)
    return time.process_time() - start


def profile_round(events: Sequence[CardTransaction], size: int, make: Callable[[], Any]) -> float:
    """Microseconds per event to fold a round's batches into the profiles that ``make`` makes."""
    profiles = make()
    profiles.fold(EventBatch.of(events[:WARM_EVENTS], range(WARM_EVENTS)))
    columns = [EventBatch.of(events[part], offsets) for part, offsets in batches(len(events), size)]
    start = time.process_time()
    for batch in columns:
        profiles.fold(batch)
    return 1e6 * (time.process_time() - start) / sum(map(len, columns))


def batches(count: int, size: int) -> Iterator[tuple[slice, range]]:
    """Parts of the stream after the warm one, and their offsets."""
    for start in list(range(WARM_EVENTS, count - size + 1, size))[:MOST_BATCHES]:
        yield slice(start, start + size), range(start, start + size)


def check_comparison(events: Sequence[CardTransaction]) -> None:
    """Check that both kinds of profiles show the same.

    Raises:
        AssertionError: they do not.
    """
    batch = EventBatch.of(events[:WARM_EVENTS], range(WARM_EVENTS))
    seen: Floats = ProfileStore().fold(batch).columns.view(np.float64).reshape(len(batch), -1)
    plain = [view for view in PlainProfiles().fold(batch) if view is not None]
    np.testing.assert_allclose(np.array(plain), seen[:, : len(PROFILE)], rtol=1e-6, atol=1e-6)


def measure(events: Sequence[CardTransaction], size: int) -> dict[str, float]:
    """The best of the rounds of everything at one batch size."""
    rounds = [core_round(events, size) for _ in range(ROUNDS)]
    best = min(rounds, key=lambda figures: figures["whole"])
    for name, make in (("packed profiles", ProfileStore), ("plain profiles", PlainProfiles)):
        best[name] = min(profile_round(events, size, make) for _ in range(ROUNDS))
    return best


def main() -> None:
    """Measure, print a table and, when asked, write the figures."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--out", type=Path, help="file for the figures as JSON")
    out = parser.parse_args().out
    events = bank()
    check_comparison(events)
    figures = {size: measure(events, size) for size in BATCH_SIZES}
    names = list(figures[BATCH_SIZES[0]])
    print("CPU us per event" + "".join(f"{size:>10}" for size in BATCH_SIZES))
    for name in names:
        print(f"{name:<16}" + "".join(f"{figures[size][name]:>10.2f}" for size in BATCH_SIZES))
    if out:
        machine = {
            "python": platform.python_version(),
            "numpy": np.__version__,
            "machine": platform.platform(),
        }
        report = {"unit": "CPU microseconds per event", "machine": machine, "batch_sizes": figures}
        out.write_text(json.dumps(report, indent=2) + "\n")


if __name__ == "__main__":
    main()
