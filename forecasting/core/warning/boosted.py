"""The challenger: boosted trees on the same features, shallow and monotone where the direction is beyond doubt."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from sklearn.ensemble import HistGradientBoostingClassifier

from forecasting.core.book import Floats
from forecasting.core.warning.features import COLUMNS

UP = ("reach", "pressure", "reach_first", "near_2", "near_5", "near_10")  # more of it never means less risk
TREES = 80
LEAVES = 6
RATE = 0.05
WINDOWS = 12  # independent windows that a leaf holds at least
SHRUNK = 20.0
DIGITS = 6


def fit(features: Floats, came: Floats, *, hours: int, seed: int) -> Callable[[Floats], Floats]:
    """Return the fitted trees of `grow`: a function from (n, F) features to (n,) log odds."""
    model = grow(features, came, hours=hours, seed=seed)
    return lambda block: np.round(np.asarray(model.decision_function(block), dtype=np.float64), DIGITS)


def grow(features: Floats, came: Floats, *, hours: int, seed: int) -> HistGradientBoostingClassifier:
    """Return trees boosted by the logarithmic loss.

    Parameters
    ----------
    features : (n, F) floats
        The columns `COLUMNS`.
    came : (n,) floats
        1 where the event came.
    hours : int
        Horizon, for so many hours overlap.
    seed : int
    """
    return HistGradientBoostingClassifier(
        max_iter=TREES,
        learning_rate=RATE,
        max_leaf_nodes=LEAVES,
        min_samples_leaf=WINDOWS * hours,
        l2_regularization=SHRUNK,
        monotonic_cst=[int(name in UP) for name in COLUMNS],
        early_stopping=False,
        random_state=seed,
    ).fit(features, came)
