"""Reads what warnings are made from: hourly prices and liquidations of imported datasets, frozen by content."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from django.db import connection
from django.db.models import Max, Min

from forecasting import bookside
from forecasting import funding as extras
from forecasting.core.bars import Bars, lay
from forecasting.core.book import Floats
from forecasting.core.quality import examine, refuse
from forecasting.core.realised import HOUR, Stamps
from forecasting.core.singles import observed
from forecasting.core.warning.events import Target
from forecasting.core.warning.features import Hours
from forecasting.imports import history
from forecasting.imports.catalogue import find, newest
from forecasting.imports.prices import USD_LIKE
from forecasting.imports.times import MICRO
from forecasting.models import Dataset, ImportedDataset, ImportedLiquidation, ImportedPrice
from governance.domain.canonical import canonical
from governance.errors import GapInData, InputError, StaleData

KIND = "cascade-hours"
KEYS = ("prices", "liquidations", "assets", "funding", "books", "foreseen")
ASSETS = ("ETH", "BTC", "LINK", "AAVE")  # what has been liquidated most, where the source has it
QUIET = (6, 7 * 24)  # hours without a liquidation after which a source counts as ended: at least, and at most
LATELY = 90 * 24  # hours, of whose longest pause that is made
WARM = 30 * 24 * HOUR  # seconds of prices before the first liquidation that are read as well

_HOURLY = """
    SELECT (timestamp + %s) / %s, sum(debt_usd)::float8, count(*), count(debt_usd)
    FROM forecasting_importedliquidation
    WHERE dataset_id = %s AND version <= %s AND side = ''
    GROUP BY 1 ORDER BY 1
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Prepared:
    """Hours, and the dataset that says which rows they are.

    Attributes
    ----------
    dataset : Dataset
    hours : Hours
    sources : mapping
        What was read, as JSON-ready data.
    """

    dataset: Dataset
    hours: Hours
    sources: Mapping[str, Any]


def choose(
    *,
    prices: str,
    liquidations: Sequence[str],
    assets: Sequence[str],
    funding: Sequence[str] = (),
    books: Sequence[str] = (),
    foreseen: Sequence[Target] = (),
) -> dict[str, Any]:
    """Return which versions of which datasets are read, as JSON-ready data.

    Parameters
    ----------
    prices : str
        Source of prices; empty takes the one that has most prices of the first asset.
    liquidations : sequence of str
        Sources; empty takes all that name accounts (venues that only say what they liquidated do not).
    assets : sequence of str
        Symbols, the first of which counts most; empty takes those of `ASSETS` that the source has.
    funding : sequence of str
        Sources of funding and open interest; empty takes all, ``none`` none.
    books : sequence of str
        Sources of positions, quotes and markets; empty takes all that is imported, ``none`` none.
    foreseen : sequence of Target
        Of which a market's simulator tells the probability, where a market is among the books.

    Raises
    ------
    InputError
        When there is nothing of the kind, or a name is unknown.
    """
    priced = find(prices, kind="prices") if prices else _richest(assets[0] if assets else ASSETS[0])
    there = set(ImportedPrice.objects.filter(dataset=priced, quote__in=USD_LIKE).values_list("asset", flat=True))
    wanted = list(assets) or [asset for asset in ASSETS if asset in there]
    if not wanted:
        raise InputError(
            f"{priced.name} has prices of none of {', '.join(ASSETS)}; name others with --assets.", field="assets"
        )
    beside = bookside.chosen(books)
    simulated = foreseen if any(str(name).startswith(f"{bookside.MARKET}/") for name, _ in beside) else ()
    named = [find(name, kind="liquidations") for name in liquidations] or _accounts()
    return {
        "prices": [priced.name, newest(priced).version],
        "liquidations": [[dataset.name, newest(dataset).version] for dataset in named],
        "assets": wanted,
        "funding": [[dataset.name, newest(dataset).version] for dataset in extras.chosen(funding)],
        "books": beside,
        "foreseen": [[target.hours, target.usd] for target in simulated],
    }


