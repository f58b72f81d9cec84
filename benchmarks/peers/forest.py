"""The model that all systems score by: a small random forest, the same on every run and machine.

    python benchmarks/peers/forest.py FOLDER

It writes `forest.json` (plain arrays, for whoever walks trees) and `forest.onnx` (for whoever runs ONNX). The
forest learns from the benchmark's own traffic with the simulator's frauds: it has to cost what a real one
costs, not to be good. No rounding can move a decision: trees split in the middle of wide gaps between values,
a leaf is a multiple of 1/1024, and a threshold lies half-way between two scores that can be.
"""

from __future__ import annotations

import argparse
import json
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from benchmarks import traffic
from benchmarks.peers.job import new_core
from fraudstream.simulate.cards import CardWorld
from fraudstream.simulate.handbook import Handbook
from models.learners.onnx import LEAF, TreeTable, compile_trees, tree_table
from models.scoring.features import EVENT, PROFILE
from models.scoring.pipeline import Scored
from schemas.transaction import decode_transaction

if TYPE_CHECKING:
    from collections.abc import Sequence

    from models.arrays import Flags, Floats, Integers, Singles

FEATURES: Final = len(EVENT) + len(PROFILE)
"""The forest asks for the first columns only: what a peer can know without a learning side."""
TREES: Final = 10
DEPTH: Final = 8
REVIEWED: Final = 0.01
DECLINED: Final = 0.002
"""Shares of the traffic that are to be alerts, and of these the declined."""

_DAYS: Final = 14
_ROWS: Final = 120_000
_BATCH: Final = 500
_STRETCHES: Final = 200
_STEP: Final = 1 / 1024
_PARAMETERS: Final[dict[str, Any]] = {
    "objective": "binary",
    "boosting": "rf",
    "bagging_freq": 1,
    "bagging_fraction": 0.6,
    "feature_fraction": 0.5,
    "max_depth": DEPTH,
    "num_leaves": 2**DEPTH,
    "min_data_in_leaf": 2,
    "max_bin": _STRETCHES + 1,
    "min_data_in_bin": 1,
    "seed": 1,
    "deterministic": True,
    "force_row_wise": True,  # what LightGBM would otherwise choose by a race
    "num_threads": 1,
    "verbosity": -1,
}


@dataclass(frozen=True)
class Forest:
    """Trees whose leaves hold shares of frauds, and the scores from which to review and to decline.

    A score is the sum of the ten leaves that a row comes to, divided by ten.
    """

    table: TreeTable
    review: float
    decline: float

    def onnx(self, columns: int = FEATURES) -> bytes:
        """The forest for rows of so many columns, of which it asks for the first ones."""
        return compile_trees(scaled(self.table, 1 / TREES), columns)

    def to_json(self) -> str:
        """The forest as arrays: children are numbers of nodes in the same tree, a leaf's feature is -1."""
        return json.dumps(
            {
                "features": FEATURES,
                "review_threshold": self.review,
                "decline_threshold": self.decline,
                "trees": [_arrays(self.table, tree) for tree in range(TREES)],
            }
        )

    def write(self, folder: Path) -> None:
        """Write both files into a folder that is there."""
        (folder / "forest.json").write_text(self.to_json())
        (folder / "forest.onnx").write_bytes(self.onnx())


def make() -> Forest:
    """Draw the traffic, let the core compute its features, and grow the forest; takes some seconds."""
    world = CardWorld(Handbook.of_size(traffic.CARDS, _DAYS, traffic.FIRST_DAY, traffic.SEED))
    drawn = list(islice(world, _ROWS))
    rows = features([each.encode() for each in drawn])
    return grow(rows, np.array([each.fraud for each in drawn]))


def features(values: Sequence[bytes]) -> Singles:
    """The forest's columns [n, 25] of transactions [n], as the worker computes them."""
    core, found = new_core(), []
    state = core.new_state()
    for start in range(0, len(values), _BATCH):
        batch = [decode_transaction(value) for value in values[start : start + _BATCH]]
        results = core.process(batch, range(start, start + len(batch)), state)
        found += [result.features[:FEATURES] for result in results if isinstance(result, Scored)]
    return np.array(found)


