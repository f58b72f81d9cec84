"""Learners compiled to ONNX: trees to one ``TreeEnsembleRegressor``, a logistic model to double precision.

Thresholds are float32, as ONNX has them. River compares with float64 thresholds; rounded down to the next
float32, a threshold decides on every float32 value as the original does.

Leaves hold what they add to the score; ``nodes_hitrates`` holds the weight of the rows learned below each
node, from which a reader computes what to expect of a branch (``models.snapshots.contributions``).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from onnx import (
    AttributeProto,
    GraphProto,
    ModelProto,
    NodeProto,
    OperatorSetIdProto,
    TensorProto,
    ValueInfoProto,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from models.arrays import Floats, Integers, Singles

LEAF: Final = -1
"""The feature of a leaf."""


@dataclass(frozen=True, slots=True)
class TreeTable:
    """Nodes [n] of all trees, tree after tree, each tree's root first and children after their parents."""

    tree: Integers
    feature: Integers
    """Column that the node asks for, ``LEAF`` in a leaf."""
    threshold: Singles
    """Rows at or below it go left; 0 in a leaf."""
    left: Integers
    """Number of the child in this table; its own number in a leaf."""
    right: Integers
    hits: Floats
    """Weight of the rows that were learnt below the node."""
    value: Floats
    """What a leaf adds to the score; 0 in a branch."""

    def __len__(self) -> int:
        return len(self.tree)


def round_down(thresholds: Floats) -> Singles:
    """The largest float32 that is not above each threshold: ``x <= t`` stays as it is for every float32 x."""
    with np.errstate(over="ignore"):
        singles = thresholds.astype(np.float32)
    return np.where(singles > thresholds, np.nextafter(singles, np.float32(-np.inf)), singles)


def tree_table(roots: Iterable[Any], value: Callable[[Any, int], float]) -> TreeTable:
    """Write River's binary trees, whose features are the numbers of their columns, as a table.

    Args:
        roots: one a tree; nothing stands for a tree that has learnt nothing.
        value: what a leaf of the tree of this number adds to the score.
    """
    rows: list[tuple[int, int, float, float, float]] = []
    right: list[int] = []
    for tree, root in enumerate(roots):
        waiting: list[tuple[Any, int | None]] = [(root, None)]
        while waiting:
            node, parent = waiting.pop()
            place = len(rows)
            right.append(place)
            if parent is not None:
                right[parent] = place
            if hasattr(node, "children"):
                rows.append((tree, node.feature, node.threshold, 0.0, 0.0))
                # The left child is popped first, so it comes right after its parent.
                waiting += [(node.children[1], place), (node.children[0], None)]
            else:
                hits = 0.0 if node is None else node.total_weight
                rows.append((tree, LEAF, 0.0, hits, value(node, tree)))
    trees, features, thresholds, weights, values = zip(*rows, strict=True)
    feature = np.array(features, dtype=np.int64)
    table = TreeTable(
        tree=np.array(trees, dtype=np.int64),
        feature=feature,
        threshold=round_down(np.array(thresholds, dtype=np.float64)),
        left=np.arange(len(rows)) + (feature != LEAF),
        right=np.array(right, dtype=np.int64),
        hits=np.array(weights, dtype=np.float64),
        value=np.array(values, dtype=np.float64),
    )
    for level in reversed(levels(table)):
        table.hits[level] = table.hits[table.left[level]] + table.hits[table.right[level]]
    return table


def levels(table: TreeTable) -> list[Integers]:
    """The branches of each depth, the roots' first."""
    roots = np.flatnonzero(np.diff(table.tree, prepend=-1))
    found = []
    level = roots[table.feature[roots] != LEAF]
    while len(level):
        found.append(level)
        below = np.concatenate([table.left[level], table.right[level]])
        level = below[table.feature[below] != LEAF]
    return found


def node_values(table: TreeTable) -> Floats:
    """What to expect of each node [n]: its leaves' values, averaged by the weight that came to them."""
    values = table.value.copy()
    for level in reversed(levels(table)):
        left, right = table.left[level], table.right[level]
        together = table.hits[left] + table.hits[right]
        share = np.where(together > 0.0, table.hits[left] / np.where(together > 0.0, together, 1.0), 0.5)
        values[level] = share * values[left] + (1.0 - share) * values[right]
    return values


INPUT: Final = "features"
OUTPUT: Final = "score"
TREES: Final = "TreeEnsembleRegressor"
_ML: Final = "ai.onnx.ml"
_OPSETS: Final = {"": 17, _ML: 3}
_IR_VERSION: Final = 8


