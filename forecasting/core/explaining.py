"""Why a cascade went as it went: liquidations one by one, who carries the tail, and what a price drop liquidates."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from forecasting.core import kernel, tables, weighted
from forecasting.core.book import Floats
from forecasting.core.cascade import CascadeProblem
from forecasting.core.gathering import Gathered

CAUSES = ("price", "sales", "lag")  # by `tables.CAUSE`
FIRST_ROWS = 1024  # of a trace; it grows where there are more liquidations


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """One liquidation of a path.

    Attributes
    ----------
    step : int
        From 0.
    round : int
        The how-manieth successive step with liquidations this is, from 1.
    protocol : int
        0 is the book, then those beside it.
    account : str
    collateral, debt : str
        Symbols.
    repaid, seized : float
        USD at oracle prices.
    price_before, price_after : float
        Market price of the collateral at the margin, USD.
    profit : float
        USD.
    health_before, health_after : float
    waited : int
        Steps for which the account was below 1 already.
    cause : str
        Why the account is below 1: ``price`` (the path's own prices), ``sales`` (only the impact of earlier
        liquidations), or ``lag`` (only the oracle's price).
    """

    step: int
    round: int
    protocol: int
    account: str
    collateral: str
    debt: str
    repaid: float
    seized: float
    price_before: float
    price_after: float
    profit: float
    health_before: float
    health_after: float
    waited: int
    cause: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Contributions:
    """Who carries the mean bad debt of the worst ``1 - level`` of paths, USD; each part sums to ``total``.

    Attributes
    ----------
    total : float
        ES of the bad debt at ``level``.
    accounts : tuple of (int, str, float)
        Protocol, account and its part, largest first; those without one are left out.
    protocols : tuple of float
    debts : tuple of float
        By the asset owed.
    collaterals : tuple of float
        By what backed the accounts at the start, in proportion to its threshold-weighted value.
    paths : tuple of int
        The paths of the tail.
    """

    total: float
    accounts: tuple[tuple[int, str, float], ...]
    protocols: tuple[float, ...]
    debts: tuple[float, ...]
    collaterals: tuple[float, ...]
    paths: tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Drop:
    """What one price drop, at once and lasting, comes to by the horizon, USD; ``liquidatable`` is at the first step."""

    drop: float
    liquidatable: float
    liquidated: float
    without_impact: float
    bad_debt: float


def trace(problem: CascadeProblem, path: int) -> tuple[Event, ...]:
    """Return every liquidation of one path, in order."""
    gathered, market = problem.gathered(), problem.market()
    rows = np.empty((FIRST_ROWS, tables.WIDTH))
    while True:
        kept = tables.Trace(rows, np.zeros(1, np.int64))
        _run(problem, path, gathered, market, kept, np.empty(0))
        count = int(kept.made[0])
        if count <= rows.shape[0]:
            return _events(problem, gathered, rows[:count])
        rows = np.empty((count, tables.WIDTH))


def contributions(problem: CascadeProblem, *, bad_debt: Floats | None = None, level: float = 0.99) -> Contributions:
    """Return who carries the tail of the bad debt of all protocols.

    Parameters
    ----------
    problem : CascadeProblem
    bad_debt : (P,) floats, optional
        Of a run of this problem, which is made where it is not given.
    level : float
    """
    losses = problem.run().totals[:, tables.BAD_DEBT] if bad_debt is None else bad_debt
    shares = weighted.tail_shares(losses, problem.weights, level=level)
    gathered, market = problem.gathered(), problem.market()
    accounts, debts = np.zeros(gathered.row.size), np.zeros(problem.depth.size)
    tail = np.flatnonzero(shares)
    for path in tail:  # in order and in one thread, so that sums are the same wherever they are made
        blame = np.zeros(gathered.row.size)
        tally = _run(problem, int(path), gathered, market, _no_trace(), blame)
        accounts += shares[path] * blame
        debts += shares[path] * tally.lost[0]
    return Contributions(
        total=float(shares @ losses),
        accounts=_ranked(problem, gathered, accounts),
        protocols=tuple(float(accounts[gathered.book == m].sum()) for m in range(1 + len(problem.beside))),
        debts=tuple(debts.tolist()),
        collaterals=_collaterals(gathered, accounts, start=market.start),
        paths=tuple(tail.tolist()),
    )


def by_drop(problem: CascadeProblem, *, reserves: Sequence[int], drops: Sequence[float]) -> tuple[Drop, ...]:
    """Return the liquidation curve: what happens when some prices drop at once and stay there.

    Parameters
    ----------
    problem : CascadeProblem
        Its number of steps is the time in which liquidators work; its own paths are not used.
    reserves : sequence of int
        Columns of the assets that drop.
    drops : sequence of float
        Fractions: 0.3 is a drop of 30 %.
    """
    prices = np.tile(problem.book.price, (len(drops), problem.paths.shape[1], 1))
    prices[:, :, list(reserves)] *= 1.0 - np.asarray(drops)[:, None, None]
    posed = replace(problem, paths=prices, weights=None)
    totals, calm = posed.run().totals, posed.calm().run().totals
    return tuple(
        Drop(
            drop=float(drop),
            liquidatable=_below_one(problem, prices[i, 0]),
            liquidated=float(totals[i, tables.LIQUIDATED]),
            without_impact=float(calm[i, tables.LIQUIDATED]),
            bad_debt=float(totals[i, tables.BAD_DEBT]),
        )
        for i, drop in enumerate(drops)
    )


def _below_one(problem: CascadeProblem, price: Floats) -> float:
    books = [replace(book, price=price) for book in (problem.book, *(other.book for other in problem.beside))]
    return sum(float((book.debt @ price)[book.health_factors() < 1.0].sum()) for book in books)


def _no_trace() -> tables.Trace:
    return tables.Trace(np.empty((0, tables.WIDTH)), np.zeros(1, np.int64))


def _run(
    problem: CascadeProblem,
    path: int,
    gathered: Gathered,
    market: tables.Market,
    kept: tables.Trace,
    blame: Floats,
) -> tables.Tally:
    tally = tables.blank(paths=1, assets=problem.depth.size, protocols=1 + len(problem.beside))
    mine = tables.Tally(*(array[0] for array in tally))
    work = kernel.workspace(gathered.accounts)
    kernel.run_path(problem.paths[path], gathered.accounts, work, market, mine, kept, blame)
    return tally


def _events(problem: CascadeProblem, gathered: Gathered, rows: Floats) -> tuple[Event, ...]:
    books = [problem.book, *(other.book for other in problem.beside)]
    symbols, made, wave, last = problem.book.symbols, [], 0, -2
    for row in rows:
        step, account = int(row[tables.STEP]), int(row[tables.ACCOUNT])
        if step != last:
            wave, last = (wave + 1 if step == last + 1 else 1), step
        protocol = int(row[tables.PROTOCOL])
        made.append(
            Event(
                step=step,
                round=wave,
                protocol=protocol,
                account=books[protocol].accounts[int(gathered.row[account])],
                collateral=symbols[int(row[tables.COLLATERAL])],
                debt=symbols[int(row[tables.DEBT])],
                repaid=float(row[tables.REPAID]),
                seized=float(row[tables.TAKEN]),
                price_before=float(row[tables.BEFORE]),
                price_after=float(row[tables.AFTER]),
                profit=float(row[tables.GAIN]),
                health_before=float(row[tables.HEALTH_BEFORE]),
                health_after=float(row[tables.HEALTH_AFTER]),
                waited=int(row[tables.WAITED]),
                cause=CAUSES[int(row[tables.CAUSE])],
            )
        )
    return tuple(made)


def _ranked(problem: CascadeProblem, gathered: Gathered, accounts: Floats) -> tuple[tuple[int, str, float], ...]:
    books = [problem.book, *(other.book for other in problem.beside)]
    order = np.argsort(-accounts, kind="stable")
    return tuple(
        (int(gathered.book[k]), books[gathered.book[k]].accounts[gathered.row[k]], float(accounts[k]))
        for k in order[: np.count_nonzero(accounts)]
    )


def _collaterals(gathered: Gathered, accounts: Floats, *, start: Floats) -> tuple[float, ...]:
    held = gathered.accounts
    backing = held.collateral * held.threshold * start[held.asset]
    owner = np.repeat(np.arange(accounts.size), np.diff(held.first))
    whole = np.bincount(owner, weights=backing, minlength=accounts.size)[owner]
    part = np.divide(backing, whole, out=np.zeros_like(backing), where=whole > 0) * accounts[owner]
    return tuple(np.bincount(held.asset, weights=part, minlength=start.size).tolist())
