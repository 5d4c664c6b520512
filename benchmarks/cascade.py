"""The cascade engine: its time by size of the work, its memory, a plain reference and its peers, in one run.

    python -m benchmarks.cascade [--worlds 1000] [--million] [--mesa PYTHON] [--cadcad PYTHON] [--slice 3]

Book and paths are random with fixed seeds: health factors from 1.02 to 2.5, hourly random walks over a day, impact,
decay and the profit test on. In the collapses one asset, or all that are held, fall to a tenth on a depth of a third of
all collateral; most of what is liquidated then waits for depth, and most accounts cannot be served. ``--million`` adds
1,000,000 positions. ``--mesa`` and ``--cadcad`` name interpreters in which the peers are installed; they run the first
``--slice`` paths of the same work, come to the same numbers (the difference is printed), and their time is scaled to
all paths. Compilation is never counted: the engine is warmed up first, and its cache stays on disk.
"""

from __future__ import annotations

import argparse
import dataclasses
import importlib
import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from forecasting.core import tables
from forecasting.core.book import Book, RiskParameters
from forecasting.core.cascade import CascadeProblem, CascadeRules

THRESHOLD, BONUS = 0.8, 0.05
ROOT = Path(__file__).resolve().parent.parent


def problem(
    *, accounts: int = 10_000, paths: int = 1000, steps: int = 24, collaterals: int = 1, debts: int = 1
) -> CascadeProblem:
    """Return a random book on random walks of 90 % annual volatility, on a depth of twice the collateral."""
    rng = np.random.default_rng(1)
    assets = collaterals + debts
    price = np.ones(assets)
    price[:collaterals] = np.exp(rng.uniform(0, 8, collaterals))
    value, rows = np.exp(rng.normal(9, 1.5, accounts)), np.arange(accounts)
    held, owed = np.zeros((accounts, assets)), np.zeros((accounts, assets))
    for table, first, count in ((held, 0, collaterals), (owed, collaterals, debts)):
        share = rng.exponential(size=(accounts, count)) * (rng.random((accounts, count)) < 0.4)
        share[rows, rng.integers(0, count, accounts)] += 0.5
        table[:, first : first + count] = share / share.sum(axis=1, keepdims=True)
    held *= value[:, None] / price
    owed *= (value * THRESHOLD / rng.uniform(1.02, 2.5, accounts))[:, None] / price
    shocks = 0.8 * rng.standard_normal((paths, steps, 1)) + 0.6 * rng.standard_normal((paths, steps, assets))
    volatility = np.where(np.arange(assets) < collaterals, 0.9, 0.01) / np.sqrt(8760)
    same = np.full(assets, THRESHOLD)
    return CascadeProblem(
        book=Book(
            accounts=tuple(map(str, range(accounts))),
            symbols=tuple(f"A{r}" for r in range(assets)),
            collateral=held,
            debt=owed,
            price=price,
            total_supply=held.sum(axis=0),
            total_debt=owed.sum(axis=0),
            parameters=RiskParameters(
                ltv=same - 0.05,
                liquidation_threshold=same,
                liquidation_bonus=np.full(assets, BONUS),
                supply_cap=np.full(assets, np.inf),
                borrow_cap=np.full(assets, np.inf),
            ),
            own_threshold=np.full(accounts, np.nan),
        ),
        paths=price * np.exp(np.cumsum(shocks * volatility, axis=1)),
        step_hours=1.0,
        depth=np.where(np.arange(assets) < collaterals, 2 * value.sum(), np.inf),
        rules=CascadeRules(),
    )


def collapse(*, paths: int, falling: int = 1) -> CascadeProblem:
    """Return 10,000 accounts over 6 collaterals and 3 debts; the first ``falling`` assets fall to a tenth in a day."""
    posed = problem(paths=paths, collaterals=6, debts=3)
    steps, assets = posed.paths.shape[1:]
    fall = 0.1 ** (np.arange(1, steps + 1) / steps)
    total = float((posed.book.collateral @ posed.book.price).sum())
    return dataclasses.replace(
        posed,
        paths=posed.paths * np.where(np.arange(assets) < falling, fall[:, None], 1.0),
        depth=np.where(np.isinf(posed.depth), np.inf, total / 3),
    )


def seconds(function: Callable[[], object], clock: Callable[[], float] = time.process_time) -> float:
    """Return the best of three runs; processor time by default, which other programs disturb least."""
    times = []
    for _ in range(3):
        start = clock()
        function()
        times.append(clock() - start)
    return min(times)


