"""Peaks over threshold: a generalised Pareto distribution fitted to the largest tenth of past residuals.

``VaR = u + sigma / xi ((k / (n share))**xi - 1)`` and ``ES = (VaR + sigma - xi u) / (1 - xi)`` with the threshold ``u``
that k of n residuals exceed. Fitted by the empirical Bayes estimator, which is nearly as efficient as maximum
likelihood, exists for every sample and needs no search.

References
----------
McNeil & Frey (2000). Fit: Zhang & Stephens (2009).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from forecasting.core.book import Floats
from forecasting.core.tails.base import MINIMUM, Tails, before
from forecasting.core.tails.fhs import WINDOW

PEAKS = 0.1  # share of residuals over the threshold
SHAPES = (-0.5, 0.5)  # residuals are neither bounded closely nor without a variance
TINY = 1e-12  # for the excess of a residual that ties with the threshold
GRID = 20  # points of the prior, and one more for each of the root of the sample


@dataclass(frozen=True, slots=True, kw_only=True)
class Pot:
    """The method.

    Attributes
    ----------
    name : str
    window : int
        Days that it looks back.
    """

    name: str = "pot"
    window: int = WINDOW

    def tails(self, residuals: Floats, *, share: float) -> Tails:
        """Return the (D,) tails of each day from the (D,) residuals before it."""
        ordered, counts = before(residuals, window=self.window)
        var, es = np.full(residuals.size, np.nan), np.full(residuals.size, np.nan)
        # Days with equally many residuals have equally many peaks: all but the first year's share one count.
        for count in np.unique(counts[counts >= MINIMUM]):
            days = np.flatnonzero(counts == count)
            peaks = int(count * PEAKS)
            threshold = ordered[days, peaks]
            shape, scale = pareto(ordered[days, :peaks] - threshold[:, None])
            var[days] = threshold + scale * _growth(peaks / (count * share), shape)
            es[days] = (var[days] + scale - shape * threshold) / (1 - shape)
        return Tails(var=var, es=es)


def pareto(excesses: Floats) -> tuple[Floats, Floats]:
    """Return shapes ``xi`` and scales ``sigma``, each (N,), of (N, k) excesses sorted the largest first.

    The shape is held within `SHAPES`, and the scale then keeps the sample's mean.
    """
    excesses = np.maximum(excesses, TINY)
    peaks = excesses.shape[1]
    points = GRID + int(np.sqrt(peaks))
    quartile = excesses[:, peaks - int(peaks / 4 + 0.5)]
    spread = (1 - np.sqrt(points / (np.arange(1, points + 1) - 0.5))) / (3 * quartile[:, None])
    theta = 1 / excesses[:, :1] + spread
    shapes = np.log1p(-theta[:, :, None] * excesses[:, None, :]).mean(axis=2)
    profile = peaks * (np.log(-theta / shapes) - shapes - 1)
    weights = np.exp(profile - profile.max(axis=1, keepdims=True))
    mean = (theta * weights).sum(axis=1) / weights.sum(axis=1)
    shape = np.log1p(-mean[:, None] * excesses).mean(axis=1)
    held = np.clip(shape, *SHAPES)
    return held, np.where(held == shape, -shape / mean, excesses.mean(axis=1) * (1 - held))


def _growth(ratio: float, shape: Floats) -> Floats:
    """Return ``(ratio**xi - 1) / xi``, and its limit where ``xi`` is 0."""
    power = shape * np.log(ratio)
    near = np.abs(power) < 1e-8
    growth: Floats = np.expm1(power) / np.where(near, 1.0, shape)
    return np.where(near, np.log(ratio), growth)
