"""Pooled: one set of slopes for all assets, learnt from all of them, and an intercept of each.

What moves volatility is much the same in all of these markets, so five times the rows tell the slopes better than one
asset's. The regressors include the market's mean, by which a shock to one shows in the others.

References
----------
Zhang, Zhang, Cucuringu & Qian (2022); Bollerslev, Hood, Huss & Pedersen (2018).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from forecasting.core.volatility.direct import FittedDirect, Learnt, Sample
from forecasting.core.volatility.har import CLOCK, EXTENDED
from forecasting.core.volatility.linear import LONGEST, FittedLinear, regress, restored, wildest

FEWEST = 60  # rows of an asset that takes part


@dataclass(frozen=True, slots=True, kw_only=True)
class Pooled:
    """A linear model of all assets; see `forecasting.core.volatility.linear.Linear`."""

    name: str
    regressors: tuple[str, ...]
    loss: str = "log"
    ridge: float = 5.0
    minimum: int = 100
    refit: int = 5
    hourly: bool = True

    def fit(self, sample: Sample) -> FittedDirect:
        """Return the fit to all assets; one with too few rows has the mean intercept of the others."""
        names = tuple(name for name in self.regressors if name in sample.known.names)
        x, assets = sample.known.take(names)[:-1][-LONGEST:], len(sample.table.assets)
        outcome = sample.outcome[-LONGEST:]
        usable = np.isfinite(outcome) & np.isfinite(x).all(axis=-1)
        usable &= usable.sum(axis=0) >= FEWEST
        who = np.nonzero(usable)[1]
        present = np.unique(who)
        own = (who[:, None] == present[1:]).astype(np.float64)
        if not present.size:
            nothing = np.full(assets, np.nan)
            return self._fitted(sample, names, (np.full((assets, len(names)), np.nan), nothing, nothing, nothing))
        rows = np.concatenate([x[usable], own], axis=1)
        found, smearing, low, high, ended = regress(
            rows, outcome[usable], loss=self.loss, ridge=self.ridge, wildest=wildest(sample)
        )
        shift = np.concatenate([[0.0], found[len(names) :]])
        coefficients = np.tile(found[: len(names)], (assets, 1))
        coefficients[:, 0] += shift.mean()
        coefficients[present, 0] += shift - shift.mean()
        arrays = (coefficients, np.full(assets, smearing), np.full(assets, low), np.full(assets, high))
        return self._fitted(sample, names, arrays, unfinished=not ended)

    def restore(self, parameters: Learnt) -> FittedDirect:
        """Return the fitted model of the registry."""
        return restored(parameters)

    def _fitted(
        self, sample: Sample, names: tuple[str, ...], arrays: tuple[np.ndarray, ...], *, unfinished: bool = False
    ) -> FittedLinear:
        coefficients, smearing, low, high = arrays
        return FittedLinear(
            assets=sample.table.assets,
            names=names,
            coefficients=coefficients,
            smearing=smearing,
            low=low,
            high=high,
            unfinished=unfinished,
        )


MARKET = ("market_1", "market_7")
POOLED = Pooled(name="pooled", regressors=EXTENDED + CLOCK + MARKET)
DIRECT = (POOLED, Pooled(name="pooled_gamma", regressors=EXTENDED + CLOCK + MARKET, loss="gamma"))
