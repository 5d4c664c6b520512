"""A market in which liquidations follow from the price alone: what falls to a new low takes loans with it."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from forecasting.core.realised import HOUR
from forecasting.core.warning.features import Hours
from forecasting.core.warning.ladder import ladder
from tests.forecasting.imports.files import run, write

START = 1_609_459_200  # 2021-01-01
DAYS = 300
ALLOWED = ("wrong-numeraire", "implausible-data", "off-grid", "dust-sweep", "before-token")


def market(*, days: int = DAYS, seed: int = 3) -> Hours:
    """Return hours of two assets, calm and wild by turns, and what was liquidated: most of it in a few hours."""
    draw = np.random.default_rng(seed)
    count = days * 24
    wild = np.exp(0.5 * np.cumsum(draw.normal(scale=0.05, size=count)))
    scale = 0.006 * np.clip(wild / np.median(wild), 0.3, 3.0)
    moves = draw.standard_t(4, size=(count, 2)) * scale[:, None] * np.array([1.0, 0.8])
    close = 1_000 * np.exp(np.cumsum(moves, axis=0))
    low = close * np.exp(-np.abs(draw.normal(scale=0.003, size=close.shape)))
    high = close * np.exp(np.abs(draw.normal(scale=0.003, size=close.shape)))
    lost = ladder(close[:, 0], low[:, 0], horizons=(6,)).cleared
    liquidated = np.where(lost > 0.05, lost * 3e5 * np.exp(draw.normal(scale=0.5, size=count)), 0.0)
    ends = START + HOUR * np.arange(1, count + 1)
    return Hours(
        assets=("ETH", "BTC"),
        ends=ends.astype(np.int64),
        close=close,
        low=low,
        high=high,
        liquidated=np.round(liquidated, 2),
    )


def land(folder: Path, hours: Hours | None = None) -> None:
    """Import a market: hourly bars of its assets in one file, and liquidations of two protocols."""
    hours = hours or market()
    bars = [
        {
            "ts": datetime.fromtimestamp(int(end) - HOUR, tz=UTC).isoformat(),
            "asset": asset,
            "open": hours.close[max(t - 1, 0), a],
            "high": max(hours.high[t, a], hours.close[max(t - 1, 0), a]),
            "low": min(hours.low[t, a], hours.close[max(t - 1, 0), a]),
            "close": hours.close[t, a],
            "volume": 10 + t % 7,
        }
        for t, end in enumerate(hours.ends)
        for a, asset in enumerate(hours.assets)
    ]
    run(write(folder / "bars.csv", bars), source="hourly", allow=ALLOWED)
    struck = np.flatnonzero(hours.liquidated > 0)
    for source, part in (("one", struck[::2]), ("two", struck[1::2])):
        strike(folder, hours, source=source, hours_struck=part)


def strike(folder: Path, hours: Hours, *, source: str, hours_struck: np.ndarray) -> None:
    """Import what was liquidated in some hours."""
    rows = [
        {
            "ts": datetime.fromtimestamp(int(hours.ends[t]) - 12, tz=UTC).isoformat(),
            "user": f"0x{t:040x}",
            "collateral": "WETH",
            "collateral_amount": round(hours.liquidated[t] * 1.05 / hours.close[t, 0], 8),
            "coll_usd": round(hours.liquidated[t] * 1.05, 2),
            "debt": "USDC",
            "debt_amount": hours.liquidated[t],
            "debt_usd": hours.liquidated[t],
        }
        for t in hours_struck
    ]
    run(write(folder / f"{source}.csv", rows), kind="liquidations", source=source, allow=ALLOWED)
