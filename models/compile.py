"""From a learner to ONNX: trees become one ``TreeEnsembleRegressor``.

Leaves hold what they add to the score; ``nodes_hitrates`` holds the weight of the rows learnt below each
node, from which a reader computes what to expect of a branch (``models.contributions``).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

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

from models.tree_table import LEAF, TreeTable

if TYPE_CHECKING:
    from collections.abc import Sequence

    from models.arrays import Floats

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
