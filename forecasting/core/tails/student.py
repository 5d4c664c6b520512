"""The parametric tail that comes with GARCH-t: Student's t with the degrees of freedom that past residuals show.

Degrees of freedom are those of `GRID` under which all residuals before the day were likeliest; the variance of the
distribution is 1, so that the forecast volatility is taken at its word.

References
----------
Bollerslev (1987). Expected shortfall of the t distribution: McNeil, Frey & Embrechts (2015), example 2.15.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import gammaln, stdtrit

from forecasting.core.book import Floats
from forecasting.core.tails.base import MINIMUM, Tails

GRID = 2 + np.geomspace(0.1, 98.0, 200)  # degrees of freedom


@dataclass(frozen=True, slots=True, kw_only=True)
class Student:
    """The method; it looks back as far as there are residuals.

    Attributes
    ----------
    name : str
    """

    name: str = "garch_t"

    def tails(self, residuals: Floats, *, share: float) -> Tails:
        """Return the (D,) tails of each day from the (D,) residuals before it."""
        known = np.isfinite(residuals)
        squares = np.where(known, residuals, 0.0)[:, None] ** 2
        constant = gammaln((GRID + 1) / 2) - gammaln(GRID / 2) - np.log(np.pi * (GRID - 2)) / 2
        daily = np.where(known[:, None], constant - (GRID + 1) / 2 * np.log1p(squares / (GRID - 2)), 0.0)
        summed = np.concatenate([np.zeros((1, GRID.size)), daily[:-1].cumsum(axis=0)])
        freedom = GRID[summed.argmax(axis=1)]
        enough = np.concatenate([[0], known[:-1].cumsum()]) >= MINIMUM
        quantile = -stdtrit(freedom, share)
        unit = np.where(enough, np.sqrt((freedom - 2) / freedom), np.nan)
        density = np.exp(
            gammaln((freedom + 1) / 2)
            - gammaln(freedom / 2)
            - np.log(np.pi * freedom) / 2
            - (freedom + 1) / 2 * np.log1p(quantile**2 / freedom)
        )
        es = density / share * (freedom + quantile**2) / (freedom - 1)
        return Tails(var=quantile * unit, es=es * unit)
