"""Small markets made by a seed: books, panels, and rows of a collected market."""

from __future__ import annotations

import dataclasses
from functools import cache

import numpy as np

from forecasting.core.book import Book, PositionRow, ReserveRow, build
from forecasting.core.cascade import CascadeProblem, CascadeRules
from forecasting.core.realised import Grid, Panel, panel
from governance.domain.units import WAD
from governance.lab.prices import PricePath
from governance.lab.spec import YEAR

SYMBOLS = ("WETH", "WBTC", "TIDE", "USDC", "DAI")
PRICES = (2000.0, 30000.0, 10.0, 1.0, 1.0)
DECIMALS = (18, 8, 18, 6, 18)
THRESHOLDS = (8000, 7500, 6500, 8000, 7800)
BONUSES = (10500, 10650, 11000, 10450, 10500)


def reserve_rows(*, prices: tuple[float, ...] = PRICES, **changes) -> list[ReserveRow]:
    """Return five reserves; keyword arguments replace a field of all of them."""
    return [
        dataclasses.replace(
            ReserveRow(
                symbol=symbol,
                decimals=decimals,
                price=round(price * 10**8),
                ltv=threshold - 300,
                liquidation_threshold=threshold,
                liquidation_bonus=bonus,
                supply_cap=0,
                borrow_cap=0,
                total_supply=int(50_000_000 / price) * 10**decimals,
                total_debt=int(20_000_000 / price) * 10**decimals,
            ),
            **changes,
        )
        for symbol, price, decimals, threshold, bonus in zip(
            SYMBOLS, prices, DECIMALS, THRESHOLDS, BONUSES, strict=True
        )
    ]


def position_rows(*, accounts: int, seed: int, prices: tuple[float, ...] = PRICES) -> list[PositionRow]:
    """Return accounts with one to three collaterals and one or two debts, with health factors from 1.02 to 2.5."""
    rng = np.random.default_rng(seed)
    rows = []
    for i in range(accounts):
        held = rng.choice(5, size=rng.integers(1, 4), replace=False)
        owed = rng.choice([r for r in range(5) if r not in held] or [3], size=1)
        values = np.exp(rng.normal(10, 1.5, size=held.size))
        weighted = sum(value * THRESHOLDS[r] / 10_000 for value, r in zip(values, held, strict=True))
        debt = weighted / rng.uniform(1.02, 2.5)
        account = f"0x{i:040x}"
        rows += [
            PositionRow(
                account=account,
                reserve=int(r),
                collateral=int(value / prices[r] * 10 ** DECIMALS[r]),
                debt=0,
                used_as_collateral=True,
            )
            for value, r in zip(values, held, strict=True)
        ]
        rows += [
            PositionRow(
                account=account,
                reserve=int(r),
                collateral=0,
                debt=int(debt / prices[r] * 10 ** DECIMALS[r]),
                used_as_collateral=False,
            )
            for r in owed
        ]
    return rows


def contract_health_factors(reserves, positions) -> dict[str, int]:
    """Aave's integer arithmetic, written down on its own."""
    found = {}
    for account in {row.account for row in positions}:
        mine = [row for row in positions if row.account == account]
        collateral = weighted = debt = 0
        for row in mine:
            reserve = reserves[row.reserve]
            if row.used_as_collateral:
                value = row.collateral * reserve.price // 10**reserve.decimals
                collateral += value
                weighted += value * reserve.liquidation_threshold
            debt += row.debt * reserve.price // 10**reserve.decimals
        average = weighted // collateral if collateral else 0
        if debt:
            found[account] = ((collateral * average + 5000) // 10_000 * WAD + debt // 2) // debt
    return found


def book(*, accounts: int = 40, seed: int = 1) -> Book:
    """Return a random book."""
    return build(reserves=reserve_rows(), positions=position_rows(accounts=accounts, seed=seed), own_threshold={})


def paths(*, count: int = 50, hours: int = 48, seed: int = 1, scale: float = 1.0) -> np.ndarray:
    """Return joint random walks from `PRICES`; ``scale`` 1 is a wild market."""
    rng = np.random.default_rng(seed)
    volatility = scale * np.array([1.2, 1.0, 2.0, 0.01, 0.01]) / np.sqrt(8760)
    shocks = 0.6 * rng.standard_t(4, (count, hours, 1)) + 0.5 * rng.standard_t(4, (count, hours, 5))
    return np.array(PRICES) * np.exp(np.cumsum(shocks * volatility, axis=1))


def problem(*, accounts: int = 40, count: int = 50, seed: int = 1, threads: int = 1, **rules) -> CascadeProblem:
    """Return a cascade problem in which many accounts are liquidated."""
    made = book(accounts=accounts, seed=seed)
    value = float((made.collateral @ made.price).sum())
    return CascadeProblem(
        book=made,
        paths=paths(count=count, seed=seed),
        step_hours=1.0,
        depth=np.array([value, value, value / 4, np.inf, np.inf]),
        rules=CascadeRules(**rules),
        threads=threads,
    )


@cache
def lab_grid(*, days: int, seed: int = 3) -> Grid:
    """Return hourly prices of the local world's market."""
    spec = dataclasses.replace(YEAR, seed=seed)
    path = PricePath(spec)
    stamps = spec.start + np.arange(days * 24 + 1, dtype=np.int64) * 3600
    prices = np.array([path.at(hour) for hour in range(days * 24 + 1)], dtype=np.int64)
    return Grid(timestamps=stamps, prices=prices, observed=int(stamps[-1]))


def lab_panel(*, days: int = 200, seed: int = 3) -> Panel:
    """Return the daily panel of `lab_grid`."""
    return panel(lab_grid(days=days, seed=seed))
