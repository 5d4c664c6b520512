"""Depth: what a sale brings, at which margin, and how far it moves the price.

A constant-product market of depth ``X`` (USD) gives ``X q / (X + q)`` for ``q`` in all; its marginal price is
``(X / (X + q))**2``. A tabulated curve gives what its knots say, straight lines between them, and beyond the last knot
a constant-product tail that goes on with the last line's slope ``m``: of depth ``x / (1 - sqrt(m))``, which is exact
where the knots were taken from a constant product. The price moves by the square of the average price, as in a
constant product; the first line's slope is the market's spread and moves nothing.

A share ``a`` of the depth gives ``a Y(q / a)``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from forecasting.core.book import Floats
from forecasting.core.compiled import inlined
from forecasting.core.tables import Ints, Pool
from governance.errors import InputError


@dataclass(frozen=True, slots=True, kw_only=True)
class Curve:
    """What selling one asset brings.

    Attributes
    ----------
    sold : (K,) floats
        USD sold in all, at the price before the sale; ascending, above 0.
    proceeds : (K,) floats
        USD that this brings; never falling, and no better on average for more.
    """

    sold: Floats
    proceeds: Floats

    def __post_init__(self) -> None:
        """Refuse what is no monotone curve."""
        sold, proceeds = np.asarray(self.sold, dtype=np.float64), np.asarray(self.proceeds, dtype=np.float64)
        if sold.ndim != 1 or sold.shape != proceeds.shape or not sold.size:
            raise InputError(
                f"A depth curve has {sold.shape} knots of USD sold and {proceeds.shape} of proceeds; "
                "both must be one row of the same length.",
                field="curve",
            )
        steps = np.diff(sold, prepend=0.0), np.diff(proceeds, prepend=0.0)
        average = proceeds / sold
        right = (steps[0] > 0) & (steps[1] >= 0) & np.isfinite(proceeds) & (average <= 1 + 1e-12) & (average > 0)
        right[1:] &= np.diff(average) <= 1e-12
        if not right.all():
            at = int(np.argmin(right))
            raise InputError(
                f"Knot {at} of a depth curve ({sold[at]:.6g} USD sold for {proceeds[at]:.6g}) breaks it: sales must "
                "rise, proceeds must not fall, and the average price must be at most 1 and must not rise.",
                field="curve",
                value=at,
            )


def tabulate(impact: Callable[[Floats], Floats], *, amounts: Floats, price: float) -> Curve:
    """Return the curve of a fitted price impact.

    Parameters
    ----------
    impact : callable
        From amounts (K,) in tokens to the shares of their value that are lost, as `forecasting.core.liquidity` fits it.
    amounts : (K,) floats
        Tokens of the knots, ascending.
    price : float
        USD.
    """
    sold = np.asarray(amounts, dtype=np.float64) * price
    return Curve(sold=sold, proceeds=np.maximum.accumulate(sold * (1.0 - impact(amounts))))


@dataclass(frozen=True, slots=True, kw_only=True)
class Withdrawal:
    """Liquidity that leaves when a price falls.

    Attributes
    ----------
    share : (R,) floats
        Share of the depth that leaves by unit of log price fall, at the margin: ``1 - exp(-share * fall)`` leaves.
    half_life_hours : float
        In which half of what left is back.
    """

    share: Floats
    half_life_hours: float

    def __post_init__(self) -> None:
        """Refuse what cannot be computed with."""
        if not (np.isfinite(self.share).all() and (np.asarray(self.share) >= 0).all()):
            raise InputError("The share of depth withdrawn must be a number of at least 0.", field="withdrawal")
        if not self.half_life_hours > 0:
            raise InputError(
                f"The half-life of withdrawn depth is {self.half_life_hours} hours; it must be positive.",
                field="half_life_hours",
                value=self.half_life_hours,
            )


def tabulated(curves: Mapping[int, Curve], *, assets: int) -> tuple[Ints, Floats, Floats]:
    """Return ``first`` (assets + 1,), ``sold`` and ``proceeds`` of `Pool` for the curves by asset."""
    chosen: Sequence[Curve | None] = [curves.get(r) for r in range(assets)]
    first = np.cumsum([0, *(curve.sold.size if curve else 0 for curve in chosen)]).astype(np.int64)
    known = [curve for curve in chosen if curve]
    sold = np.concatenate([np.empty(0), *(curve.sold for curve in known)])
    return first, sold, np.concatenate([np.empty(0), *(curve.proceeds for curve in known)])


@inlined
def _tail(pool: Pool, r: int) -> tuple[float, float, float, float]:
    """Return where the tail of a curve begins (sold, proceeds), its slope there and its depth."""
    last = pool.first[r + 1] - 1
    x, y, x0, y0 = pool.sold[last], pool.proceeds[last], 0.0, 0.0
    if last > pool.first[r]:
        x0, y0 = pool.sold[last - 1], pool.proceeds[last - 1]
    slope = min((y - y0) / (x - x0), 1.0)
    return x, y, slope, x / (1.0 - np.sqrt(slope)) if slope < 1.0 else np.inf


@inlined
def _constant(depth: float, amount: float) -> float:
    """Return what a constant product gives for ``amount`` in all (negative: what must be paid for it)."""
    return amount if np.isinf(depth) else depth * amount / (depth + amount)


@inlined
def _curved(pool: Pool, r: int) -> bool:
    """Return whether an asset has a curve."""
    return bool(pool.first[r] < pool.first[r + 1])


@inlined
def _line(pool: Pool, r: int, amount: float) -> tuple[float, float, float, float]:
    """Return where the line of a curve on which ``amount`` lies begins (sold, proceeds), its slope, and its depth.

    Lines between knots have no depth of their own (``inf``); the last knot belongs to the tail.
    """
    x, y, slope, depth = _tail(pool, r)
    x0, y0 = 0.0, 0.0
    for i in range(pool.first[r], pool.first[r + 1]):
        if x0 <= amount < pool.sold[i]:
            x, y, slope, depth = x0, y0, (pool.proceeds[i] - y0) / (pool.sold[i] - x0), np.inf
        x0, y0 = pool.sold[i], pool.proceeds[i]
    return x, y, slope, depth


@inlined
def _brought(pool: Pool, r: int, amount: float) -> float:
    """Return what a curve at its full depth gives for ``amount`` in all."""
    brought = 0.0
    if amount > 0.0:
        x, y, slope, depth = _line(pool, r, amount)
        brought = y + slope * _constant(depth, amount - x)
    else:
        brought = _constant(pool.depth[r], amount)
    return brought


@inlined
def trade(pool: Pool, r: int, share: float, sold: float, amount: float) -> float:
    """Return what selling ``amount`` USD (negative: buying) brings after ``sold`` was sold in this step."""
    depth, brought = pool.depth[r] * share, amount
    if _curved(pool, r):
        brought = share * (_brought(pool, r, (sold + amount) / share) - _brought(pool, r, sold / share))
    elif not np.isinf(depth):
        brought = depth * depth * amount / ((depth + sold) * (depth + sold + amount))
    return brought


@inlined
def margin(pool: Pool, r: int, share: float, sold: float) -> float:
    """Return the price at the margin after ``sold``, as a fraction of the price before."""
    slope, depth, at = 1.0, pool.depth[r], sold / share
    if sold >= 0.0 and _curved(pool, r):
        x, _, slope, depth = _line(pool, r, at)
        at -= x
    return slope if np.isinf(depth) else slope * (depth / (depth + at)) ** 2


@inlined
def _curve_room(pool: Pool, r: int, needed: float) -> float:
    """Return how much can be sold in all, at full depth, while a curve's margin is at least ``needed``."""
    limit, x0, y0, paying = 0.0, 0.0, 0.0, True
    for i in range(pool.first[r], pool.first[r + 1]):
        paying = paying and (pool.proceeds[i] - y0) >= needed * (pool.sold[i] - x0)
        if paying:
            limit = pool.sold[i]
        x0, y0 = pool.sold[i], pool.proceeds[i]
    _, _, slope, depth = _tail(pool, r)
    if paying:
        limit = np.inf if np.isinf(depth) else limit + depth * (np.sqrt(slope / needed) - 1.0)
    elif limit == 0.0 and not np.isinf(pool.depth[r]):
        limit = min(pool.depth[r] * (np.sqrt(1.0 / needed) - 1.0), 0.0)
    return limit


@inlined
def room(pool: Pool, r: int, share: float, sold: float, needed: float) -> float:
    """Return how much (USD) still sells after ``sold`` at a margin of at least ``needed``."""
    limit = np.inf if needed <= 1.0 else 0.0
    if _curved(pool, r):
        limit = share * _curve_room(pool, r, needed) - sold
    elif not np.isinf(pool.depth[r]):
        limit = pool.depth[r] * share * (np.sqrt(1.0 / needed) - 1.0) - sold
    return limit


@inlined
def shift(pool: Pool, r: int, share: float, sold: float) -> float:
    """Return by how much a step's sales lower the log price."""
    depth, moved = pool.depth[r] * share, 0.0
    if sold > 0.0 and _curved(pool, r):
        i = pool.first[r]
        moved = 2.0 * np.log(pool.proceeds[i] / pool.sold[i] * (sold / share) / _brought(pool, r, sold / share))
    elif not np.isinf(depth):
        moved = 2.0 * np.log((depth + sold) / depth)
    return moved
