"""Compiled likelihood of GARCH and GJR with Student's t: value and gradient in one pass, and a quasi-Newton search.

Parameters in the order of this module: ``omega, up, down, beta, nu``; the variance of the next day is
``h' = omega + (up if r >= 0 else down) * r**2 + beta * h``, so GARCH has ``up == down`` and GJR's asymmetry is
``down - up``. The search runs over free coordinates, which keep every bound by construction: ``log omega``, the logit
of the persistence ``(up + down) / 2 + beta`` (its limit 1, IGARCH, can be approached to 4e-8), the logits of how it is
shared, and ``log(nu - 2.05)``.

A return that is NaN was not measured: it adds nothing to the likelihood, and the variance moves on by its expectation.

References
----------
Bollerslev (1987); Glosten, Jagannathan & Runkle (1993). Initial variance as in Sheppard's `arch`: an exponentially
weighted mean (0.94) of the first 75 squared returns. BFGS with the inverse Hessian carried from one day's fit to the
next: Nocedal & Wright (2006), chapter 6.
"""

from __future__ import annotations

import math

import numpy as np

from forecasting.core.book import Floats
from forecasting.core.compiled import compiled

NATURAL = 5  # omega, up, down, beta, nu
LEAST_NU = 2.05
BACKCAST = 75
DECAY = 0.94
LIMIT = 17.0  # of a free coordinate: a persistence of 1 - 4e-8
BATCH = 16  # factors whose product is taken before one logarithm of it
DECREASE = 1e-12  # of the negative log likelihood by day that another step would bring, at which the search ends
STEPS = 100
IDLE = 3  # steps in a row that brought less than that, as along the ridge to the bound
LONGEST = 2.0  # step, in free coordinates
SHORTENED = 8  # times at most, each to three tenths
TOLERABLE = 1e-8  # likewise, where no shorter step brings anything
STILL = 1e-5  # mean square, in percent squared, below which a price did not move: a volatility of 0.06 % a year
CURVATURE = 30.0  # inverse of it, by day, that is assumed before any was seen


@compiled
def digamma(x: float) -> float:
    """Return the derivative of the logarithm of the gamma function for ``x > 0`` (asymptotic series from 6 on)."""
    shift = 0.0
    while x < 6.0:
        shift -= 1.0 / x
        x += 1.0
    inverse = 1.0 / (x * x)
    series = inverse * (
        1.0 / 12 - inverse * (1.0 / 120 - inverse * (1.0 / 252 - inverse * (1.0 / 240 - inverse / 132)))
    )
    return shift + math.log(x) - 0.5 / x - series


@compiled
def backcast(returns: Floats) -> float:
    """Return the variance before the first return."""
    weight, total, mean = 1.0, 0.0, 0.0
    for t in range(min(BACKCAST, returns.size)):
        if not math.isnan(returns[t]):
            mean += weight * returns[t] ** 2
            total += weight
        weight *= DECAY
    return mean / total