def grow(rows: Singles, frauds: Flags) -> Forest:
    """Grow a forest on rows [n, 25] and place its thresholds by them."""
    import lightgbm  # noqa: PLC0415 - takes a second that only growing needs

    edges = [gap_middles(column) for column in rows.T]
    codes = np.stack([np.searchsorted(*pair) for pair in zip(edges, rows.T, strict=True)], axis=1)
    booster = lightgbm.train(_PARAMETERS, lightgbm.Dataset(codes, label=frauds), num_boost_round=TREES)
    leaves = np.asarray(booster.predict(codes, pred_leaf=True), dtype=np.int64)
    roots = [
        _node(told["tree_structure"], edges, _leaf_facts(own, frauds))
        for told, own in zip(booster.dump_model()["tree_info"], leaves.T, strict=True)
    ]
    table = tree_table(roots, lambda leaf, _: leaf.share)
    scores = score(table, rows)
    return Forest(table, half_way(scores, REVIEWED), half_way(scores, DECLINED))


def gap_middles(column: Singles) -> Floats:
    """Where to split a feature: of each 200th part of its ordered values, the middle of the widest gap."""
    ordered = np.sort(column).astype(np.float64)
    gaps = np.diff(ordered)
    widest = [part[gaps[part].argmax()] for part in np.array_split(np.arange(len(gaps)), _STRETCHES)]
    return np.array([ordered[place] + gaps[place] / 2 for place in widest if gaps[place] > 0.0])


def half_way(scores: Floats, share: float) -> float:
    """A threshold that so many of the scores reach, in the middle between two that a forest can give."""
    step = _STEP / TREES
    return float((np.floor(np.quantile(scores, 1.0 - share) / step) + 0.5) * step)


def score(table: TreeTable, rows: Singles) -> Floats:
    """Scores [n] of rows [n, 25]: every row walks down all trees at once."""
    at = np.repeat(np.flatnonzero(np.diff(table.tree, prepend=-1))[None, :], len(rows), axis=0)
    line = np.arange(len(rows))[:, None]
    for _ in range(DEPTH):
        goes_left = rows[line, table.feature[at]] <= table.threshold[at]  # a leaf is its own child
        at = np.where(goes_left, table.left[at], table.right[at])
    scores: Floats = table.value[at].sum(axis=1) / TREES
    return scores


def scaled(table: TreeTable, factor: float) -> TreeTable:
    """The same trees with leaves that add this much of what they did."""
    return TreeTable(
        tree=table.tree,
        feature=table.feature,
        threshold=table.threshold,
        left=table.left,
        right=table.right,
        hits=table.hits,
        value=table.value * factor,
    )


def _leaf_facts(leaves: Integers, frauds: Flags) -> tuple[Floats, Floats]:
    """How many rows came to each leaf, and the share of frauds among them in steps of 1/1024."""
    counts = np.bincount(leaves).astype(np.float64)
    shares = np.bincount(leaves, weights=frauds) / np.maximum(counts, 1.0)
    return counts, np.round(shares / _STEP) * _STEP


def _node(told: dict[str, Any], edges: Sequence[Floats], facts: tuple[Floats, Floats]) -> SimpleNamespace:
    """LightGBM's node, which compares codes, as one that compares values; in the form of River's nodes."""
    if "split_feature" not in told:
        counts, shares = facts
        leaf = told["leaf_index"]
        return SimpleNamespace(total_weight=counts[leaf], share=shares[leaf])
    feature = told["split_feature"]
    # A code is the number of edges below the value: code <= k means value <= edge k.
    return SimpleNamespace(
        feature=feature,
        threshold=edges[feature][int(told["threshold"])],
        children=[_node(told[side], edges, facts) for side in ("left_child", "right_child")],
    )


def _arrays(table: TreeTable, tree: int) -> dict[str, list[Any]]:
    """One tree, its nodes numbered from its own root."""
    own = np.flatnonzero(table.tree == tree)
    is_leaf = table.feature[own] == LEAF
    return {
        "feature": table.feature[own].tolist(),
        "threshold": table.threshold[own].tolist(),
        "left": np.where(is_leaf, 0, table.left[own] - own[0]).tolist(),
        "right": np.where(is_leaf, 0, table.right[own] - own[0]).tolist(),
        "value": table.value[own].tolist(),
    }


def main() -> None:
    """Write both files into the folder that the command line names."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("folder", type=Path)
    folder: Path = parser.parse_args().folder
    folder.mkdir(parents=True, exist_ok=True)
    make().write(folder)


if __name__ == "__main__":
    main()
