"""Estimators of variance from the open, high, low and close of bars, each as published.

Prices are logarithms; arrays are (..., n, A): n bars of a period, A assets. A bar that is missing is NaN.

References
----------
Parkinson ``(h - l)**2 / (4 ln 2)``: Journal of Business 53 (1980).
Garman & Klass ``(h - l)**2 / 2 - (2 ln 2 - 1) (c - o)**2``: Journal of Business 53 (1980).
Rogers & Satchell ``(h - c)(h - o) + (l - c)(l - o)``: Annals of Applied Probability 1 (1991); right for any drift.
Yang & Zhang ``V_o + k V_c + (1 - k) V_rs``, ``k = 0.34 / (1.34 + (n + 1)/(n - 1))``: Journal of Business 73 (2000);
right for any drift and for jumps between bars.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from forecasting.core.book import Floats
from forecasting.core.estimators import plain_sum, total

FOUR_LN2 = 4 * np.log(2)


class Candles(NamedTuple):
    """Logarithms of open, high, low and close, each (..., n, A)."""

    open: Floats
    high: Floats
    low: Floats
    close: Floats


def parkinson(candles: Candles) -> Floats:
    """Return each bar's variance by its range, for prices without drift."""
    found: Floats = (candles.high - candles.low) ** 2 / FOUR_LN2
    return found


def garman_klass(candles: Candles) -> Floats:
    """Return each bar's variance by its range and its return, for prices without drift."""
    body: Floats = (2 * np.log(2) - 1) * (candles.close - candles.open) ** 2
    found: Floats = (candles.high - candles.low) ** 2 / 2 - body
    return found


def rogers_satchell(candles: Candles) -> Floats:
    """Return each bar's variance by its range, for prices with any drift."""
    up: Floats = (candles.high - candles.close) * (candles.high - candles.open)
    down: Floats = (candles.low - candles.close) * (candles.low - candles.open)
    return up + down


def yang_zhang(candles: Candles, before: Floats) -> Floats:
    """Return a period's variance from its n bars: of the jumps between bars, of bodies, and of ranges; NaN for n < 2.

    Parameters
    ----------
    candles : Candles
    before : (..., n, A) floats
        Logarithm of the close before each bar.
    """
    n = candles.close.shape[-2]
    if n < 2:
        return np.full_like(candles.close[..., 0, :], np.nan)
    between = _sample_variance(candles.open - before)
    bodies = _sample_variance(candles.close - candles.open)
    k = 0.34 / (1.34 + (n + 1) / (n - 1))
    found: Floats = n * (between + k * bodies) + (1 - k) * total(rogers_satchell(candles))
    return found


def _sample_variance(values: Floats) -> Floats:
    known = np.isfinite(values)
    n = known.sum(axis=-2)
    with np.errstate(invalid="ignore", divide="ignore"):
        mean = plain_sum(np.where(known, values, 0.0)) / n
        found = plain_sum(np.where(known, values - mean[..., None, :], 0.0) ** 2) / (n - 1)
    return np.where(n > 1, found, np.nan)
