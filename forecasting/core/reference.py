"""The cascade once more, in plain Python: written to be read beside `forecasting.core.kernel`, and to check it.

Every account is looked at in every step, nothing is skipped, sorted arrays are lists, and the depth is one function per
asset. It is slow on purpose; `benchmarks/cascade.py` runs both on a thousand random worlds.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from math import exp, inf, log, sqrt

from forecasting.core import tables
from forecasting.core.cascade import CascadeProblem
from forecasting.core.liquidators import ROUNDS


@dataclass(slots=True)
class Debtor:
    """One account: tokens held and owed by asset, and the threshold of each."""

    protocol: int
    held: dict[int, float]
    owed: dict[int, float]
    threshold: dict[int, float]
    waited: int = 0

    def backing(self, price: list[float]) -> float:
        """Return the threshold-weighted collateral, USD."""
        return sum(amount * price[r] * self.threshold[r] for r, amount in self.held.items())

    def debt(self, price: list[float]) -> float:
        """Return what is owed, USD."""
        return sum(amount * price[r] for r, amount in self.owed.items())


@dataclass(slots=True)
class Depth:
    """One asset's market: constant product of depth ``x``, or the points of a curve."""

    x: float
    points: list[tuple[float, float]]
    share: float = 1.0
    sold: float = 0.0

    def brings(self, amount: float) -> float:
        """Return the proceeds of selling ``amount`` in all."""
        scaled = amount / self.share
        if not self.points or scaled <= 0:
            return amount if self.x == inf else self.share * self.x * scaled / (self.x + scaled)
        return self.share * self._along(scaled)

    def _along(self, amount: float) -> float:
        left, y = 0.0, 0.0
        slope = 1.0
        for right, top in self.points:
            slope = (top - y) / (right - left)
            if amount <= right:
                return y + (amount - left) * slope
            left, y = right, top
        if slope >= 1:
            return y + amount - left
        tail = left / (1 - sqrt(slope))
        return y + slope * tail * (amount - left) / (tail + amount - left)

    def sell(self, amount: float) -> float:
        """Return the proceeds of ``amount`` more (negative: what must be paid)."""
        if self.points:
            return self.brings(self.sold + amount) - self.brings(self.sold)
        if self.x == inf:
            return amount
        x = self.x * self.share
        return x * x * amount / ((x + self.sold) * (x + self.sold + amount))

    def margin(self, sold: float) -> float:
        """Return the price of the next dollar."""
        if not self.points or sold < 0:
            return 1.0 if self.x == inf else (self.x * self.share / (self.x * self.share + sold)) ** 2
        left, y, slope = 0.0, 0.0, 1.0
        for right, top in self.points:
            slope = (top - y) / (right - left)
            if sold < right * self.share:
                return slope
            left, y = right, top
        tail = inf if slope >= 1 else left / (1 - sqrt(slope))
        return slope if tail == inf else slope * (tail / (tail + sold / self.share - left)) ** 2

    def until(self, needed: float) -> float:
        """Return up to which total the margin is at least ``needed``."""
        if not self.points:
            return (inf if needed <= 1 else 0.0) if self.x == inf else self.x * self.share * (sqrt(1 / needed) - 1)
        left, y, slope = 0.0, 0.0, 1.0
        for right, top in self.points:
            slope = (top - y) / (right - left)
            if top - y < needed * (right - left):
                bought = 0.0 if left or self.x == inf else min(self.x * (sqrt(1 / needed) - 1), 0.0)
                return self.share * (left or bought)
            left, y = right, top
        if slope >= 1:
            return inf
        return self.share * (left if slope < needed else left + left / (1 - sqrt(slope)) * (sqrt(slope / needed) - 1))

    def move(self) -> float:
        """Return by how much the step's sales lower the log price."""
        if self.points and self.sold > 0:
            right, top = self.points[0]
            return 2 * log(top / right * self.sold / self.brings(self.sold))
        return 0.0 if self.x == inf else 2 * log((self.x * self.share + self.sold) / (self.x * self.share))


