"""What would be liquidated if the price fell: a ladder of liquidation prices that is never seen, but can be inferred.

Loans are opened all the time, each with a liquidation price somewhat below the price of the day. When the price falls
to a rung, whatever hangs there is liquidated and gone; a rung that was not touched since fills up again. So the ladder
below the present price is thin where the price has been lately and full below the last low: the first fall below it
liquidates much, the next fall through the same prices little. Nothing is fitted: three constants say how far below the
price loans hang (`GAP`, `SHAPE`) and how long they last (`LIFE`), and results hardly depend on them.

The chance that a fall reaches a rung follows from the reflection principle, with Student's t of 4 degrees of freedom in
place of the normal, for hourly returns have heavy tails: ``P(min <= -x) = 2 P(T > x sqrt(2) / sigma)``. The sum over
rungs of mass times chance is the *reach*: what is expected to be hit, counted in the loans of one hour.

References
----------
Perez, D. et al. (2021), "Liquidations: DeFi on a knife-edge" (arXiv 2009.13235): debt that a fall makes liquidatable.
Karatzas, I. & Shreve, S. (1991), section 2.8: the running minimum by reflection.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from forecasting.core.book import Floats
from forecasting.core.compiled import compiled
from forecasting.core.realised import Stamps

STEP = 0.01  # between two rungs, in logarithm of price
RUNGS = 250
GAP = 0.5  # mean distance of a new loan's liquidation price, in logarithm of price
SHAPE = 2.0  # of the Gamma distribution of that distance
LIFE = 720.0  # hours after which half of the loans are repaid or moved
HALF_LIVES = (6.0, 24.0, 168.0)  # hours, of the variances that are averaged
LEAST = 1e-4  # standard deviation of a return over any horizon
NEAR = (2, 5, 10)  # rungs below the price whose mass is told


@dataclass(frozen=True, slots=True, kw_only=True)
class Ladder:
    """What one asset's prices say of the loans on it; NaN before its first price.

    Attributes
    ----------
    reach : (T, H) floats
        Mass that is expected to be hit within each of H horizons.
    near : (T, 3) floats
        Mass within each of `NEAR` rungs below the price.
    cleared : (T,) floats
        Mass that the hour's low hit.
    """

    reach: Floats
    near: Floats
    cleared: Floats


def ladder(close: Floats, low: Floats, *, horizons: tuple[int, ...]) -> Ladder:
    """Return what hangs below the price after each of T hours.

    Parameters
    ----------
    close, low : (T,) floats
        Prices of each hour, USD; NaN before the first, none after it.
    horizons : tuple of int
        H numbers of hours.
    """
    count = len(horizons)
    out = np.full((close.size, count + len(NEAR) + 1), np.nan)
    start = int(np.argmax(np.isfinite(close))) if np.isfinite(close).any() else close.size
    if start < close.size:
        ends = np.log(close[start:])
        rungs, lowest = _rungs(ends), _rungs(np.log(np.minimum(low[start:], close[start:])))
        base = lowest.min() - RUNGS  # only where the array begins: rungs lie at whole multiples of `STEP`
        sigma = np.sqrt(np.outer(variance(ends), np.asarray(horizons, dtype=np.float64))) + LEAST
        _climb(rungs - base, lowest - base, sigma, _hung(), np.zeros(rungs.max() - base + 1), out[start:])
    return Ladder(reach=out[:, :count], near=out[:, count:-1], cleared=out[:, -1])


def variance(log_price: Floats) -> Floats:
    """Return the (T,) variance of the next hour's return: the mean of fast and slow weighted averages."""
    squares = np.diff(log_price, prepend=log_price[0]) ** 2
    return np.asarray(np.mean([faded(squares, half_life=half) for half in HALF_LIVES], axis=0), dtype=np.float64)


def faded(values: Floats, *, half_life: float) -> Floats:
    """Return (T,): at each hour the mean of all values so far, whose weights halve every ``half_life`` hours."""
    return _faded(values, 0.5 ** (1.0 / half_life))


def _rungs(log_price: Floats) -> Stamps:
    """Return the rung of each price, the same whatever prices come later."""
    return np.floor(log_price / STEP).astype(np.int64)


def _hung() -> Floats:
    """Return the share of an hour's new loans on each rung below the price."""
    distance = (np.arange(RUNGS) + 0.5) * STEP
    density = distance ** (SHAPE - 1) * np.exp(-distance * SHAPE / GAP)
    return np.asarray(density / density.sum(), dtype=np.float64)


@compiled
def _faded(values: Floats, keep: float) -> Floats:
    out = np.empty_like(values)
    total, weight = 0.0, 0.0
    for t in range(values.size):
        total = keep * total + values[t]
        weight = keep * weight + 1.0
        out[t] = total / weight
    return out


@compiled
def _beyond(x: float) -> float:
    """Return the chance that Student's t with 4 degrees of freedom exceeds ``x``."""
    s = x / np.sqrt(x * x + 4.0)
    return float(0.5 - 0.75 * (s - s * s * s / 3.0))


@compiled
def _hit(mass: Floats, lowest: int, top: int) -> float:
    """Take away what hangs above the hour's low; return how much it was. The rest ages."""
    keep = 0.5 ** (1.0 / LIFE)
    hit = 0.0
    for rung in range(lowest + 1, top + 1):
        hit += mass[rung]
        mass[rung] = 0.0
    for rung in range(lowest + 1):
        mass[rung] *= keep
    return hit


@compiled
def _reached(mass: Floats, here: int, sigma: float) -> float:
    """Return the sum of mass times the chance that a fall reaches it."""
    total = 0.0
    for down in range(RUNGS):
        held = mass[here - down]
        if held > 0.0:
            total += held * 2.0 * _beyond((down + 0.5) * STEP * np.sqrt(2.0) / sigma)
    return total


@compiled
def _climb(rungs: Stamps, lows: Stamps, sigma: Floats, hung: Floats, mass: Floats, out: Floats) -> None:
    """Walk the hours: hit what the low reached, hang new loans, look down."""
    horizons = sigma.shape[1]
    top = 0  # highest rung that may hold mass
    for t in range(rungs.size):
        lowest, here = lows[t], rungs[t]
        out[t, -1] = _hit(mass, lowest, top)
        top = max(min(top, lowest), here)
        for down in range(max(here - lowest, 0), hung.size):
            mass[here - down] += hung[down]
        for h in range(horizons):
            out[t, h] = _reached(mass, here, sigma[t, h])
        for k in range(len(NEAR)):
            out[t, horizons + k] = mass[here - NEAR[k] + 1 : here + 1].sum()
