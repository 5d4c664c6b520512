"""The cascade kernel: liquidations of several protocols over joint price paths, on a depth that all of them share.

One step of one path:

1. The market price is the path's price times the impact that earlier liquidations left; where it fell, a part of the
   depth withdraws, and comes back by half-lives.
2. The oracles look at the market (`forecasting.core.oracle`).
3. An account whose health factor at oracle prices is below 1 can be liquidated, once liquidators had time to see it.
   Those that pay before slippage queue, the best first, and liquidators take what pays
   (`forecasting.core.liquidators`). What stays undone is tried again in the next step.
4. What was sold moves the price (`forecasting.core.exchange`): a share of the move stays, the rest decays by
   half-lives. Arbitrage refills the depth between steps.

Bad debt is what accounts owe beyond their collateral at the horizon, at the market prices that the cascade left.

An account is looked at only when it can have fallen below 1, which is exact, impact and oracles included:

- While relative oracle prices stand at ``g = min(p / p0) / max(p / p0)`` against the start, no health factor can have
  fallen by more than ``g``. Accounts come in order of their `Accounts.margin`, so those that may have fallen are the
  first ones, and the others are not even copied.
- After a look at an account with a health factor ``h``, when ``reach`` (the running product of the steps' worst
  factors) was ``g``, it is safe until ``reach < g / h``.

References
----------
Close factor and bonus: Aave v3 ``LiquidationLogic``. Permanent and transient impact of liquidations: Lehar & Parlour,
BIS Working Paper 1062. Constant-product price: ``X = s v / (1 - s)`` from a volume ``v`` that sells at slippage ``s``.
Toxic debt: Warmuz, Chaudhary & Pinna, arXiv 2212.07306.
"""

from __future__ import annotations

import numpy as np

from forecasting.core import tables
from forecasting.core.book import Floats
from forecasting.core.compiled import compiled, inlined
from forecasting.core.exchange import shift
from forecasting.core.liquidators import begin, close_factor, gain, hopeless, reopen, settle, values
from forecasting.core.oracle import report
from forecasting.core.queueing import BIN, arrange, lay_out, take
from forecasting.core.tables import Accounts, Market, Now, Pool, Tally, Trace, Work

BLOCK = 32  # accounts that share one alarm
SAFETY = 1.0 + 1e-9  # covers the rounding of products of prices


