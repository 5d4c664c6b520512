"""How much a sale costs: curves of price impact by amount, fitted to quotes so that more never costs less.

A curve maps an amount sold (tokens) to the share of its value that is lost (a fraction, fees included). The one that is
used follows the quotes: a robust local line in logarithms of amount and impact, made monotone by isotonic regression.
Beyond the largest quote it is the impact of a constant-product pool that passes through that quote, so that it goes to
1. Three fits of one or two parameters stand beside it for comparison; each minimises the mean absolute error.

``constant_product``
    ``x / (x + depth)``, the exact impact of a pool without fees that holds ``depth`` tokens.
``square_root``, ``power``
    ``a sqrt(x)`` and ``a x**b``, the empirical laws of order books.

References
----------
Cleveland, W. S. (1979), "Robust locally weighted regression and smoothing scatterplots".
Barlow, R. E. et al. (1972), "Statistical inference under order restrictions" (pool adjacent violators).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt
from scipy.optimize import isotonic_regression, minimize_scalar

from forecasting.core.book import Floats
from governance.errors import ImplausibleData, InputError

FEWEST = 20  # quotes of a pair that a curve can be fitted to
NEAREST = 0.06  # of the quotes are looked at around each
LEAST_NEAREST = 9
FLOOR = 3e-4  # added to impacts before their logarithm is taken: quotes of small amounts scatter by some basis points
ROUNDS = 4  # of reweighting
NEAR = 0.02  # difference of logarithms below which a quote counts in full
DIGITS = 12  # that are kept of an impact: less is nothing
POWERS = np.linspace(0.1, 1.5, 57)
BPS = 10_000


class Curve(Protocol):
    """A fitted curve."""

    def impact(self, amount: Floats) -> Floats:
        """Return the (n,) share of value that is lost by selling ``amount`` (n,) tokens at once."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DepthCurve:
    """The monotone curve.

    Attributes
    ----------
    amount : (k,) floats
        Tokens, rising.
    share : (k,) floats
        Impact at these amounts: never falls, from 0 to 1. Linear in between; the first holds for all that is smaller.
    """

    amount: Floats
    share: Floats

    @property
    def depth(self) -> float:
        """Tokens in the constant-product pool that has the last impact at the last amount; infinite without impact."""
        last = float(self.share[-1])
        return float(self.amount[-1]) * (1 - last) / last if last > 0 else np.inf

    def impact(self, amount: Floats) -> Floats:
        """Return the (n,) share of value that is lost by selling ``amount`` (n,) tokens at once."""
        inside = np.interp(amount, self.amount, self.share)
        with np.errstate(invalid="ignore"):
            beyond = amount / (amount + self.depth)
        return np.where(amount > self.amount[-1], beyond, inside)


@dataclass(frozen=True, slots=True, kw_only=True)
class ConstantProduct:
    """A pool that holds ``depth`` tokens of what is sold."""

    depth: float

    def impact(self, amount: Floats) -> Floats:
        """Return the (n,) share of value that is lost by selling ``amount`` (n,) tokens at once."""
        return np.asarray(amount / (amount + self.depth), dtype=np.float64)


@dataclass(frozen=True, slots=True, kw_only=True)
class PowerLaw:
    """``scale * amount**exponent``, at most 1."""

    scale: float
    exponent: float

    def impact(self, amount: Floats) -> Floats:
        """Return the (n,) share of value that is lost by selling ``amount`` (n,) tokens at once."""
        return np.minimum(self.scale * amount**self.exponent, 1.0)


def isotonic(amount: Floats, share: Floats) -> DepthCurve:
    """Return the monotone curve through quotes.

    Parameters
    ----------
    amount : (n,) floats
        Tokens sold, positive, in any order.
    share : (n,) floats
        Price impact of each, a fraction from 0 to 1.

    Raises
    ------
    InputError, ImplausibleData
        When quotes are too few or not possible.
    """
    _check(amount, share)
    order = np.lexsort((share, amount))
    sold, lost = amount[order], share[order]
    smooth = np.exp(_local(np.log(sold), np.log(lost + FLOOR))) - FLOOR
    rising = np.clip(np.round(isotonic_regression(smooth).x, DIGITS), 0.0, 1.0)
    kept = np.append(np.diff(sold) > 0, True)  # of quotes of one amount the last: they are at the same height or rise
    return DepthCurve(amount=sold[kept], share=rising[kept])


def constant_product(amount: Floats, share: Floats) -> ConstantProduct:
    """Return the pool with the smallest mean absolute error; see `isotonic` for parameters and errors."""
    _check(amount, share)
    top = np.log(amount.max())
    depth = _best(lambda log: amount / (amount + np.exp(log)), share, low=top - 12, high=top + 16)
    return ConstantProduct(depth=float(np.exp(depth)))


