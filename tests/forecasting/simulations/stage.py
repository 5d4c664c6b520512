"""Small imported books for simulations, and a run that is carried out here, unit by unit."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from forecasting.backtests.bench import Bench
from forecasting.management.commands.simulate import Command
from forecasting.simulations.kind import KIND
from tests.forecasting.imports.files import run, write

PRICES = {"WETH": 1_800.0, "WBTC": 27_000.0, "USDC": 1.0}
BONUS = ("--parameters", "WETH=0.8,0.05", "--parameters", "WBTC=0.75,0.07", "--parameters", "USDC=0.85,0.04")
DEPTH = ("--depth", "WETH=2e6", "--depth", "WBTC=2e6")
SEVERE = ("--scenario", "volatility-severe", "--hours", "24")


def legs(*, accounts: int = 30, dust: bool = True) -> list[dict[str, Any]]:
    """Return accounts with a collateral or two and a debt, healthier by and by; the last one is dust."""
    rows = []
    for index in range(accounts):
        account = f"0x{index + 1:040x}"
        held = [("WETH", 10.0 + index)] + ([("WBTC", 0.5)] if index % 3 == 0 else [])
        weighted = sum(amount * PRICES[asset] * {"WETH": 0.8, "WBTC": 0.75}[asset] for asset, amount in held)
        rows += [leg(account, asset, "collateral", amount) for asset, amount in held]
        rows.append(leg(account, "USDC", "debt", round(weighted / (1.02 + 0.02 * index), 2)))
    if dust:
        rows += [leg(f"0x{'d' * 40}", "WETH", "collateral", 1e-12), leg(f"0x{'d' * 40}", "USDC", "debt", 1e-10)]
    return rows


def leg(account: str, asset: str, side: str, amount: float, *, price: float | None = None) -> dict[str, Any]:
    """Return one row of a long file of positions."""
    return {
        "user": account,
        "asset": asset,
        "side": side,
        "amount": f"{amount:.18f}",
        "price": PRICES[asset] if price is None else price,
    }


def book(folder: Path, *, source: str = "desk", rows: list[dict[str, Any]] | None = None, **said: Any) -> str:
    """Import a book; return its name."""
    path = write(folder / f"{source}.csv", legs() if rows is None else rows)
    return run(path, kind="positions", source=source, **said).file.dataset.name


def options(*words: str) -> dict[str, Any]:
    """Return what the command makes of its arguments."""
    return vars(Command().create_parser("manage.py", "simulate").parse_args(list(words)))


def simulate(*words: str) -> dict[str, Any]:
    """Return the result of a simulation that is carried out here."""
    request = KIND.request(options(*words))
    posed = KIND.inputs(request)
    bench = Bench(kind=KIND, request=request, inputs=posed, units=KIND.units(request, posed))
    while bench.missing:
        for unit in bench.ready:
            bench.parts[unit] = bench.compute(unit, tick=lambda: None)
    return bench.report()