@compiled
def workspace(accounts: Accounts) -> Work:
    """Return a thread's own arrays; a page of memory is taken only when a path looks at its accounts."""
    size, held, gain = accounts.margin.size, accounts.asset.size, np.empty(accounts.margin.size)
    return Work(
        np.empty(held),
        np.empty(held),
        np.empty(size),
        np.empty(-(-size // BLOCK)),
        np.empty(size, np.int64),
        gain,
        gain.view(np.int64),
        np.empty(size, np.int64),
        np.empty(size, np.int64),
        np.empty(size // BIN + 2, np.int64),
    )


@inlined
def _admit(accounts: Accounts, work: Work, front: int, factor: float) -> int:
    """Take in the accounts, after the first ``front``, that may be unsafe at ``factor``; return how many are in."""
    stop, size = front, accounts.margin.size
    while stop < size and accounts.margin[stop] * factor < SAFETY:
        stop = min(stop + BLOCK, size)
    for e in range(accounts.first[front], accounts.first[stop]):
        work.collateral[e] = accounts.collateral[e]
        work.debt[e] = accounts.debt[e]
    for k in range(front, stop):
        work.each[k] = np.inf
        work.highest[k // BLOCK] = np.inf
        work.waited[k] = 0
    return stop


@inlined
def _worst(price: Floats, last: Floats) -> float:
    """Return the worst factor that the move from ``last`` to ``price`` can put on any health factor."""
    low, high = np.inf, 0.0
    for r in range(price.size):
        low = min(low, price[r] / last[r])
        high = max(high, price[r] / last[r])
    return low / high


@inlined
def _alarm(reach: float, weighted: float, owed: float) -> float:
    """Return the ``reach`` below which an account must be looked at again."""
    alarm = 0.0  # nothing is left to seize
    if weighted > 0.0:
        alarm = reach * owed / weighted * SAFETY if weighted >= owed else np.inf
    return alarm


@inlined
def _look(accounts: Accounts, work: Work, market: Market, front: int, reach: float, now: Now) -> int:
    """Find the accounts that can be liquidated at a gain; return how many there are."""
    each, waited, gains, protocol = work.each, work.waited, work.gain, accounts.protocol
    count = 0
    for block in range(-(-front // BLOCK)):
        if reach >= work.highest[block]:
            continue
        top = 0.0
        for k in range(block * BLOCK, min((block + 1) * BLOCK, front)):
            if reach < each[k]:
                weighted, owed = values(accounts, work, k, now.oracle)
                each[k] = _alarm(reach, weighted, owed)
                waited[k] = waited[k] + 1 if 0.0 < weighted < owed else 0
                if waited[k]:
                    close = close_factor(market, protocol[k], weighted, owed)
                    gains[k] = gain(accounts, work, market, k, close, now) + 0.0  # no -0.0, whose bits are out of order
                    if gains[k] >= 0.0:
                        now.undone[0] += 1
                        now.undone_debt[0] += owed
                        work.found[count] = k
                        count += waited[k] > market.crew.delay  # else the next account takes this place
            top = max(top, each[k])
        work.highest[block] = top
    return count


@inlined
def _serve(
    accounts: Accounts, work: Work, market: Market, count: int, reach: float, now: Now, tally: Tally, trace: Trace
) -> bool:
    """Liquidate the queue, best first, while anything in it can pay; return whether anything was liquidated."""
    before = trace.made[0]
    for b in range(lay_out(work, count)):
        queue = work.queue[work.edge[b] : work.edge[b + 1]]
        arrange(queue, work.gain)
        for left in range(queue.size, 0, -1):
            k = take(queue, work.gain, left)
            _, due = values(accounts, work, k, now.oracle)
            made = trace.made[0]
            weighted, owed = settle(accounts, work, market, k, now, tally, trace)
            if trace.made[0] == made:
                now.idle[0] += 1
                if now.idle[0] & (now.idle[0] - 1) == 0 and hopeless(market, work.gain[k], now):
                    return bool(made > before)
                continue
            now.idle[0] = 0
            work.each[k] = _alarm(reach, weighted, owed)
            now.undone_debt[0] += owed - due
            if weighted >= owed or weighted <= 0.0:
                work.waited[k] = 0
                now.undone[0] -= 1
                now.undone_debt[0] -= owed
    return bool(trace.made[0] > before)


@inlined
def _withdraw(pool: Pool, market: Floats, last: Floats, share: Floats) -> None:
    """Let depth come back, and leave where the price fell."""
    for r in range(market.size):
        left = 1.0 - (1.0 - share[r]) * pool.recovery
        if market[r] < last[r] and pool.withdrawal[r] > 0.0:
            left *= (market[r] / last[r]) ** pool.withdrawal[r]
        share[r] = left


@inlined
def _close(accounts: Accounts, work: Work, market: Market, front: int, now: Now, tally: Tally, blame: Floats) -> None:
    """Add up what is left at the horizon: bad debt, backlog and toxic debt."""
    for k in range(front):
        weighted, owed = values(accounts, work, k, now.oracle)
        if owed <= 0.0:
            continue
        m, value, most, bonus = accounts.protocol[k], 0.0, -1.0, 0.0
        for e in range(accounts.first[k], accounts.first[k + 1]):
            held = work.collateral[e] * now.oracle[accounts.asset[e]]
            value += held
            if held > most:
                most, bonus = held, market.bonus[m, accounts.asset[e]]
        if weighted < owed:
            tally.parts[m, tables.BACKLOG] += owed
        if owed * (1.0 + bonus) > value:
            tally.parts[m, tables.TOXIC] += owed
        _lose(accounts, work, k, now, tally, blame)


@inlined
def _lose(accounts: Accounts, work: Work, k: int, now: Now, tally: Tally, blame: Floats) -> None:
    """Write down what account ``k`` owes beyond its collateral, in proportion to its debts."""
    worth, due = 0.0, 0.0
    for e in range(accounts.first[k], accounts.first[k + 1]):
        worth += work.collateral[e] * now.market[accounts.asset[e]]
        due += work.debt[e] * now.market[accounts.asset[e]]
    if due <= worth:
        return
    if blame.size:
        blame[k] = due - worth
    for e in range(accounts.first[k], accounts.first[k + 1]):
        bad = work.debt[e] * now.market[accounts.asset[e]] * ((due - worth) / due)
        tally.parts[accounts.protocol[k], tables.BAD_DEBT] += bad
        tally.lost[accounts.asset[e]] += bad


@compiled
def run_path(
    path: Floats, accounts: Accounts, work: Work, market: Market, tally: Tally, trace: Trace, blame: Floats
) -> None:
    """Run one path.

    Parameters
    ----------
    path : (T, R) floats
        Prices without impact, USD.
    accounts : Accounts
    work : Work
        From `workspace`; holds what is left at the horizon of the accounts that were looked at.
    market : Market
    tally : Tally
        One row of each array, zero, changed in place.
    trace : Trace
        Filled up to its number of rows.
    blame : (A,) floats
        Bad debt by account is written there; of length 0 when it is not wanted.
    """
    steps, assets = path.shape
    pool, start = market.pool, market.start
    lasting, fading, last, posted = np.zeros(assets), np.zeros(assets), start.copy(), start.copy()
    age, ring = np.zeros(assets), np.empty((assets, market.feed.latency.max() + 1))
    now = begin(start, market.bonus.shape[0])
    trace.made[0], front, reach, streak, spell = 0, 0, 1.0, 0.0, 0.0
    for t in range(steps):
        now.step[0], now.undone[0], now.undone_debt[0], now.budget[0] = t, 0, 0.0, market.crew.capital
        for r in range(assets):
            fading[r] *= pool.decay
            now.bare[r], last[r] = path[t, r], now.market[r]
            now.market[r] = path[t, r] * np.exp(-(lasting[r] + fading[r]))
            now.sold[r] = 0.0
        _withdraw(pool, now.market, last, now.share)
        last[:] = now.oracle
        report(market.feed, t, now.market, posted, age, ring, now.oracle)
        reopen(now)
        reach *= _worst(now.oracle, last)
        front = _admit(accounts, work, front, _worst(now.oracle, start))
        count = _look(accounts, work, market, front, reach, now)
        streak = streak + 1.0 if _serve(accounts, work, market, count, reach, now, tally, trace) else 0.0
        for r in range(assets):
            if now.sold[r] != 0.0:
                move = shift(pool, r, now.share[r], now.sold[r])
                lasting[r] += pool.permanent_share * move
                fading[r] += (1.0 - pool.permanent_share) * move
        spell = spell + 1.0 if now.undone[0] else 0.0
        peak = now.undone_debt[0] if now.undone[0] else 0.0
        course = tally.course
        course[0], course[1], course[2] = max(course[0], streak), max(course[1], spell), max(course[2], peak)
    front = _admit(accounts, work, front, _worst(now.market, start))
    tally.price[:] = now.market
    _close(accounts, work, market, front, now, tally, blame)


@compiled
def run_paths(paths: Floats, start: int, stop: int, accounts: Accounts, market: Market, tally: Tally) -> None:
    """Run the (P, T, R) ``paths`` from ``start`` to ``stop`` into their rows of ``tally``."""
    work = workspace(accounts)
    trace, blame = Trace(np.empty((0, tables.WIDTH)), np.zeros(1, np.int64)), np.empty(0)
    for p in range(start, stop):
        mine = Tally(tally.parts[p], tally.course[p], tally.seized[p], tally.repaid[p], tally.lost[p], tally.price[p])
        run_path(paths[p], accounts, work, market, mine, trace, blame)