def square_root(amount: Floats, share: Floats) -> PowerLaw:
    """Return the square-root law with the smallest mean absolute error; see `isotonic` for parameters and errors."""
    return _law(amount, share, exponent=0.5)


def power(amount: Floats, share: Floats) -> PowerLaw:
    """Return the power law with the smallest mean absolute error; see `isotonic` for parameters and errors."""
    laws = [_law(amount, share, exponent=float(exponent)) for exponent in POWERS]
    return min(laws, key=lambda law: error(law, amount, share))


FITS: Mapping[str, Callable[[Floats, Floats], Curve]] = {
    "isotonic": isotonic,
    "constant_product": constant_product,
    "square_root": square_root,
    "power": power,
}


def error(curve: Curve, amount: Floats, share: Floats) -> float:
    """Return the mean absolute error of a curve on quotes, in basis points."""
    return float(np.abs(curve.impact(amount) - share).mean() * BPS)


def cross_validated(
    fit: Callable[[Floats, Floats], Curve], amount: Floats, share: Floats, *, folds: int, repeats: int, seed: int
) -> float:
    """Return the mean absolute error on quotes that were left out, in basis points.

    Parameters
    ----------
    fit : callable
    amount, share : (n,) floats
        As in `isotonic`.
    folds : int
        Parts, each of which is left out once.
    repeats : int
        Ways of cutting that are averaged, so that the figure is the curve's and not the cut's.
    seed : int

    Raises
    ------
    InputError, ImplausibleData
        When quotes are too few or not possible.
    """
    if folds < 2:
        raise InputError(f"folds is {folds}; at least 2 are needed.", field="folds", value=folds)
    missed = []
    for repeat in range(repeats):
        part = np.random.Generator(np.random.Philox(key=[seed, repeat])).permutation(amount.size) % folds
        for fold in range(folds):
            out = part == fold
            missed.append(np.abs(fit(amount[~out], share[~out]).impact(amount[out]) - share[out]))
    return float(np.concatenate(missed).mean() * BPS)


def _check(amount: Floats, share: Floats) -> None:
    if amount.size < FEWEST:
        raise InputError(
            f"There are {amount.size} quotes; a curve needs at least {FEWEST}.", field="quotes", value=amount.size
        )
    if not (np.isfinite(amount).all() and (amount > 0).all()):
        raise ImplausibleData("An amount sold is not positive; quotes are of amounts above 0.", field="amount")
    if not (np.isfinite(share).all() and (share >= 0).all() and (share <= 1).all()):
        raise ImplausibleData("A price impact is not a fraction from 0 to 1.", field="price_impact")


def _local(x: Floats, y: Floats) -> Floats:
    """Return the robust local line at each of n points that are sorted by ``x``."""
    n = x.size
    width = min(n, max(LEAST_NEAREST, round(NEAREST * n)))
    first = np.clip(np.arange(n) - width // 2, 0, n - width)
    at: npt.NDArray[np.intp] = first[:, None] + np.arange(width)
    xs, ys = x[at] - x[:, None], y[at]
    reach = np.abs(xs).max(axis=1, keepdims=True) * (1 + 1e-9) + 1e-12
    near = (1 - (np.abs(xs) / reach) ** 3) ** 3 + 1e-9
    trust = np.ones(n)
    fitted = y
    for _ in range(ROUNDS):
        weight = near * trust[at]
        total = weight.sum(axis=1)
        mean_x, mean_y = (weight * xs).sum(axis=1) / total, (weight * ys).sum(axis=1) / total
        dx = xs - mean_x[:, None]
        slope = (weight * dx * (ys - mean_y[:, None])).sum(axis=1) / ((weight * dx**2).sum(axis=1) + 1e-9)
        fitted = mean_y - slope * mean_x
        trust = 1 / np.maximum(np.abs(y - fitted), NEAR)
    return fitted


def _law(amount: Floats, share: Floats, *, exponent: float) -> PowerLaw:
    """Return the law of one exponent: its scale is the median of ``share / amount**b``, weighted by ``amount**b``."""
    _check(amount, share)
    shape = amount**exponent
    order = np.argsort(share / shape, kind="stable")
    half = np.searchsorted(np.cumsum(shape[order]), shape.sum() / 2)
    return PowerLaw(scale=float((share / shape)[order[half]]), exponent=exponent)


def _best(curve: Callable[[float], Floats], share: Floats, *, low: float, high: float) -> float:
    """Return the logarithm of the parameter whose curve has the smallest mean absolute error: a grid, then a search."""

    def loss(log: float) -> float:
        return float(np.abs(curve(log) - share).mean())

    grid = np.linspace(low, high, 60)
    best = int(np.argmin([loss(float(log)) for log in grid]))
    step = float(grid[1] - grid[0])
    around = (float(grid[best]) - step, float(grid[best]) + step)
    return float(minimize_scalar(loss, bounds=around, method="bounded", options={"xatol": 1e-6}).x)
