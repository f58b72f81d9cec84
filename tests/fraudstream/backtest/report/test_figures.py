"""The report's words about a candidate."""

from __future__ import annotations

import numpy as np

from fraudstream.backtest.report.figures import _without_model


def test_a_learner_that_scored_like_the_rules_throughout_never_had_a_model() -> None:
    rules = np.array([np.nan, 0.1, 0.2])
    scores = {"rules": rules, "online": rules.copy(), "logistic": np.array([np.nan, 0.1, 0.3])}
    assert _without_model("online", scores)["note"] == "never had a model of its own"
    assert "50 frauds" in _without_model("online", scores)["about"]
    assert _without_model("rules", scores) == _without_model("logistic", scores) == {}
    assert _without_model("online", {"online": rules}) == {}
