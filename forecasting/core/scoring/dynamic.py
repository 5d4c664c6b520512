"""The statistic of the dynamic quantile test, and how large it gets by luck.

With a hundredth of the days hit, a single pair of hits that lie close multiplies the statistic, and its chi-squared
limit is far away: at a level of 0.0003 it rejects a hundred times as many perfect forecasts as it says. So ``p`` is the
share of drawn series, independent hits on ``share`` of the days beside the same values at risk, whose statistic is as
large. Draws end when enough of them are: what is ordinary needs few, and what is rare is told to a hundred thousandth.

References
----------
Engle & Manganelli (2004). Tests by drawing from the null: Dufour (2006), for coverage Christoffersen & Pelletier
(2004); when to stop drawing: Besag & Clifford (1991).
"""

from __future__ import annotations

import math

import numpy as np

from forecasting.core.book import Flags, Floats
from forecasting.core.compiled import compiled
from forecasting.core.realised import Stamps

LAGS = 4
SIZE = LAGS + 2  # regressors: the constant, the lags, and the value at risk
SEED = 1
MOST = 99_999  # draws
ENOUGH = 100  # draws as large as what was found, after which there are no more
BATCH = 500  # draws
WIDE = 12.0  # standard deviations of the number of hits that a batch has room for
SAME = 1e-9  # relative difference of statistics that are equal but for rounding
ALONE = 1e-10  # of a regressor's square that the others must leave over, or it tells nothing of its own


def tested(hits: Flags, *, var: Floats, share: float) -> tuple[float, int, float]:
    """Return the statistic of (n,) hits, the regressors that could be told apart, and ``p``; see `dynamic_quantile`."""
    level = var / var.mean()
    found, rank = statistic(np.flatnonzero(hits), level, share)
    rng = np.random.Generator(np.random.Philox(key=[SEED, hits.size]))
    width = int(hits.size * share + WIDE * math.sqrt(hits.size * share) + WIDE)
    drawn = larger = 0
    while drawn < MOST and larger < ENOUGH:
        count, more = _as_large(rng.random((min(BATCH, MOST - drawn), width)), level, share, found, ENOUGH - larger)
        drawn, larger = drawn + count, larger + more
    return found, rank, larger / drawn if larger == ENOUGH else (larger + 1) / (drawn + 1)


@compiled
def statistic(places: Stamps, level: Floats, share: float) -> tuple[float, int]:
    """Return the squared length of the surprises' projection on the regressors over their variance, and its rank.

    Parameters
    ----------
    places : (k,) ints
        The days that were hit, in order.
    level : (n,) floats
        Value at risk over its mean.
    share : float
    """
    days, rows = level.size, level.size - LAGS
    sums, along, both = np.zeros(LAGS + 1), np.zeros(LAGS + 1), np.zeros((LAGS + 1, LAGS + 1))
    for k in range(places.size):  # hits are few: sums over them, not over the days
        for lag in range(LAGS + 1):
            day = places[k] + lag
            if LAGS <= day < days:
                sums[lag] += 1.0
                along[lag] += level[day]
                for other in range(k, -1, -1):
                    far = day - places[other]
                    if far > LAGS:
                        break
                    both[lag, far] += 1.0
    square, right = np.empty((SIZE, SIZE)), np.empty(SIZE)
    total = level[LAGS:].sum()
    square[0, 0], right[0] = rows, sums[0] - share * rows
    for i in range(1, LAGS + 1):
        square[i, 0] = sums[i] - share * rows
        right[i] = both[i, 0] + both[0, i] - share * (sums[0] + sums[i]) + share * share * rows
        for j in range(1, i + 1):
            pairs = both[i, j] + both[j, i] if j < i else both[i, i]
            square[i, j] = pairs - share * (sums[i] + sums[j]) + share * share * rows
        square[LAGS + 1, i] = along[i] - share * total
    square[LAGS + 1, 0], right[LAGS + 1] = total, along[0] - share * total
    square[LAGS + 1, LAGS + 1] = (level[LAGS:] ** 2).sum()
    length, rank = _projected(square, right)
    return length / (share * (1.0 - share)), rank


@compiled
def _projected(square: Floats, right: Floats) -> tuple[float, int]:
    """Return ``c' A^-1 c`` by Cholesky, without the regressors that the ones before them explain, and how many stay."""
    length, rank = 0.0, 0
    for i in range(SIZE):
        own = square[i, i]
        for j in range(i + 1):
            rest = square[i, j]
            for k in range(j):
                rest -= square[i, k] * square[j, k]
            if j < i:
                square[i, j] = rest / square[j, j]
            else:
                square[i, i] = math.sqrt(rest) if rest > ALONE * own else math.inf
        part = right[i]
        for k in range(i):
            part -= square[i, k] * right[k]
        right[i] = part / square[i, i]
        length += right[i] * right[i]
        rank += int(not math.isinf(square[i, i]))
    return length, rank


@compiled
def _as_large(uniforms: Floats, level: Floats, share: float, found: float, enough: int) -> tuple[int, int]:
    """Return how many series of hits were drawn, one from each row at the most, and how many were as surprising."""
    places, larger, rate = np.empty(uniforms.shape[1], dtype=np.int64), 0, math.log1p(-share)
    for draw in range(uniforms.shape[0]):
        day, count = -1, 0
        while count < places.size:
            day += 1 + int(min(math.log1p(-uniforms[draw, count]) / rate, 2.0 * level.size))
            if day >= level.size:
                break
            places[count] = day
            count += 1
        larger += int(statistic(places[:count], level, share)[0] >= found * (1.0 - SAME))
        if larger == enough:
            return draw + 1, larger
    return uniforms.shape[0], larger
