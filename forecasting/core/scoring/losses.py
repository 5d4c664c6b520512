"""Losses of one forecast on one day: the smaller the better, and smallest on average for the truth.

References
----------
QLIKE and the squared error, and their robustness to noisy proxies of variance: Patton (2011). Quantile loss: Koenker &
Bassett (1978). FZ0, the joint loss of value at risk and expected shortfall: Fissler & Ziegel (2016) in the form of
Patton, Ziegel & Chen (2019, eq. 6). CRPS of a sample: Gneiting & Raftery (2007).
"""

from __future__ import annotations

import numpy as np

from forecasting.core.book import Floats


def qlike(realised: Floats, forecast: Floats) -> Floats:
    """Return ``RV / F - log(RV / F) - 1`` elementwise: 0 for a perfect forecast of variance, NaN where it has none."""
    ratio = realised / forecast
    return ratio - np.log(ratio) - 1.0


def mse(realised: Floats, forecast: Floats) -> Floats:
    """Return ``(RV - F)**2`` elementwise, in the square of their unit."""
    return (realised - forecast) ** 2


def pinball(loss: Floats, *, var: Floats, share: float) -> Floats:
    """Return the quantile loss of ``var`` elementwise, in its unit; NaN where either is.

    Parameters
    ----------
    loss : floats
        What was lost: a fall of the price for who is long, a rise for who is short.
    var : floats
        The value at risk that was forecast: a loss, positive.
    share : float
        Of the days that may be worse than ``var``: 0.01 for VaR 99 %.
    """
    gap = loss - var
    return gap * (1.0 - share - (gap < 0))


def fz0(loss: Floats, *, var: Floats, es: Floats, share: float) -> Floats:
    """Return the joint loss of ``var`` and ``es`` elementwise; NaN where one is missing.

    ``max(loss - var, 0) / (share es) + var / es + log(es) - 1``, which is the published form with returns replaced by
    losses. A change of unit moves every value by one constant: it is quoted for losses in per cent.

    Parameters
    ----------
    loss, var, es : floats
        What was lost, and the value at risk and expected shortfall that were forecast: losses, positive.
    share : float
        Of the days that may be worse than ``var``.
    """
    return np.maximum(loss - var, 0.0) / (share * es) + var / es + np.log(es) - 1.0


def crps(sample: Floats, realised: float) -> float:
    """Return the continuous ranked probability score of a (P,) sample: ``E|X - y| - E|X - X'| / 2``, in its unit."""
    ordered = np.sort(sample)
    weights = 2.0 * np.arange(1, sample.size + 1) - sample.size - 1
    return float(np.abs(sample - realised).mean() - (weights @ ordered) / sample.size**2)
