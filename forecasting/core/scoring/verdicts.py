"""Whether one model is better than others by more than luck, and whether a model is biased.

Losses of forecasts are serially dependent: they cluster with volatility, and forecasts of overlapping horizons share
their outcomes. Long-run variances are therefore estimated from the B lowest cosine transforms of the series, and the
statistics compared with the t and F distributions that such an estimate has: with as few effective observations as a
horizon of 30 days leaves, the usual Newey-West standard errors reject equal forecasts far too often.

References
----------
Equal accuracy: Diebold & Mariano (1995). Equal-weighted cosine estimator, ``B = 0.4 n**(2/3)``: Lazarus, Lewis, Stock &
Watson (2018); for this test: Coroneo & Iacone (2020). Model confidence set, range statistic: Hansen, Lunde & Nason
(2011). Unbiasedness: Mincer & Zarnowitz (1969), weighted by the forecast: Patton & Sheppard (2009).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from scipy.fft import dct
from scipy.special import fdtrc, stdtr

from forecasting.core.book import Floats
from forecasting.core.scoring.comparison import BLOCK_DAYS, resampled
from governance.errors import InputError

MINIMUM = 30  # days, below which no verdict is given


@dataclass(frozen=True, slots=True, kw_only=True)
class DieboldMariano:
    """Whether two models lose the same.

    Attributes
    ----------
    t : float
        Of the mean difference: negative when the model loses less than the baseline.
    p : float
        Two-sided.
    difference : float
        Mean loss of the model less that of the baseline.
    n : int
        Days.
    """

    t: float
    p: float
    difference: float
    n: int

    def better(self, level: float = 0.05) -> bool:
        """Whether the model is better, one-sided at ``level``."""
        return self.t < 0 and self.p / 2 < level


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfidenceSet:
    """Which models may be the best.

    Attributes
    ----------
    p : mapping of str to float
        A model belongs to the set of confidence ``1 - a`` when its value is at least ``a``; the best has 1.
    n : int
        Days.
    """

    p: Mapping[str, float]
    n: int

    def members(self, level: float = 0.1) -> tuple[str, ...]:
        """Return the models of the set of confidence ``1 - level``, by name."""
        return tuple(sorted(name for name, value in self.p.items() if value >= level))


@dataclass(frozen=True, slots=True, kw_only=True)
class MincerZarnowitz:
    """Outcome regressed on forecast: ``RV = alpha + beta F``.

    Attributes
    ----------
    alpha, beta : float
        Least squares weighted with ``1 / F**2``, for errors grow with the level.
    p : float
        That ``alpha = 0`` and ``beta = 1``.
    bias : float
        Mean outcome over mean forecast: 0.8 where forecasts are a quarter too high.
    r2 : float
        Squared correlation of the logarithms.
    n : int
        Days.
    """

    alpha: float
    beta: float
    p: float
    bias: float
    r2: float
    n: int


def dm_test(model: Floats, baseline: Floats, *, horizon: int = 1) -> DieboldMariano:
    """Test whether (n,) losses of a model and of a baseline have one mean; days without either are left out.

    Parameters
    ----------
    model, baseline : (n,) floats
        In the order of days.
    horizon : int
        Days that each forecast spans; origins are one day apart.

    Raises
    ------
    InputError
        With fewer than `MINIMUM` days.
    """
    difference = model - baseline
    difference = difference[np.isfinite(difference)]
    size = _enough(difference.size)
    mean = float(difference.mean())
    spread, freedom = _long_run(difference[:, None], horizon=horizon)
    error = float(np.sqrt(spread[0, 0] / size))
    t = mean / error if error > 0 else 0.0
    return DieboldMariano(t=t, p=float(2 * stdtr(freedom, -abs(t))), difference=mean, n=size)


def mcs(losses: Mapping[str, Floats], *, seed: int, block: int = BLOCK_DAYS) -> ConfidenceSet:
    """Return the model confidence set of (n,) losses by model; days that one of them lacks are left out.

    Parameters
    ----------
    losses : mapping of str to (n,) floats
    seed : int
        Of the bootstrap.
    block : int
        Length of the blocks that are drawn, rows.

    Raises
    ------
    InputError
        With fewer than `MINIMUM` days in common.
    """
    table = np.stack(list(losses.values()), axis=1)
    table = table[np.isfinite(table).all(axis=1)]
    _enough(table.shape[0])
    names, means = list(losses), table.mean(axis=0)
    drawn = resampled(table, seed=seed, block=block) - means
    apart = drawn[:, :, None] - drawn[:, None, :]
    scale = np.sqrt((apart**2).mean(axis=0))
    scale[scale == 0] = np.inf  # a model against itself or its twin
    statistic, chance = (means[:, None] - means) / scale, np.abs(apart) / scale
    left, found, p = list(range(len(names))), {}, 0.0
    while len(left) > 1:
        among = np.ix_(left, left)
        largest = float(statistic[among].max())
        # Of the models that are left, the share of draws as extreme; a set's value never falls as it shrinks.
        p = max(p, float((chance[:, left][:, :, left].max(axis=(1, 2)) >= largest).mean()))
        found[names[left.pop(int(statistic[among].max(axis=1).argmax()))]] = p
    found[names[left[0]]] = 1.0
    return ConfidenceSet(p={name: found[name] for name in names}, n=table.shape[0])


def mincer_zarnowitz(realised: Floats, forecast: Floats, *, horizon: int = 1) -> MincerZarnowitz:
    """Regress (n,) outcomes on (n,) forecasts of variance; days without either are left out.

    Raises
    ------
    InputError
        With fewer than `MINIMUM` days, or a forecast that never changes.
    """
    keep = np.isfinite(realised) & np.isfinite(forecast)
    outcome, told = realised[keep], forecast[keep]
    size = _enough(outcome.size)
    if np.ptp(told) == 0:
        raise InputError(f"Every forecast is {told[0]:.6g}; a regression on it needs two values.", field="forecast")
    # Both sides over the forecast, both regressors near 1: well scaled whatever the unit.
    level = float(told.mean())
    regressors = np.stack([level / told, np.ones(size)], axis=1)
    inverse = np.linalg.inv(regressors.T @ regressors / size)
    fitted = inverse @ (regressors.T @ (outcome / told) / size)
    residual = outcome / told - regressors @ fitted
    spread, freedom = _long_run(regressors * residual[:, None], horizon=horizon)
    off = fitted - np.array([0.0, 1.0])
    wald = size * float(off @ np.linalg.solve(inverse @ spread @ inverse, off))
    return MincerZarnowitz(
        alpha=float(fitted[0] * level),
        beta=float(fitted[1]),
        p=float(fdtrc(2, freedom - 1, wald * (freedom - 1) / (2 * freedom))),
        bias=float(outcome.mean() / level),
        r2=float(np.corrcoef(np.log(outcome), np.log(told))[0, 1] ** 2),
        n=size,
    )


def _long_run(values: Floats, *, horizon: int) -> tuple[Floats, int]:
    """Return the (K, K) long-run covariance of (n, K) values and its degrees of freedom.

    No more cosines than fit below the frequency at which overlapping horizons hide what is left of the series.
    """
    size = values.shape[0]
    count = max(min(int(0.4 * size ** (2 / 3)), size // (2 * horizon)), 2)
    waves = dct(values - values.mean(axis=0), type=2, axis=0, norm="ortho")[1 : count + 1]
    return waves.T @ waves / count, count


def _enough(size: int) -> int:
    if size < MINIMUM:
        raise InputError(
            f"{size} days can be scored; a verdict needs at least {MINIMUM}. Score a longer window.",
            field="days",
            value=size,
            minimum=MINIMUM,
        )
    return size