def line(name: str, posed: CascadeProblem) -> str:
    """Return one line of the table."""
    single = dataclasses.replace(posed, threads=1)
    tally = single.run()
    same = all((a == b).all() for a, b in zip(tally, posed.run(), strict=True))
    wall, one = seconds(posed.run, time.perf_counter), seconds(single.run)
    count, steps, _ = posed.paths.shape
    work = len(posed.book.accounts) * count * steps
    events = float(tally.totals[:, tables.EVENTS].mean())
    ratio = posed.amplification() if len(posed.book.accounts) <= 10_000 else float("nan")
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    return f"{name:<34}{one:>9.3f}{wall:>9.3f}{1e9 * one / work:>11.3f}{events:>11.1f}{ratio:>8.2f}{peak:>9}  {same}"


def sizes(*, million: bool) -> None:
    """Print the table by size."""
    head = ("positions x paths x steps", "1 thr s", "2 thr s", "ns/unit", "events", "ampl.", "peak MB", "same bits")
    print("{:<34}{:>9}{:>9}{:>11}{:>11}{:>8}{:>9}  {}".format(*head))
    problem(accounts=100, paths=4, steps=2).run()  # compiled
    for accounts, paths, steps in ((10_000, 1000, 24), (10_000, 2000, 24), (10_000, 1000, 48), (100_000, 1000, 24)):
        print(line(f"{accounts} x {paths} x {steps}", problem(accounts=accounts, paths=paths, steps=steps)))
    print(line("10000 x 1000 x 24, 6 + 3 assets", problem(collaterals=6, debts=3)))
    print(line("10000 x 500 x 24, one collapses", collapse(paths=500)))
    print(line("10000 x 50 x 24, all collapse", collapse(paths=50, falling=6)))
    if million:
        print(line("1000000 x 1000 x 24", problem(accounts=1_000_000)))


def equality(count: int) -> str:
    """Return the largest relative difference between the engine and the plain reference on random worlds."""
    worlds = importlib.import_module("tests.forecasting.worlds")  # random worlds, as the tests make them
    gaps = [worlds.gap(worlds.world(seed)) for seed in range(count)]
    return f"{count} random worlds against the plain reference: largest relative difference {max(gaps):.1e}"


def peer(name: str, python: str, *, count: int) -> str:
    """Run one peer on the first ``count`` paths and compare."""
    posed = problem()
    single = dataclasses.replace(posed, threads=1)
    market, book = posed.market(), posed.book
    rules = {
        "threshold": THRESHOLD,
        "bonus": BONUS,
        "close": posed.rules.close_factor,
        "full": posed.rules.full_close_below,
        "cost": posed.rules.fixed_cost,
        "depth": float(posed.depth[0]),
        "permanent": posed.rules.permanent_share,
        "decay": market.pool.decay,
    }
    order = posed.gathered().row
    stable = dataclasses.replace(single, paths=np.where(np.arange(2) == 1, 1.0, posed.paths))  # the peers' debt is USD
    with tempfile.NamedTemporaryFile(suffix=".npz") as work:
        np.savez(
            work,
            collateral=book.collateral[order, 0],
            debt=book.debt[order, 1],
            paths=stable.paths[:count, :, 0],
            rules=np.array(json.dumps(rules)),
        )
        work.flush()
        arm = [python, "-m", f"benchmarks.{name}_arm", work.name]
        done = subprocess.run(arm, check=True, capture_output=True, text=True, cwd=ROOT)
    found = json.loads(done.stdout.splitlines()[-1])
    tally = stable.run().totals
    gaps = [
        float(np.abs(tally[:count, column] - found[field]).max() / max(tally[:count, column].max(), 1.0))
        for column, field in ((tables.LIQUIDATED, "liquidated"), (tables.BAD_DEBT, "bad_debt"))
    ]
    ours, theirs = seconds(stable.run), found["seconds"] * posed.paths.shape[0] / count
    return (
        f"{name}: {theirs:.1f} s of one processor for all paths ({count} were run), ours {ours:.3f} s: "
        f"{theirs / ours:.0f} times; largest relative difference {max(gaps):.1e}"
    )


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--worlds", type=int, default=1000)
    parser.add_argument("--million", action="store_true")
    parser.add_argument("--slice", type=int, default=3)
    for name in ("mesa", "cadcad"):
        parser.add_argument(f"--{name}", metavar="PYTHON")
    options = parser.parse_args()
    sizes(million=options.million)
    print(equality(options.worlds))
    for name in ("mesa", "cadcad"):
        python = getattr(options, name)
        print(peer(name, python, count=options.slice) if python else f"{name}: no interpreter given (--{name} PYTHON)")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
