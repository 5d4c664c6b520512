"""GARCH(1,1) and GJR with Student's t, fitted every day: what the field uses, and what ours must beat.

Fitted to daily returns alone; see `forecasting.core.volatility.garch_kernel` for likelihood and search. The variance of
``steps`` days is the sum of the expected variances, which grow linearly where the persistence is 1 (BTC stands there).

References
----------
Bollerslev (1987); Glosten, Jagannathan & Runkle (1993).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from forecasting.core.book import Flags, Floats
from forecasting.core.volatility import garch_kernel as kernel
from forecasting.core.volatility.direct import FittedDirect, Learnt, Sample, Tick, Walked

SCALE = 100.0  # returns in percent: the search likes variances near 1
COLD = 100  # fits between two that also begin from the usual starting values
FEWEST = 100  # returns


@dataclass(frozen=True, slots=True, kw_only=True)
class FittedGarch:
    """Natural parameters of each asset (NaN: its fit did not end, or its price stood still), for returns in percent."""

    assets: tuple[str, ...]
    natural: Floats
    steps: int

    @property
    def parameters(self) -> Learnt:
        """Everything that was learnt."""
        return {"assets": list(self.assets), "natural": self.natural, "steps": self.steps}

    @property
    def unfinished(self) -> Flags:
        """Return (A,) whether the fit did not end by itself."""
        return np.isnan(self.natural[:, 0])

    @property
    def degrees(self) -> Floats:
        """Return the (A,) degrees of freedom."""
        return self.natural[:, 4]

    def forecast(self, sample: Sample, *, first: int = 0) -> Floats:
        """Return the (D + 1 - first, A) forecasts; NaN for an asset that the model was not fitted to."""
        out = np.full((sample.table.ends.size + 1, len(sample.table.assets)), np.nan)
        known = dict(zip(self.assets, self.natural, strict=True))
        for column, name in enumerate(sample.table.assets):
            if name in known and np.isfinite(known[name]).all():
                begin, returns = _returns(sample, column)
                out[begin:, column] = _path(returns, known[name], self.steps)
        return out[first:]


@dataclass(frozen=True, slots=True, kw_only=True)
class Garch:
    """The model: ``garch_t``, or with another reaction to losses ``gjr_t``."""

    name: str = "garch_t"
    free: int = 4
    minimum: int = FEWEST + 20
    refit: int = 1
    hourly: bool = True

    def fit(self, sample: Sample) -> FittedDirect:
        """Return the maximum of each asset's likelihood."""
        natural = np.full((len(sample.table.assets), kernel.NATURAL), np.nan)
        for column in range(natural.shape[0]):
            _, returns = _returns(sample, column)
            if np.isfinite(returns).sum() >= FEWEST and kernel.moved(returns):
                free, inverse = self._begin(returns)
                _, _, ended = kernel.best(returns, kernel.backcast(returns), free, inverse)
                if ended:
                    kernel.to_natural(free, natural[column])
        return FittedGarch(assets=sample.table.assets, natural=natural, steps=sample.steps)

    def restore(self, parameters: Learnt) -> FittedDirect:
        """Return the fitted model of the registry."""
        return FittedGarch(
            assets=tuple(parameters["assets"]),  # type: ignore[arg-type]
            natural=np.array(parameters["natural"], dtype=np.float64),
            steps=int(parameters["steps"]),  # type: ignore[call-overload]
        )

    def walk(self, sample: Sample, *, first: int, refit: int, tick: Tick) -> Walked:
        """Return the (D, A) forecasts, each fit begun where the last one ended, curvature included."""
        out = np.full_like(sample.outcome, np.nan)
        unfinished = np.zeros(out.shape[1], dtype=np.int64)
        for column in range(out.shape[1]):
            begin, returns = _returns(sample, column)
            start = max(first - begin, FEWEST)
            if returns.size <= start or np.isfinite(returns[:start]).sum() < FEWEST // 2:
                continue
            natural = np.empty((returns.size - start, kernel.NATURAL))
            free, inverse = self._begin(returns[:start])
            kernel.walk(returns, free, inverse, start, refit, COLD, natural)
            tick()
            out[begin + start :, column] = _each(returns, natural, sample.steps)
            unfinished[column] = np.isnan(natural[::refit, 0]).sum()
        return Walked(forecast=out, unfinished=unfinished)

    def _begin(self, returns: Floats) -> tuple[Floats, Floats]:
        free, inverse = np.empty(self.free), np.empty((self.free, self.free))
        kernel.begin(returns, free, inverse)
        return free, inverse


def _returns(sample: Sample, column: int) -> tuple[int, Floats]:
    """Return the asset's first row, and its returns in percent from there on."""
    returns = sample.table.change[:, column] * SCALE
    known = np.flatnonzero(np.isfinite(returns))
    begin = int(known[0]) if known.size else returns.size
    return begin, np.ascontiguousarray(returns[begin:])


def _path(returns: Floats, natural: Floats, steps: int) -> Floats:
    """Return the (n + 1,) forecasts with one set of parameters."""
    out = np.empty(returns.size + 1)
    kernel.filtered(returns, natural, kernel.backcast(returns[: kernel.BACKCAST]), out)
    return kernel.summed(out, np.tile(natural, (out.size, 1)), steps) / SCALE**2


def _each(returns: Floats, natural: Floats, steps: int) -> Floats:
    """Return the forecasts of the last days, each with its own parameters."""
    variance = kernel.each(returns, natural, kernel.backcast(returns[: kernel.BACKCAST]))
    return kernel.summed(variance, natural, steps) / SCALE**2


DIRECT = (Garch(), Garch(name="gjr_t", free=5))
