"""Liquidators: what they can take, what it pays, and what they leave.

A liquidator repays one debt of an account, up to the close factor (all of it below ``full_close_below``), takes
``1 + bonus`` of it in one collateral at oracle prices, sells that and buys the debt asset at market prices. He stops at
the margin that no longer pays, takes the pair of collateral and debt with the largest profit, and does nothing when the
profit does not reach his floor. All liquidators together spend no more than ``capital`` in a step (debt tokens at
market prices, before slippage) and serve the accounts that pay most, before slippage, first.

In a collapse most of a queue cannot be served: depth or capital is used up, or what an account offers does not pay for
its fixed cost any more. A pair of collateral and debt for which an ask does not pay does not pay for a smaller one, nor
after more such sales; that is written down (`Now.vain`) until a trade makes the pair cheaper, and when it goes for all
that the rest of the queue can ask for, the queue ends (`hopeless`). Both are exact.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import NamedTuple

import numpy as np

from forecasting.core import tables
from forecasting.core.book import Floats
from forecasting.core.compiled import compiled, inlined
from forecasting.core.exchange import margin, room, trade
from forecasting.core.tables import Accounts, Market, Now, Pool, Tally, Trace, Work
from governance.errors import InputError

ROUNDS = 8  # of one account in one step: 0.5**8 of a debt is dust
SLACK = 1e-9  # covers the rounding of profits and gains


@dataclass(frozen=True, slots=True, kw_only=True)
class Liquidators:
    """What liquidators can do.

    Attributes
    ----------
    profit_floor : float
        Least profit as a fraction of what is spent, beyond the fixed cost of `CascadeRules`.
    capital : float
        USD that all of them together can spend in an hour; ``inf`` with flash loans.
    delay_hours : float
        From when an account can be liquidated to when they act.
    """

    profit_floor: float = 0.0
    capital: float = float("inf")
    delay_hours: float = 0.0

    def __post_init__(self) -> None:
        """Refuse what cannot be computed with."""
        for item in fields(self):
            value = getattr(self, item.name)
            if not value >= 0 or (item.name != "capital" and value == np.inf):
                raise InputError(
                    f"Liquidators' {item.name} is {value}; it must be at least 0.", field=item.name, value=value
                )


class Offer(NamedTuple):
    """One possible liquidation, USD: seized and repaid at oracle prices, brought and spent at the market's."""

    seize: float
    repay: float
    proceeds: float
    spent: float
    cost: float
    profit: float


@inlined
def values(accounts: Accounts, work: Work, k: int, price: Floats) -> tuple[float, float]:
    """Return the threshold-weighted collateral and the debt of account ``k``, USD."""
    asset, threshold, collateral, debt = accounts.asset, accounts.threshold, work.collateral, work.debt
    weighted, owed = 0.0, 0.0
    # Unsigned, as a signed place is first asked whether it counts from the end.
    for e in range(np.uint64(accounts.first[k]), np.uint64(accounts.first[k + 1])):
        at = price[np.uint64(asset[e])]
        weighted += collateral[e] * at * threshold[e]
        owed += debt[e] * at
    return weighted, owed


@inlined
def close_factor(market: Market, m: int, weighted: float, owed: float) -> float:
    """Return the share of a debt that may be repaid at once."""
    return 1.0 if weighted < market.full_close_below[m] * owed else market.close_factor[m]


@inlined
def gain(accounts: Accounts, work: Work, market: Market, k: int, close: float, now: Now) -> float:
    """Return the best profit that account ``k`` offers before slippage, USD, and note the pairs that it asks for."""
    asset, collateral, debt, worth, oracle, asked = (
        accounts.asset,
        work.collateral,
        work.debt,
        now.worth,
        now.oracle,
        now.asked,
    )
    best, m, bonus = -np.inf, accounts.protocol[k], market.bonus
    for a in range(np.uint64(accounts.first[k]), np.uint64(accounts.first[k + 1])):
        if collateral[a] <= 0.0:
            continue
        r = np.uint64(asset[a])
        ratio, held = 1.0 + bonus[m, r], collateral[a] * oracle[r]
        for b in range(np.uint64(accounts.first[k]), np.uint64(accounts.first[k + 1])):
            if debt[b] > 0.0:
                s = np.uint64(asset[b])
                seize = min(close * (debt[b] * oracle[s]) * ratio, held)
                asked[m, r, s] = max(asked[m, r, s], seize)
                best = max(best, seize * (worth[r] - worth[s] * (1.0 + market.crew.profit_floor) / ratio))
    return best - market.crew.fixed_cost


