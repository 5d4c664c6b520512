"""Logistic regression of several thresholds at once: one slope for all, an intercept for each.

An event of "at least X USD" is rare, one of "at least X / 30" is not, and both follow from the same things. So the
amount's distribution is regressed: ``logit P(amount >= X_k) = a_k + b' z`` with the features ``z`` standardised on the
rows that it is fitted to. The slopes are shrunk (ridge); some less than others. Hours of overlapping windows are not
independent, so the penalty counts in windows, not in hours.

References
----------
Foresi, S. & Peracchi, F. (1995), distribution regression; McCullagh, P. (1980), the proportional-odds model.
Le Cessie, S. & Van Houwelingen, J. C. (1992), ridge estimators in logistic regression.
Platt, J. (1999), the calibration of scores; here shrunk towards no change.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import expit

from forecasting.core.book import Floats
from forecasting.core.compiled import compiled
from forecasting.core.volatility.base import rounded

FAR = 4.0  # standard deviations from the mean, beyond which a feature says no more
FREE = 0.01  # penalty of an intercept
ITERATIONS = 60
TOLERANCE = 1e-9  # largest change of a parameter at which it is found


@dataclass(frozen=True, slots=True, kw_only=True)
class Logistic:
    """A fitted regression.

    Attributes
    ----------
    mean, scale : (F,) floats
        Of the features, where it was fitted.
    intercepts : (K,) floats
        Of each threshold.
    slopes : (F,) floats
        Per standard deviation.
    """

    mean: Floats
    scale: Floats
    intercepts: Floats
    slopes: Floats

    def logits(self, features: Floats, *, threshold: int) -> Floats:
        """Return the (n,) log odds of a threshold, from (n, F) features; NaN where one is."""
        return np.asarray(self.parts(features).sum(axis=1) + self.intercepts[threshold], dtype=np.float64)

    def parts(self, features: Floats) -> Floats:
        """Return what each of (n, F) features adds to the log odds."""
        return np.asarray(_standard(features, self.mean, self.scale) * self.slopes, dtype=np.float64)


@dataclass(frozen=True, slots=True, kw_only=True)
class Calibration:
    """Log odds as they should have been: ``shift + slope * logit``."""

    shift: float = 0.0
    slope: float = 1.0

    def probabilities(self, logits: Floats) -> Floats:
        """Return the (n,) probabilities."""
        return np.asarray(expit(self.shift + self.slope * logits), dtype=np.float64)


def fit(features: Floats, happened: Floats, *, penalty: Floats | float) -> Logistic:
    """Return the regression with the largest penalised likelihood, by Newton's method.

    Parameters
    ----------
    features : (n, F) floats
        Without NaN.
    happened : (n, K) floats
        1 where the event of a threshold came, else 0.
    penalty : (F,) floats or float
        Of half the squared slope, in units of one row and one threshold.
    """
    mean = features.mean(axis=0)
    scale = features.std(axis=0) + 1e-9
    z = _standard(features, mean, scale)
    size, thresholds = z.shape[1], happened.shape[1]
    ridge = np.concatenate([np.broadcast_to(penalty, size), np.full(thresholds, FREE)])
    share = happened.mean(axis=0).clip(1e-4, 1 - 1e-4)
    found = np.concatenate([np.zeros(size), np.log(share / (1 - share))])
    loss, gradient, curvature = _slopes(z, happened, ridge, found)
    for _ in range(ITERATIONS):
        step = np.linalg.solve(curvature, gradient)
        new, gradient, curvature = _slopes(z, happened, ridge, found + step)
        while new > loss + TOLERANCE and np.abs(step).max() > TOLERANCE:
            step = step / 2
            new, gradient, curvature = _slopes(z, happened, ridge, found + step)
        found, loss = found + step, new
        if np.abs(step).max() <= TOLERANCE:
            break
    exact = [np.array([rounded(value) for value in part]) for part in (mean, scale, found[size:], found[:size])]
    return Logistic(mean=exact[0], scale=exact[1], intercepts=exact[2], slopes=exact[3])


def calibrate(logits: Floats, happened: Floats, *, penalty: float) -> Calibration:
    """Return the calibration of past log odds, shrunk towards none.

    Parameters
    ----------
    logits : (n,) floats
        As they were forecast.
    happened : (n,) floats
        1 or 0.
    penalty : float
        Of half the squared shift, and of half the squared difference of the slope from 1, in rows.
    """
    shift, slope = 0.0, 1.0
    for _ in range(ITERATIONS):
        chance = expit(shift + slope * logits)
        weight = chance * (1 - chance)
        missed = happened - chance
        gradient = np.array([missed.sum() - penalty * shift, (missed * logits).sum() - penalty * (slope - 1)])
        mixed = (weight * logits).sum()
        curvature = np.array([[weight.sum() + penalty, mixed], [mixed, (weight * logits**2).sum() + penalty]])
        step = np.linalg.solve(curvature, gradient)
        shift, slope = shift + float(step[0]), max(slope + float(step[1]), 0.1)
        if np.abs(step).max() < TOLERANCE:
            break
    return Calibration(shift=rounded(shift), slope=rounded(slope))


def _standard(features: Floats, mean: Floats, scale: Floats) -> Floats:
    return np.asarray(np.clip((features - mean) / scale, -FAR, FAR), dtype=np.float64)


@compiled
def _slopes(z: Floats, happened: Floats, ridge: Floats, found: Floats) -> tuple[float, Floats, Floats]:
    """Return the loss, minus its gradient and its curvature, in one pass over the rows.

    The order of the sums is fixed, so that the result does not depend on the number of threads as a library's would.
    """
    rows, size = z.shape
    loss = 0.5 * np.sum(ridge * found * found)
    gradient = -ridge * found
    curvature = np.diag(ridge)
    for n in range(rows):
        score = _product(z[n], found)
        total, missed = 0.0, 0.0
        for k in range(happened.shape[1]):
            at = size + k
            odds = score + found[at]
            chance = 1.0 / (1.0 + np.exp(-odds))
            weight = chance * (1.0 - chance)
            loss += max(odds, 0.0) + np.log1p(np.exp(-abs(odds))) - happened[n, k] * odds
            total += weight
            gradient[at] += happened[n, k] - chance
            missed += happened[n, k] - chance
            curvature[at, at] += weight
            _add(curvature[at], z[n], weight)
        _add(gradient, z[n], missed)
        for i in range(size):
            _add(curvature[i], z[n, : i + 1], total * z[n, i])
    _mirror(curvature)
    return loss, gradient, curvature


@compiled
def _product(row: Floats, other: Floats) -> float:
    """Return the sum of products, as far as ``row`` goes."""
    total = 0.0
    for i in range(row.size):
        total += row[i] * other[i]
    return total


@compiled
def _add(target: Floats, row: Floats, weight: float) -> None:
    """Add a weighted row to the first values of ``target``."""
    for i in range(row.size):
        target[i] += weight * row[i]


@compiled
def _mirror(square: Floats) -> None:
    """Copy what is below the diagonal above it."""
    for i in range(square.shape[0]):
        for j in range(i):
            square[j, i] = square[i, j]