@compiled
def likelihood(returns: Floats, start: float, natural: Floats, slope: Floats) -> float:
    """Return the negative log likelihood of (n,) returns, and write its gradient into ``slope``.

    Parameters
    ----------
    returns : (n,) floats
    start : float
        Variance before the first, as `backcast` gives it.
    natural : (5,) floats
        ``omega, up, down, beta, nu``.
    slope : (5,) floats
        Written.
    """
    omega, up, down, beta, nu = natural[0], natural[1], natural[2], natural[3], natural[4]
    room, half = nu - 2.0, 0.5 * (nu + 1.0)
    h, square, fell = start, start, 0.5
    d_omega, d_up, d_down, d_beta = 0.0, 0.0, 0.0, 0.0
    g_omega, g_up, g_down, g_beta, g_nu = 0.0, 0.0, 0.0, 0.0, 0.0
    logs_h, logs_q, product_h, product_q, shares = 0.0, 0.0, 1.0, 1.0, 0.0
    count, batch, carried = 0, 0, beta
    for t in range(returns.size):
        d_omega = 1.0 + carried * d_omega
        d_up = (1.0 - fell) * square + carried * d_up
        d_down = fell * square + carried * d_down
        d_beta = h + carried * d_beta
        h = omega + (up + (down - up) * fell) * square + beta * h
        if math.isnan(returns[t]):
            square, fell, carried = h, 0.5, beta + 0.5 * (up + down)
            continue
        carried = beta
        square = returns[t] * returns[t]
        fell = 1.0 if returns[t] < 0.0 else 0.0
        part = square / room
        both = 1.0 / (h * (h + part))  # one division for two quotients
        inverse, share = (h + part) * both, part * h * both  # 1 / h and q / (1 + q), where q = part / h
        weight = inverse * (0.5 - half * share)
        g_omega += weight * d_omega
        g_up += weight * d_up
        g_down += weight * d_down
        g_beta += weight * d_beta
        shares += share
        product_h *= h
        product_q *= (h + part) * inverse
        count += 1
        batch += 1
        if batch == BATCH:
            logs_h += math.log(product_h)
            logs_q += math.log(product_q)
            product_h, product_q, batch = 1.0, 1.0, 0
    logs_h += math.log(product_h)
    logs_q += math.log(product_q)
    constant = math.lgamma(half) - math.lgamma(0.5 * nu) - 0.5 * math.log(math.pi * room)
    g_nu = 0.5 * logs_q - half * shares / room
    g_nu -= count * (0.5 * digamma(half) - 0.5 * digamma(0.5 * nu) - 0.5 / room)
    slope[0], slope[1], slope[2], slope[3], slope[4] = g_omega, g_up, g_down, g_beta, g_nu
    total: float = 0.5 * logs_h + half * logs_q - count * constant
    return total


@compiled
def to_natural(free: Floats, natural: Floats) -> None:
    """Write the natural parameters of (4,) free coordinates (GARCH) or (5,) (GJR)."""
    persistence = 1.0 / (1.0 + math.exp(-free[1]))
    reaction = persistence / (1.0 + math.exp(-free[2]))
    below = 0.5 if free.size == 4 else 1.0 / (1.0 + math.exp(-free[4]))
    natural[0] = math.exp(free[0])
    natural[1] = 2.0 * reaction * (1.0 - below)
    natural[2] = 2.0 * reaction * below
    natural[3] = persistence - reaction
    natural[4] = LEAST_NU + math.exp(free[3])


@compiled
def value(returns: Floats, start: float, free: Floats, slope: Floats) -> float:
    """Return the negative log likelihood at free coordinates, and write its gradient over them into ``slope``."""
    natural, inner = np.empty(NATURAL), np.empty(NATURAL)
    to_natural(free, natural)
    result = likelihood(returns, start, natural, inner)
    persistence = 1.0 / (1.0 + math.exp(-free[1]))
    share = 1.0 / (1.0 + math.exp(-free[2]))
    reaction = persistence * share
    below = 0.5 if free.size == 4 else 1.0 / (1.0 + math.exp(-free[4]))
    by_reaction = 2.0 * ((1.0 - below) * inner[1] + below * inner[2])
    slope[0] = inner[0] * natural[0]
    slope[1] = (by_reaction * share + inner[3] * (1.0 - share)) * persistence * (1.0 - persistence)
    slope[2] = (by_reaction - inner[3]) * persistence * share * (1.0 - share)
    slope[3] = inner[4] * (natural[4] - LEAST_NU)
    if free.size == 5:
        slope[4] = 2.0 * reaction * (inner[2] - inner[1]) * below * (1.0 - below)
    return result


