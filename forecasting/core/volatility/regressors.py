"""What is known before each row of a table: the regressors that all models of the league share.

Of days, logarithms of variance are averaged over 1, 7 and 30 (Corsi 2009; the market does not close). Of hours, it is
the logarithm of the average over 1 hour to 30 days, because an hour may well have no variance at all, and the hour of
the day is told beside the weekday. A measure that was not taken is taken as the variance itself; volume tells only how
it differs from its own past, so that its unit does not matter, and nothing where it was not taken.

A row that was not measured is taken as the one before it for up to `PATIENCE` rows; longer gaps give NaN, and no
forecast.

References
----------
Leverage: Corsi & Reno (2012). Last hours and the market's mean: Zhang, Zhang, Cucuringu & Qian (2022). Absolute returns
as regressors: Forsberg & Ghysels (2007). Range within the day: Rogers & Satchell (1991).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from forecasting.core.book import Floats
from forecasting.core.days import DAY, DayTable
from forecasting.core.realised import FLOOR, Stamps

HOUR = 3600
PATIENCE = 3  # rows
DAYS = (1, 7, 30)
HOURS = (1, 3, 12, 24, 168, 720)
WEEKDAYS = 7
ROOM = 2.0  # log units that volume may differ from its past: a change of venue is no signal
LEAST_VOLUME = 1e-12


@dataclass(frozen=True, slots=True, kw_only=True)
class Regressors:
    """K numbers that are known before each of D + 1 rows of A assets.

    Attributes
    ----------
    names : tuple of str
        K names.
    values : (D + 1, A, K) floats
    """

    names: tuple[str, ...]
    values: Floats

    def until(self, rows: int) -> Regressors:
        """Return what was known before the first ``rows`` rows and the one after them."""
        return Regressors(names=self.names, values=self.values[: rows + 1])

    def take(self, names: tuple[str, ...]) -> Floats:
        """Return the (D + 1, A, len(names)) values of some."""
        return self.values[..., [self.names.index(name) for name in names]]


def regressors(table: DayTable) -> Regressors:
    """Return what is known before each row."""
    found = dict(_hourly(table) if spacing(table.ends) < DAY else _daily(table))
    shape = (table.ends.size + 1, len(table.assets))
    values = np.empty((*shape, len(found)))
    for place, one in enumerate(found.values()):
        values[..., place] = one
    return Regressors(names=tuple(found), values=values)


def spacing(ends: Stamps) -> int:
    """Return the seconds of a row."""
    return int(ends[1] - ends[0]) if ends.size > 1 else DAY


def _daily(table: DayTable) -> Iterator[tuple[str, Floats]]:
    """Yield the regressors of days."""
    yield "one", np.ones((1, 1))
    variance = filled(np.maximum(table.variance, FLOOR))
    logs, ranges = np.log(variance), _log(table, "intraday_rs")
    averages = {window: lagged(mean(logs, window)) for window in DAYS}
    for window, values in averages.items():
        yield f"variance_{window}", values
        yield f"level_{window}", lagged(mean(variance, window))
        yield f"range_{window}", lagged(mean(ranges, window))
    for name in ("absolute", "last_12h", "last_12h_absolute", "last_2h", "bipower", "negative"):
        yield name, lagged(_log(table, name))
    yield from _relative(table, (1, 7, 30))
    change = filled(table.change)
    falls = {window: _fall(change, variance, window) for window in (1, 7)}
    for window, values in falls.items():
        yield f"fall_{window}", values
    yield "market_1", over_assets(averages[1])
    yield "market_7", over_assets(averages[7])
    yield "market_fall", over_assets(falls[1])
    for day, share in enumerate(calendar(table.ends, parts=WEEKDAYS, length=DAY, offset=3).T):
        yield f"weekday_{day}", share[:, None]


def _hourly(table: DayTable) -> Iterator[tuple[str, Floats]]:
    """Yield the regressors of hours."""
    yield "one", np.ones((1, 1))
    least = FLOOR * HOUR / DAY
    variance = filled(np.maximum(table.variance, least))
    averages = {window: lagged(mean(variance, window)) for window in HOURS}
    for window, values in averages.items():
        yield f"variance_{window}", np.log(values)
    for window, part in zip((1, 7, 30), (1, 24, 720), strict=True):
        yield f"level_{window}", averages[part]
    yield "same_hour", np.log(_same_hour(variance))
    yield "intraday_rs", lagged(_log(table, "intraday_rs"))
    yield from _relative(table, (1, 24, 168))
    change = filled(table.change)
    yield "fall_1", _fall(change, variance, 1)
    yield "fall_7", _fall(change, variance, 24)
    yield "market_1", over_assets(np.log(averages[3]))
    yield "market_7", over_assets(np.log(averages[24]))
    for day, share in enumerate(calendar(table.ends, parts=WEEKDAYS, length=DAY, offset=3).T):
        yield f"weekday_{day}", share[:, None]
    for hour, share in enumerate(calendar(table.ends, parts=24, length=HOUR, offset=0).T):
        yield f"hour_{hour}", share[:, None]


def _same_hour(variance: Floats) -> Floats:
    """Return the mean variance of the same hour of the last seven days."""
    padded = np.concatenate([np.full((WEEKDAYS * 24, variance.shape[1]), np.nan), variance, variance[-1:] * np.nan])
    count = variance.shape[0] + 1
    parts = [padded[(WEEKDAYS - day) * 24 :][:count] for day in range(1, WEEKDAYS + 1)]
    return np.asarray(sum(parts[1:], parts[0]) / WEEKDAYS)


def _relative(table: DayTable, windows: tuple[int, int, int]) -> Iterator[tuple[str, Floats]]:
    """Yield how volume differs from its own past: 0 where it was not taken."""
    if "volume" not in table.measures:
        return
    logs = filled(np.log(np.maximum(table.measures["volume"], LEAST_VOLUME)))
    short, middle, long = (lagged(mean(logs, window)) for window in windows)
    for name, values in (("volume_now", short - middle), ("volume_lately", middle - long)):
        yield name, np.clip(np.where(np.isfinite(values), values, 0.0), -ROOM, ROOM)


def _fall(change: Floats, variance: Floats, window: int) -> Floats:
    """Return the negative part of the standardised return over the last rows."""
    return lagged(np.minimum(mean(change, window) * np.sqrt(window / mean(variance, window)), 0.0))


def _log(table: DayTable, name: str) -> Floats:
    """Return the logarithm of a measure, and of the variance where it was not taken."""
    variance = np.log(filled(np.maximum(table.variance, FLOOR)))
    if name not in table.measures:
        return variance
    values = table.measures[name]
    with np.errstate(invalid="ignore"):
        logs = np.log(np.maximum(values, FLOOR))
    return np.where(np.isfinite(logs), logs, variance)


def calendar(ends: Stamps, *, parts: int, length: int, offset: int) -> Floats:
    """Return the (D + 1, parts) shares of each row, and of the one after the last, that fall on each part of a cycle.

    Parameters
    ----------
    ends : (D,) int64
        Unix seconds at which the rows end.
    parts, length : int
        A cycle of ``parts``, each of ``length`` seconds: days of the week, or hours of the day.
    offset : int
        Part on which 1 January 1970 began (a Thursday: 3, for weeks that begin on Monday).
    """
    row = spacing(ends)
    middles = np.append(ends, ends[-1] + row)[:, None] - row + np.arange(HOUR // 2, max(row, HOUR), HOUR)
    place = (middles // length + offset) % parts
    shares: Floats = (place[..., None] == np.arange(parts)).mean(axis=1)
    return shares


def filled(values: Floats) -> Floats:
    """Return the values with each NaN taken as the one before it, at most `PATIENCE` in a row."""
    out = values.copy()
    for _ in range(PATIENCE):
        missing = np.isnan(out[1:])
        out[1:][missing] = out[:-1][missing]
    return out


def mean(values: Floats, window: int) -> Floats:
    """Return the means over the last ``window`` rows, NaN where one of them is."""
    out = np.full_like(values, np.nan)
    if values.shape[0] >= window:
        out[window - 1 :] = np.lib.stride_tricks.sliding_window_view(values, window, axis=0).mean(axis=-1)
    return out


def lagged(values: Floats) -> Floats:
    """Return what each row's values are to the row after it."""
    return np.concatenate([np.full_like(values[:1], np.nan), values])


def over_assets(values: Floats) -> Floats:
    """Return the (..., 1) means over the assets that have a value; NaN where none has."""
    known = np.isfinite(values)
    count = known.sum(axis=-1, keepdims=True)
    return np.where(count, np.where(known, values, 0.0).sum(axis=-1, keepdims=True) / np.maximum(count, 1), np.nan)