@inlined
def _most(market: Market, r: int, s: int, ratio: float, now: Now) -> float:
    """Return what may be seized (USD, oracle price) before the margin no longer pays.

    With ``A = X_r sqrt(w_r (1 + bonus))`` and ``B = X_s sqrt(w_s (1 + floor))`` two constant products of depths ``X``
    that sold ``S`` are at the margin when ``A (X_s + S_s - y) = B (X_r + S_r + x)``, where ``x`` and ``y`` are what is
    sold and bought at market prices. Where the debt asset has no finite depth, or the collateral has a curve, the debt
    asset counts at its margin before the purchase.
    """
    pool, worth, floor = market.pool, now.worth[r], now.worth[s] * (1.0 + market.crew.profit_floor)
    depth, other = pool.depth[r] * now.share[r], pool.depth[s] * now.share[s]
    stock, bought = other + now.sold[s], now.worth[s] / ratio
    sell, buy, most = np.sqrt(worth * ratio), other * np.sqrt(floor), 0.0
    if pool.first[r] < pool.first[r + 1] or pool.first[s] < pool.first[s + 1] or np.isinf(other):
        dear = floor * margin(pool, s, now.share[s], now.sold[s])
        most = room(pool, r, now.share[r], now.sold[r], dear / (ratio * worth)) / worth
    elif np.isinf(depth):
        most = (sell * stock - buy) / (sell * bought)
    else:
        sell *= depth
        most = (sell * stock - buy * (depth + now.sold[r])) / (sell * bought + buy * worth)
    return float(most)


@inlined
def _offer(market: Market, r: int, s: int, ratio: float, ask: float, now: Now) -> Offer:
    """Return the best trade that seizes at most ``ask`` of asset ``r`` for asset ``s``; without one, all is zero."""
    pool, crew = market.pool, market.crew
    worth, due = now.worth[r], now.worth[s]
    seize = min(ask, _most(market, r, s, ratio, now), now.budget[0] / due * ratio)
    repay, proceeds, spent, profit = seize / ratio, 0.0, 0.0, -np.inf
    if seize <= 0.0:
        seize = 0.0
    elif repay * due >= pool.depth[s] * now.share[s] + now.sold[s]:
        seize, spent = 0.0, np.inf  # there is not as much to buy
    else:
        proceeds = trade(pool, r, now.share[r], now.sold[r], seize * worth)
        spent = -trade(pool, s, now.share[s], now.sold[s], -repay * due)
        profit = proceeds - spent - crew.fixed_cost
    return Offer(seize, repay, proceeds, spent, crew.fixed_cost, profit)


@inlined
def _pays(market: Market, offer: Offer) -> bool:
    """Return whether a liquidator takes the offer."""
    return offer.seize > 0.0 and offer.profit >= market.crew.profit_floor * offer.spent


@inlined
def _vain(market: Market, r: int, s: int, ask: float, offer: Offer, now: Now) -> float:
    """Return up to which ask of a pair nothing pays either when ``offer``, made for ``ask``, does not (0: unknown).

    Up to `_most`, profit rises with what is seized. Where that counts the debt asset at its margin before the purchase,
    the profit at that margin does, and no offer's is larger. Only where the debt asset has a curve on which it was sold
    before, it may be had for less.
    """
    pool, floor, vain = market.pool, market.crew.profit_floor, 0.0
    returns = pool.first[s] < pool.first[s + 1] and now.sold[s] > 0.0
    curved = pool.first[r] < pool.first[r + 1] or pool.first[s] < pool.first[s + 1]
    beyond = offer.profit - floor * offer.spent
    if curved:
        price = now.worth[s] * margin(pool, s, now.share[s], now.sold[s])
        beyond = offer.proceeds - (1.0 + floor) * offer.repay * price - offer.cost
    sure = beyond < -SLACK * offer.proceeds
    if returns or np.isinf(offer.spent):
        vain = 0.0
    elif offer.seize <= 0.0 or (offer.seize < ask and (sure or not curved)):
        vain = np.inf  # the market or the capital limits every larger ask alike
    elif sure:
        vain = ask
    return vain