@compiled
def minimise(returns: Floats, start: float, free: Floats, inverse: Floats) -> tuple[float, int, bool]:
    """Search from ``free`` on; both ``free`` and the inverse Hessian are carried on in place.

    Returns
    -------
    tuple
        The negative log likelihood, the passes over the data, and whether the search ended by itself.
    """
    size = free.size
    slope, step, other, trial = np.empty(size), np.empty(size), np.empty(size), np.empty(size)
    found = value(returns, start, free, slope)
    passes, idle = 1, 0
    for _ in range(STEPS):
        descent = _direction(free, slope, inverse, step, returns.size)
        if -descent < DECREASE * returns.size:
            return found, passes, True
        result, more = _shorten(returns, start, free, step, found, descent, trial, other)
        passes += more
        if more > SHORTENED:
            if -descent < TOLERABLE * returns.size:
                return found, passes, True
            _reset(inverse, returns.size)
        if result < found:
            idle = idle + 1 if found - result < DECREASE * returns.size else 0
            _update(inverse, trial - free, other - slope)
            free[:], slope[:] = trial, other
            found = result
        if idle == IDLE:
            return found, passes, True
    return found, passes, False


@compiled
def _shorten(
    returns: Floats,
    start: float,
    free: Floats,
    step: Floats,
    found: float,
    descent: float,
    trial: Floats,
    other: Floats,
) -> tuple[float, int]:
    """Shorten a step until it brings what its slope promises; write where it ends and the gradient there.

    Returns
    -------
    tuple
        The negative log likelihood there, and the passes: more than `SHORTENED` when it never did.
    """
    scale = min(1.0, LONGEST / np.abs(step).max())
    result, passes = math.inf, 0
    while result > found + 1e-4 * scale * descent and passes <= SHORTENED:
        for i in range(free.size):
            trial[i] = min(max(free[i] + scale * step[i], -LIMIT), LIMIT)
        result = value(returns, start, trial, other)
        passes += 1
        scale *= 0.3
    return result, passes


@compiled
def _direction(free: Floats, slope: Floats, inverse: Floats, step: Floats, days: int) -> float:
    """Write the quasi-Newton step, which leaves a coordinate at its bound alone, and return the slope along it."""
    for again in range(2):
        descent = 0.0
        for i in range(free.size):
            step[i] = 0.0
            if not _bound(free[i], slope[i]):
                for j in range(free.size):
                    step[i] -= 0.0 if _bound(free[j], slope[j]) else inverse[i, j] * slope[j]
            descent += step[i] * slope[i]
        if descent <= 0.0 or again:
            return descent
        _reset(inverse, days)  # the carried curvature is of no use here
    return 0.0


@compiled
def _bound(place: float, slope: float) -> bool:
    """Return whether a coordinate stands at its bound, and wants to go beyond."""
    return (place >= LIMIT and slope < 0.0) or (place <= -LIMIT and slope > 0.0)


@compiled
def _reset(inverse: Floats, days: int) -> None:
    for i in range(inverse.shape[0]):
        for j in range(inverse.shape[0]):
            inverse[i, j] = CURVATURE / days if i == j else 0.0


@compiled
def _update(inverse: Floats, step: Floats, change: Floats) -> None:
    """Update the inverse Hessian by BFGS, unless the step has met no curvature."""
    size, curvature = step.size, 0.0
    for i in range(size):
        curvature += step[i] * change[i]
    if curvature < 1e-12:
        return
    product, quadratic = np.zeros(size), 0.0
    for i in range(size):
        for j in range(size):
            product[i] += inverse[i, j] * change[j]
    for i in range(size):
        quadratic += change[i] * product[i]
    factor = (1.0 + quadratic / curvature) / curvature
    for i in range(size):
        for j in range(size):
            inverse[i, j] += factor * step[i] * step[j] - (product[i] * step[j] + step[i] * product[j]) / curvature


@compiled
def mean_square(returns: Floats) -> float:
    """Return the mean square of the returns that were measured."""
    total, count = 0.0, 0
    for one in returns:
        if not math.isnan(one):
            total += one * one
            count += 1
    return total / max(count, 1)


@compiled
def moved(returns: Floats) -> bool:
    """Return whether a price moved at all: the likelihood of returns that are all zero has no maximum."""
    return mean_square(returns) > STILL


