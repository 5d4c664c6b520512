"""Adaptive conformal inference, as a monitor of whether forecasts cover what comes.

The level that a forecast is read at moves against what happened, ``level_{t+1} = level_t + rate (share - hit_t)``,
where ``hit_t`` says whether the loss of day t was worse than the forecast read at ``level_t``. Its long-run rate of
hits is ``share`` whatever the forecasts are worth, and so the level tells what they are worth: it stays near ``share``
when they are calibrated, and falls when losses keep passing them. As a forecaster it only widens; it is not one here.

References
----------
Gibbs & Candes (2021).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from forecasting.core.book import Flags, Floats
from forecasting.core.tails.base import pits
from forecasting.core.tails.fhs import WINDOW
from governance.errors import InputError

RATE = 0.002
STRAY = 3.0  # standard deviations by which the level of calibrated forecasts hardly ever strays


@dataclass(frozen=True, slots=True, kw_only=True)
class Monitor:
    """The level day by day.

    Attributes
    ----------
    levels : (D + 1,) floats
        Share of days that forecasts are read at, on each day and on the day after the last; 0 or less: no forecast is
        wide enough.
    hits : (D,) bool
        Whether the loss was worse than the forecast read at that level; False on unknown days.
    alarms : (D + 1,) bool
        Where the level is lower than calibrated forecasts would let it fall: losses pass them too often.
    """

    levels: Floats
    hits: Flags
    alarms: Flags


def watch(values: Floats, *, share: float, rate: float = RATE) -> Monitor:
    """Return the level that coverage needs.

    Parameters
    ----------
    values : (D,) floats
        Where each day's *loss* fell in its forecast distribution, 0..1 (1: worse than all that was thought possible);
        NaN where unknown, which changes nothing.
    share : float
        Of the days that may be worse: 0.01 for VaR 99 %.
    rate : float
        How fast the level moves: it forgets within about ``1 / rate`` days, and under calibrated forecasts strays by
        ``sqrt(rate share / 2)``.

    Raises
    ------
    InputError
        For a share or a rate outside of 0 to 1.
    """
    for field, value in (("share", share), ("rate", rate)):
        if not 0 < value < 1:
            raise InputError(f"The {field} is {value}; it lies between 0 and 1.", field=field, value=value)
    levels, hits = np.empty(values.size + 1), np.zeros(values.size, dtype=np.bool_)
    level = share
    for day, value in enumerate(values):
        levels[day] = level
        if np.isfinite(value):
            hits[day] = value > 1 - level
            level += rate * (share - hits[day])
    levels[-1] = level
    floor = max(share - STRAY * np.sqrt(rate * share / 2), 0.0)
    return Monitor(levels=levels, hits=hits, alarms=levels <= floor)


def told(loss: Floats, *, scale: Floats, share: float, days: slice) -> dict[str, Any]:
    """Return what the monitor says of a backtest's ``days``, ready for JSON.

    Parameters
    ----------
    loss, scale : (D,) floats
        As in `forecasting.core.tails.base.walk`; a day's loss falls where it does among the residuals before it.
    share : float
    days : slice

    Returns
    -------
    dict
        ``level``: the share of days that forecasts would have to be read at after the last day, ``share`` when all is
        well; ``lowest`` of all days; ``alarms``: days on which it was lower than calibrated forecasts would let it.
    """
    monitor = watch(pits(loss / scale, window=WINDOW)[days], share=share)
    return {
        "level": float(monitor.levels[-1]),
        "lowest": float(monitor.levels.min()),
        "alarms": int(monitor.alarms.sum()),
    }
