"""Estimators of a period's variance from the returns of its bars, each as published.

Returns are logarithmic; arrays are (..., n, A): n bars of a period, A assets; results are (..., A), the variance of the
whole period. A bar that is missing is NaN: what is there is scaled to the period, so that a gap is no zero return.

References
----------
Realised variance ``sum r**2``: Andersen, Bollerslev, Diebold & Labys (2003), Econometrica 71.
Semivariances ``sum r**2 1(r < 0)``: Barndorff-Nielsen, Kinnebrock & Shephard (2010).
Bipower variation ``pi/2 sum |r_t| |r_{t-1}|``: Barndorff-Nielsen & Shephard (2004), J. Financial Econometrics 2.
Quarticity ``n/3 sum r**4``: Barndorff-Nielsen & Shephard (2002), J. Royal Statistical Society B 64.
Absolute returns as a measure of variance: Forsberg & Ghysels (2007).
"""

from __future__ import annotations

import numpy as np

from forecasting.core.book import Floats

HALF_PI = np.pi / 2


def total(values: Floats, weights: Floats | None = None) -> Floats:
    """Return the sum over the period's bars: what is missing is taken to be as the rest; NaN where nothing is there.

    Parameters
    ----------
    values : (..., n, A) floats
    weights : (..., n, A) floats, optional
        How many bars each value stands for.
    """
    known = np.isfinite(values)
    weights = known.astype(np.float64) if weights is None else np.where(known, weights, 0.0)
    covered = plain_sum(weights)
    found = plain_sum(np.where(known, values, 0.0) * weights)
    with np.errstate(invalid="ignore", divide="ignore"):
        scaled: Floats = found * (values.shape[-2] / covered)
    return np.where(covered > 0, scaled, np.nan)


def plain_sum(values: Floats) -> Floats:
    """Return the sum over bars, one by one: numpy's own rounds differently for another number of assets."""
    found = np.zeros_like(values[..., 0, :])
    for bar in range(values.shape[-2]):
        found += values[..., bar, :]
    return found


def realised(returns: Floats, weights: Floats | None = None) -> Floats:
    """Return realised variance."""
    return total(returns**2, weights)


def semivariances(returns: Floats, weights: Floats | None = None) -> tuple[Floats, Floats]:
    """Return the parts of realised variance that are due to negative and to positive returns."""
    squares = returns**2
    known = np.isfinite(returns)
    negative = np.where(known, np.where(returns < 0, squares, 0.0), np.nan)
    positive = np.where(known, np.where(returns > 0, squares, 0.0), np.nan)
    return total(negative, weights), total(positive, weights)


def absolute(returns: Floats, weights: Floats | None = None) -> Floats:
    """Return the variance that normal returns with this mean absolute value would have."""
    n = returns.shape[-2]
    found: Floats = total(np.abs(returns), weights) ** 2 * (HALF_PI / n)
    return found


def bipower(returns: Floats, before: Floats) -> Floats:
    """Return bipower variation, which jumps hardly touch.

    Parameters
    ----------
    returns, before : (..., n, A) floats
        The period's returns, and that of the bar before each. The market does not close, so that the first bar's
        neighbour is the last one of the period before, and n products need no correction for a missing one.
    """
    return HALF_PI * total(np.abs(returns) * np.abs(before))


def quarticity(returns: Floats, weights: Floats | None = None) -> Floats:
    """Return realised quarticity, on which the error of realised variance depends."""
    found: Floats = total(returns**4, weights) * (returns.shape[-2] / 3)
    return found
