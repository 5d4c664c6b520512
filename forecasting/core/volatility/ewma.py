"""The baseline: an exponentially weighted mean of past realised variances.

The decay is the one of `DECAYS` that would have forecast the fitted series best (by QLIKE), so that the baseline is not
a straw man. Weights are normalised over a window of `WINDOW` days.

References
----------
RiskMetrics Technical Document (1996), there with squared returns and a decay of 0.94.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from forecasting.core.book import Floats
from forecasting.core.scoring import qlike
from forecasting.core.volatility.base import WINDOW, FittedVolatility, Parameters, Past, Series, one_step

DECAYS = (0.7, 0.8, 0.85, 0.9, 0.94, 0.97)


@dataclass(frozen=True, slots=True, kw_only=True)
class FittedEwma:
    """The decay."""

    decay: float

    @property
    def parameters(self) -> Parameters:
        """Everything that was learnt."""
        return {"decay": self.decay}

    def predict(self, past: Past) -> Floats:
        """Return the (...) forecast variance of the next day."""
        weights = self.decay ** np.arange(WINDOW - 1, -1, -1.0)
        return (past.variance * (weights / weights.sum())).sum(axis=-1)


@dataclass(frozen=True, slots=True)
class Ewma:
    """The model; it has nothing to set."""

    name: str = "ewma"
    minimum: int = WINDOW + 5

    def fit(self, series: Series) -> FittedVolatility:
        """Return the decay with the smallest mean QLIKE on ``series``."""
        fits = [FittedEwma(decay=decay) for decay in DECAYS]
        return min(fits, key=lambda fit: float(np.nanmean(qlike(series.variance, one_step(fit, series)[:-1]))))

    def restore(self, parameters: Parameters) -> FittedVolatility:
        """Return the fitted model of the registry."""
        return FittedEwma(decay=float(parameters["decay"]))  # type: ignore[arg-type]


MODEL = Ewma()
