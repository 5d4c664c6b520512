"""The cascade kernel: liquidations over joint price paths, with price impact on a depth that all accounts share.

One step of one path:

1. The oracle price is the path's price times the impact that earlier liquidations left.
2. An account with ``HF < 1`` can be liquidated: its largest debt, up to the close factor (all of it below
   ``full_close_below``), against its largest collateral, at ``1 + bonus``.
3. The liquidator sells the collateral for the debt asset on constant-product depth ``X`` (USD): after ``q`` was sold
   in this step the marginal price is ``(X / (X + q))**2``. He repays no more than pays at the margin, and does nothing
   when the round does not cover his fixed cost. What stays undone is tried again in the next step.
4. A share of the step's price move stays, the rest decays by half-lives. Arbitrage refills the depth between steps.

Bad debt is what accounts owe beyond their collateral at the horizon, at the prices that the cascade left.

An account is looked at only when it can have fallen below 1. Its health factor cannot have changed by more than the
largest fall of any price over the largest rise of any price, step by step; ``reach``, the running product of these
ratios, bounds it. An account with a health factor ``h`` when ``reach`` was ``g`` is safe until ``reach < g / h``. That
is exact, impact included, and spares most of the work.

References
----------
Close factor and bonus: Aave v3 ``LiquidationLogic``. Permanent and transient impact of liquidations: Lehar & Parlour,
BIS Working Paper 1062. Constant-product price: ``X = s v / (1 - s)`` from a volume ``v`` that sells at slippage ``s``.
Toxic debt: Warmuz, Chaudhary & Pinna, arXiv 2212.07306.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from forecasting.core.book import Floats
from forecasting.core.compiled import compiled

# Columns of the per-path totals.
BAD_DEBT = 0  # owed beyond collateral at the horizon, USD
LIQUIDATED = 1  # debt repaid by liquidators, USD
SEIZED = 2  # collateral seized, USD
PROFIT = 3  # liquidators' profit, USD
SLIPPAGE = 4  # lost to price impact while trading, USD
COSTS = 5  # liquidators' fixed costs, USD
BACKLOG = 6  # debt of accounts still below a health factor of 1 at the horizon, USD
TOXIC = 7  # debt at the horizon that a liquidation would make worse, USD
EVENTS = 8  # liquidations
STREAK = 9  # longest run of steps with liquidations
COLUMNS = 10

BLOCK = 32  # accounts that share one alarm
SAFETY = 1.0 + 1e-9  # covers the rounding of the running product
ROUNDS = 8  # of one account in one step: 0.5**8 of a debt is dust


class Market(NamedTuple):
    """What a path's liquidations meet.

    ``bonus`` and ``depth`` are (R,); ``depth`` is in USD and may be ``inf``. ``decay`` is the share of transient
    impact that survives one step.
    """

    bonus: Floats
    depth: Floats
    close_factor: float
    full_close_below: float
    fixed_cost: float
    permanent_share: float
    decay: float


class Accounts(NamedTuple):
    """A accounts over R reserves: tokens held and owed, and the thresholds that count, each (A, R)."""

    collateral: Floats
    debt: Floats
    threshold: Floats


class Alarms(NamedTuple):
    """The ``reach`` below which each account, and any account of each block of `BLOCK`, must be looked at."""

    each: Floats
    highest: Floats


class Tally(NamedTuple):
    """Results of P paths: ``totals`` (P, COLUMNS), tokens ``seized`` and ``repaid`` (P, R)."""

    totals: Floats
    seized: Floats
    repaid: Floats


@compiled
def _largest(amount: Floats, k: int, price: Floats) -> int:
    """Return the asset of account ``k`` with the largest value."""
    best = 0
    for r in range(1, price.size):
        if amount[k, r] * price[r] > amount[k, best] * price[best]:
            best = r
    return best


@compiled
def _trade(depth: float, sold: float, amount: float) -> float:
    """Return what selling ``amount`` USD (negative: buying) brings after ``sold`` was sold in this step."""
    if np.isinf(depth):
        return amount
    return depth * depth * amount / ((depth + sold) * (depth + sold + amount))


@compiled
def _room(market: Market, sold: Floats, a: int, b: int) -> float:
    """Return how much of asset ``a`` (USD) sells before the margin no longer pays for the debt asset ``b``."""
    if np.isinf(market.depth[a]):
        return np.inf
    dear = 1.0 if np.isinf(market.depth[b]) else (market.depth[b] / (market.depth[b] + sold[b])) ** 2
    return float(market.depth[a] * (np.sqrt((1.0 + market.bonus[a]) / dear) - 1.0) - sold[a])


@compiled
def _liquidate(book: Accounts, k: int, price: Floats, close: float, market: Market, sold: Floats, tally: Tally) -> bool:
    """Liquidate account ``k`` once; return False, with nothing changed, when it does not pay."""
    a, b = _largest(book.collateral, k, price), _largest(book.debt, k, price)
    ratio = 1.0 + market.bonus[a]
    held, owed = book.collateral[k, a] * price[a], book.debt[k, b] * price[b]
    seize = min(close * owed * ratio, held)
    if seize * market.bonus[a] < market.fixed_cost * ratio:
        return False  # not even without slippage
    seize = min(seize, _room(market, sold, a, b))
    repay = seize / ratio
    if seize <= 0.0 or (not np.isinf(market.depth[b]) and repay >= market.depth[b] + sold[b]):
        return False
    proceeds = _trade(market.depth[a], sold[a], seize)
    spent = -_trade(market.depth[b], sold[b], -repay)
    profit = proceeds - spent - market.fixed_cost
    if profit < 0.0:
        return False
    book.collateral[k, a] = max(book.collateral[k, a] - seize / price[a], 0.0)
    book.debt[k, b] = max(book.debt[k, b] - repay / price[b], 0.0)
    sold[a] += seize
    sold[b] -= repay
    tally.seized[a] += seize / price[a]
    tally.repaid[b] += repay / price[b]
    tally.totals[LIQUIDATED] += repay
    tally.totals[SEIZED] += seize
    tally.totals[PROFIT] += profit
    tally.totals[SLIPPAGE] += (seize - proceeds) + (spent - repay)
    tally.totals[COSTS] += market.fixed_cost
    tally.totals[EVENTS] += 1.0
    return True


@compiled
def _values(book: Accounts, k: int, price: Floats) -> tuple[float, float]:
    """Return the threshold-weighted collateral and the debt of account ``k``, USD."""
    weighted, owed = 0.0, 0.0
    for r in range(price.size):
        weighted += book.collateral[k, r] * price[r] * book.threshold[k, r]
        owed += book.debt[k, r] * price[r]
    return weighted, owed


@compiled
def _settle(book: Accounts, k: int, price: Floats, market: Market, sold: Floats, tally: Tally) -> float:
    """Liquidate account ``k`` while it pays; return the health factor that is left."""
    weighted, owed = _values(book, k, price)
    for _ in range(ROUNDS):
        if weighted >= owed:
            break
        close = 1.0 if weighted < market.full_close_below * owed else market.close_factor
        if not _liquidate(book, k, price, close, market, sold, tally):
            break
        weighted, owed = _values(book, k, price)
    return weighted / owed if owed > 0.0 else np.inf


@compiled
def _rearm(reach: float, health: float) -> float:
    """Return the alarm of an account with this health factor: it is safe until ``reach`` falls below."""
    if health == 0.0:
        return 0.0  # nothing is left to seize
    return reach / health * SAFETY if health > 1.0 else np.inf


@compiled
def _step(
    book: Accounts, alarms: Alarms, reach: float, price: Floats, market: Market, sold: Floats, tally: Tally
) -> bool:
    """Liquidate whatever pays at these oracle prices; return whether anything was."""
    before = tally.totals[EVENTS]
    for block in range(alarms.highest.size):
        if reach >= alarms.highest[block]:
            continue
        highest = 0.0
        for k in range(block * BLOCK, min((block + 1) * BLOCK, alarms.each.size)):
            if reach < alarms.each[k]:
                weighted, owed = _values(book, k, price)
                health = weighted / owed if owed > 0.0 else np.inf
                if health < 1.0:
                    health = _settle(book, k, price, market, sold, tally)
                alarms.each[k] = _rearm(reach, health)
            highest = max(highest, alarms.each[k])
        alarms.highest[block] = highest
    return bool(tally.totals[EVENTS] > before)


@compiled
def _fall(price: Floats, last: Floats) -> float:
    """Return the worst factor that the step from ``last`` to ``price`` can put on any health factor."""
    low, high = np.inf, 0.0
    for r in range(price.size):
        low = min(low, price[r] / last[r])
        high = max(high, price[r] / last[r])
    return low / high


@compiled
def _move(market: Market, sold: Floats, lasting: Floats, fading: Floats) -> None:
    """Turn what a step sold into log price impact."""
    for r in range(sold.size):
        if sold[r] != 0.0 and not np.isinf(market.depth[r]):
            move = 2.0 * np.log((market.depth[r] + sold[r]) / market.depth[r])
            lasting[r] += market.permanent_share * move
            fading[r] += (1.0 - market.permanent_share) * move


@compiled
def _close(book: Accounts, price: Floats, market: Market, tally: Tally) -> None:
    """Add up what is left at the horizon: bad debt, backlog and toxic debt."""
    for k in range(book.collateral.shape[0]):
        weighted, owed = _values(book, k, price)
        if owed <= 0.0:
            continue
        value = 0.0
        for r in range(price.size):
            value += book.collateral[k, r] * price[r]
        tally.totals[BAD_DEBT] += max(owed - value, 0.0)
        if weighted < owed:
            tally.totals[BACKLOG] += owed
        if owed * (1.0 + market.bonus[_largest(book.collateral, k, price)]) > value:
            tally.totals[TOXIC] += owed


@compiled
def run_path(path: Floats, book: Accounts, market: Market, tally: Tally) -> None:
    """Run one path.

    Parameters
    ----------
    path : (T, R) floats
        Prices without impact, USD.
    book : Accounts
        Changed in place to what is left at the horizon.
    market : Market
    tally : Tally
        One row of each array, changed in place.
    """
    steps, assets = path.shape
    lasting, fading, sold, price = np.zeros(assets), np.zeros(assets), np.empty(assets), np.empty(assets)
    last, size = path[0].copy(), book.collateral.shape[0]
    alarms = Alarms(np.full(size, np.inf), np.full(-(-size // BLOCK), np.inf))
    tally.totals[:], tally.seized[:], tally.repaid[:] = 0.0, 0.0, 0.0
    reach, streak = 1.0, 0.0
    for t in range(steps):
        for r in range(assets):
            fading[r] *= market.decay
            price[r] = path[t, r] * np.exp(-(lasting[r] + fading[r]))
            sold[r] = 0.0
        reach *= _fall(price, last)
        last[:] = price
        if _step(book, alarms, reach, price, market, sold, tally):
            streak += 1.0
            _move(market, sold, lasting, fading)
        else:
            streak = 0.0
        tally.totals[STREAK] = max(tally.totals[STREAK], streak)
    _close(book, price, market, tally)


@compiled
def run_paths(paths: Floats, start: int, stop: int, book: Accounts, market: Market, tally: Tally) -> None:
    """Run the (P, T, R) ``paths`` from ``start`` to ``stop``, each on a copy of ``book``, into their rows."""
    for p in range(start, stop):
        mine = Accounts(book.collateral.copy(), book.debt.copy(), book.threshold)
        run_path(paths[p], mine, market, Tally(tally.totals[p], tally.seized[p], tally.repaid[p]))