@dataclass(slots=True)
class World:
    """One path's state and what it has come to."""

    market: tables.Market
    debtors: list[Debtor]
    depths: list[Depth]
    price: list[float]
    oracle: list[float]
    budget: float = 0.0
    sums: dict[str, float] = field(default_factory=lambda: defaultdict(float))
    events: int = 0

    def close_factor(self, debtor: Debtor) -> float:
        """Return the share of a debt that may be repaid at once."""
        low = debtor.backing(self.oracle) < self.market.full_close_below[debtor.protocol] * debtor.debt(self.oracle)
        return 1.0 if low else float(self.market.close_factor[debtor.protocol])

    def pairs(self, debtor: Debtor) -> Iterator[tuple[int, int, float, float]]:
        """Yield collateral, debt, ratio and what may be seized at most (USD, oracle price)."""
        close = self.close_factor(debtor)
        for r, held in debtor.held.items():
            for s, owed in debtor.owed.items():
                if held > 0 and owed > 0:
                    ratio = 1 + float(self.market.bonus[debtor.protocol, r])
                    yield r, s, ratio, min(close * (owed * self.oracle[s]) * ratio, held * self.oracle[r])

    def worth(self, r: int) -> float:
        """Return the market price over the oracle price."""
        return self.price[r] / self.oracle[r]

    def gain(self, debtor: Debtor) -> float:
        """Return the best profit before slippage."""
        floor = 1 + self.market.crew.profit_floor
        offers = (ask * (self.worth(r) - self.worth(s) * floor / ratio) for r, s, ratio, ask in self.pairs(debtor))
        return max(offers, default=-inf) - self.market.crew.fixed_cost

    def most(self, r: int, s: int, ratio: float) -> float:
        """Return what may be seized before the margin no longer pays."""
        one, other, worth = self.depths[r], self.depths[s], self.worth(r)
        due = self.worth(s) * (1 + self.market.crew.profit_floor)
        if one.points or other.points or other.x == inf:
            return (one.until(due * other.margin(other.sold) / (ratio * worth)) - one.sold) / worth
        stock, bought = other.x * other.share + other.sold, self.worth(s) / ratio
        sell, buy = sqrt(worth * ratio), other.x * other.share * sqrt(due)
        if one.x == inf:
            return (sell * stock - buy) / (sell * bought)
        depth = one.x * one.share
        return (sell * depth * stock - buy * (depth + one.sold)) / (sell * depth * bought + buy * worth)

    def offer(self, r: int, s: int, ratio: float, ask: float) -> tuple[float, ...] | None:
        """Return profit, seized, proceeds and spent of the best trade, or None when none pays."""
        crew, other = self.market.crew, self.depths[s]
        seize = min(ask, self.most(r, s, ratio), self.budget / self.worth(s) * ratio)
        spend = seize / ratio * self.worth(s)
        if seize <= 0 or spend >= other.x * other.share + other.sold:
            return None
        proceeds, spent = self.depths[r].sell(seize * self.worth(r)), -other.sell(-spend)
        profit = proceeds - spent - crew.fixed_cost
        return (profit, seize, proceeds, spent) if profit >= crew.profit_floor * spent else None

    def settle(self, debtor: Debtor) -> None:
        """Liquidate one account while it pays."""
        for _ in range(ROUNDS):
            if debtor.backing(self.oracle) >= debtor.debt(self.oracle):
                break
            found = [(self.offer(r, s, ratio, ask), r, s, ratio) for r, s, ratio, ask in self.pairs(debtor)]
            paying = [(offer, r, s, ratio) for offer, r, s, ratio in found if offer]
            if not paying:
                break
            self.book(debtor, *max(paying, key=lambda one: one[0][0]))

    def book(self, debtor: Debtor, offer: tuple[float, ...], r: int, s: int, ratio: float) -> None:
        """Carry out one liquidation."""
        profit, seize, proceeds, spent = offer
        repay = seize / ratio
        taken, repaid = seize / self.oracle[r], repay / self.oracle[s]
        worth, due = taken * self.price[r], repaid * self.price[s]
        debtor.held[r] = max(debtor.held[r] - taken, 0.0)
        debtor.owed[s] = max(debtor.owed[s] - repaid, 0.0)
        self.depths[r].sold += worth
        self.depths[s].sold -= due
        self.budget -= due
        self.events += 1
        for name, value in (("liquidated", repay), ("seized", seize), ("profit", profit), ("borrowers", worth - due)):
            self.sums[name] += value
        self.sums["slippage"] += (worth - proceeds) + (spent - due)


