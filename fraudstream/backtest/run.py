"""One backtest from its plan to its report."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from fraudstream.backtest.candidates.table import CANDIDATES, RULES
from fraudstream.backtest.files import Folder
from fraudstream.backtest.processes import run_all
from fraudstream.backtest.report.figures import PUBLISHED, summarise
from fraudstream.backtest.report.html import render
from fraudstream.backtest.sources.simulated import HandbookSource

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from fraudstream.backtest.plan import BacktestPlan
    from fraudstream.backtest.processes import Told


def run(
    plan: BacktestPlan, candidates: Sequence[str], path: Path, *, jobs: int, command: str, tell: Told
) -> dict[str, Any]:
    """Run the candidates that have not finished yet; write the report into the folder and return it.

    Args:
        plan: what is run.
        candidates: names; those that the yardsticks need come along.
        path: of the folder, made when missing.
        jobs: processes at once.
        command: for the report.
        tell: is called with the progress of each candidate.

    Raises:
        FraudstreamError: the folder is of another backtest, or a candidate failed.
    """
    folder = Folder(path)
    folder.claim(plan.fingerprint())
    run_all(plan, _unfinished(folder, candidates), path, jobs, tell)
    scores = {name: each for name in candidates if (each := folder.scores(name)) is not None}
    report = summarise(
        plan=plan,
        data=plan.source.load(plan.horizon),
        command=command,
        scores=scores,
        published=PUBLISHED.get(plan.name, []) if plan.source == HandbookSource() else [],
    )
    (path / "report.json").write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")
    (path / "report.html").write_text(render(report), encoding="utf-8")
    return report


def _unfinished(folder: Folder, candidates: Sequence[str]) -> list[str]:
    """Those still to run, with what they need."""
    needed = list(dict.fromkeys(candidates))
    features_missing = not folder.features.exists() or folder.scores(RULES) is None
    if features_missing and RULES not in needed and any(CANDIDATES[name].needs_features for name in needed):
        needed.insert(0, RULES)
    return [name for name in needed if folder.scores(name) is None or (name == RULES and features_missing)]
