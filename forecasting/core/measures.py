"""What is measured of each day, or each hour, of several assets: the tables that volatility models read.

A measure of a period knows nothing of what follows it. A return over a gap of g bars counts as g returns of its root
mean square, as far as they lie within the period in which it became known; a period of which less than `LEAST` is there
was not measured.

No variance is below a floor (`FLOOR` a day, its share of it an hour), for a price that stood still has no logarithm. It
decides the loss of an hour without a trade: four in a thousand hours of BNB's half-hourly candles stand at the floor,
where QLIKE is 13 to 16, and make 4 % of its mean loss an hour ahead. They hit all models alike, and are not left out.

References
----------
See `forecasting.core.estimators` and `forecasting.core.ranges`. Recent hours as regressors: they tell what the daily
average that HAR takes does not yet, Zhang et al. (2022), arXiv 2202.08962.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from forecasting.core import estimators, ranges
from forecasting.core.bars import BarGrid
from forecasting.core.book import Floats
from forecasting.core.days import DAY, DayTable
from forecasting.core.realised import FLOOR, HOUR

LEAST = 0.75  # of a period's bars
LEAST_RECENT = 0.5  # of the bars of its last hours
COARSER = (1, 2, 4)  # hours
RECENT = (2, 12)  # hours at the end of a period
type Fields = dict[str, Any]

UNFLOORED = frozenset({"jump", "negative", "positive", "quarticity", "volume"})


@dataclass(frozen=True, slots=True, kw_only=True)
class HourTable(DayTable):
    """The same table with one row an hour: ``ends`` are an hour apart, and "day" means hour."""


def daily(bars: BarGrid) -> DayTable:
    """Return the table of days."""
    return DayTable(**_table(bars, period=DAY))


def hourly(bars: BarGrid) -> HourTable:
    """Return the table of hours; it has no rows where bars are longer than an hour."""
    if bars.span > HOUR:
        return HourTable(**trimmed(daily(bars), first=0, last=0))
    return HourTable(**_table(bars, period=HOUR))


def _table(bars: BarGrid, *, period: int) -> Fields:
    """Return the fields of a table, one row each ``period`` seconds."""
    n = period // bars.span
    logs = ranges.Candles(*(np.log(values) for values in (bars.open, bars.high, bars.low, bars.close)))
    filled, age = _held(logs)
    returns, steps = _returns(logs.close, filled, age)
    complete = _blocks(np.isfinite(bars.close).astype(np.float64), n).mean(axis=-2)
    measured = complete >= LEAST
    found = dict(_measures(bars, logs, returns, steps, n))
    least = FLOOR * period / DAY
    for name, values in found.items():
        values[~measured] = np.nan
        if name not in UNFLOORED:
            np.maximum(values, least, out=values)
    starts = np.arange(0, returns.shape[0], n)
    change = filled[starts + n] - filled[starts]
    change[~measured | (age[starts] > n * (1 - LEAST))] = np.nan
    return {
        "assets": bars.assets,
        "span": bars.span,
        "ends": bars.ends[n - 1 :: n],
        "variance": found.pop("variance"),
        "change": change,
        "complete": complete,
        "measures": found,
    }


def _measures(
    bars: BarGrid, logs: ranges.Candles, returns: Floats, steps: Floats, n: int
) -> Iterator[tuple[str, Floats]]:
    """Yield the name and the (D, A) values of each measure."""
    part, weights = _blocks(returns, n), np.minimum(_blocks(steps, n), np.arange(1, n + 1)[:, None])
    part = part / np.sqrt(_blocks(steps, n))
    variance = estimators.realised(part, weights)
    yield "variance", variance
    yield "absolute", estimators.absolute(part, weights)
    yield "quarticity", estimators.quarticity(part, weights)
    yield from zip(("negative", "positive"), estimators.semivariances(part, weights), strict=True)
    plain = np.where(steps == 1, returns, np.nan)
    earlier = np.concatenate([np.full_like(plain[:1], np.nan), plain[:-1]])
    bipower = estimators.bipower(_blocks(plain, n), _blocks(earlier, n))
    yield "bipower", bipower
    yield "jump", np.maximum(variance - bipower, 0.0)
    yield "volume", estimators.total(_blocks(bars.volume, n))
    yield from _ranges(logs, n)
    yield from _recent(returns / np.sqrt(steps), steps, span=bars.span, n=n)
    yield from _coarser(logs, bars.span, n)


def _ranges(logs: ranges.Candles, n: int) -> Iterator[tuple[str, Floats]]:
    """Yield what ranges tell: of the period's own bar, and summed over its bars."""
    parts = ranges.Candles(*(_blocks(values, n) for values in logs))
    whole = _whole(parts)
    yield "parkinson", ranges.parkinson(whole)
    yield "garman_klass", ranges.garman_klass(whole)
    yield "rogers_satchell", ranges.rogers_satchell(whole)
    before = np.concatenate([np.full_like(logs.close[:1], np.nan), logs.close[:-1]])
    yield "yang_zhang", ranges.yang_zhang(parts, _blocks(before, n))
    yield "intraday_parkinson", estimators.total(ranges.parkinson(parts))
    yield "intraday_rs", estimators.total(ranges.rogers_satchell(parts))


