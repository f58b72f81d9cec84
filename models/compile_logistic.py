"""From a logistic model to ONNX, in double precision so that every row agrees with River's."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np
from onnx import NodeProto, TensorProto

from models.compile import INPUT, cast, model_bytes, probability

if TYPE_CHECKING:
    from models.arrays import Floats, Singles

MEANS: Final = "means"
SCALES: Final = "scales"
WEIGHTS: Final = "weights"
BOUND: Final = 6.0
"""Most deviations from its mean that a feature may count: one wild row must not turn a weight over."""


def scaled(values: Singles, means: Floats, scales: Floats) -> Floats:
    """The scale on which features [n, k] are weighed: bounded multiples of ``sign(x) ln(1 + |x|) - mean``.

    Amounts, counts and times span decades; a share or a flag is hardly bent by the logarithm.
    """
    columns = values.astype(np.float64)
    logarithms = np.copysign(np.log(1.0 + np.abs(columns)), columns)
    return np.clip((logarithms - means) * scales, -BOUND, BOUND)


def compile_logistic(means: Floats, scales: Floats, weights: Floats, bias: float) -> bytes:
    """A model whose log-odds are ``bias + sum of weight * scaled(x)`` over the features [k].

    Products are summed along each row, not as a matrix product, whose rounding depends on the batch.
    """
    constants = {
        MEANS: means,
        SCALES: scales,
        WEIGHTS: weights,
        "bias": np.array([bias]),
        "one": np.array([1.0]),
        "low": np.array(-BOUND),
        "high": np.array(BOUND),
        "columns": np.array([1]),
    }
    steps = [
        ("Abs", ["x"], "size"),
        ("Add", ["size", "one"], "more"),
        ("Log", ["more"], "logarithm"),
        ("Sign", ["x"], "sign"),
        ("Mul", ["logarithm", "sign"], "signed"),
        ("Sub", ["signed", MEANS], "distance"),
        ("Mul", ["distance", SCALES], "unbounded"),
        ("Clip", ["unbounded", "low", "high"], "scaled"),
        ("Mul", ["scaled", WEIGHTS], "terms"),
        ("ReduceSum", ["terms", "columns"], "sum"),
        ("Add", ["sum", "bias"], "log_odds"),
    ]
    nodes = [NodeProto(op_type=kind, input=inputs, output=[output]) for kind, inputs, output in steps]
    start = cast(INPUT, "x", TensorProto.DOUBLE)
    return model_bytes([start, *nodes, *probability("log_odds")], len(weights), constants)
