"""Bars of prices: one asset's as they were found, and several assets' laid on one grid, where a gap stays a gap."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from forecasting.core.book import Floats
from forecasting.core.days import DAY
from forecasting.core.realised import HOUR, Stamps
from governance.errors import DuplicateStamp, GapInData, InputError, OffGrid, OutOfOrder

NEAR = 0.1  # of a bar: a stamp this far from the grid is the clock's, not another bar


@dataclass(frozen=True, slots=True, kw_only=True)
class Bars:
    """An asset's n bars as they were imported; a gap is a gap.

    Attributes
    ----------
    span : int
        Length of a bar in seconds.
    ends : (n,) int64
        Unix seconds at which each bar ended.
    open, high, low, close : (n,) floats
        In USD; of a single price, all but ``close`` are NaN.
    volume : (n,) floats
        In the asset; NaN where the source does not say.
    """

    span: int
    ends: Stamps
    open: Floats
    high: Floats
    low: Floats
    close: Floats
    volume: Floats


@dataclass(frozen=True, slots=True, kw_only=True)
class BarGrid:
    """T consecutive bars of A assets, whole days of them; NaN where an asset has none.

    Attributes
    ----------
    assets : tuple of str
        A names: the order of columns.
    span : int
        Seconds of a bar; divides an hour, or is a whole number of hours that divides a day.
    ends : (T,) int64
        Unix seconds at which each bar ended, ``span`` apart.
    open, high, low, close, volume : (T, A) floats
        As in `Bars`.
    """

    assets: tuple[str, ...]
    span: int
    ends: Stamps
    open: Floats
    high: Floats
    low: Floats
    close: Floats
    volume: Floats


def lay(series: Sequence[Bars], *, assets: Sequence[str], offset: int = 0) -> BarGrid:
    """Return several assets' bars on one grid of whole days, all as long as the longest of them.

    Parameters
    ----------
    series : sequence of Bars
        One an asset, in order of time.
    assets : sequence of str
    offset : int
        Seconds after midnight, UTC, at which days end; a multiple of the bars' length.

    Raises
    ------
    InputError
        When the bars divide neither an hour nor a day.
    GapInData
        When an asset has no bar.
    OffGrid
        When bars do not end on the grid.
    OutOfOrder, DuplicateStamp
        When the times of an asset's bars do not rise.
    """
    span = max(bars.span for bars in series)
    if DAY % span or (HOUR % span and span % HOUR):
        raise InputError(
            f"Bars of {span} seconds divide neither an hour nor a day; use a step of 5 min, 30 min or 1 h, say.",
            field="span",
            value=span,
        )
    stamps = [_stamps(bars, asset, offset=offset) for bars, asset in zip(series, assets, strict=True)]
    first = (min(int(found[0]) for found in stamps) - 1 - offset) // DAY * DAY + offset
    last = -(-(max(int(found[-1]) for found in stamps) - offset) // DAY) * DAY + offset
    ends = np.arange(first + span, last + 1, span, dtype=np.int64)
    columns = {name: np.full((ends.size, len(series)), np.nan) for name in ("open", "high", "low", "close", "volume")}
    for column, (bars, found) in enumerate(zip(series, stamps, strict=True)):
        whole = _gather(bars, found, span=span, offset=offset)
        at = (whole.ends - first) // span - 1
        for name, values in columns.items():
            values[at, column] = getattr(whole, name)
    return BarGrid(assets=tuple(assets), span=span, ends=ends, **columns)


def _stamps(bars: Bars, asset: str, *, offset: int) -> Stamps:
    """Return the ends of bars, on their grid."""
    if not bars.ends.size:
        raise GapInData(f"There is no price of {asset} in that time.", asset=asset)
    near = np.rint((bars.ends - offset) / bars.span).astype(np.int64) * bars.span + offset
    away = np.abs(near - bars.ends)
    if (away > NEAR * bars.span).any():
        at = int(away.argmax())
        raise OffGrid(
            f"A bar of {asset} ends at {int(bars.ends[at])}, {int(away[at])} s off a grid of {bars.span} s; import it"
            " with the grid that it has.",
            asset=asset,
            timestamp=int(bars.ends[at]),
        )
    rising = np.diff(near) > 0
    if not rising.all():
        at = int(rising.argmin())
        error = OutOfOrder if near[at + 1] < near[at] else DuplicateStamp
        raise error(
            f"The bar of {asset} that ends at {int(bars.ends[at])} is followed by one that ends at"
            f" {int(bars.ends[at + 1])}; times must rise.",
            asset=asset,
            timestamp=int(bars.ends[at + 1]),
        )
    return near


def _gather(bars: Bars, ends: Stamps, *, span: int, offset: int) -> Bars:
    """Return bars put together to longer ones; one with a part missing is missing."""
    if bars.span == span:
        return Bars(**{name: getattr(bars, name) for name in Bars.__slots__} | {"ends": ends})
    parts = span // bars.span
    if span % bars.span:
        raise InputError(
            f"Bars of {bars.span} s do not make bars of {span} s; import all assets at steps that divide one another.",
            field="span",
            value=bars.span,
        )
    group = -(-(ends - offset) // span) * span + offset
    starts = np.flatnonzero(np.diff(group, prepend=group[0] - 1))
    whole: npt.NDArray[np.bool_] = np.diff(np.append(starts, group.size)) == parts
    lasts = np.append(starts[1:], group.size) - 1
    return Bars(
        span=span,
        ends=group[starts][whole],
        open=bars.open[starts][whole],
        high=np.maximum.reduceat(bars.high, starts)[whole],
        low=np.minimum.reduceat(bars.low, starts)[whole],
        close=bars.close[lasts][whole],
        volume=np.add.reduceat(bars.volume, starts)[whole],
    )