def _whole(parts: ranges.Candles) -> ranges.Candles:
    """Return the one bar, (D, A), that a period's bars make."""
    known = np.isfinite(parts.high)
    some = known.any(axis=-2)
    first, last = known.argmax(axis=-2), known.shape[-2] - 1 - known[..., ::-1, :].argmax(axis=-2)
    return ranges.Candles(
        open=np.take_along_axis(parts.open, first[..., None, :], axis=-2)[..., 0, :],
        high=np.where(some, np.where(known, parts.high, -np.inf).max(axis=-2), np.nan),
        low=np.where(some, np.where(known, parts.low, np.inf).min(axis=-2), np.nan),
        close=np.take_along_axis(parts.close, last[..., None, :], axis=-2)[..., 0, :],
    )


def _recent(returns: Floats, steps: Floats, *, span: int, n: int) -> Iterator[tuple[str, Floats]]:
    """Yield what the last hours up to the end of each period tell; they may reach into the one before."""
    for hours in RECENT:
        size = hours * HOUR // span
        if hours * HOUR % span:
            continue
        part = _last(returns, size, n)
        weights = np.minimum(_last(steps, size, n), np.arange(1, size + 1)[:, None])
        enough = np.isfinite(part).mean(axis=-2) >= LEAST_RECENT
        yield f"last_{hours}h", np.where(enough, estimators.realised(part, weights), np.nan)
        if hours == RECENT[-1]:
            yield f"last_{hours}h_absolute", np.where(enough, estimators.absolute(part, weights), np.nan)


def _last(values: Floats, size: int, n: int) -> Floats:
    """Return (D, size, A): the last bars up to the end of each period."""
    padded = np.concatenate([np.full((size, values.shape[1]), np.nan), values])
    return np.lib.stride_tricks.sliding_window_view(padded, size, axis=0)[n::n].swapaxes(-1, -2)


def _coarser(logs: ranges.Candles, span: int, n: int) -> Iterator[tuple[str, Floats]]:
    """Yield realised variance from returns over more bars, where they divide the period."""
    for hours in COARSER:
        size = hours * HOUR // span
        if not size or hours * HOUR % span or n % size:
            continue
        sparse = ranges.Candles(logs.open[::size], logs.high, logs.low, logs.close[size - 1 :: size])
        filled, age = _held(sparse)
        returns, steps = _returns(sparse.close, filled, age)
        count = n // size
        parts = _blocks(steps, count)
        weights = np.minimum(parts, np.arange(1, count + 1)[:, None])
        yield f"rv_{hours}h", estimators.realised(_blocks(returns, count) / np.sqrt(parts), weights)


def _held(logs: ranges.Candles) -> tuple[Floats, Floats]:
    """Return (T + 1, A): the last known price before and after each bar, and how many bars old it is.

    Before the first bar of all, the price is that at which it opened.
    """
    count = logs.close.shape[0]
    opening = np.isfinite(logs.close).argmax(axis=0)[None, :]
    close = np.concatenate([np.full_like(logs.close[:1], np.nan), logs.close])
    np.put_along_axis(close, opening, np.take_along_axis(logs.open, opening, axis=0), axis=0)
    rows = np.arange(count + 1)[:, None]
    newest = np.maximum.accumulate(np.where(np.isfinite(close), rows, -1), axis=0)
    filled = np.where(newest >= 0, np.take_along_axis(close, np.maximum(newest, 0), axis=0), np.nan)
    return filled, np.where(newest >= 0, rows - newest, np.inf).astype(np.float64)


def _returns(close: Floats, filled: Floats, age: Floats) -> tuple[Floats, Floats]:
    """Return (T, A) returns since the last known price, and over how many bars each is; where none is, NaN and 1."""
    returns = close - filled[:-1]
    return returns, np.where(np.isfinite(returns), age[:-1] + 1, 1.0)


def _blocks(values: Floats, n: int) -> Floats:
    """Return (D, n, A): the bars of each period."""
    return values.reshape(-1, n, values.shape[-1])


def trimmed(table: DayTable, *, first: int, last: int) -> Fields:
    """Return the fields of a table without the rows outside ``(first, last]``, and without those before the first one.

    Parameters
    ----------
    table : DayTable
    first, last : int
        Unix seconds: rows that end after ``first`` and no later than ``last`` stay.
    """
    seen = np.isfinite(table.variance).any(axis=1) & (table.ends > first)
    begin = int(seen.argmax()) if seen.any() else table.ends.size
    rows = slice(begin, int(np.searchsorted(table.ends, last, side="right")))
    return {
        "assets": table.assets,
        "span": table.span,
        "ends": table.ends[rows],
        "variance": table.variance[rows],
        "change": table.change[rows],
        "complete": table.complete[rows],
        "measures": {name: values[rows] for name, values in table.measures.items()},
    }
