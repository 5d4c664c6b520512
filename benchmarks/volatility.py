"""The league of volatility models: how fast, beside what others use, and how good; all ratios in one run.

    python -m benchmarks.volatility [--prices FILE.parquet ...] [--days 1000] [--refits 1000] [--horizons 1d,7d,30d,1h]

1. Daily GARCH(1,1)-t refits: ours, which carries parameters and curvature from day to day, against ``arch`` started
   from yesterday's parameters (timed on every tenth day, scaled to all); the largest difference in log likelihood; the
   floor, which is two passes over the data for each refit, and how far above it we are.
2. The whole league: every model, every asset, every horizon; seconds, and mean QLIKE by model and asset.
3. A forecast for 100 assets from a trained champion.

A file holds ``ts`` (bar open), ``open, high, low, close, volume``, an asset each, named by its last part
(``candles_30m_BTC.parquet``); without files the market is simulated. Compilation is not counted.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
from arch import arch_model

from forecasting.core.bars import Bars, lay
from forecasting.core.book import Floats
from forecasting.core.days import DAY, DayTable
from forecasting.core.league import HORIZONS, Data, Job, Plan, jobs, run
from forecasting.core.measures import daily, hourly
from forecasting.core.scoring import qlike
from forecasting.core.volatility import garch_kernel as kernel
from forecasting.core.volatility.direct import prepare, zoo

SPARSE = 10  # of arch's refits, one is timed
SPAN = 1800
MANY = 100  # assets


def from_files(paths: list[Path]) -> Data:
    """Return what candle files tell."""
    series = []
    for path in paths:
        frame = pd.read_parquet(path)
        moments = pd.DatetimeIndex(pd.to_datetime(frame["ts"], utc=True))
        starts = np.array((moments - pd.Timestamp(0, tz="UTC")) // pd.Timedelta("1s"), dtype=np.int64)
        columns = {name: frame[name].to_numpy(np.float64) for name in ("open", "high", "low", "close", "volume")}
        span = int(np.median(np.diff(starts)))
        series.append(Bars(span=span, ends=starts + span, **columns))
    grid = lay(series, assets=[path.stem.rsplit("_", 1)[-1] for path in paths])
    return Data(days=daily(grid), hours=hourly(grid))


def simulated(days: int, *, assets: int = 5) -> Data:
    """Return a market whose log variance is autoregressive, with Student's t returns."""
    rng = np.random.default_rng(1)
    series = []
    for _ in range(assets):
        logs = np.zeros(days)
        for day in range(1, days):
            logs[day] = 0.95 * logs[day - 1] + 0.25 * rng.standard_normal()
        deviation = np.repeat(0.03 * np.exp(logs / 2), DAY // SPAN) / np.sqrt(DAY // SPAN)
        close = 100 * np.exp(np.cumsum(deviation * rng.standard_t(5, deviation.size) * np.sqrt(0.6)))
        before = np.concatenate([[100.0], close[:-1]])
        wick = 1 + 0.3 * deviation
        ends = 1_600_560_000 + SPAN * np.arange(1, close.size + 1, dtype=np.int64)
        series.append(
            Bars(
                span=SPAN,
                ends=ends,
                open=before,
                high=np.maximum(before, close) * wick,
                low=np.minimum(before, close) / wick,
                close=close,
                volume=deviation,
            )
        )
    grid = lay(series, assets=[f"A{i}" for i in range(assets)])
    return Data(days=daily(grid), hours=hourly(grid))


def timed(work: Callable[[], object]) -> float:
    """Return the seconds that ``work`` takes."""
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def garch(returns: Floats, *, refits: int) -> None:
    """Measure daily refits."""
    first = returns.size - refits

    def walk(data: Floats, begin: int, out: Floats) -> int:
        free, inverse = np.empty(4), np.empty((4, 4))
        kernel.begin(data[:begin], free, inverse)
        return kernel.walk(data, free, inverse, begin, 1, 100, out)

    walk(returns[: first + 2].copy(), first, np.empty((2, kernel.NATURAL)))
    natural = np.empty((refits, kernel.NATURAL))
    began = time.perf_counter()
    passes = walk(returns, first, natural)
    ours = time.perf_counter() - began
    slope, middle = np.empty(kernel.NATURAL), returns[: first + refits // 2]
    each = min(timed(lambda: kernel.likelihood(middle, 1.0, natural[0], slope)) for _ in range(200))
    theirs, worse, start = 0.0, [], None
    for day in range(0, refits, SPARSE):
        past = returns[: first + day]
        began = time.perf_counter()
        found = arch_model(past, mean="Zero", p=1, q=1, dist="t", rescale=False).fit(disp="off", starting_values=start)
        theirs += time.perf_counter() - began
        start = found.params.to_numpy() * np.array([1.0, 0.999, 0.999, 1.0])  # arch drops a start on its own bound
        ours_here = -kernel.likelihood(past, kernel.backcast(past), natural[day], slope)
        worse.append(found.loglikelihood - ours_here)
    theirs *= SPARSE
    print(f"GARCH(1,1)-t, {refits} daily refits, n = {first} to {returns.size}")
    print(f"  ours {ours:.3f} s, arch warm-started {theirs:.1f} s: {theirs / ours:.0f} times as fast")
    print(f"  log likelihood of arch less ours: {min(worse):.1e} to {max(worse):.1e}")
    print(
        f"  floor: 2 passes x {refits} x {1e6 * each:.1f} us = {2 * refits * each:.3f} s;"
        f" we make {passes / refits:.1f} passes a refit, {ours / (2 * refits * each):.1f} times the floor"
    )


def walked(data: Data, plan: Plan) -> tuple[dict[Job, Floats], dict[Job, float]]:
    """Return the forecasts of every job of a plan, and the seconds that each took."""
    done: dict[Job, Floats] = {}
    taken: dict[Job, float] = {}
    for job in jobs(plan):
        began = time.perf_counter()
        done[job] = run(job, data=data, plan=plan, done=done, tick=lambda: None)
        taken[job] = time.perf_counter() - began
    return done, taken


def league(data: Data, *, days: int, horizons: tuple[str, ...]) -> None:
    """Measure the league, and print it."""
    last = data.days.ends.size - 1
    plan = Plan(assets=data.days.assets, horizons=horizons, first=last - days + 1, last=last)
    walked(data, replace(plan, first=last, warm=1))  # compiles
    done, taken = walked(data, plan)
    seconds = sum(taken.values())
    print(f"The league: {len(done)} jobs, {len(plan.assets)} assets, {days} days scored: {seconds:.1f} s, one thread")
    print(f"  {'':<6}{'':<14}{''.join(f'{name:>9}' for name in plan.assets)}{'mean':>9}{'worst':>9}{'s':>7}")
    for job, forecast in done.items():
        table = data.table(HORIZONS[job.horizon])
        seen = table.ends > data.days.ends[plan.first] - DAY
        losses = qlike(table.ahead(HORIZONS[job.horizon].steps), forecast)[seen]
        means = np.nanmean(losses, axis=0)
        cells = "".join(f"{value:>9.4f}" for value in [*means, means.mean(), np.nanmax(losses)])
        print(f"  {job.horizon:<6}{job.model:<14}{cells}{taken[job]:>7.1f}")


def many(table: DayTable) -> None:
    """Measure a forecast for many assets."""
    fitted = zoo()["champion"].fit(prepare(table, steps=1))
    places = np.arange(MANY) % len(table.assets)
    parts = {name: values[-400:, places] for name, values in table.measures.items()}
    wide = DayTable(
        assets=tuple(table.assets[place] for place in places),
        span=table.span,
        ends=table.ends[-400:],
        variance=table.variance[-400:, places],
        change=table.change[-400:, places],
        complete=table.complete[-400:, places],
        measures=parts,
    )
    seconds = min(
        timed(lambda: fitted.forecast(prepare(wide, steps=1), first=wide.ends.size)) for _ in range(3)
    )  # the first compiles
    print(f"A forecast for {MANY} assets from a trained champion: {seconds:.3f} s")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--prices", type=Path, nargs="*", default=[], help="parquet files, an asset each")
    parser.add_argument("--days", type=int, default=1000, help="days scored")
    parser.add_argument("--refits", type=int, default=1000, help="daily GARCH refits")
    parser.add_argument("--horizons", default="1d,7d,30d,1h")
    options = parser.parse_args()
    data = from_files(options.prices) if options.prices else simulated(1_745)
    garch(np.ascontiguousarray(100 * data.days.change[:, 0]), refits=options.refits)
    many(data.days)
    league(data, days=options.days, horizons=tuple(options.horizons.split(",")))


if __name__ == "__main__":
    main()
