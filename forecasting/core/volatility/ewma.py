"""The baseline: an exponentially weighted mean of past realised variances.

The decay is the one of `DECAYS` that would have forecast the fitted series best (by QLIKE), so that the baseline is not
a straw man. For scenarios, weights are normalised over a window of `WINDOW` days; in the league they go back to the
first day, and every horizon has its own decay.

References
----------
RiskMetrics Technical Document (1996), there with squared returns and a decay of 0.94.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from forecasting.core.book import Floats
from forecasting.core.compiled import compiled
from forecasting.core.scoring import qlike
from forecasting.core.volatility.base import WINDOW, FittedVolatility, Parameters, Past, Series, one_step
from forecasting.core.volatility.direct import FittedDirect, Learnt, Sample

DECAYS = (0.7, 0.8, 0.85, 0.9, 0.94, 0.97)
USUAL = 0.94  # of an asset of which nothing can be learnt


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


@compiled
def smooth(variance: Floats, decay: float) -> Floats:
    """Return the (D + 1, A) weighted means of what came before each row; an unmeasured row changes nothing."""
    rows, assets = variance.shape
    out = np.full((rows + 1, assets), np.nan)
    for asset in range(assets):
        total, weight = 0.0, 0.0
        for t in range(rows):
            if not np.isnan(variance[t, asset]):
                total = decay * total + variance[t, asset]
                weight = decay * weight + 1.0
            if weight > 0.0:
                out[t + 1, asset] = total / weight
    return out


@dataclass(frozen=True, slots=True, kw_only=True)
class FittedDirectEwma:
    """The decay of each asset, and the rows that are summed."""

    assets: tuple[str, ...]
    decays: tuple[float, ...]
    steps: int

    @property
    def parameters(self) -> Learnt:
        """Everything that was learnt."""
        return {"assets": list(self.assets), "decays": list(self.decays), "steps": self.steps}

    def forecast(self, sample: Sample, *, first: int = 0) -> Floats:
        """Return the (D + 1 - first, A) forecasts."""
        known = dict(zip(self.assets, self.decays, strict=True))
        variance = sample.table.variance
        columns = [
            smooth(variance[:, [i]], known.get(name, USUAL))[first:, 0] for i, name in enumerate(sample.table.assets)
        ]
        return self.steps * np.stack(columns, axis=1)


@dataclass(frozen=True, slots=True)
class DirectEwma:
    """The model of the league; it has nothing to set."""

    name: str = "ewma"
    minimum: int = WINDOW + 5
    refit: int = 20
    hourly: bool = True

    def fit(self, sample: Sample) -> FittedDirect:
        """Return, for each asset, the decay with the smallest mean QLIKE."""
        paths = np.stack([sample.steps * smooth(sample.table.variance, decay)[:-1] for decay in DECAYS])
        losses = qlike(sample.outcome, paths)[:, WINDOW:]
        known = np.isfinite(losses)
        means = np.where(known, losses, 0.0).sum(axis=1) / np.maximum(known.sum(axis=1), 1)
        chosen = [DECAYS[i] if known[i, :, a].any() else USUAL for a, i in enumerate(means.argmin(axis=0))]
        return FittedDirectEwma(assets=sample.table.assets, decays=tuple(chosen), steps=sample.steps)

    def restore(self, parameters: Learnt) -> FittedDirect:
        """Return the fitted model of the registry."""
        return FittedDirectEwma(
            assets=tuple(parameters["assets"]),  # type: ignore[arg-type]
            decays=tuple(parameters["decays"]),  # type: ignore[arg-type]
            steps=int(parameters["steps"]),  # type: ignore[call-overload]
        )


MODEL = Ewma()
DIRECT = (DirectEwma(),)