def read(chosen: Mapping[str, Any], *, until: int | None = None) -> Prepared:
    """Return the hours of what `choose` chose, registered by content.

    Parameters
    ----------
    chosen : mapping
        What `choose` returned; what else is in it does not matter.
    until : int or None
        Unix seconds; later rows are left out. Hours after the last liquidation count as quiet up to then, for as long
        as the source has been quiet before (`QUIET`). None: up to the last liquidation.

    Raises
    ------
    GapInData
        When prices and liquidations are of different times, or a liquidation states no USD where all should.
    ImplausibleData
        When prices must not be computed on.
    """
    chosen = {"funding": [], "books": [], "foreseen": []} | {name: chosen[name] for name in KEYS if name in chosen}
    amounts = [_amounts(name, version) for name, version in chosen["liquidations"]]
    first = min(int(found[0][0]) for found in amounts) * HOUR
    last = max(int(found[0][-1]) for found in amounts) * HOUR
    if until is not None:
        last = min(last + quiet([stamps for stamps, _, _ in amounts], before=last // HOUR) * HOUR, until // HOUR * HOUR)
    grid = _prices(chosen, since=first - WARM, until=last)
    liquidated = np.where((grid.ends >= first) & (grid.ends <= last), 0.0, np.nan)
    if not np.isfinite(liquidated).any():
        raise GapInData(f"{chosen['prices'][0]} has no prices of the time of these liquidations.")
    for stamps, usd, _ in amounts:
        at = (stamps * HOUR - int(grid.ends[0])) // HOUR
        inside = (at >= 0) & (at < liquidated.size) & (stamps * HOUR <= last)
        liquidated[at[inside]] += usd[inside]
    hours = Hours(
        assets=grid.assets,
        ends=grid.ends,
        close=grid.close,
        low=grid.low,
        high=grid.high,
        liquidated=liquidated,
        extras=extras.read(chosen["funding"], assets=grid.assets, ends=grid.ends) | _books(chosen, grid),
    )
    unstated = {name: count for (name, _), (_, _, count) in zip(chosen["liquidations"], amounts, strict=True)}
    return Prepared(
        dataset=_register(chosen, hours, last=last), hours=hours, sources={**chosen, "rows_without_usd": unstated}
    )


def _books(chosen: Mapping[str, Any], grid: _Grid) -> dict[str, Floats]:
    """Return what books say of each hour."""
    return bookside.read(
        chosen["books"],
        assets=grid.assets,
        ends=grid.ends,
        close=grid.close[:, 0],
        targets=[Target(hours=hours, usd=usd) for hours, usd in chosen["foreseen"]],
    )


def load(dataset: Dataset) -> Prepared:
    """Return the hours of a registered dataset, read again.

    Raises
    ------
    StaleData
        When its rows are not what they were.
    """
    found = read(dataset.facts, until=dataset.facts["last"])
    if found.dataset != dataset:
        raise StaleData(
            f"The hours of dataset {dataset.hash[:12]} are no longer there as they were.", dataset=dataset.pk
        )
    return found


def quiet(stamps: Sequence[Stamps], *, before: int) -> int:
    """Return how many hours without a liquidation are nothing unusual: the longest pause lately, within `QUIET`.

    Parameters
    ----------
    stamps : sequence of int64 arrays
        Hours since 1970 that had a liquidation, by source.
    before : int
        The last hour that counts.
    """
    struck = np.unique(np.concatenate(stamps))
    struck = struck[(struck <= before) & (struck > before - LATELY)]
    pause = int(np.diff(struck).max()) if struck.size > 1 else 0
    return int(np.clip(pause, *QUIET))


def _richest(asset: str) -> ImportedDataset:
    """Return the dataset whose prices of an asset, an hour apart or less, span the longest time.

    Raises
    ------
    InputError
        When there is none.
    """
    rows = ImportedPrice.objects.filter(asset=asset, quote__in=USD_LIKE, span__lte=HOUR)
    spans = rows.values("dataset").annotate(first=Min("timestamp"), last=Max("timestamp"))
    best = max(spans, key=lambda row: (row["last"] - row["first"], -row["dataset"]), default=None)
    if best is None:
        raise InputError(
            f"No prices of {asset} are imported; run manage.py import prices FILE --source NAME.", field="prices"
        )
    return ImportedDataset.objects.get(pk=best["dataset"])


def _accounts() -> list[ImportedDataset]:
    """Return the datasets whose liquidations are of accounts and debts.

    Raises
    ------
    InputError
        When there is none.
    """
    datasets = ImportedDataset.objects.filter(kind=ImportedDataset.Kind.LIQUIDATIONS).order_by("source")
    found = [
        dataset
        for dataset in datasets
        if ImportedLiquidation.objects.filter(dataset=dataset, side="", debt_usd__isnull=False).exists()
    ]
    if not found:
        raise InputError(
            "No liquidations are imported; run manage.py import liquidations FILE --source NAME.", field="liquidations"
        )
    return found


def _amounts(name: str, version: int) -> tuple[Stamps, Floats, int]:
    """Return hours (since 1970) that had a liquidation, USD in each, and how many rows state no USD.

    An hour holds what happened after the one before it ended, up to and including its own end.
    """
    file = newest(find(name), version=version)
    with connection.cursor() as cursor:
        cursor.execute(_HOURLY, [HOUR * MICRO - 1, HOUR * MICRO, file.dataset_id, file.version])
        rows = cursor.fetchall()
    if not rows:
        raise GapInData(f"{name} has no liquidation of an account.", dataset=name)
    stamps = np.array([row[0] for row in rows], dtype=np.int64)
    usd = np.array([row[1] or 0.0 for row in rows], dtype=np.float64)
    return stamps, usd, sum(row[2] - row[3] for row in rows)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Grid:
    assets: tuple[str, ...]
    ends: Stamps
    close: Floats
    low: Floats
    high: Floats


def _prices(chosen: Mapping[str, Any], *, since: int, until: int) -> _Grid:
    """Return hourly prices up to ``until``, from bars of an hour or less."""
    name, version = chosen["prices"]
    assets = list(chosen["assets"])
    found = history.candles(source=name, assets=assets, since=since, until=until, version=version)
    series: list[Bars] = [bars if bars.span else observed(bars.ends, bars.close) for bars in found.series]
    refuse(list(examine(series, assets=assets)))
    laid = lay(series, assets=assets)
    if laid.span > HOUR:
        raise InputError(
            f"{name} has bars of {laid.span} seconds; warnings need an hour or less.", field="prices", value=name
        )
    per = HOUR // laid.span
    shape = (laid.ends.size // per, per, len(assets))
    close, low, high = (values.reshape(shape) for values in (laid.close, laid.low, laid.high))
    inside = laid.ends[per - 1 :: per] <= until
    return _Grid(
        assets=tuple(assets),
        ends=laid.ends[per - 1 :: per][inside],
        close=close[:, -1][inside],
        low=np.fmin.reduce(low, axis=1)[inside],
        high=np.fmax.reduce(high, axis=1)[inside],
    )


def _register(chosen: Mapping[str, Any], hours: Hours, *, last: int) -> Dataset:
    facts = {**chosen, "last": last}
    digest = hashlib.sha256(canonical({"kind": KIND, **facts}))
    digest.update(hours.ends.astype("<i8").tobytes())
    for values in (hours.close, hours.low, hours.high, hours.liquidated, *hours.extras.values()):
        digest.update(np.where(np.isnan(values), np.nan, values).astype("<f8").tobytes())
    dataset, _ = Dataset.objects.get_or_create(
        hash=f"0x{digest.hexdigest()}",
        defaults={
            "kind": KIND,
            "first_timestamp": int(hours.ends[0]),
            "last_timestamp": int(hours.ends[-1]),
            "rows": int(hours.ends.size),
            "block_number": 0,
            "facts": facts,
        },
    )
    return dataset
