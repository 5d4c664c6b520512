"""Joint filtered historical simulation: whole past days are drawn, so that assets fall together as they did.

A past day's residuals of all assets, times today's volatilities, are one joint outcome; a basket's loss is read off it.
Nothing is assumed of how assets depend on each other but that it lasts.

References
----------
Barone-Adesi, Giannopoulos & Vosper (1999), section on several assets.
"""

from __future__ import annotations

import numpy as np

from forecasting.core.book import Floats
from forecasting.core.tails.base import MINIMUM, Tails
from forecasting.core.tails.fhs import WINDOW, empirical


def outcomes(residuals: Floats, *, volatility: Floats, weights: Floats, window: int = WINDOW) -> Floats:
    """Return (D, window) losses of a basket that each day's past makes possible, NaN where a past day is not whole.

    Parameters
    ----------
    residuals : (D, A) floats
        Log returns over the volatility forecast for their day.
    volatility : (D, A) floats
        Forecast of each day from the days before it, of log returns.
    weights : (A,) floats
        Shares of the basket's value at the start of each day, negative where it is short; a loss of 0.01 is 1 % of it.
    window : int
        Days that it looks back.
    """
    days, assets = residuals.shape
    past = np.concatenate([np.full((window, assets), np.nan), residuals[:-1]])
    drawn = np.lib.stride_tricks.sliding_window_view(past, window, axis=0)  # (D, A, window)
    losses = np.zeros((days, window))
    for asset in range(assets):
        losses -= weights[asset] * np.expm1(volatility[:, asset, None] * drawn[:, asset])
    return losses


def basket(residuals: Floats, *, volatility: Floats, weights: Floats, share: float, window: int = WINDOW) -> Tails:
    """Return the (D,) tails of a basket's loss; see `outcomes`."""
    losses = outcomes(residuals, volatility=volatility, weights=weights, window=window)
    counts = np.isfinite(losses).sum(axis=1).astype(np.float64)
    counts[counts < MINIMUM] = np.nan
    return empirical(-np.sort(-losses, axis=1), counts, share=share)
