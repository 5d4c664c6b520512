"""What a tail method is: past standardised losses go in, a day's value at risk and expected shortfall come out.

A *loss* is positive when money is lost: ``-change`` for who is long, ``change`` for who is short. Standardised by the
volatility that was forecast for its day it is a *residual*. A method is given all residuals at once and returns for
each day what it makes of those before that day; `walk` puts the day's own volatility back.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from forecasting.core.book import Flags, Floats
from governance.errors import InputError

MINIMUM = 250  # residuals, below which there is no forecast: 1 % of fewer is less than three days


@dataclass(frozen=True, slots=True, kw_only=True)
class Tails:
    """Forecasts of D days; NaN where there is none.

    Attributes
    ----------
    var : (D,) floats
        Value at risk: a loss, in the unit of what was forecast.
    es : (D,) floats
        Expected shortfall: the mean of the losses beyond it.
    """

    var: Floats
    es: Floats

    def hits(self, loss: Floats) -> Flags:
        """Return (D,) whether ``loss`` was worse than the value at risk; False where there is no forecast."""
        return loss > self.var


class TailMethod(Protocol):
    """A way from past residuals to a tail."""

    @property
    def name(self) -> str:
        """Stable name in results."""

    def tails(self, residuals: Floats, *, share: float) -> Tails:
        """Return the (D,) tails of each day from the (D,) residuals before it.

        Parameters
        ----------
        residuals : (D,) floats
            NaN where a day was not measured or not forecast.
        share : float
            Of the days that may be worse: 0.01 for VaR 99 %.
        """


def walk(method: TailMethod, *, loss: Floats, scale: Floats, share: float) -> Tails:
    """Return the tails of (D,) losses.

    Parameters
    ----------
    method : TailMethod
    loss : (D,) floats
        NaN where not measured.
    scale : (D,) floats
        Volatility forecast for each day from the days before it, in the unit of ``loss``.
    share : float
        Of the days that may be worse.

    Raises
    ------
    InputError
        For a share outside of 0 to a half.
    """
    if not 0 < share < 0.5:
        raise InputError(f"The share is {share}; it lies between 0 and 0.5, 0.01 for VaR 99 %.", field="share")
    found = method.tails(loss / scale, share=share)
    return Tails(var=found.var * scale, es=found.es * scale)


def before(residuals: Floats, *, window: int) -> tuple[Floats, Floats]:
    """Return for each day the residuals of the ``window`` days before it, the largest first, and how many there are.

    Returns
    -------
    ordered : (D, window) floats
        NaN last.
    counts : (D,) floats
    """
    padded = np.concatenate([np.full(window, np.nan), residuals[:-1]])
    windows = np.lib.stride_tricks.sliding_window_view(padded, window)
    return -np.sort(-windows, axis=1), np.isfinite(windows).sum(axis=1).astype(np.float64)


def pits(residuals: Floats, *, window: int) -> Floats:
    """Return (D,) where each residual falls among the ``window`` before it, 0..1; NaN with fewer than `MINIMUM`."""
    ordered, counts = before(residuals, window=window)
    below = (ordered < residuals[:, None]).sum(axis=1)
    ties = (ordered == residuals[:, None]).sum(axis=1)
    known = np.isfinite(residuals) & (counts >= MINIMUM)
    return np.where(known, (below + ties / 2 + 0.5) / (counts + 1), np.nan)
