"""The mean of several methods' tails: what one gets wrong on a window another need not.

References
----------
Combination of quantile forecasts: Halbleib & Pohlmeier (2012); of value at risk with expected shortfall: Taylor (2020).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from forecasting.core.book import Floats
from forecasting.core.tails.base import TailMethod, Tails
from forecasting.core.tails.fhs import Fhs
from forecasting.core.tails.pot import Pot
from forecasting.core.tails.student import Student


@dataclass(frozen=True, slots=True, kw_only=True)
class Mean:
    """Equal weights, fixed beforehand: what was, its extremes extrapolated, and a distribution of both sides.

    Attributes
    ----------
    name : str
    parts : tuple of TailMethod
    """

    name: str = "champion"
    parts: tuple[TailMethod, ...] = (Fhs(), Pot(), Student())

    def tails(self, residuals: Floats, *, share: float) -> Tails:
        """Return the (D,) tails of each day from the (D,) residuals before it."""
        found = [part.tails(residuals, share=share) for part in self.parts]
        return Tails(
            var=np.mean([tails.var for tails in found], axis=0), es=np.mean([tails.es for tails in found], axis=0)
        )


def tail_scale(champion: Floats, *, field: Floats | None) -> Floats:
    """Return the volatility that tails are scaled with: the geometric mean of two variances, one if there is one.

    A forecast of *realised* variance follows the day's hours closely, but large returns shrink and grow less than it
    does: what it leaves over is wilder on days that it calls calm. GARCH reads daily returns alone, and errs the other
    way. Where one of the two is missing on a day the other stands alone.

    Parameters
    ----------
    champion : (...) floats
        Forecast of realised variance.
    field : (...) floats or None
        GARCH's forecast of the variance of returns.
    """
    if field is None:
        return np.sqrt(champion)
    both: Floats = np.sqrt(np.sqrt(champion * field))
    alone = np.where(np.isfinite(champion), champion, field)
    return np.where(np.isfinite(both), both, np.sqrt(alone))
