"""Small files as people have them, and the few words it takes to import one."""

from __future__ import annotations

import csv
import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from io import StringIO
from pathlib import Path
from typing import Any

import numpy as np
from django.core.management import call_command

from forecasting.imports.importing import Report, bring
from forecasting.imports.rows import Intent

START = datetime(2023, 3, 1, tzinfo=UTC)

type Row = Mapping[str, Any]


def write(path: Path, rows: Sequence[Row]) -> Path:
    """Write rows as CSV."""
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, fieldnames=list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return path


def run(path: Path, *, kind: str = "prices", source: str = "desk", **said: Any) -> Report:
    """Import a file."""
    return bring(path, kind=kind, intent=Intent(source=source, **said), progress=lambda *_: None)


def command(*words: str) -> dict[str, Any]:
    """Run a command and return what it answers in JSON."""
    out = StringIO()
    call_command(*map(str, words), "--json", stdout=out)
    return json.loads(out.getvalue())


def walk(count: int, *, start: float = 1_600.0, seed: int = 1, scale: float = 0.01) -> list[float]:
    """Return a random walk of prices, rounded as an exchange does."""
    moves = np.random.default_rng(seed).normal(scale=scale, size=count)
    return [round(float(price), 2 if start > 10 else 6) for price in start * np.exp(np.cumsum(moves))]


def candles(count: int = 200, *, minutes: int = 30, start: float = 1_600.0, seed: int = 1, **more: Any) -> list[Row]:
    """Return bars of a random walk."""
    closes = walk(count, start=start, seed=seed)
    opens = [start, *closes[:-1]]
    return [
        {
            "ts": (START + timedelta(minutes=minutes * index)).isoformat(),
            "open": o,
            "high": max(o, c) * 1.001,
            "low": min(o, c) * 0.999,
            "close": c,
            "volume": 10 + index % 7 + 0.5,
            **more,
        }
        for index, (o, c) in enumerate(zip(opens, closes, strict=True))
    ]


def ticks(count: int = 200, *, asset: str, start: float, seed: int = 1, first: datetime = START) -> list[Row]:
    """Return hourly single prices of a random walk."""
    prices = walk(count, start=start, seed=seed, scale=0.0005 if 0.9 < start < 1.1 else 0.01)
    return [
        {"time": int((first + timedelta(hours=index)).timestamp()), "asset": asset, "price": price}
        for index, price in enumerate(prices)
    ]


def liquidations(count: int = 60, *, first: datetime = datetime(2021, 5, 19, tzinfo=UTC), seed: int = 1) -> list[Row]:
    """Return liquidations of USDC debt against WETH, as an indexer gives them, before the merge."""
    draw = np.random.default_rng(seed)
    rows = []
    for index in range(count):
        repaid, price = round(float(draw.lognormal(8, 1)), 6), round(float(draw.uniform(2_000, 3_000)), 2)
        seized = round(repaid * 1.05 / price, 17)
        rows.append(
            {
                "ts": (first + timedelta(seconds=613 * index)).isoformat(),
                "tx": f"0x{index:064x}",
                "log_index": index % 5,
                "user": f"0x{index % 9:040x}",
                "collateral": "WETH",
                "collateral_amount": f"{seized:.17f}",
                "coll_usd": round(seized * price, 6),
                "debt": "USDC",
                "debt_amount": f"{repaid:.6f}",
                "debt_usd": repaid,
            }
        )
    return rows
