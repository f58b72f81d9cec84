"""Published figures of others, as rows of the report: batch models, each fitted anew for its fold.

Sources: Le Borgne, Siblini, Lebichot, Bontempi, *Reproducible Machine Learning for Credit Card Fraud
Detection - Practical Handbook*; github.com/jorgeasmz/Fraud-Stream-Detection.
"""

from __future__ import annotations

from typing import Any, Final

from fraudstream.backtest.names import ProtocolName

_HANDBOOK: Final = {
    "Decision tree": (0.797, 0.579, 0.284),
    "Logistic regression": (0.868, 0.623, 0.297),
    "Random forest": (0.870, 0.678, 0.299),
    "XGBoost": (0.872, 0.694, 0.304),
    "Balanced bagging": (0.879, 0.680, 0.305),
    "Multi-layer perceptron": (0.876, 0.675, 0.303),
    "Convolutional network": (0.872, 0.599, 0.288),
    "LSTM": (0.876, 0.665, 0.297),
    "LSTM with attention": (0.874, 0.667, 0.295),
}

PUBLISHED: Final[dict[ProtocolName, list[dict[str, Any]]]] = {
    ProtocolName.HANDBOOK: [
        {"name": f"{name} (Handbook)", "mean": dict(zip(("auc", "ap", "cp100"), figures, strict=True))}
        for name, figures in _HANDBOOK.items()
    ],
    ProtocolName.SECOND: [
        {
            "name": "Histogram boosting (Fraud-Stream-Detection)",
            "mean": {"cards_top100": 0.561, "transactions_top100": 0.620},
        }
    ],
}
"""By protocol; they hold for the published data only."""
