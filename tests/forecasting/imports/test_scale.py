"""Amounts that are raw although they are floats: told by their proportions, and by nothing else."""

from __future__ import annotations

from datetime import timedelta

import numpy as np
import pytest

from governance.errors import MixedUnits
from tests.forecasting.imports.files import START, run, write

pytestmark = pytest.mark.django_db
USD = {"USDC": 1.0, "DAI": 1.0, "WBTC": 36_000.0, "WETH": 2_000.0}


def quotes():
    draw = np.random.default_rng(7)
    rows = []
    for sold, price in USD.items():
        for bought in USD.keys() - {sold}:
            for worth in 10 ** draw.uniform(2, 9, 20):
                impact = 1 / (1 + worth / 1e8)
                amount, out = worth / price * 1.000123, worth / USD[bought] * impact
                rows.append({"src": sold, "dst": bought, "amount_in": amount, "amount_out": out})
    rows.sort(key=lambda row: (row["src"], row["dst"]))
    return [{"ts": int(START.timestamp()) + index, **row} for index, row in enumerate(rows)]


def balances(accounts=12, days=30):
    draw = np.random.default_rng(8)
    rows = []
    for account in range(accounts):
        for asset, usual in (("USDC", 5e4), ("WBTC", 0.03), ("NEWCOIN", 100.0)):
            first = usual * float(draw.lognormal(0, 2))
            rows += [
                {
                    "date": (START + timedelta(days=day)).date().isoformat(),
                    "user": f"0x{account:040x}",
                    "asset": asset,
                    "side": "deposited",
                    "amount": first * 1.0001**day * (1 if day < 20 else 3),
                }
                for day in range(days)
            ]
    return rows


def scaled(rows, column, power, chosen):
    return [{**row, column: row[column] * 10.0**power} if chosen(n, row) else row for n, row in enumerate(rows)]


@pytest.mark.parametrize(
    ("column", "power", "chosen"),
    [
        ("amount_in", 6, lambda n, row: row["src"] == "USDC" and n % 20 > 7),
        ("amount_in", 6, lambda _, row: row["src"] == "USDC" and row["dst"] != "DAI"),
        ("amount_in", 6, lambda _, row: row["src"] == "USDC"),
        ("amount_out", 8, lambda _, row: row["dst"] == "WBTC"),
    ],
)
def test_quotes_in_raw_floats_are_refused(tmp_path, column, power, chosen):
    good = quotes()
    assert run(write(tmp_path / "good.csv", good), kind="quotes", source="good").file.flags == []
    with pytest.raises(MixedUnits) as found:
        run(write(tmp_path / "q.csv", scaled(good, column, power, chosen)), kind="quotes")
    assert found.value.facts["column"] == column


def test_a_token_that_is_raw_on_both_sides_is_refused(tmp_path):
    rows = [row for row in quotes() if "DAI" not in {row["src"], row["dst"]}]
    rows = scaled(rows, "amount_in", 6, lambda _, row: row["src"] == "USDC")
    rows = scaled(rows, "amount_out", 6, lambda _, row: row["dst"] == "USDC")
    with pytest.raises(MixedUnits, match="USD a W"):
        run(write(tmp_path / "q.csv", rows), kind="quotes")


@pytest.mark.parametrize(
    ("power", "chosen"),
    [
        (6, lambda n, row: row["asset"] == "USDC" and n > 550),
        (8, lambda _, row: row["asset"] == "WBTC"),
        (18, lambda n, row: row["asset"] == "NEWCOIN" and n % 30 > 9),
    ],
)
def test_balances_in_raw_floats_are_refused(tmp_path, power, chosen):
    good = balances()
    assert run(write(tmp_path / "good.csv", good), kind="positions", source="good").file.flags == []
    with pytest.raises(MixedUnits) as found:
        run(write(tmp_path / "b.csv", scaled(good, "amount", power, chosen)), kind="positions")
    assert found.value.facts["column"] == "amount"


def test_totals_that_change_their_unit_are_refused(tmp_path):
    moves = np.exp(np.cumsum(np.random.default_rng(9).normal(scale=0.05, size=60)))
    rows = [
        {"timestamp": 1_600_000_000 + 86_400 * day, "user": "0x1", "collateral_usd": 5_000.5 * move, "debt_usd": 900.25}
        for day, move in enumerate(moves)
    ]
    assert run(write(tmp_path / "good.csv", rows), kind="positions", source="good").file.added == 60
    wrong = write(tmp_path / "b.csv", scaled(rows, "collateral_usd", 6, lambda n, _: n >= 40))
    with pytest.raises(MixedUnits, match=r"10\^"):
        run(wrong, kind="positions")