@compiled
def begin(returns: Floats, free: Floats, inverse: Floats) -> None:
    """Write usual starting values: persistence 0.97, a tenth of it reaction, five degrees of freedom."""
    free[0] = math.log(max(0.03 * mean_square(returns), 0.03 * STILL))
    free[1] = 3.5
    free[2] = -2.2
    free[3] = 1.1
    if free.size == 5:
        free[4] = 0.0
    _reset(inverse, returns.size)


@compiled
def best(returns: Floats, start: float, free: Floats, inverse: Floats) -> tuple[float, int, bool]:
    """Fit from where ``free`` stands, and from the usual starting values too; keep the better."""
    fresh, curvature = np.empty_like(free), np.empty_like(inverse)
    begin(returns, fresh, curvature)
    found, passes, ended = minimise(returns, start, fresh, curvature)
    warm, more, warm_ended = minimise(returns, start, free, inverse)
    if found < warm:
        free[:] = fresh
        inverse[:] = curvature
        return found, passes + more, ended
    return warm, passes + more, warm_ended


@compiled
def walk(returns: Floats, free: Floats, inverse: Floats, first: int, refit: int, cold: int, out: Floats) -> int:
    """Write the (n - first,) parameters of each day, fitted to the days before it; return the passes over the data.

    Parameters
    ----------
    returns : (n,) floats
    free, inverse : (4 or 5,), (4 or 5, 4 or 5) floats
        Where the search begins; carried on.
    first, refit, cold : int
        First day that is forecast; days between two fits; fits between two that also try the usual starting values.
    out : (n - first, 5) floats
        Natural parameters by day; NaN where a fit did not end by itself, or the price had not `moved`.
    """
    passes, fits = 0, 0
    ended, begun = False, moved(returns[:first])  # one that stands still at first is begun with when it moves
    for t in range(first, returns.size):
        if (t - first) % refit == 0:
            past = returns[:t]
            ended = moved(past)
            if ended:
                if not begun:
                    begin(past, free, inverse)
                    begun = True
                start = backcast(past)
                result = minimise(past, start, free, inverse)
                if fits % cold == 0 or not result[2]:
                    result = best(past, start, free, inverse)
                passes += result[1]
                ended = result[2]
            fits += 1
        to_natural(free, out[t - first])
        if not ended:
            out[t - first] = np.nan
    return passes


@compiled
def filtered(returns: Floats, natural: Floats, start: float, out: Floats) -> None:
    """Write the (n + 1,) variances of each day and of the day after the last, given the returns before it."""
    h, square, reaction = start, start, 0.5 * (natural[1] + natural[2])
    for t in range(returns.size + 1):
        h = natural[0] + reaction * square + natural[3] * h
        out[t] = h
        if t < returns.size:
            missing = math.isnan(returns[t])
            square = h if missing else returns[t] * returns[t]
            reaction = 0.5 * (natural[1] + natural[2])
            if not missing:
                reaction = natural[2] if returns[t] < 0.0 else natural[1]


@compiled
def each(returns: Floats, natural: Floats, start: float) -> Floats:
    """Return the variances of the last days, each filtered with its own (m, 5) parameters; NaN where those are."""
    days = natural.shape[0]
    out, path = np.full(days, np.nan), np.empty(returns.size + 1)
    begun = -1
    for day in range(days):
        if math.isnan(natural[day, 0]):
            begun = -1
            continue
        if begun < 0 or not (natural[day] == natural[begun]).all():
            filtered(returns, natural[day], start, path)  # what lies beyond the day is not read before it has come
            begun = day
        out[day] = path[returns.size - days + day]
    return out


@compiled
def summed(variance: Floats, natural: Floats, steps: int) -> Floats:
    """Return the expected variance of ``steps`` days that begin with one of each (m,) variance."""
    out = np.empty_like(variance)
    for day in range(out.size):
        persistence = 0.5 * (natural[day, 1] + natural[day, 2]) + natural[day, 3]
        h, total = variance[day], 0.0
        for _ in range(steps):
            total += h
            h = natural[day, 0] + persistence * h
        out[day] = total
    return out
