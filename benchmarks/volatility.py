"""Log-HAR against EWMA, walk-forward, on the local world's market or on a file of hourly prices.

    python benchmarks/volatility.py [--days 1000] [--prices FILE.parquet ...]

A file holds ``ts`` and ``close`` (or ``price``), an asset each; the last ``--days`` days are out of sample.
"""

from __future__ import annotations

import argparse
import dataclasses
import time
from pathlib import Path

import numpy as np
import pandas as pd

from forecasting.core.realised import Grid, Panel, panel
from forecasting.core.scoring import compare, qlike
from forecasting.core.volatility import models
from forecasting.core.volatility.base import series
from forecasting.core.walkforward import BASELINE, CHALLENGER, walk_forward
from governance.lab.prices import PricePath
from governance.lab.spec import YEAR

REFIT = 20


def from_files(paths: list[Path]) -> tuple[list[str], Panel]:
    """Return the names and the daily panel of candle files, on the hours that all of them have."""
    columns = {}
    for path in paths:
        frame = pd.read_parquet(path)
        closes = frame["close"] if "close" in frame else frame["price"]
        moments = pd.DatetimeIndex(pd.to_datetime(frame["ts"], utc=True))
        columns[path.stem] = pd.Series(closes.to_numpy(), index=moments)[moments.minute == 0]
    table = pd.DataFrame(columns).asfreq("h").ffill().dropna()
    stamps = np.array([int(moment.timestamp()) for moment in pd.DatetimeIndex(table.index)], dtype=np.int64)
    prices = (table.to_numpy() * 1e8).round().astype(np.int64)
    return list(columns), panel(Grid(timestamps=stamps, prices=prices, observed=int(stamps[-1])))


def from_lab(days: int) -> tuple[list[str], Panel]:
    """Return the names and the daily panel of the local world's first ``days`` days."""
    spec = dataclasses.replace(YEAR)
    path = PricePath(spec)
    stamps = spec.start + np.arange(days * 24 + 1, dtype=np.int64) * 3600
    prices = np.array([path.at(hour) for hour in range(days * 24 + 1)], dtype=np.int64)
    names = [asset.symbol for asset in spec.assets]
    return names, panel(Grid(timestamps=stamps, prices=prices, observed=int(stamps[-1])))


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--prices", type=Path, nargs="*", default=[], help="parquet files, an asset each")
    parser.add_argument("--days", type=int, default=275, help="days out of sample")
    options = parser.parse_args()
    names, days = from_files(options.prices) if options.prices else from_lab(options.days + 90)
    first = max(days.ends.size - options.days, 90)
    print(f"{days.ends.size} days, {days.ends.size - first} of them out of sample, refit every {REFIT} days")
    print(f"{'asset':<20}{CHALLENGER:>9}{BASELINE:>9}{'ratio':>8}{'90 % interval':>18}{'median':>9}{'seconds':>9}")
    for asset, name in enumerate(names):
        data, start = series(days, asset=asset), time.perf_counter()
        losses = {
            model: qlike(
                data.variance, walk_forward(data, models()[model], first=first, refit=REFIT, tick=lambda: None)
            )
            for model in (CHALLENGER, BASELINE)
        }
        found = compare(losses[CHALLENGER], losses[BASELINE], seed=1)
        took = time.perf_counter() - start
        interval = f"{found.low:.3f} to {found.high:.3f}"
        print(
            f"{name:<20}{found.model:>9.4f}{found.baseline:>9.4f}{found.ratio:>8.3f}{interval:>18}"
            f"{found.median_ratio:>9.3f}{took:>9.2f}"
        )


if __name__ == "__main__":
    main()
