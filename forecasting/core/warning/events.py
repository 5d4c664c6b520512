"""What is to be foreseen: targets, when they came true, and the episodes that they came in."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from forecasting.core.book import Floats

THRESHOLDS = (1 / 30, 1 / 10, 1 / 3, 1, 3)  # of the amount: what is learnt together, see `logistic`
MAIN = THRESHOLDS.index(1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """At least ``usd`` of debt liquidated within ``hours``."""

    hours: int
    usd: float

    @property
    def name(self) -> str:
        """A short name: ``6h_1m``."""
        for unit, size in (("b", 1e9), ("m", 1e6), ("k", 1e3)):
            if self.usd >= size:
                return f"{self.hours}h_{self.usd / size:g}{unit}".replace(".", "p")
        return f"{self.hours}h_{self.usd:g}".replace(".", "p")


@dataclass(frozen=True, slots=True, kw_only=True)
class Episode:
    """Hours in a row at whose end a target was about to come true.

    Attributes
    ----------
    first, last : int
        Hours (indexes) of the first and the last forecast that should have warned.
    crossed : int
        The hour in which the amount was first reached; a warning helps before it.
    """

    first: int
    last: int
    crossed: int


def outcomes(liquidated: Floats, target: Target) -> Floats:
    """Return (T, K): 1 where the next hours brought each of `THRESHOLDS` times the amount, else 0; NaN: not known yet.

    Parameters
    ----------
    liquidated : (T,) floats
        USD in each hour; NaN where it is not known.
    target : Target
    """
    ahead = np.full(liquidated.size, np.nan)
    if liquidated.size > target.hours:
        windows = np.lib.stride_tricks.sliding_window_view(liquidated[1:], target.hours)
        ahead[: windows.shape[0]] = windows.sum(axis=1)
    came = ahead[:, None] >= target.usd * np.array(THRESHOLDS)
    return np.where(np.isnan(ahead)[:, None], np.nan, came.astype(np.float64))


def episodes(happened: Floats, *, hours: int) -> tuple[Episode, ...]:
    """Return the episodes of (n,) outcomes (NaN counts as none); two that are less than ``hours`` apart are one."""
    at = np.flatnonzero(happened == 1)
    if not at.size:
        return ()
    cut = np.flatnonzero(np.diff(at) > hours) + 1
    runs = np.split(at, cut)
    return tuple(Episode(first=int(run[0]), last=int(run[-1]), crossed=int(run[0]) + hours) for run in runs)
