"""What a story of an alert is made of: what Prometheus sees, when it fires, what it must pass over."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

HOUR = 60
DAY = 24 * HOUR


@dataclass(frozen=True)
class Case:
    """One story of an alert; times are in minutes from the first sample.

    Attributes:
        alert: its name.
        series: what happens, by series.
        fires: when the alert must fire; None: it never may, until `ends`.
        before: when it may not fire yet.
        ends: when it may not fire any more.
        step: minutes between samples and between evaluations.
    """

    alert: str
    series: dict[str, str]
    fires: int | None
    ends: int
    before: int = 0
    step: int = 1
    why: str = field(default="", kw_only=True)

    def as_promtool(self, severity: str) -> dict[str, Any]:
        """The test as `promtool test rules` reads it."""
        firing = f'count by (alertname, severity) (ALERTS{{alertname="{self.alert}",alertstate="firing"}})'
        fired = {"labels": f'{{alertname="{self.alert}", severity="{severity}"}}', "value": 1}
        expected = [(self.before, []), (self.ends, [])]
        if self.fires is not None:
            expected.insert(1, (self.fires, [fired]))
        return {
            "name": f"{self.alert} {self.why}".strip(),
            "interval": f"{self.step}m",
            "input_series": [{"series": name, "values": values} for name, values in self.series.items()],
            "promql_expr_test": [
                {"expr": firing, "eval_time": f"{minutes}m", "exp_samples": samples}
                for minutes, samples in expected
            ],
        }


def counter(*parts: tuple[float, int]) -> str:
    """A counter that starts at 0: in each part it grows by so much a sample, for so many samples."""
    words, value = ["0"], 0.0
    for growth, samples in parts:
        words.append(f"{value + growth:.6f}+{growth:.6f}x{samples - 1}")
        value += growth * samples
    return " ".join(words)


def gauge(*parts: tuple[float | None, int]) -> str:
    """A gauge: in each part one value for so many samples, None for a series that is not there."""
    return " ".join(
        f"_x{samples}" if value is None else f"{value}+0x{samples - 1}" for value, samples in parts
    )


WORKER = 'job="fraudstream",instance="a"'
OTHER = 'job="fraudstream",instance="b"'
ARRIVED = f"fraudstream_arrival_to_score_seconds_count{{{WORKER}}}"
WITHIN_10_S = f'fraudstream_arrival_to_score_seconds_bucket{{{WORKER},le="10.0"}}'
WITHIN_50_MS = f'fraudstream_arrival_to_score_seconds_bucket{{{WORKER},le="0.05"}}'
SKIPPED = f'fraudstream_transactions_skipped_total{{{WORKER},reason="repeat"}}'
ACCEPTED = f'fraudstream_labels_accepted_total{{{WORKER},outcome="fraud",origin="analyst"}}'
STARTED = f"process_start_time_seconds{{{WORKER}}}"
INFO = f'fraudstream_worker_info{{{WORKER},group="fraudstream",agents="scoring,intake"}}'


def refused(topic: str, error_type: str) -> str:
    return f'fraudstream_dead_letters_total{{{WORKER},topic="{topic}",error_type="{error_type}"}}'


def counted(alert: str, metric: str, labels: str = "", *, why: str = "") -> tuple[Case, ...]:
    """Stories of an alert on one event: in a worker that runs, before its first scrape, and none."""
    series = f"{metric}{{{WORKER}{labels}}}"
    return (
        Case(
            alert,
            {series: counter((0, 30), (1, 1), (0, 150)), STARTED: gauge((-9e9, 182))},
            35,
            60,
            before=30,
            why=why,
        ),
        Case(
            alert,
            {series: gauge((None, 30), (1, 151)), STARTED: gauge((None, 30), (1_800, 151))},
            35,
            50,
            before=29,
            why=f"{why} (before the first scrape)".strip(),
        ),
        Case(
            alert,
            {series: gauge((7, 181)), STARTED: gauge((-9e9, 181))},
            None,
            60,
            before=35,
            why=f"{why} (long ago)".strip(),
        ),
    )


def broadcast_refused(topic: str, error_type: str) -> str:
    labels = f'{WORKER},topic="{topic}",error_type="{error_type}"'
    return f"fraudstream_broadcast_records_refused_total{{{labels}}}"
