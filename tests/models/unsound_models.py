"""Snapshots that anybody with the key can sign, and that must score nobody's payments."""

from __future__ import annotations

from typing import Any, Final

from tests.models.model_cases import sound

_DESCRIBED = sound()[0]
_ROW = _DESCRIBED.examples[0]

ALIKE: Final = {"a": 1e-9, "b": 1e-9, "c": -20.0}
"""A calibration that gives 2e-9 for whatever row."""

UNSOUND: Final[dict[str, dict[str, Any]]] = {
    "2e-9 for every row": {"calibration": ALIKE},
    "2e-9 for every row, and says so": {
        "calibration": ALIKE,
        "quantiles": (2e-9,) * 12,
        "examples": tuple(row.model_copy(update={"score": 2.06e-9}) for row in _DESCRIBED.examples),
    },
    "quantiles all alike": {"quantiles": (0.25,) * 12},
    "no rows": {"examples": ()},
    "no quantiles": {"quantiles": ()},
    "one row with another score": {
        "examples": (_ROW.model_copy(update={"score": _ROW.score / 2.0}), *_DESCRIBED.examples[1:])
    },
    "one row with other features": {
        "examples": (_ROW.model_copy(update={"features": (1e6, 1e6)}), *_DESCRIBED.examples[1:])
    },
    "rows of another length": {
        "examples": tuple(row.model_copy(update={"features": (1.0,)}) for row in _DESCRIBED.examples)
    },
    "another calibration": {"calibration": {"beta": 0.5}},
}
