"""Summaries of a sample of losses, each with the interval that its number of paths deserves.

References
----------
Order-statistic interval of a quantile: the number of draws below the quantile is binomial (David & Nagaraja, *Order
Statistics*, 7.1). Interval of a probability: Wilson (1927). Expected shortfall as the mean of the worst share of the
sample: Acerbi & Tasche (2002); its standard error adds the variance of the tail and of the threshold (Manistre &
Hancock, 2005). VaR95 of net insolvent debt and LaR95 of liquidated value as in Gauntlet's reports.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import sqrt

import numpy as np
from scipy.stats import binom

from forecasting.core.book import Floats

Z95 = 1.959963984540054


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """A number with its 95 % Monte-Carlo interval."""

    value: float
    low: float
    high: float


@dataclass(frozen=True, slots=True, kw_only=True)
class LossSummary:
    """A loss distribution in USD.

    Attributes
    ----------
    positive : Estimate
        Probability of a loss above ``threshold``.
    mean, var95, es99 : Estimate
        Mean, 95th percentile, and mean of the worst 1 %.
    maximum : float
        Worst path.
    threshold : float
        What counts as a loss at all, USD.
    """

    positive: Estimate
    mean: Estimate
    var95: Estimate
    es99: Estimate
    maximum: float
    threshold: float


def summarise(losses: Floats, *, threshold: float = 1.0) -> LossSummary:
    """Return the summary of a sample of P losses (USD, one per path); dust below ``threshold`` counts as no loss."""
    return LossSummary(
        positive=probability(int((losses > threshold).sum()), losses.size),
        mean=mean(losses),
        var95=quantile(losses, level=0.95),
        es99=shortfall(losses, level=0.99),
        maximum=float(losses.max()),
        threshold=threshold,
    )


def probability(hits: int, trials: int) -> Estimate:
    """Return ``hits / trials`` with Wilson's interval."""
    return wilson(hits / trials, trials)


def wilson(share: float, trials: float) -> Estimate:
    """Return a share that so many trials tell, with Wilson's interval."""
    centre = share + Z95**2 / (2 * trials)
    half = Z95 * sqrt(share * (1 - share) / trials + Z95**2 / (4 * trials**2))
    scale = 1 + Z95**2 / trials
    low, high = (centre - half) / scale, (centre + half) / scale
    return Estimate(value=share, low=low if share > 0 else 0.0, high=high if share < 1 else 1.0)


def mean(sample: Floats) -> Estimate:
    """Return the sample mean with its normal interval."""
    value = float(sample.mean())
    half = Z95 * float(sample.std(ddof=1)) / sqrt(sample.size) if sample.size > 1 else 0.0
    return Estimate(value=value, low=value - half, high=value + half)


def quantile(sample: Floats, *, level: float) -> Estimate:
    """Return the ``level`` quantile (inverse of the empirical distribution) with its order-statistic interval."""
    ordered = np.sort(sample)
    low_rank, high_rank = (float(binom.ppf(share, sample.size, level)) for share in (0.025, 0.975))
    at = np.clip([np.ceil(level * sample.size) - 1, low_rank - 1, high_rank], 0, sample.size - 1).astype(int)
    value, low, high = (float(ordered[i]) for i in at)
    return Estimate(value=value, low=low, high=high)


def shortfall(sample: Floats, *, level: float) -> Estimate:
    """Return the mean of the worst ``1 - level`` of the sample, at least one draw."""
    count = max(round((1 - level) * sample.size), 1)
    tail = np.sort(sample)[-count:]
    value, gap = float(tail.mean()), float(tail.mean() - tail[0])
    variance = (float(tail.var(ddof=1)) if count > 1 else 0.0) + level * gap**2
    half = Z95 * sqrt(variance / count)
    return Estimate(value=value, low=max(value - half, float(tail[0])), high=value + half)
