"""Live quality, drift, and alerts that surge or stop."""

from __future__ import annotations

from tests.ops.story import DAY, HOUR, WORKER, Case, counter, gauge


def _live(name: str, *parts: tuple[float | None, int]) -> dict[str, str]:
    return {f"fraudstream_live_{name}{{{WORKER}}}": gauge(*parts)}


def _worse(*parts: tuple[float, int]) -> dict[str, str]:
    return {f'fraudstream_live_loss_changes_total{{{WORKER},direction="worse"}}': counter(*parts)}


def _calibration(error: float, fraud_ratio: float) -> dict[str, str]:
    """The error is so high from the 2nd hour to the 12th."""
    return {
        **_live("calibration_error", (0.0001, 12), (error, 60), (0.0001, 24)),
        **_live("fraud_ratio", (fraud_ratio, 96)),
    }


def _alerts(*parts: tuple[float, int]) -> dict[str, str]:
    """10,000 transactions a sample, of which so many raise an alert."""
    scored = f'fraudstream_transactions_scored_total{{{WORKER},kind="card",scored_by="boost"'
    return {
        f'{scored},decision="approve"}}': counter(*((10_000 - alerts, samples) for alerts, samples in parts)),
        f'{scored},decision="review"}}': counter(*parts),
    }


_STEP = 10
_DAYS = DAY // _STEP

QUALITY = (
    Case(
        "FraudstreamPrecisionFalls",
        _live("average_precision", (0.7, 3 * _DAYS), (0.45, 60), (0.7, _DAYS)),
        3 * DAY + 9 * HOUR,
        3 * DAY + 12 * HOUR,
        before=3 * DAY + 5 * HOUR,
        step=_STEP,
    ),
    Case(
        "FraudstreamPrecisionFalls",
        _live("average_precision", (0.7, 3 * _DAYS), (0.5, 60), (0.7, _DAYS)),
        None,
        3 * DAY + 12 * HOUR,
        before=3 * DAY + 9 * HOUR,
        step=_STEP,
    ),
    Case(
        "FraudstreamLossRises",
        _worse((0, 10), (1, 1), (0, 2 * _DAYS)),
        4 * HOUR,
        DAY + 3 * HOUR,
        before=HOUR,
        step=_STEP,
    ),
    Case("FraudstreamLossRises", _worse((0, 2 * _DAYS)), None, DAY, before=HOUR, step=_STEP),
    Case(
        "FraudstreamCalibrationOff",
        _calibration(0.006, 0.01),
        10 * HOUR,
        13 * HOUR,
        before=7 * HOUR,
        step=_STEP,
    ),
    Case(
        "FraudstreamCalibrationOff", _calibration(0.0049, 0.01), None, 13 * HOUR, before=10 * HOUR, step=_STEP
    ),
    Case(
        "FraudstreamCalibrationOff",
        _calibration(0.0019, 0.001),
        None,
        13 * HOUR,
        before=10 * HOUR,
        step=_STEP,
        why="(too small to matter)",
    ),
    Case(
        "FraudstreamDrift",
        {
            f'fraudstream_feature_stability_index{{{WORKER},feature="amount"}}': gauge(
                (0.01, 10), (0.26, 90), (0.01, 20)
            )
        },
        90,
        110,
        before=60,
    ),
    Case(
        "FraudstreamDrift",
        {f"fraudstream_score_stability_index{{{WORKER}}}": gauge((0.01, 10), (0.26, 90), (0.01, 20))},
        90,
        110,
        before=60,
        why="(of the score)",
    ),
    Case(
        "FraudstreamDrift",
        {
            f'fraudstream_feature_stability_index{{{WORKER},feature="amount"}}': gauge((0.24, 120)),
            f"fraudstream_score_stability_index{{{WORKER}}}": gauge((0.24, 120)),
        },
        None,
        110,
        before=90,
    ),
    Case(
        "FraudstreamAlertsSurge",
        _alerts((50, 3 * _DAYS), (400, 12), (50, 24)),
        3 * DAY + 90,
        3 * DAY + 5 * HOUR,
        before=3 * DAY,
        step=_STEP,
    ),
    Case(
        "FraudstreamAlertsSurge",
        _alerts((50, 3 * _DAYS), (140, 12), (50, 24)),
        None,
        3 * DAY + 5 * HOUR,
        before=3 * DAY + 90,
        step=_STEP,
    ),
    Case(
        "FraudstreamAlertsStop",
        _alerts((50, 3 * _DAYS), (0, 18), (50, 24)),
        3 * DAY + 110,
        3 * DAY + 5 * HOUR,
        before=3 * DAY + 40,
        step=_STEP,
    ),
    Case(
        "FraudstreamAlertsStop",
        _alerts((2, 3 * _DAYS), (0, 18), (2, 24)),
        None,
        3 * DAY + 5 * HOUR,
        before=3 * DAY + 110,
        step=_STEP,
        why="(12 would be usual)",
    ),
)
