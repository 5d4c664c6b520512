"""What the linear models of the league share: coefficients by asset on named regressors, and a loss.

The forecast is ``exp(x . b) * smearing``, kept within `ROOM` of the range of variance that was seen. Regressors are
centred and scaled by what they were in the fitted rows; a ridge keeps what many of them say together from being thrown
on one of them.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from forecasting.core.book import Flags, Floats
from forecasting.core.days import DAY
from forecasting.core.volatility.base import rounded
from forecasting.core.volatility.direct import FittedDirect, Learnt, Sample
from forecasting.core.volatility.least_squares import gamma_regression, least_squares
from forecasting.core.volatility.regressors import spacing

ROOM = 2.0  # log units beyond the observed range within which a forecast stays
ROWS = 60  # fewest, and
ROWS_EACH = 3  # fewest for a coefficient
WILDEST = 20.0  # times what the line says: a wilder day counts as that, or one asset's end would move all forecasts
LONGEST = 12_000  # rows that are fitted to, the newest: sixteen months of hours, every day there ever was


@dataclass(frozen=True, slots=True, kw_only=True)
class FittedLinear:
    """Coefficients of each asset.

    Attributes
    ----------
    assets, names : tuple of str
        A assets; K regressors.
    coefficients : (A, K) floats
        NaN: not fitted.
    smearing, low, high : (A,) floats
        What undoes the bias of the logarithm; the range of log variance that was seen.
    unfinished : (A,) bool, or False for all
        Whether the search did not end by itself; of no use to a forecast, so a restored model does not know.
    """

    assets: tuple[str, ...]
    names: tuple[str, ...]
    coefficients: Floats
    smearing: Floats
    low: Floats
    high: Floats
    unfinished: Flags | bool = False

    @property
    def parameters(self) -> Learnt:
        """Everything that was learnt."""
        arrays = {name: getattr(self, name) for name in ("coefficients", "smearing", "low", "high")}
        return {"assets": list(self.assets), "names": list(self.names), **arrays}

    def level(self, sample: Sample, *, first: int = 0) -> Floats:
        """Return the (D + 1 - first, A) logarithms of the forecasts, before smearing."""
        rows = sample.known.values[first:]
        places = [sample.known.names.index(name) for name in self.names]
        which = [self.assets.index(name) if name in self.assets else -1 for name in sample.table.assets]
        coefficients = np.where(np.array(which)[:, None] >= 0, self.coefficients[which], np.nan)
        # One product after the other: rounding must not depend on how many forecasts are made at once.
        total = np.zeros(rows.shape[:2])
        for k, place in enumerate(places):
            total += rows[:, :, place] * coefficients[:, k]
        return np.clip(total, self.low[which] - ROOM, self.high[which] + ROOM)

    def forecast(self, sample: Sample, *, first: int = 0) -> Floats:
        """Return the (D + 1 - first, A) forecasts."""
        which = [self.assets.index(name) if name in self.assets else -1 for name in sample.table.assets]
        return np.exp(self.level(sample, first=first)) * self.smearing[which]


@dataclass(frozen=True, slots=True, kw_only=True)
class Linear:
    """A linear model by asset.

    Attributes
    ----------
    name : str
    regressors : tuple of str
        Those that a table lacks are left out.
    loss : str
        ``log``: least squares of log variance; ``gamma``: QLIKE itself.
    ridge : float
        Penalty on standardised regressors, in rows.
    minimum, refit : int
    """

    name: str
    regressors: tuple[str, ...]
    loss: str = "log"
    ridge: float = 0.0
    minimum: int = 100
    refit: int = 5
    hourly: bool = True

    def fit(self, sample: Sample) -> FittedDirect:
        """Return the fit to each asset."""
        names = tuple(name for name in self.regressors if name in sample.known.names)
        x = sample.known.take(names)[:-1][-LONGEST:]
        outcome = sample.outcome[-LONGEST:]
        limit = wildest(sample)
        found = [self._one(x[:, a], outcome[:, a], wildest=limit) for a in range(len(sample.table.assets))]
        return FittedLinear(
            assets=sample.table.assets,
            names=names,
            coefficients=np.array([one[0] for one in found]),
            smearing=np.array([one[1] for one in found]),
            low=np.array([one[2] for one in found]),
            high=np.array([one[3] for one in found]),
            unfinished=np.array([not one[4] for one in found]),
        )

    def restore(self, parameters: Learnt) -> FittedDirect:
        """Return the fitted model of the registry."""
        return restored(parameters)

    def _one(self, x: Floats, outcome: Floats, *, wildest: float) -> tuple[Floats, float, float, float, bool]:
        usable = np.isfinite(outcome) & np.isfinite(x).all(axis=1)
        if usable.sum() < max(ROWS, ROWS_EACH * x.shape[1]):
            return np.full(x.shape[1], np.nan), np.nan, np.nan, np.nan, True
        return regress(x[usable], outcome[usable], loss=self.loss, ridge=self.ridge, wildest=wildest)


def wildest(sample: Sample) -> float:
    """Return how many times its forecast a row may count in a fit; the shorter a row, the wilder the usual ones are."""
    return WILDEST * DAY / spacing(sample.table.ends)


def regress(
    x: Floats, outcome: Floats, *, loss: str, ridge: float, wildest: float
) -> tuple[Floats, float, float, float, bool]:
    """Return coefficients, smearing, the range of log outcomes, and whether the search ended by itself.

    The first regressor is the constant.

    Parameters
    ----------
    x : (n, K) floats
    outcome : (n,) floats
        Variance.
    loss : str
        ``log`` or ``gamma``.
    ridge : float
        Penalty on standardised regressors, in rows.
    wildest : float
        Times what least squares says, as which an outcome beyond it counts from then on.
    """
    logs = np.log(outcome)
    middle, scale = x.mean(axis=0), x.std(axis=0)
    middle[0], scale[0] = 0.0, 1.0
    scale[scale < 1e-9] = np.inf  # it never changed, so nothing can be learnt of it
    standard = np.ascontiguousarray((x - middle) / scale)
    penalty = np.full(x.shape[1], ridge)
    penalty[0] = 0.0
    found = least_squares(standard, logs, penalty)
    ratio = np.minimum(np.exp(logs - (standard * found).sum(axis=1)), wildest)
    smearing, ended = float(ratio.mean()), True
    if loss == "gamma":
        tamed = ratio * np.exp((standard * found).sum(axis=1))
        found[0] += np.log(smearing)
        found, ended = gamma_regression(standard, tamed, penalty, found)
        smearing = 1.0
    found = found / scale
    found[0] -= (found * middle).sum()
    coefficients = np.array([rounded(one) for one in found])
    return coefficients, rounded(smearing), rounded(logs.min()), rounded(logs.max()), ended


def restored(parameters: Learnt) -> FittedLinear:
    """Return the fitted model of the registry."""
    arrays = {
        name: np.array(parameters[name], dtype=np.float64) for name in ("coefficients", "smearing", "low", "high")
    }
    assets, names = parameters["assets"], parameters["names"]
    return FittedLinear(assets=tuple(assets), names=tuple(names), **arrays)  # type: ignore[arg-type]