@inlined
def hopeless(market: Market, gain: float, now: Now) -> bool:
    """Return whether surely no account of the queue pays that gains at most ``gain`` before slippage.

    Of each pair, the largest ask that such an account can have is tried; none of them need be there.
    """
    assets, crew = now.sold.size, market.crew
    for m in range(now.asked.shape[0]):
        for pair in range(assets * assets):
            r, s = pair // assets, pair % assets
            ask, ratio = now.asked[m, r, s], 1.0 + market.bonus[m, r]
            each = now.worth[r] - now.worth[s] * (1.0 + crew.profit_floor) / ratio
            if each > 0.0:
                ask = min(ask, (gain + crew.fixed_cost) / each * (1.0 + SLACK))
            if ask > now.vain[m, r, s]:
                offer = _offer(market, r, s, ratio, ask, now)
                if _pays(market, offer) or _vain(market, r, s, ask, offer, now) < ask:
                    return False
                now.vain[m, r, s] = ask
    return True


@inlined
def _reopen(pool: Pool, r: int, s: int, now: Now) -> None:
    """Forget what did not pay before asset ``r`` was sold for ``s``: selling ``s`` and buying ``r`` are cheaper now."""
    curved = pool.first[r] < pool.first[r + 1]
    for m in range(now.vain.shape[0]):
        for other in range(now.sold.size):
            now.vain[m, s, other] = now.vain[m, other, r] = 0.0
            if curved:  # further on, a curve may be less steep
                now.vain[m, r, other] = 0.0


@inlined
def _best(accounts: Accounts, work: Work, market: Market, k: int, close: float, now: Now) -> tuple[int, int, Offer]:
    """Return the holdings of account ``k`` whose liquidation pays most, and the offer; the first of equals."""
    chosen = Offer(0.0, 0.0, 0.0, 0.0, 0.0, -np.inf)
    best_a, best_b, m = -1, -1, accounts.protocol[k]
    for a in range(accounts.first[k], accounts.first[k + 1]):
        if work.collateral[a] <= 0.0:
            continue
        r = accounts.asset[a]
        held, ratio = work.collateral[a] * now.oracle[r], 1.0 + market.bonus[m, r]
        for b in range(accounts.first[k], accounts.first[k + 1]):
            s = accounts.asset[b]
            ask = min(close * (work.debt[b] * now.oracle[s]) * ratio, held)
            if ask <= now.vain[m, r, s]:
                continue  # also where nothing is owed
            offer = _offer(market, r, s, ratio, ask, now)
            if not _pays(market, offer):
                now.vain[m, r, s] = max(now.vain[m, r, s], _vain(market, r, s, ask, offer, now))
            elif offer.profit > chosen.profit:
                chosen, best_a, best_b = offer, a, b
    return best_a, best_b, chosen


@compiled
def begin(start: Floats, protocols: int) -> Now:
    """Return the state before a path's first step."""
    assets = start.size
    return Now(
        np.empty(assets),
        start.copy(),
        start.copy(),
        np.ones(assets),
        np.zeros(assets),
        np.ones(assets),
        np.empty(1),
        np.zeros((protocols, assets, assets)),
        np.zeros((protocols, assets, assets)),
        np.zeros(1, np.int64),
        np.zeros(1, np.int64),
        np.empty(1),
        np.zeros(1, np.int64),
    )


@inlined
def reopen(now: Now) -> None:
    """Begin a step's queue at the prices that are known now."""
    now.asked.fill(0.0)
    now.vain.fill(0.0)
    now.idle[0] = 0
    for r in range(now.market.size):
        now.worth[r] = now.market[r] / now.oracle[r]