def run(problem: CascadeProblem, path: int) -> dict[str, float]:
    """Return the sums of one path (USD, over all protocols).

    ``bad_debt, liquidated, seized, profit, slippage, borrowers, backlog, toxic, events, streak, clearing, peak``: the
    columns of `forecasting.core.tables` of these names.
    """
    market, prices = problem.market(), problem.paths[path].tolist()
    start = market.start.tolist()
    world = World(market, _debtors(problem), _depths(market.pool), list(start), list(start))
    assets, sums = range(len(start)), world.sums
    lasting, fading, posted, age, reports = [0.0] * len(start), [0.0] * len(start), list(start), [0.0] * len(start), []
    streak = spell = 0
    for step, bare in enumerate(prices):
        last = list(world.price)
        for r in assets:
            fading[r] *= market.pool.decay
            world.price[r] = bare[r] * exp(-(lasting[r] + fading[r]))
            depth, fall = world.depths[r], min(world.price[r] / last[r], 1.0)
            depth.share = (1 - (1 - depth.share) * market.pool.recovery) * fall ** market.pool.withdrawal[r]
            depth.sold = 0.0
            age[r] += 1
            if age[r] >= market.feed.heartbeat[r] or abs(world.price[r] / posted[r] - 1) >= market.feed.deviation[r]:
                posted[r], age[r] = world.price[r], 0.0
        reports.append(list(posted))
        for r in assets:
            seen = step - int(market.feed.latency[r])
            world.oracle[r] = reports[seen][r] if seen >= 0 else start[r]
        before, undone = world.events, _step(world)
        streak = streak + 1 if world.events > before else 0
        spell = spell + 1 if undone else 0
        for name, value in (("streak", streak), ("clearing", spell), ("peak", sum(undone))):
            sums[name] = max(sums[name], value)
        for r in assets:
            if world.depths[r].sold != 0:
                move = world.depths[r].move()
                lasting[r] += market.pool.permanent_share * move
                fading[r] += (1 - market.pool.permanent_share) * move
    _close(world)
    return {**sums, "events": world.events}


def _debtors(problem: CascadeProblem) -> list[Debtor]:
    accounts = problem.gathered().accounts
    made = []
    for k in range(accounts.margin.size):
        rows = range(accounts.first[k], accounts.first[k + 1])
        held, owed, threshold = (
            {int(accounts.asset[e]): float(values[e]) for e in rows}
            for values in (accounts.collateral, accounts.debt, accounts.threshold)
        )
        made.append(Debtor(int(accounts.protocol[k]), held, owed, threshold))
    return made


def _depths(pool: tables.Pool) -> list[Depth]:
    points = list(zip(pool.sold.tolist(), pool.proceeds.tolist(), strict=True))
    return [Depth(float(x), points[pool.first[r] : pool.first[r + 1]]) for r, x in enumerate(pool.depth)]


def _step(world: World) -> list[float]:
    """Let liquidators do what pays; return the debts of the accounts that could be liquidated, and are not."""
    crew = world.market.crew
    turn: list[tuple[float, int]] = []
    undone: list[tuple[float, int]] = []
    world.budget = crew.capital
    for row, debtor in enumerate(world.debtors):
        if not 0 < debtor.backing(world.oracle) < debtor.debt(world.oracle):
            debtor.waited = 0
            continue
        debtor.waited += 1
        gain = world.gain(debtor)
        if gain >= 0:
            (turn if debtor.waited > crew.delay else undone).append((-gain, row))
    for _, row in sorted(turn):
        world.settle(world.debtors[row])
    open_ = [world.debtors[row] for _, row in (*undone, *turn)]
    left = []
    for debtor in open_:
        backing, owed = debtor.backing(world.oracle), debtor.debt(world.oracle)
        if 0 < backing < owed:
            left.append(owed)
        else:
            debtor.waited = 0
    return left


def _close(world: World) -> None:
    for debtor in world.debtors:
        owed, due = debtor.debt(world.oracle), debtor.debt(world.price)
        if owed <= 0:
            continue
        worth = sum(amount * world.price[r] for r, amount in debtor.held.items())
        value = sum(amount * world.oracle[r] for r, amount in debtor.held.items())
        largest = max(debtor.held, key=lambda r: debtor.held[r] * world.oracle[r])
        world.sums["bad_debt"] += max(due - worth, 0.0)
        world.sums["backlog"] += owed if debtor.backing(world.oracle) < owed else 0.0
        world.sums["toxic"] += owed if owed * (1 + world.market.bonus[debtor.protocol, largest]) > value else 0.0
