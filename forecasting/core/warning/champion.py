"""The model: the mean log odds of two regressions, one that looks at recent liquidations and one that does not.

What was liquidated lately is the best sign of more to come while a cascade runs, and a poor one in calm months, when
the ladder below the price says more. Two views with equal weights are steadier than either; no weight is fitted.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from forecasting.core.book import Floats
from forecasting.core.warning.events import MAIN
from forecasting.core.warning.features import COLUMNS, CORE
from forecasting.core.warning.logistic import Logistic
from forecasting.core.warning.logistic import fit as fit_logistic

PENALTY = 10.0  # of a slope, in windows
LIGHT = 0.1  # of that, for the features of `CORE`
VIEWS: tuple[tuple[str, ...], ...] = (COLUMNS, tuple(name for name in COLUMNS if not name.startswith("liquidated")))


@dataclass(frozen=True, slots=True, kw_only=True)
class Champion:
    """Both regressions; see `VIEWS`."""

    views: tuple[Logistic, ...]

    def logits(self, features: Floats) -> Floats:
        """Return the (n,) log odds, from (n, F) features in the order of `COLUMNS`."""
        odds = [
            view.logits(features[:, _at(names)], threshold=MAIN) for view, names in zip(self.views, VIEWS, strict=True)
        ]
        return np.asarray(np.mean(odds, axis=0), dtype=np.float64)

    def parts(self, features: Floats) -> Floats:
        """Return what each of (n, F) features adds to the log odds, beside the mean of the intercepts."""
        total = np.zeros_like(features)
        for view, names in zip(self.views, VIEWS, strict=True):
            total[:, _at(names)] += view.parts(features[:, _at(names)]) / len(VIEWS)
        return total


def fit(features: Floats, came: Floats, *, hours: int) -> Champion:
    """Return the model fitted to rows.

    Parameters
    ----------
    features : (n, F) floats
        The columns `COLUMNS`, without NaN.
    came : (n, K) floats
        Outcomes of each threshold; see `forecasting.core.warning.events.outcomes`.
    hours : int
        Horizon: so many rows overlap.
    """
    windows = hours * came.shape[1]
    return Champion(
        views=tuple(fit_logistic(features[:, _at(names)], came, penalty=_penalties(names) * windows) for names in VIEWS)
    )


def _penalties(names: tuple[str, ...]) -> Floats:
    return np.array([PENALTY * (LIGHT if name in CORE else 1.0) for name in names])


def _at(names: tuple[str, ...]) -> list[int]:
    return [COLUMNS.index(name) for name in names]
