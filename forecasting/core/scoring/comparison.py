"""Means of losses with intervals that the dependence of days deserves.

References
----------
Circular block bootstrap: Politis & Romano (1992).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from forecasting.core.book import Floats

BLOCK_DAYS = 10
DRAWS = 999


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """Losses of a model against a baseline on the same days.

    Attributes
    ----------
    model, baseline : float
        Mean losses.
    ratio : float
        Model over baseline: below 1 the model is better.
    low, high : float
        90 % block-bootstrap interval of the ratio: ``high < 1`` says better at a one-sided 5 %.
    median_ratio : float
        Ratio of the median losses, which no single day decides.
    n : int
        Days.
    """

    model: float
    baseline: float
    ratio: float
    low: float
    high: float
    median_ratio: float
    n: int

    @property
    def beats(self) -> bool:
        """Whether the model is better by more than luck."""
        return self.high < 1.0


def compare(model: Floats, baseline: Floats, *, seed: int, block: int = BLOCK_DAYS) -> Comparison:
    """Compare (n,) losses day by day; days on which either is NaN are left out.

    Parameters
    ----------
    model, baseline : (n,) floats
    seed : int
        Of the bootstrap.
    block : int
        Length of the blocks, days.
    """
    keep = np.isfinite(model) & np.isfinite(baseline)
    ours, theirs = model[keep], baseline[keep]
    size = int(keep.sum())
    rng = np.random.Generator(np.random.Philox(key=[seed, size]))
    starts = rng.integers(0, size, (DRAWS, -(-size // block)))
    days = (starts[..., None] + np.arange(block)).reshape(DRAWS, -1)[:, :size] % size
    low, high = np.quantile(ours[days].mean(axis=1) / theirs[days].mean(axis=1), [0.05, 0.95])
    return Comparison(
        model=float(ours.mean()),
        baseline=float(theirs.mean()),
        ratio=float(ours.mean() / theirs.mean()),
        low=float(low),
        high=float(high),
        median_ratio=float(np.median(ours) / np.median(theirs)),
        n=size,
    )


def resampled(losses: Floats, *, seed: int, block: int = BLOCK_DAYS) -> Floats:
    """Return the (DRAWS, M) means of (n, M) losses over blocks drawn with replacement, the same blocks for all columns.

    Parameters
    ----------
    losses : (n, M) floats
    seed : int
    block : int
        Length of the blocks, rows; two horizons where forecasts of overlapping spans share their outcome.
    """
    size = losses.shape[0]
    block = min(block, size)
    rng = np.random.Generator(np.random.Philox(key=[seed, size]))
    starts = rng.integers(0, size, (DRAWS, -(-size // block)))
    wrapped = np.concatenate([np.zeros((1, losses.shape[1])), losses, losses[: block - 1]]).cumsum(axis=0)
    sums: Floats = wrapped[starts + block] - wrapped[starts]
    return sums.mean(axis=1) / block
