"""Summaries of losses over paths that carry importance weights; without weights, those of `forecasting.core.losses`.

With weights ``w`` the mean of ``x`` is ``sum(w x) / sum(w)``, its variance by the delta method
``sum(w**2 (x - mean)**2) / sum(w)**2``; a quantile inverts the weighted distribution, its interval that of a
probability with the same variance. The interval of a probability ``p`` of variance ``v`` is Wilson's on the
``p (1 - p) / v`` plain paths that tell as much, and on the effective paths where all hit, or none. ES at ``level`` is
the weighted mean of the worst ``1 - level``, with the boundary path counted in part, so that the tail weighs exactly
that; its variance is that of the mean of ``(x - q)+ / (1 - level)``.

References
----------
Owen, *Monte Carlo theory, methods and examples*, 9.2 (self-normalised importance sampling), effective sample size 9.3.
Korn & Graubard (1998), intervals of rare proportions from weighted samples.
Glasserman, Heidelberger & Shahabuddin (2000), importance sampling for value at risk.
"""

from __future__ import annotations

from math import sqrt

import numpy as np

from forecasting.core import losses
from forecasting.core.book import Flags, Floats
from forecasting.core.losses import Z95, Estimate, LossSummary


def summarise(sample: Floats, weights: Floats | None, *, threshold: float = 1.0) -> LossSummary:
    """Return the summary of a sample of P losses (USD) with P weights."""
    if weights is None:
        return losses.summarise(sample, threshold=threshold)
    return LossSummary(
        positive=probability(sample > threshold, weights),
        mean=mean(sample, weights),
        var95=quantile(sample, weights, level=0.95),
        es99=shortfall(sample, weights, level=0.99),
        maximum=float(sample.max()),
        threshold=threshold,
    )


def effective(weights: Floats) -> float:
    """Return how many equally weighted paths tell as much: ``sum(w)**2 / sum(w**2)``."""
    return float(weights.sum() ** 2 / (weights**2).sum())


def probability(hits: Flags, weights: Floats | None) -> Estimate:
    """Return the share of paths that hit, with its interval."""
    if weights is None:
        return losses.probability(int(np.count_nonzero(hits)), hits.size)
    found = mean(np.asarray(hits, dtype=np.float64), weights)
    share = min(found.value, 1.0)
    if hits.all() or not 0 < share < 1:
        return losses.wilson(float(round(share)), effective(weights))
    return losses.wilson(share, share * (1.0 - share) / standard_error(found) ** 2)


def mean(sample: Floats, weights: Floats | None) -> Estimate:
    """Return the mean with its normal interval."""
    if weights is None:
        return losses.mean(sample)
    share = weights / weights.sum()
    value = float(share @ sample)
    half = Z95 * sqrt(float(share**2 @ (sample - value) ** 2))
    return Estimate(value=value, low=value - half, high=value + half)


def quantile(sample: Floats, weights: Floats | None, *, level: float) -> Estimate:
    """Return the ``level`` quantile with its interval."""
    if weights is None:
        return losses.quantile(sample, level=level)
    share = weights / weights.sum()
    order = np.argsort(sample, kind="stable")
    ordered, reached = sample[order], np.cumsum(share[order])
    at = min(int(np.searchsorted(reached, level * (1 - 1e-12))), sample.size - 1)
    below = (sample <= ordered[at]).astype(np.float64)
    half = Z95 * sqrt(float(share**2 @ (below - level) ** 2))
    edges = np.searchsorted(reached, [max(level - half, 0.0), min(level + half, 1.0)])
    low, high = (float(ordered[min(int(edge), sample.size - 1)]) for edge in edges)
    return Estimate(value=float(ordered[at]), low=low, high=high)


def shortfall(sample: Floats, weights: Floats | None, *, level: float) -> Estimate:
    """Return the mean of the worst ``1 - level``."""
    if weights is None:
        return losses.shortfall(sample, level=level)
    value = float(tail_shares(sample, weights, level=level) @ sample)
    threshold = quantile(sample, weights, level=level).value
    excess = mean(np.maximum(sample - threshold, 0.0) / (1 - level), weights)
    half = (excess.high - excess.low) / 2
    return Estimate(value=value, low=max(value - half, threshold), high=value + half)


def tail_shares(sample: Floats, weights: Floats | None, *, level: float) -> Floats:
    """Return by how much each path counts in the mean of the worst ``1 - level``; the shares sum to 1."""
    order = np.argsort(-sample, kind="stable")
    if weights is None:
        count = max(round((1 - level) * sample.size), 1)
        share = np.zeros(sample.size)
        share[order[:count]] = 1.0 / count
        return share
    own = weights / weights.sum()
    before = np.cumsum(own[order]) - own[order]
    share = np.empty(sample.size)
    share[order] = np.clip(1 - level - before, 0.0, own[order]) / (1 - level)
    return share / share.sum()


def standard_error(estimate: Estimate) -> float:
    """Return the standard error of an estimate with a normal interval, from the side that nothing cuts off."""
    return (estimate.high - estimate.value) / Z95