@inlined
def _book(accounts: Accounts, work: Work, k: int, a: int, b: int, offer: Offer, now: Now, tally: Tally) -> None:
    """Carry out one liquidation and write it down."""
    r, s, m = accounts.asset[a], accounts.asset[b], accounts.protocol[k]
    seized, repaid = offer.seize / now.oracle[r], offer.repay / now.oracle[s]
    worth, due = seized * now.market[r], repaid * now.market[s]
    work.collateral[a] = max(work.collateral[a] - seized, 0.0)
    work.debt[b] = max(work.debt[b] - repaid, 0.0)
    now.sold[r] += worth
    now.sold[s] -= due
    now.budget[0] -= due
    tally.seized[r] += seized
    tally.repaid[s] += repaid
    parts = tally.parts[m]
    parts[tables.LIQUIDATED] += offer.repay
    parts[tables.SEIZED] += offer.seize
    parts[tables.PROFIT] += offer.profit
    parts[tables.SLIPPAGE] += (worth - offer.proceeds) + (offer.spent - due)
    parts[tables.COSTS] += offer.cost
    parts[tables.BORROWERS] += worth - due
    parts[tables.CASH] += offer.proceeds - offer.spent
    parts[tables.EVENTS] += 1.0


@inlined
def _cause(accounts: Accounts, work: Work, k: int, now: Now) -> int:
    """Return why account ``k`` is below 1."""
    weighted, owed = values(accounts, work, k, now.bare)
    if weighted < owed:
        return tables.BY_PRICE
    weighted, owed = values(accounts, work, k, now.market)
    return tables.BY_SALES if weighted < owed else tables.BY_LAG


@inlined
def _note(accounts: Accounts, work: Work, k: int, now: Now, trace: Trace) -> None:
    """Begin a row of the trace with what was so before a liquidation."""
    row = trace.rows[trace.made[0]]
    weighted, owed = values(accounts, work, k, now.oracle)
    row[tables.STEP], row[tables.ACCOUNT], row[tables.PROTOCOL] = now.step[0], k, accounts.protocol[k]
    row[tables.HEALTH_BEFORE] = weighted / owed
    row[tables.WAITED] = work.waited[k] - 1
    row[tables.CAUSE] = _cause(accounts, work, k, now)


@inlined
def _finish(accounts: Accounts, market: Market, a: int, b: int, offer: Offer, now: Now, trace: Trace) -> None:
    """Complete the row with the liquidation."""
    row, r, s = trace.rows[trace.made[0]], accounts.asset[a], accounts.asset[b]
    sold, before = now.sold[r], now.sold[r] - offer.seize * now.market[r] / now.oracle[r]
    row[tables.COLLATERAL], row[tables.DEBT] = r, s
    row[tables.REPAID], row[tables.TAKEN], row[tables.GAIN] = offer.repay, offer.seize, offer.profit
    row[tables.BEFORE] = now.market[r] * margin(market.pool, r, now.share[r], before)
    row[tables.AFTER] = now.market[r] * margin(market.pool, r, now.share[r], sold)


@inlined
def settle(
    accounts: Accounts, work: Work, market: Market, k: int, now: Now, tally: Tally, trace: Trace
) -> tuple[float, float]:
    """Liquidate account ``k`` while it pays; return its weighted collateral and debt that are left."""
    weighted, owed = values(accounts, work, k, now.oracle)
    for _ in range(ROUNDS):
        if weighted >= owed:
            break
        close = close_factor(market, accounts.protocol[k], weighted, owed)
        a, b, offer = _best(accounts, work, market, k, close, now)
        if a < 0:
            break
        kept = trace.made[0] < trace.rows.shape[0]
        if kept:
            _note(accounts, work, k, now, trace)
        _book(accounts, work, k, a, b, offer, now, tally)
        _reopen(market.pool, accounts.asset[a], accounts.asset[b], now)
        weighted, owed = values(accounts, work, k, now.oracle)
        if kept:
            _finish(accounts, market, a, b, offer, now, trace)
            trace.rows[trace.made[0], tables.HEALTH_AFTER] = weighted / owed if owed > 0.0 else np.inf
        trace.made[0] += 1
    return weighted, owed
