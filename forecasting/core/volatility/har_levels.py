"""HAR: tomorrow's variance on its daily, weekly and monthly means, in levels.

References
----------
Corsi (2009). Its forecasts are kept above half of the smallest variance seen, as in Bollerslev, Patton & Quaedvlieg
(2016), because a line in levels may fall below zero.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from forecasting.core.book import Floats
from forecasting.core.volatility.base import rounded
from forecasting.core.volatility.direct import FittedDirect, Learnt, Sample
from forecasting.core.volatility.least_squares import least_squares

LEAST = 0.5  # of the smallest outcome seen
NAMES = ("level_1", "level_7", "level_30")
ROWS = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class FittedHar:
    """Coefficients (A, 4) and the least forecast (A,) of each asset."""

    assets: tuple[str, ...]
    coefficients: Floats
    least: Floats

    @property
    def parameters(self) -> Learnt:
        """Everything that was learnt."""
        return {"assets": list(self.assets), "coefficients": self.coefficients, "least": self.least}

    def forecast(self, sample: Sample, *, first: int = 0) -> Floats:
        """Return the (D + 1 - first, A) forecasts."""
        which = [self.assets.index(name) if name in self.assets else -1 for name in sample.table.assets]
        known = np.where(np.array(which)[:, None] >= 0, self.coefficients[which], np.nan)
        rows = sample.known.take(NAMES)[first:]
        total = known[:, 0] + rows[..., 0] * known[:, 1] + rows[..., 1] * known[:, 2] + rows[..., 2] * known[:, 3]
        return np.maximum(total, self.least[which])


@dataclass(frozen=True, slots=True)
class Har:
    """The model; it has nothing to set."""

    name: str = "har"
    minimum: int = 100
    refit: int = 5
    hourly: bool = True

    def fit(self, sample: Sample) -> FittedDirect:
        """Return the least-squares fit to each asset."""
        x = sample.known.take(("one", *NAMES))[:-1]
        assets = len(sample.table.assets)
        found, least = np.full((assets, x.shape[-1]), np.nan), np.full(assets, np.nan)
        for a in range(assets):
            usable = np.isfinite(sample.outcome[:, a]) & np.isfinite(x[:, a]).all(axis=1)
            if usable.sum() >= ROWS:
                outcome = sample.outcome[usable, a]
                scale = outcome.mean()
                rows = x[usable, a] / np.array([1.0, scale, scale, scale])
                solved = least_squares(rows, outcome / scale, np.full(4, 1e-9))
                found[a] = [rounded(one) for one in solved * np.array([scale, 1.0, 1.0, 1.0])]
                least[a] = rounded(LEAST * outcome.min())
        return FittedHar(assets=sample.table.assets, coefficients=found, least=least)

    def restore(self, parameters: Learnt) -> FittedDirect:
        """Return the fitted model of the registry."""
        return FittedHar(
            assets=tuple(parameters["assets"]),  # type: ignore[arg-type]
            coefficients=np.array(parameters["coefficients"], dtype=np.float64),
            least=np.array(parameters["least"], dtype=np.float64),
        )


DIRECT = (Har(),)
