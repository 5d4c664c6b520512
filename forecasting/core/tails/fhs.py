"""Filtered historical simulation: the quantile of past residuals times today's volatility.

Of n residuals the largest k-th is exceeded by the next one with probability ``k / (n + 1)`` whatever their
distribution, so the quantile at ``share`` is the ``(n + 1) share``-th largest, between neighbours by interpolation.

References
----------
Barone-Adesi, Giannopoulos & Vosper (1999). Plotting position: Weibull (1939), type 6 of Hyndman & Fan (1996).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from forecasting.core.book import Floats
from forecasting.core.tails.base import MINIMUM, Tails, before

WINDOW = 500  # days


@dataclass(frozen=True, slots=True, kw_only=True)
class Fhs:
    """The method; with returns in the place of residuals it is plain historical simulation.

    Attributes
    ----------
    name : str
    window : int
        Days that it looks back.
    """

    name: str = "fhs"
    window: int = WINDOW

    def tails(self, residuals: Floats, *, share: float) -> Tails:
        """Return the (D,) tails of each day from the (D,) residuals before it."""
        ordered, counts = before(residuals, window=self.window)
        return empirical(ordered, np.where(counts >= MINIMUM, counts, np.nan), share=share)


def empirical(ordered: Floats, counts: Floats, *, share: float) -> Tails:
    """Return the tails of N samples.

    Parameters
    ----------
    ordered : (N, W) floats
        Each the largest first, NaN last.
    counts : (N,) floats
        How many there are; NaN: no answer.
    share : float
        A sample too small for it answers with its largest value.
    """
    position = np.maximum((counts + 1) * share, 1.0)
    whole = np.nan_to_num(np.floor(position), nan=1.0).astype(int)
    part = position - whole
    rows = np.arange(ordered.shape[0])
    upper, lower = ordered[rows, whole - 1], ordered[rows, np.minimum(whole, ordered.shape[1] - 1)]
    var = upper + part * (lower - upper)
    beyond = np.cumsum(ordered[:, : int(whole.max())], axis=1)[rows, whole - 1]
    return Tails(var=var, es=(beyond + part * var) / position)


HISTORICAL_250 = Fhs(name="hs_250", window=250)
HISTORICAL_500 = Fhs(name="hs_500", window=500)
