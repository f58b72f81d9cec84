"""Labels, models and the disk of labelling."""

from __future__ import annotations

from dataclasses import replace

from tests.ops.story import ACCEPTED, DAY, HOUR, OTHER, WORKER, Case, counted, counter, gauge


def _learnt(late: float, length: int, rate: float = 1) -> dict[str, str]:
    """Labels learnt, a share of them late from the 30th minute to the 90th."""
    name = "fraudstream_time_to_learn_seconds"
    within = counter((rate, 30), (rate * (1 - late), 60), (rate, length - 90))
    return {
        f"{name}_count{{{WORKER}}}": counter((rate, length)),
        f'{name}_bucket{{{WORKER},le="5.0"}}': within,
    }


def _versions(*, model: str, scorer: str, learner: str) -> dict[str, str]:
    return {
        f'fraudstream_model_version{{{WORKER},model="{model}"}}': scorer,
        'fraudstream_learner_version{job="fraudstream",instance="c",model="boost"}': learner,
    }


def _withheld(*parts: tuple[float, int]) -> dict[str, str]:
    """Snapshots of each minute that are not published, none of which failed."""
    return {
        f"fraudstream_snapshots_withheld_total{{{WORKER}}}": counter(*parts),
        f"fraudstream_snapshots_failed_total{{{WORKER}}}": counter((0, sum(samples for _, samples in parts))),
    }


AGE = f"fraudstream_model_age_seconds{{{WORKER}}}"
FREE = f"fraudstream_labelling_free_bytes{{{WORKER}}}"

LEARNING = (
    Case("FraudstreamTimeToLearnLong", _learnt(0.1, 240), 89, 200, before=45),
    Case("FraudstreamTimeToLearnLong", _learnt(0.04, 240), None, 200, before=89),
    Case("FraudstreamTimeToLearnLong", _learnt(0.5, 240, rate=0.3), None, 200, before=89, why="(18 an hour)"),
    Case(
        "FraudstreamLabelsStop",
        {ACCEPTED: counter((1, 2 * DAY // 10), (0, 3 * DAY // 10), (1, DAY // 10))},
        4 * DAY + 2 * HOUR,
        5 * DAY + HOUR,
        before=4 * DAY - HOUR,
        step=10,
    ),
    Case(
        "FraudstreamLabelsStop",
        {ACCEPTED: counter((1, 2 * DAY // 10), (0, 2 * DAY // 10 - 6), (1, 2 * DAY // 10))},
        None,
        5 * DAY,
        before=4 * DAY,
        step=10,
    ),
    Case("FraudstreamSnapshotsWithheld", _withheld((0, 10), (1, 40), (0, 60)), 45, 90, before=38),
    Case("FraudstreamSnapshotsWithheld", _withheld((0, 10), (1, 1), (0, 99)), None, 90, before=38),
    *(
        replace(case, ends=case.ends + HOUR)
        for case in counted("FraudstreamTransactionsForgotten", "fraudstream_labelling_lost_total")
    ),
    Case(
        "FraudstreamPriorScores",
        {
            f'fraudstream_model_version{{{WORKER},model="prior"}}': gauge((0, 60), (None, 30)),
            f'fraudstream_model_version{{{WORKER},model="boost"}}': gauge((None, 60), (900, 30)),
            'fraudstream_learner_version{job="fraudstream",instance="c",model="boost"}': gauge((900, 90)),
        },
        40,
        70,
        before=25,
    ),
    Case(
        "FraudstreamPriorScores",
        {
            f'fraudstream_model_version{{{WORKER},model="prior"}}': gauge((0, 90)),
            'fraudstream_learner_version{job="fraudstream",instance="c",model="boost"}': gauge((None, 90)),
        },
        None,
        70,
        before=40,
        why="(nothing is learnt yet)",
    ),
    Case(
        "FraudstreamPriorScores",
        {
            f'fraudstream_model_version{{{WORKER},model="prior"}}': gauge((0, 60), (None, 30)),
            f'fraudstream_model_version{{{OTHER},model="boost"}}': gauge((900, 90)),
        },
        40,
        70,
        before=10,
        why="(its peers use a model)",
    ),
    Case(
        "FraudstreamPriorScores",
        {f"fraudstream_scorecard_fallback{{{WORKER}}}": gauge((0, 10), (1, 50), (0, 30))},
        40,
        70,
        before=20,
        why="(it refuses every model)",
    ),
    Case(
        "FraudstreamModelBehind",
        _versions(model="boost", scorer=gauge((900, 50), (1_000, 20)), learner=gauge((900, 10), (1_000, 60))),
        45,
        55,
        before=30,
    ),
    Case(
        "FraudstreamModelBehind",
        _versions(model="boost", scorer=counter((10, 60)), learner="10+10x60"),
        None,
        55,
        before=40,
        why="(a minute behind)",
    ),
    Case(
        "FraudstreamModelBehind",
        _versions(model="forest", scorer=gauge((900, 70)), learner=gauge((1_000, 70))),
        None,
        55,
        before=45,
        why="(another model)",
    ),
    Case("FraudstreamModelOld", {AGE: gauge((86_000, 10), (86_401, 30), (2, 10))}, 30, 45, before=20),
    Case("FraudstreamModelOld", {AGE: gauge((86_000, 10), (86_399, 30), (2, 10))}, None, 45, before=30),
    Case(
        "FraudstreamLabellingDiskFills", {FREE: gauge((9e11, 10), (9e8, 60), (9e11, 10))}, 50, 75, before=30
    ),
    Case(
        "FraudstreamLabellingDiskFills",
        {FREE: "100e9-25e6x720 82e9+0x480"},
        12 * HOUR,
        20 * HOUR,
        before=5,
        why="(full within 3 days)",
    ),
    Case(
        "FraudstreamLabellingDiskFills",
        {FREE: "100e9-15e6x720"},
        None,
        12 * HOUR,
        before=6 * HOUR,
        why="(full in 4 days)",
    ),
    Case(
        "FraudstreamLabellingDiskFills",
        {FREE: " ".join(["NaN"] * 90)},
        None,
        80,
        before=60,
        why="(a worker that does not label)",
    ),
)
