"""The cascade kernel against plain NumPy: same book, same paths, same answer, time of each, in one run.

    python benchmarks/cascade.py [--accounts 300] [--paths 2000] [--hours 168] [--slice 100]

NumPy is vectorised over accounts and steps through paths and hours, as one would write it first. It runs on ``--slice``
paths, and its time is scaled to all of them. Both are warmed up first, so compilation is not counted.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from dataclasses import replace

import numpy as np

from forecasting.core import kernel
from forecasting.core.book import Floats, PositionRow, ReserveRow, build
from forecasting.core.cascade import CascadeProblem, CascadeRules, riskiest_first

PRICES = (2000.0, 30000.0, 10.0, 1.0, 1.0)


def problem(*, accounts: int, paths: int, hours: int, wild: float) -> CascadeProblem:
    """Return a random book on random walks; ``wild`` scales the market's volatility."""
    rng = np.random.default_rng(1)
    reserves = [
        ReserveRow(
            symbol=f"A{r}",
            decimals=18,
            price=round(price * 10**8),
            ltv=7500,
            liquidation_threshold=8000,
            liquidation_bonus=10500,
            supply_cap=0,
            borrow_cap=0,
            total_supply=0,
            total_debt=0,
        )
        for r, price in enumerate(PRICES)
    ]
    positions = []
    for i in range(accounts):
        value, held, owed = float(np.exp(rng.normal(10, 1.5))), int(rng.integers(0, 3)), int(rng.integers(3, 5))
        debt = value * 0.8 / rng.uniform(1.05, 2.5)
        for r, amount, taken in ((held, value, 0.0), (owed, 0.0, debt)):
            unit = 10**18 / PRICES[r]
            positions.append(
                PositionRow(
                    account=f"0x{i:040x}",
                    reserve=r,
                    collateral=int(amount * unit),
                    debt=int(taken * unit),
                    used_as_collateral=amount > 0,
                )
            )
    book = build(reserves=reserves, positions=positions, own_threshold={})
    volatility = wild * np.array([0.6, 0.5, 1.0, 0.01, 0.01]) / np.sqrt(8760)
    shocks = 0.8 * rng.standard_normal((paths, hours, 1)) + 0.6 * rng.standard_normal((paths, hours, 5))
    value = float((book.collateral @ book.price).sum())
    return CascadeProblem(
        book=book,
        paths=np.array(PRICES) * np.exp(np.cumsum(shocks * volatility, axis=1)),
        step_hours=1.0,
        depth=np.array([2 * value, 2 * value, value, np.inf, np.inf]),
        rules=CascadeRules(),
    )


def reference(posed: CascadeProblem, *, count: int) -> Floats:
    """Return bad debt and liquidated value of the first ``count`` paths, by NumPy over accounts."""
    book = posed.book
    market = posed._market(book.parameters.liquidation_bonus)  # noqa: SLF001 - the same market, for a fair comparison
    out = np.zeros((count, kernel.COLUMNS))
    ordered = riskiest_first(book)
    for p in range(count):
        accounts = kernel.Accounts(ordered.collateral.copy(), ordered.debt.copy(), ordered.threshold)
        lasting, fading = np.zeros(5), np.zeros(5)
        tally = kernel.Tally(out[p], np.zeros(5), np.zeros(5))
        price = posed.paths[p, 0]
        for quoted in posed.paths[p]:
            fading *= market.decay
            price, sold = quoted * np.exp(-(lasting + fading)), np.zeros(5)
            health = (accounts.collateral * accounts.threshold) @ price - accounts.debt @ price
            for k in np.flatnonzero(health < 0):
                kernel._settle.py_func(accounts, k, price, market, sold, tally)  # type: ignore[attr-defined]  # noqa: SLF001
            kernel._move.py_func(market, sold, lasting, fading)  # type: ignore[attr-defined]  # noqa: SLF001
        owed, held = accounts.debt @ price, accounts.collateral @ price
        out[p, kernel.BAD_DEBT] = np.maximum(owed - held, 0).sum()
    return out


def seconds(function: Callable[[], object], clock: Callable[[], float] = time.process_time) -> float:
    """Return the best of three runs; processor time by default, which other programs on the machine disturb least."""
    times = []
    for _ in range(3):
        start = clock()
        function()
        times.append(clock() - start)
    return min(times)


def measure(name: str, posed: CascadeProblem, *, count: int) -> str:
    """Return one line of the table: the kernel on all paths, NumPy on ``count`` of them."""
    single, paths = replace(posed, threads=1), posed.paths.shape[0]
    totals = single.run(single.book).totals
    columns = [kernel.BAD_DEBT, kernel.LIQUIDATED]
    plain = reference(posed, count=count)
    gap = float(np.abs(plain[:, columns] - totals[:count, columns]).max() / max(totals[:, columns].max(), 1.0))
    one = seconds(lambda: single.run(single.book))
    wall = seconds(lambda: posed.run(posed.book), time.perf_counter)
    slow = seconds(lambda: reference(posed, count=count)) * paths / count
    events = totals[:, kernel.EVENTS].mean()
    return f"{name:<8}{one:>12.3f}{wall:>12.3f}{slow:>11.1f}{slow / one:>8.0f}{gap:>12.1e}{events:>13.1f}"


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    for name, default in (("accounts", 300), ("paths", 2000), ("hours", 168), ("slice", 50)):
        parser.add_argument(f"--{name}", type=int, default=default)
    options = parser.parse_args()
    print(f"{options.accounts} accounts, {options.paths} paths, {options.hours} steps")
    head = ("market", "kernel cpu s", "2 threads s", "NumPy cpu s", "ratio", "difference", "events/path")
    print("{:<8}{:>12}{:>12}{:>11}{:>8}{:>12}{:>13}".format(*head))
    for name, wild in (("calm", 1.0), ("wild", 3.0)):
        posed = problem(accounts=options.accounts, paths=options.paths, hours=options.hours, wild=wild)
        print(measure(name, posed, count=min(options.slice, options.paths)))


if __name__ == "__main__":
    main()
