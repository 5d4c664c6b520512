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
