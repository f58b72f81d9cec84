"""Matured transactions for the tests of live quality."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from models.decay import DAY
from models.labelling.core import Observation
from models.quality.live import LiveQuality
from models.scoring.features import FEATURES_VERSION, NAMES
from tests.models.labelling_cases import row


def observed(
    score: float,
    *,
    fraud: bool = False,
    alerted: bool = False,
    labelled: bool = False,
    day: float = 0.0,
    name: str = "t",
) -> Observation:
    scored = replace(
        row(name, day, alerted=alerted),
        score=score,
        features=np.full(len(NAMES), score, dtype=np.float32),
        features_version=FEATURES_VERSION,
    )
    return Observation(scored, fraud, DAY if labelled else None)


def quality_of_all() -> LiveQuality:
    """Live quality that has something to tell under every name: the loss rose, then it fell."""
    quality = LiveQuality()
    chance = np.random.default_rng(1)
    for phase, missed in enumerate((False, True, False)):
        for number in range(2_000):
            fraud = number % 10 == 0
            score = 0.1 * chance.random() + (0.8 if fraud and not missed else 0.0)
            each = observed(
                score,
                fraud=fraud,
                alerted=score > 0.5,
                labelled=fraud,
                day=phase + number / 2_000,
                name=f"{phase}-{number}",
            )
            quality.take_score(each.row)
            quality.take_matured([each])
    return quality
