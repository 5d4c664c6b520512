"""Whether losses exceed their value at risk as often, and as independently, as they should.

References
----------
Unconditional coverage: Kupiec (1995). Independence and conditional coverage: Christoffersen (1998). Dynamic quantile
test with four lags and the value at risk itself: Engle & Manganelli (2004). Probability integral transform: Diebold,
Gunther & Tay (1998).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import chdtrc, xlogy

from forecasting.core.book import Flags, Floats
from forecasting.core.scoring.dynamic import LAGS, tested
from governance.errors import InputError

BINS = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Coverage:
    """A test of coverage: a small ``p`` speaks against the forecasts.

    Attributes
    ----------
    statistic : float
        Chi-squared with ``freedom`` degrees when the forecasts are right and days are many.
    freedom : int
    p : float
        From that distribution; of the dynamic quantile test, from drawn series of as many days.
    hits, n : int
        Days worse than the value at risk, and all days.
    """

    statistic: float
    freedom: int
    p: float
    hits: int
    n: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Pit:
    """Where outcomes fell in their forecast distributions.

    Attributes
    ----------
    counts : tuple of int
        In equal parts of 0..1; equal when the distributions are right.
    statistic, p : float
        Pearson's test of that.
    n : int
        Outcomes.
    """

    counts: tuple[int, ...]
    statistic: float
    p: float
    n: int


def kupiec(hits: Flags, *, share: float) -> Coverage:
    """Test whether (n,) hits happen on ``share`` of the days: likelihood ratio, one degree of freedom."""
    _sized(hits, share)
    found, size = int(hits.sum()), hits.size
    statistic = 2 * (_binomial(found, size, found / size) - _binomial(found, size, share))
    return _coverage(statistic, 1, hits)


def christoffersen(hits: Flags, *, share: float) -> Coverage:
    """Test whether (n,) hits happen on ``share`` of the days whatever the day before was: two degrees of freedom.

    The likelihoods are of days 2 to n given the first, so that both hypotheses see the same days.
    """
    _sized(hits, share)
    before, after = hits[:-1], hits[1:]
    free = 0.0
    for state in (False, True):
        days, found = int((before == state).sum()), int((after & (before == state)).sum())
        free += _binomial(found, days, found / days if days else 0.0)
    return _coverage(2 * (free - _binomial(int(after.sum()), after.size, share)), 2, hits)


def dynamic_quantile(hits: Flags, *, var: Floats, share: float) -> Coverage:
    """Test whether (n,) hits can be told from the last `LAGS` days' hits or from ``var``.

    Degrees of freedom are the regressors that can be told apart: without any hit the lags cannot. ``p`` is of drawn
    series (`forecasting.core.scoring.dynamic`), for so few hits are far from the limit; it is no less than 0.00001.

    Parameters
    ----------
    hits : (n,) bool
    var : (n,) floats
        Value at risk of the same days, in any unit.
    share : float
        Of the days that may be worse.
    """
    _sized(hits, share)
    statistic, freedom, p = tested(hits, var=var, share=share)
    return Coverage(statistic=statistic, freedom=freedom, p=p, hits=int(hits.sum()), n=hits.size)


def pit(values: Floats, *, bins: int = BINS) -> Pit:
    """Test whether (n,) probability integral transforms are uniform; NaN are left out.

    Raises
    ------
    InputError
        With fewer than five values a bin, for which the test is not made.
    """
    known = values[np.isfinite(values)]
    if known.size < 5 * bins:
        raise InputError(f"{known.size} outcomes for {bins} bins; at least {5 * bins} are needed.", field="values")
    counts, _ = np.histogram(known, bins=bins, range=(0.0, 1.0))
    expected = known.size / bins
    statistic = float(((counts - expected) ** 2).sum() / expected)
    return Pit(
        counts=tuple(int(count) for count in counts),
        statistic=statistic,
        p=float(chdtrc(bins - 1, statistic)),
        n=known.size,
    )


def _coverage(statistic: float, freedom: int, hits: Flags) -> Coverage:
    value = max(statistic, 0.0)  # rounding may leave it at -1e-16
    return Coverage(
        statistic=value, freedom=freedom, p=float(chdtrc(freedom, value)), hits=int(hits.sum()), n=hits.size
    )


def _binomial(found: int, size: int, share: float) -> float:
    """Return the log likelihood of ``found`` hits in ``size`` days."""
    return float(xlogy(found, share) + xlogy(size - found, 1 - share))


def _sized(hits: Flags, share: float) -> None:
    if not 0 < share < 1:
        raise InputError(f"The share is {share}; it lies between 0 and 1, 0.01 for VaR 99 %.", field="share")
    if hits.size <= 2 * LAGS:
        raise InputError(f"{hits.size} days; coverage needs more than {2 * LAGS}.", field="hits")
