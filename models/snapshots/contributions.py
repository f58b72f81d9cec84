"""How much each feature raised a score, read from the ONNX model alone.

Trees: on the way down, each step from a node to its child changes what to expect of the row; the change
counts for the feature that the node asked for. Over all trees the changes and the roots' values add up to the
model's sum. Source: Palczewska and others, *Interpreting random forest classification models using a feature
contribution method*, 2014; https://github.com/andosa/treeinterpreter.
Logistic model: weight times scaled distance from the mean, in log-odds.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, Protocol

import numpy as np
from onnx import AttributeProto, ModelProto, NodeProto, numpy_helper

from models.learners.onnx import LEAF, MEANS, SCALES, TREES, WEIGHTS, TreeTable, node_values, scaled

if TYPE_CHECKING:
    from models.arrays import Floats, Integers, Singles


class Contributor(Protocol):
    """Explains the scores of one model."""

    def contributions(self, values: Singles) -> Floats:
        """What each feature of rows [n, k] added, [n, k]."""


def contributor(onnx: bytes) -> Contributor:
    """What explains a model that ``models.learners.onnx`` made.

    Raises:
        ValueError: the model is none of those.
    """
    model = ModelProto.FromString(onnx)
    constants = {each.name: numpy_helper.to_array(each) for each in model.graph.initializer}
    first = model.graph.node[0]
    if first.op_type == TREES:
        return TreeContributor(_table(first))
    if {MEANS, SCALES, WEIGHTS} <= constants.keys():
        return LogisticContributor(constants[MEANS], constants[SCALES], constants[WEIGHTS])
    raise ValueError("the ONNX model is none that this service compiles")


class TreeContributor:
    """Explains the sum of trees."""

    def __init__(self, table: TreeTable) -> None:
        self._roots = np.flatnonzero(np.diff(table.tree, prepend=-1))
        self._feature = np.maximum(table.feature, 0)
        self._threshold = table.threshold
        self._children = np.stack([table.right, table.left])
        self._values = node_values(table)
        self.expected: Final = float(self._values[self._roots].sum())
        """Value of the roots: the sum of a row of which nothing is known."""

    def contributions(self, values: Singles) -> Floats:
        """Walk all trees at once, until every row is in a leaf of each; a leaf is its own child."""
        n, k = values.shape
        rows = np.repeat(np.arange(n), len(self._roots))
        nodes = np.tile(self._roots, n)
        contributions = np.zeros(n * k)
        while True:
            feature = self._feature[nodes]
            goes_left = values[rows, feature] <= self._threshold[nodes]
            children = self._children[goes_left.astype(np.intp), nodes]
            if (children == nodes).all():
                return contributions.reshape(n, k)
            changes = self._values[children] - self._values[nodes]
            contributions += np.bincount(rows * k + feature, changes, n * k)
            nodes = children


class LogisticContributor:
    """Explains log-odds."""

    def __init__(self, means: Floats, scales: Floats, weights: Floats) -> None:
        self._means = means
        self._scales = scales
        self._weights = weights

    def contributions(self, values: Singles) -> Floats:
        """Weight times scaled distance from the mean."""
        return self._weights * scaled(values, self._means, self._scales)


def _column(attribute: AttributeProto) -> Any:
    """An attribute's numbers as an array."""
    if attribute.type == AttributeProto.INTS:
        return np.fromiter(attribute.ints, np.int64, len(attribute.ints))
    return np.fromiter(attribute.floats, np.float64, len(attribute.floats))


def _table(node: NodeProto) -> TreeTable:
    """The trees that an operator's attributes describe."""
    column = {
        each.name: _column(each)
        for each in node.attribute
        if each.type in {AttributeProto.INTS, AttributeProto.FLOATS}
    }
    tree: Integers = column["nodes_treeids"]
    starts = np.flatnonzero(np.diff(tree, prepend=-1))
    leaves = starts[column["target_treeids"]] + column["target_nodeids"]
    feature = column["nodes_featureids"]
    left = starts[tree] + column["nodes_truenodeids"]
    right = starts[tree] + column["nodes_falsenodeids"]
    value = np.zeros(len(tree))
    feature[leaves], left[leaves], right[leaves] = LEAF, leaves, leaves
    value[leaves] = column["target_weights"]
    threshold = column["nodes_values"].astype(np.float32)
    return TreeTable(tree, feature, threshold, left, right, column["nodes_hitrates"], value)
