"""Boosted trees as plain arrays: what scikit-learn learnt, and a predictor of our own that gives the same bits.

A stored model must be data that anybody can read, never code, so nothing of the library is kept but numbers: for each
node the feature, the threshold, where to go, and the value of a leaf.

References
----------
Friedman (2001); histogram-based trees: Ke et al. (2017), as in scikit-learn's ``HistGradientBoostingRegressor``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn.ensemble import HistGradientBoostingRegressor

from forecasting.core.book import Floats
from forecasting.core.compiled import compiled
from forecasting.core.volatility.direct import Learnt

LEAF = -1
type Integers = npt.NDArray[np.int32]


@dataclass(frozen=True, slots=True, kw_only=True)
class Trees:
    """M trees with N nodes in all.

    Attributes
    ----------
    base : float
        What the sum begins with.
    roots : (M,) int32
    feature, left, right : (N,) int32
        The feature that a node asks for (`LEAF`: none), and the nodes that follow it.
    threshold : (N,) floats
        A value up to it goes to the left.
    missing_left : (N,) int32
        1 where NaN goes to the left.
    value : (N,) floats
        What a leaf adds.
    """

    base: float
    roots: Integers
    feature: Integers
    left: Integers
    right: Integers
    threshold: Floats
    missing_left: Integers
    value: Floats

    @property
    def parameters(self) -> Learnt:
        """Everything that was learnt."""
        return {name: getattr(self, name) for name in self.__slots__}

    def raw(self, x: Floats) -> Floats:
        """Return the (n,) sums for (n, K) features: of a gamma loss, the logarithm of the prediction."""
        out = np.full(x.shape[0], self.base)
        nodes = np.stack([self.feature, self.left, self.right, self.missing_left], axis=1)
        _add(np.ascontiguousarray(x), self.roots, nodes, self.threshold, self.value, out)
        return out


@compiled
def _add(x: Floats, roots: Integers, nodes: Integers, threshold: Floats, value: Floats, out: Floats) -> None:
    """Add to ``out``, tree after tree: the order of the sum is the library's."""
    for i in range(x.shape[0]):
        for root in roots:
            node = root
            while nodes[node, 0] >= 0:
                one = x[i, nodes[node, 0]]
                goes_left = one <= threshold[node] or (np.isnan(one) and nodes[node, 3] == 1)
                node = nodes[node, 1] if goes_left else nodes[node, 2]
            out[i] += value[node]


def grow(x: Floats, y: Floats, *, trees: int, leaves: int, seed: int) -> Trees:
    """Return trees boosted by gamma loss, which is QLIKE, on (n, K) features of a positive (n,) target.

    Parameters
    ----------
    x : (n, K) floats
    y : (n,) floats
    trees, leaves : int
        How many, and of how many leaves.
    seed : int
        Of the library; with all rows and features in use nothing is drawn that changes a number.
    """
    model = HistGradientBoostingRegressor(
        loss="gamma",
        max_iter=trees,
        max_leaf_nodes=leaves,
        learning_rate=0.05,
        min_samples_leaf=40,
        l2_regularization=5.0,
        early_stopping=False,
        random_state=seed,
    ).fit(x, y)
    return plain(model)


def plain(model: Any) -> Trees:  # noqa: ANN401 (the library ships no types)
    """Return what a fitted ``HistGradientBoostingRegressor`` learnt."""
    parts = [stage[0].nodes for stage in model._predictors]  # noqa: SLF001 (nothing public tells it)
    offsets = np.cumsum([0, *(part.size for part in parts)])[:-1]
    leaf = np.concatenate([part["is_leaf"] for part in parts]) == 1
    shift = np.repeat(offsets, [part.size for part in parts])

    def joined(name: str) -> npt.NDArray[Any]:
        return np.concatenate([part[name] for part in parts])

    return Trees(
        base=float(np.ravel(model._baseline_prediction)[0]),  # noqa: SLF001
        roots=offsets.astype(np.int32),
        feature=np.where(leaf, LEAF, joined("feature_idx")).astype(np.int32),
        left=np.where(leaf, 0, joined("left") + shift).astype(np.int32),
        right=np.where(leaf, 0, joined("right") + shift).astype(np.int32),
        threshold=np.where(leaf, 0.0, joined("num_threshold")).astype(np.float64),
        missing_left=joined("missing_go_to_left").astype(np.int32),
        value=np.where(leaf, joined("value"), 0.0).astype(np.float64),
    )


def restored(parameters: Learnt) -> Trees:
    """Return the trees that `Trees.parameters` describes."""
    integers = ("roots", "feature", "left", "right", "missing_left")
    arrays = {name: np.array(parameters[name], dtype=np.int32) for name in integers}
    numbers = {name: np.array(parameters[name], dtype=np.float64) for name in ("threshold", "value")}
    return Trees(base=float(parameters["base"]), **arrays, **numbers)  # type: ignore[arg-type]
