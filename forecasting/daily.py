"""Freeze the bars that volatility is measured from, and measure: tables of days and of hours, registered by content."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from forecasting.core.bars import BarGrid, Bars, lay
from forecasting.core.days import DAY, DayTable
from forecasting.core.measures import HourTable, daily, hourly, trimmed
from forecasting.core.quality import Doubt, examine, refuse
from forecasting.core.realised import HOUR, Grid
from forecasting.core.singles import observed, singles
from forecasting.imports import history
from forecasting.models import Dataset, ImportedFile
from governance.domain.canonical import canonical
from governance.errors import InputError, StaleData

DAILY = "daily-bars"
FOREVER = 1 << 40


@dataclass(frozen=True, slots=True, kw_only=True)
class Daily:
    """What was measured of imported assets, frozen.

    Attributes
    ----------
    table : DayTable
        Days end at midnight, UTC; the last one is over.
    hourly : HourTable
        The same of each hour.
    dataset : Dataset
        The exact bars, by content; cites the version that they were read from.
    doubts : tuple of Doubt
        What is odd about the prices.
    """

    table: DayTable
    hourly: HourTable
    dataset: Dataset
    doubts: tuple[Doubt, ...]


def read(
    *,
    source: str,
    assets: Sequence[str],
    first: int | None = None,
    last: int | None = None,
    version: int = 0,
    allow: Sequence[str] = (),
) -> Daily:
    """Return what the bars, or single prices, of one source say of each day and hour, registered by content.

    Parameters
    ----------
    source : str
        Name of the imported dataset, with or without ``prices/``.
    assets : sequence of str
        The order of columns; may begin and end at different times.
    first, last : int or None
        Unix seconds: earlier and later prices are left out; None: all there is.
    version : int
        Of the dataset; 0: the newest.
    allow : sequence of str
        Codes of findings that are told and not refused.

    Raises
    ------
    InputError
        When there is no such dataset or asset, an asset is named twice, or the bars divide neither an hour nor a day.
    GapInData, ImplausibleData
        When the prices must not be computed on.
    """
    if not assets or len(set(assets)) < len(assets):
        raise InputError(
            f"--assets is {','.join(assets) or 'empty'}; name each asset once.", field="assets", value=",".join(assets)
        )
    since, until = first or 0, FOREVER if last is None else last
    found = history.candles(source=source, assets=assets, since=since, until=until, version=version)
    series = [bars if bars.span else observed(bars.ends, bars.close) for bars in found.series]
    doubts = tuple(examine(series, assets=assets))
    refuse(doubts, allow=allow)
    grid = lay(series, assets=assets)
    newest = max(int(bars.ends[-1]) for bars in series)
    return Daily(
        table=DayTable(**trimmed(daily(grid), first=since, last=newest)),
        hourly=HourTable(**trimmed(hourly(grid), first=since, last=newest)),
        dataset=_register(found.file, assets, series, since=since, until=until, allow=allow),
        doubts=doubts,
    )


def load(dataset: Dataset) -> Daily:
    """Return frozen bars, read and measured again.

    Raises
    ------
    StaleData
        When the rows are no longer what they were.
    """
    facts = dataset.facts
    found = read(
        source=facts["name"],
        assets=facts["assets"],
        first=facts["first"],
        last=facts["last"],
        version=facts["version"],
        allow=facts["allow"],
    )
    if found.dataset != dataset:
        raise StaleData(
            f"The rows of dataset {dataset.hash[:12]} are no longer in the database as they were.", dataset=dataset.hash
        )
    return found


def from_grid(grid: Grid, *, assets: Sequence[str], decimals: Sequence[int] | None = None) -> DayTable:
    """Return the days of hourly prices, as collected: they end at the last full hour, for a day's wait is a day's news.

    Parameters
    ----------
    grid : Grid
        Last known prices; a feed that was silent says that its price did not move.
    assets : sequence of str
    decimals : sequence of int, optional
        Of each asset's prices; 8 unless told.
    """
    bars, first, last = _bars(grid, assets, decimals)
    return DayTable(**trimmed(daily(bars), first=first, last=last))


def hours_from_grid(grid: Grid, *, assets: Sequence[str], decimals: Sequence[int] | None = None) -> HourTable:
    """Return the hours of hourly prices; see `from_grid`."""
    bars, first, last = _bars(grid, assets, decimals)
    return HourTable(**trimmed(hourly(bars), first=first, last=last))


def _bars(grid: Grid, assets: Sequence[str], decimals: Sequence[int] | None) -> tuple[BarGrid, int, int]:
    scale = 10.0 ** np.array([8] * len(assets) if decimals is None else decimals)
    prices = grid.prices / scale
    series = [singles(grid.timestamps, prices[:, column], span=HOUR) for column in range(len(assets))]
    first, last = int(grid.timestamps[0]), int(grid.timestamps[-1])
    return lay(series, assets=assets, offset=last % DAY), first, last


def _register(
    file: ImportedFile, assets: Sequence[str], series: Sequence[Bars], *, since: int, until: int, allow: Sequence[str]
) -> Dataset:
    facts = {
        "name": file.dataset.name,
        "version": file.version,
        "imported": file.result.hash,
        "assets": list(assets),
        "spans": [bars.span for bars in series],
        "first": since,
        "last": until,
        "allow": sorted(allow),
    }
    dataset, _ = Dataset.objects.get_or_create(
        hash=_hash(facts, series),
        defaults={
            "kind": DAILY,
            "first_timestamp": min(int(bars.ends[0]) for bars in series),
            "last_timestamp": max(int(bars.ends[-1]) for bars in series),
            "rows": sum(bars.ends.size for bars in series),
            "block_number": 0,
            "facts": facts,
        },
    )
    return dataset


def _hash(facts: dict[str, object], series: Sequence[Bars]) -> str:
    """Return the hash of what is measured: assets, times, prices, and where they came from."""
    digest = hashlib.sha256(canonical({"kind": DAILY, **facts}))
    for bars in series:
        digest.update(bars.ends.astype("<i8").tobytes())
        for values in (bars.open, bars.high, bars.low, bars.close, bars.volume):
            digest.update(np.where(np.isnan(values), np.nan, values).astype("<f8").tobytes())
    return f"0x{digest.hexdigest()}"
