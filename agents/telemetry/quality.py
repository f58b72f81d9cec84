"""Live quality as metrics: what each measure is, and its values at the moment of the scrape.

A measure that rests on too little has no value, rather than a number that chance made; `docs/quality.md` says
what to do when one moves.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from prometheus_client import CollectorRegistry
    from prometheus_client.core import Metric

    from models.quality.live import LiveQuality

MEASURES: Final = {
    "matured_transactions": "Transactions that the live measures rest on: matured ones, fading over 7 days.",
    "fraud_ratio": "Frauds by all matured transactions, fading over 7 days.",
    "average_precision": (
        "Mean over matured frauds of the precision among transactions scored as high or higher, fading over "
        "7 days; scores are those given in production."
    ),
    "roc_auc": (
        "Chance that a matured fraud was scored higher than a matured genuine transaction, a tie counting "
        "half, fading over 7 days."
    ),
    "log_loss": "Mean over matured transactions of -ln of the chance given to what came true, 7 at most.",
    "calibration_error": (
        "Mean distance of score and share of frauds over the levels of score, weighted by matured "
        "transactions, fading over 7 days."
    ),
    "alert_precision": "Frauds among alerts by alerts, of matured transactions, fading over 7 days.",
    "alert_recall": "Frauds among alerts by frauds, of matured transactions, fading over 7 days.",
    "alert_ratio": "Alerts by all matured transactions, fading over 7 days.",
    "label_coverage_ratio": (
        "Transactions with a label at their horizon by all matured transactions, fading over 7 days."
    ),
    "alert_label_coverage_ratio": (
        "Alerts with a label at their horizon by all matured alerts, fading over 7 days."
    ),
}
"""The help text of each measure of `LiveQuality.measures`."""

_LOSS_CHANGES: Final = (
    "Changes of the mean log loss of matured transactions that ADWIN found since the start: worse = it rose."
)
_SCORE_STABILITY: Final = (
    "Population stability index of scores: sum of (c - r) ln(c / r) over bins by deciles, c among new "
    "transactions, r among those that matured last."
)
_FEATURE_STABILITY: Final = (
    "Population stability index of each feature: sum of (c - r) ln(c / r) over bins by deciles, c among new "
    "transactions, r among those that matured last."
)
_SCORE: Final = "score"


class QualityMetrics:
    """Shows the live quality of one worker.

    Args:
        quality: what is shown.
        registry: where `/metrics` reads from.
    """

    def __init__(self, quality: LiveQuality, registry: CollectorRegistry) -> None:
        self._quality = quality
        registry.register(self)

    def describe(self) -> Iterable[Metric]:
        """Name the metrics to the registry without working them out."""
        return self._families({}, {}, {})

    def collect(self) -> Iterable[Metric]:
        """Give what can be told now; comparing some thousand rows takes about 10 ms."""
        quality = self._quality
        return self._families(quality.measures(), quality.loss_changes(), quality.stability())

    @staticmethod
    def _families(
        measures: dict[str, float], changes: dict[str, int], stability: dict[str, float]
    ) -> Iterator[Metric]:
        for name, documentation in MEASURES.items():
            yield GaugeMetricFamily(f"fraudstream_live_{name}", documentation, measures.get(name))
        loss = CounterMetricFamily("fraudstream_live_loss_changes", _LOSS_CHANGES, labels=["direction"])
        for direction, count in changes.items():
            loss.add_metric([direction], count)
        yield loss
        yield GaugeMetricFamily("fraudstream_score_stability_index", _SCORE_STABILITY, stability.get(_SCORE))
        features = GaugeMetricFamily(
            "fraudstream_feature_stability_index", _FEATURE_STABILITY, labels=["feature"]
        )
        for name, index in stability.items():
            if name != _SCORE:
                features.add_metric([name], index)
        yield features