def compile_trees(table: TreeTable, n_features: int, *, base: float = 0.0, logistic: bool = False) -> bytes:
    """A model whose score is ``base`` plus the sum of the leaves that a row comes to.

    Args:
        table: the trees; what their leaves add is meant to give a score in [0, 1] together.
        n_features: columns that the model takes, whether the trees ask for them or not.
        base: added to the sum.
        logistic: the sum is log-odds, and the score the probability of these odds.
    """
    node = NodeProto(op_type=TREES, domain=_ML, input=[INPUT], output=["sum" if logistic else OUTPUT])
    leaves = np.flatnonzero(table.feature == LEAF)
    starts = np.flatnonzero(np.diff(table.tree, prepend=-1))
    own = np.arange(len(table)) - starts[table.tree]
    is_leaf = table.feature == LEAF
    modes = np.where(is_leaf, b"LEAF", b"BRANCH_LEQ")
    _integers(node, "n_targets", 1)
    _integers(node, "nodes_treeids", table.tree.tolist())
    _integers(node, "nodes_nodeids", own.tolist())
    _integers(node, "nodes_featureids", np.maximum(table.feature, 0).tolist())
    _integers(node, "nodes_truenodeids", np.where(is_leaf, 0, table.left - starts[table.tree]).tolist())
    _integers(node, "nodes_falsenodeids", np.where(is_leaf, 0, table.right - starts[table.tree]).tolist())
    _reals(node, "nodes_values", table.threshold.tolist())
    _reals(node, "nodes_hitrates", table.hits.tolist())
    node.attribute.append(
        AttributeProto(name="nodes_modes", type=AttributeProto.STRINGS, strings=modes.tolist())
    )
    _integers(node, "target_treeids", table.tree[leaves].tolist())
    _integers(node, "target_nodeids", own[leaves].tolist())
    _integers(node, "target_ids", [0] * len(leaves))
    _reals(node, "target_weights", table.value[leaves].tolist())
    if base:
        _reals(node, "base_values", [base])
    return model_bytes([node, *probability("sum")] if logistic else [node], n_features)


def probability(log_odds: str) -> list[NodeProto]:
    """From log-odds of this name, in any precision, to ``OUTPUT``; onnxruntime leaves LOGISTIC to us."""
    return [
        cast(log_odds, "log_odds_double", TensorProto.DOUBLE),
        NodeProto(op_type="Sigmoid", input=["log_odds_double"], output=["probability"]),
        cast("probability", OUTPUT, TensorProto.FLOAT),
    ]


def cast(source: str, to: str, data_type: int) -> NodeProto:
    """Change the precision of a tensor."""
    attribute = AttributeProto(name="to", type=AttributeProto.INT, i=data_type)
    return NodeProto(op_type="Cast", input=[source], output=[to], attribute=[attribute])


def model_bytes(
    nodes: Sequence[NodeProto], n_features: int, constants: dict[str, Floats] | None = None
) -> bytes:
    """A whole model of these nodes, from ``INPUT`` float32 [n, k] to ``OUTPUT`` float32 [n, 1].

    Args:
        nodes: in the order in which they are computed.
        n_features: ``k``.
        constants: arrays that nodes take by these names, float64.
    """
    graph = GraphProto(
        name="fraudstream",
        node=nodes,
        input=[_matrix(INPUT, n_features)],
        output=[_matrix(OUTPUT, 1)],
        initializer=[
            TensorProto(
                name=name,
                data_type=TensorProto.INT64 if array.dtype == np.int64 else TensorProto.DOUBLE,
                dims=array.shape,
                raw_data=array.tobytes(),
            )
            for name, array in (constants or {}).items()
        ],
    )
    model = ModelProto(
        ir_version=_IR_VERSION,
        producer_name="fraudstream",
        graph=graph,
        opset_import=[
            OperatorSetIdProto(domain=domain, version=version) for domain, version in _OPSETS.items()
        ],
    )
    serialised: bytes = model.SerializeToString(deterministic=True)
    return serialised


def _matrix(name: str, columns: int) -> ValueInfoProto:
    """Declare a float32 matrix of any number of rows."""
    value = ValueInfoProto(name=name)
    value.type.tensor_type.elem_type = TensorProto.FLOAT
    value.type.tensor_type.shape.dim.add(dim_param="n")
    value.type.tensor_type.shape.dim.add(dim_value=columns)
    return value


def _integers(node: NodeProto, name: str, values: int | list[int]) -> None:
    if isinstance(values, int):
        node.attribute.append(AttributeProto(name=name, type=AttributeProto.INT, i=values))
    else:
        node.attribute.append(AttributeProto(name=name, type=AttributeProto.INTS, ints=values))


def _reals(node: NodeProto, name: str, values: list[float]) -> None:
    node.attribute.append(AttributeProto(name=name, type=AttributeProto.FLOATS, floats=values))


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
