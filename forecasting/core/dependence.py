"""How assets move together: a shrunk correlation, and one that changes from day to day.

Both are of *residuals*, returns over the volatility forecast for their day. Dynamic conditional correlation follows

``Q_{t+1} = (1 - a - b) S + a e_t e_t' + b Q_t``,   ``R_t = Q_t`` scaled to a unit diagonal,

with the shrunk correlation as its mean ``S``. The two numbers ``a, b`` maximise the sum of the normal likelihoods of
all pairs, which stays feasible and consistent however many assets there are. Residuals are bounded before they enter:
one crash of one asset must not rewrite how the others relate.

References
----------
Shrinkage: Ledoit & Wolf (2004). DCC: Engle (2002), with a shrunk target: Engle, Ledoit & Wolf (2019). Composite
likelihood: Pakel, Shephard, Sheppard & Engle (2021). Bounded innovations: Boudt, Danielsson & Laurent (2013).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy.optimize import minimize
from sklearn.covariance import ledoit_wolf

from forecasting.core.book import Floats
from forecasting.core.compiled import compiled
from forecasting.core.volatility.base import rounded
from governance.errors import InputError

MINIMUM = 100  # days on which all assets have a residual
BOUND = 4.0  # standard deviations, as the median of absolute residuals tells them
NORMAL = 1.4826  # standard deviation over median absolute value of a normal variable
START = (0.02, 0.95)  # a and b, where the search begins
MOST = 0.9995  # a + b
REFIT = 100  # days between two fits of a walk-forward


@dataclass(frozen=True, slots=True, kw_only=True)
class Shrunk:
    """A correlation that does not change.

    Attributes
    ----------
    matrix : (A, A) floats
        Positive definite.
    scale : (A,) floats
        Standard deviation of each asset's bounded residuals.
    shrinkage : float
        Weight of no correlation at all, 0..1.
    n : int
        Days.
    """

    matrix: Floats
    scale: Floats
    shrinkage: float
    n: int

    @property
    def mean(self) -> Shrunk:
        """Itself: it does not move."""
        return self

    def correlations(self, residuals: Floats) -> Floats:
        """Return (D + 1, A, A): the same correlation for each day of (D, A) residuals and the day after the last."""
        return np.broadcast_to(self.matrix, (residuals.shape[0] + 1, *self.matrix.shape))


@dataclass(frozen=True, slots=True, kw_only=True)
class Dcc:
    """A correlation that follows what happens.

    Attributes
    ----------
    a, b : float
        Weights of the last day and of the days before it; 0 and 0: it does not move.
    mean : Shrunk
    converged : bool
        False: the search failed, and the correlation is held at its mean.
    """

    a: float
    b: float
    mean: Shrunk
    converged: bool

    def correlations(self, residuals: Floats) -> Floats:
        """Return (D + 1, A, A): the correlation forecast for each day, and the day after the last, from those before.

        Parameters
        ----------
        residuals : (D, A) floats
            A day on which one is missing changes nothing but that the past fades.
        """
        bounded = _bounded(residuals, self.mean.scale)
        return _follow(bounded, self.mean.matrix, self.a, self.b)


def shrunk(residuals: Floats) -> Shrunk:
    """Return the correlation of (D, A) residuals, shrunk towards none; days on which one is missing are left out.

    Raises
    ------
    InputError
        With fewer than `MINIMUM` days, or an asset whose residuals never change.
    """
    whole = residuals[np.isfinite(residuals).all(axis=1)]
    if whole.shape[0] < MINIMUM:
        raise InputError(
            f"{whole.shape[0]} days have residuals of all assets; a correlation needs {MINIMUM}.",
            field="residuals",
            value=whole.shape[0],
        )
    middle = NORMAL * np.median(np.abs(whole), axis=0)
    scale = np.where(middle > 0, middle, whole.std(axis=0))
    if not scale.all() or not np.ptp(whole, axis=0).all():
        raise InputError("An asset's residuals never change; it has no correlation.", field="residuals")
    bounded = np.clip(whole / scale, -BOUND, BOUND)
    spread = np.sqrt((bounded**2).mean(axis=0))
    covariance, weight = ledoit_wolf(bounded / spread, assume_centered=True)
    roots = np.sqrt(np.diag(covariance))
    matrix = _digits(covariance / np.outer(roots, roots))
    return Shrunk(matrix=matrix, scale=_digits(scale * spread), shrinkage=rounded(weight), n=whole.shape[0])


def dcc(residuals: Floats) -> Dcc:
    """Return the dynamic correlation fitted to all of (D, A) residuals.

    Raises
    ------
    InputError
        As for `shrunk`.
    """
    mean = shrunk(residuals)
    bounded = _bounded(residuals, mean.scale)

    def loss(free: Floats) -> float:
        return _pairs(bounded, mean.matrix, *_weights(free))

    found = minimize(loss, _free(*START), method="Nelder-Mead", tol=1e-5)
    # A search that ends below the constant correlation has failed, whatever it says.
    converged = bool(found.success) and float(found.fun) <= _pairs(bounded, mean.matrix, 0.0, 0.0)
    a, b = _weights(found.x) if converged else (0.0, 0.0)
    return Dcc(a=float(f"{a:.6g}"), b=float(f"{b:.6g}"), mean=mean, converged=converged)


def walk(fit: Callable[[Floats], Shrunk | Dcc], residuals: Floats, *, first: int, refit: int = REFIT) -> Floats:
    """Return (D, A, A) covariances of (D, A) residuals, each forecast from the days before; NaN before ``first``.

    Parameters
    ----------
    fit : callable
        `shrunk` or `dcc`; fitted every ``refit`` days to all days before.
    residuals : (D, A) floats
    first : int
        First day that is forecast; later where `MINIMUM` days are not there yet.
    refit : int
        Days.
    """
    days, assets = residuals.shape
    whole = np.isfinite(residuals).all(axis=1).cumsum()
    first = max(first, int(np.searchsorted(whole, MINIMUM)) + 1)
    out = np.full((days, assets, assets), np.nan)
    for start in range(first, days, refit):
        until = min(start + refit, days)
        found = fit(residuals[:start])
        scale = np.outer(found.mean.scale, found.mean.scale)
        out[start:until] = found.correlations(residuals[: until - 1])[start:until] * scale
    return out


def basket_volatility(volatility: Floats, *, covariances: Floats, weights: Floats) -> Floats:
    """Return the (D,) volatility of a basket.

    Parameters
    ----------
    volatility : (D, A) floats
        Forecast of each asset.
    covariances : (D, A, A) floats
        Forecast of its residuals.
    weights : (A,) floats
        Shares of the basket's value.
    """
    exposure = volatility * weights
    variance: Floats = np.einsum("ti,tij,tj->t", exposure, covariances, exposure)
    return np.sqrt(variance)


def _bounded(residuals: Floats, scale: Floats) -> Floats:
    return np.ascontiguousarray(np.clip(residuals / scale, -BOUND, BOUND))


def _digits(values: Floats) -> Floats:
    return np.array([rounded(value) for value in values.flat]).reshape(values.shape)


def _free(a: float, b: float) -> Floats:
    """Return unbounded coordinates: logits of ``(a + b) / MOST`` and of the share of ``a`` in it."""
    sum_, share = (a + b) / MOST, a / (a + b)
    return np.array([math.log(sum_ / (1 - sum_)), math.log(share / (1 - share))])


def _weights(free: Floats) -> tuple[float, float]:
    sum_ = MOST / (1 + math.exp(-min(max(free[0], -30.0), 30.0)))
    a = sum_ / (1 + math.exp(-min(max(free[1], -30.0), 30.0)))
    return a, sum_ - a


@compiled
def _pairs(values: Floats, mean: Floats, a: float, b: float) -> float:
    """Return the mean negative log likelihood of all pairs, without its constant."""
    days, assets = values.shape
    total, count = 0.0, 0
    for i in range(assets):
        for j in range(i):
            target = mean[i, j]
            first, second, both = 1.0, 1.0, target
            for t in range(days):
                x, y = values[t, i], values[t, j]
                if math.isnan(x) or math.isnan(y):
                    x2, y2, xy = first, second, both
                else:
                    r = both / math.sqrt(first * second)
                    room = 1.0 - r * r
                    total += 0.5 * (math.log(room) + (x * x - 2.0 * r * x * y + y * y) / room)
                    count += 1
                    x2, y2, xy = x * x, y * y, x * y
                first = 1.0 - a - b + a * x2 + b * first
                second = 1.0 - a - b + a * y2 + b * second
                both = (1.0 - a - b) * target + a * xy + b * both
    return total / count if count else 0.0


@compiled
def _follow(values: Floats, mean: Floats, a: float, b: float) -> Floats:
    """Return (D + 1, A, A) correlations: each from the days before it."""
    days, assets = values.shape
    out = np.empty((days + 1, assets, assets))
    level = mean.copy()
    for t in range(days + 1):
        for i in range(assets):
            for j in range(assets):
                out[t, i, j] = level[i, j] / math.sqrt(level[i, i] * level[j, j]) if i != j else 1.0
        if t == days:
            break
        whole = True
        for i in range(assets):
            whole = whole and not math.isnan(values[t, i])
        for i in range(assets):
            for j in range(assets):
                news = values[t, i] * values[t, j] if whole else level[i, j]
                level[i, j] = (1.0 - a - b) * mean[i, j] + a * news + b * level[i, j]
    return out
