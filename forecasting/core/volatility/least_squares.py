"""Least squares and gamma regression in plain compiled loops: the same bits for any number of threads.

Libraries of linear algebra split sums by the number of threads, so a stored coefficient differs in its last digits from
machine to machine, and rounding only makes that rare. The systems here are small; loops are as fast.

References
----------
Ridge: Hoerl & Kennard (1970). Gamma regression with logarithmic link: McCullagh & Nelder (1989), 8.3; half its deviance
is the QLIKE loss of a variance forecast, and its expected information is ``X'X``, so Fisher scoring factors it once.
"""

from __future__ import annotations

import math

import numpy as np

from forecasting.core.book import Floats
from forecasting.core.compiled import compiled

STEPS = 60
GRADIENT = 1e-12  # of the mean deviance, at which scoring ends
TOLERABLE = 1e-5  # likewise, where no shorter step brings anything
SHORTEST = 1e-6  # share of a step


@compiled
def _moments(x: Floats, y: Floats) -> tuple[Floats, Floats]:
    """Return ``X'X`` and ``X'y``."""
    rows, size = x.shape
    square, cross = np.zeros((size, size)), np.zeros(size)
    for t in range(rows):
        for i in range(size):
            one = x[t, i]
            cross[i] += one * y[t]
            for j in range(i + 1):
                square[i, j] += one * x[t, j]
    return square, cross


@compiled
def _factor(square: Floats) -> None:
    """Overwrite the lower triangle by its Cholesky factor; a direction without any variance gets none."""
    size = square.shape[0]
    for i in range(size):
        for j in range(i + 1):
            total = square[i, j]
            for k in range(j):
                total -= square[i, k] * square[j, k]
            if i == j:
                square[i, i] = math.sqrt(total) if total > 1e-12 else math.inf
            else:
                square[i, j] = total / square[j, j]


@compiled
def _solve(factor: Floats, right: Floats) -> Floats:
    """Return the solution for a factor of `_factor`."""
    size = right.size
    out = right.copy()
    for i in range(size):
        for k in range(i):
            out[i] -= factor[i, k] * out[k]
        out[i] /= factor[i, i]
    for i in range(size - 1, -1, -1):
        for k in range(i + 1, size):
            out[i] -= factor[k, i] * out[k]
        out[i] /= factor[i, i]
    return out


@compiled
def least_squares(x: Floats, y: Floats, penalty: Floats) -> Floats:
    """Return the (K,) coefficients that minimise ``|y - x b|**2 + sum(penalty * b**2)``.

    Parameters
    ----------
    x : (n, K) floats
    y : (n,) floats
    penalty : (K,) floats
    """
    square, cross = _moments(x, y)
    for i in range(penalty.size):
        square[i, i] += penalty[i]
    _factor(square)
    return _solve(square, cross)


@compiled
def gamma_regression(x: Floats, y: Floats, penalty: Floats, start: Floats) -> tuple[Floats, bool]:
    """Return the (K,) coefficients of ``E y = exp(x b)`` by gamma likelihood, and whether the search ended by itself.

    Minimises the sum of ``y exp(-x b) + x b`` plus half of ``sum(penalty * b**2)``.

    Parameters
    ----------
    x : (n, K) floats
    y : (n,) floats
        Positive.
    penalty, start : (K,) floats
        Where the search begins, too.
    """
    square, _ = _moments(x, y)
    for i in range(penalty.size):
        square[i, i] += penalty[i]
    _factor(square)
    out = start.copy()
    last, ratio = _deviance(x, y, penalty, out)
    for _ in range(STEPS):
        slope = _slope(x, ratio, penalty, out)
        step = _solve(square, slope)
        gain = (step * slope).sum()
        if gain < GRADIENT * y.size:
            return out, True
        scale, value, fresh = 2.0, math.inf, ratio
        while not value <= last - 1e-4 * scale * gain and scale > SHORTEST:
            scale *= 0.5
            value, fresh = _deviance(x, y, penalty, out + scale * step)
        if scale <= SHORTEST:
            return out, bool(gain < TOLERABLE * y.size)
        out += scale * step
        last, ratio = value, fresh
    return out, False


@compiled
def _slope(x: Floats, ratio: Floats, penalty: Floats, b: Floats) -> Floats:
    """Return minus the gradient."""
    out = -penalty * b
    for t in range(ratio.size):
        for i in range(b.size):
            out[i] += x[t, i] * (ratio[t] - 1.0)
    return out


@compiled
def _deviance(x: Floats, y: Floats, penalty: Floats, b: Floats) -> tuple[float, Floats]:
    rows, size = x.shape
    total, ratio = 0.0, np.empty(rows)
    for i in range(size):
        total += 0.5 * penalty[i] * b[i] * b[i]
    for t in range(rows):
        level = 0.0
        for i in range(size):
            level += x[t, i] * b[i]
        ratio[t] = y[t] * math.exp(-level)
        total += ratio[t] + level
    return total, ratio
