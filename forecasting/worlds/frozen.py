"""Prices frozen by content, and what they teach or replay; kept in memory, for every piece of a simulation asks."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

from forecasting import daily, datasets
from forecasting.core.bars import lay
from forecasting.core.book import Floats
from forecasting.core.days import DayTable
from forecasting.core.realised import HOUR
from forecasting.core.singles import singles
from forecasting.core.worlds import replays
from forecasting.core.worlds.history import History, learn
from forecasting.imports import history
from forecasting.models import Dataset, Snapshot
from forecasting.worlds.prices import Usable

HELD = 4  # histories in memory
LEAD = 2 * HOUR  # before a replay begins: single prices of irregular times tell its first price from then on
HOLD = 1  # hours for which a single price counts on: two that fall into one hour leave the next one empty


def freeze(usable: Usable, assets: Sequence[str], *, first: int | None = None, last: int | None = None) -> Dataset:
    """Return the prices of assets, registered by content."""
    if isinstance(usable.of, Snapshot):
        return datasets.fresh(datasets.freeze(usable.of), usable.of).dataset
    found = daily.read(source=usable.name, assets=assets, first=first, last=last, version=usable.of.version)
    return found.dataset


def tables(dataset: Dataset) -> tuple[DayTable, DayTable]:
    """Return the tables of days and of hours of frozen prices.

    Raises
    ------
    StaleData
        When the rows are no longer what they were.
    """
    if dataset.kind == daily.DAILY:
        found = daily.load(dataset)
        return found.table, found.hourly
    frozen = datasets.load(dataset)
    return daily.from_grid(frozen.grid, assets=frozen.symbols), daily.hours_from_grid(
        frozen.grid, assets=frozen.symbols
    )


@lru_cache(maxsize=HELD)
def learnt(fingerprint: str, ahead: tuple[int, ...]) -> History:
    """Return what the frozen prices with that hash teach; kept, for every piece of a simulation asks."""
    return learn(*tables(Dataset.objects.get(hash=fingerprint)), ahead=ahead)


@lru_cache(maxsize=HELD)
def replayed(fingerprint: str, first: int, last: int) -> tuple[tuple[str, ...], Floats, int]:
    """Return assets, their (T, A) path from ``first`` to ``last`` in frozen prices, and the seconds of a step.

    Raises
    ------
    GapInData
        When a price is missing.
    StaleData
        When the rows are no longer what they were.
    """
    dataset = Dataset.objects.get(hash=fingerprint)
    daily.load(dataset)  # proves that the rows are those of the hash
    facts = dataset.facts
    found = history.candles(
        source=facts["name"], assets=facts["assets"], since=facts["first"], until=last, version=facts["version"]
    )
    series = [bars if bars.span else singles(bars.ends, bars.close, span=HOUR, hold=HOLD) for bars in found.series]
    laid = lay(series, assets=facts["assets"])
    return laid.assets, replays.path(laid, first=first, last=last), laid.span
