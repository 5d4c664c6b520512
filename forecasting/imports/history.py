"""Imported prices as the models take them: the same grid and panel that collected history gives, and bars.

References
----------
A price counts from the moment at which it was known: the close of a bar from the bar's end on.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import numpy as np
from django.db import connection
from django.db.models import Count, QuerySet

from forecasting.core.bars import Bars
from forecasting.core.realised import Grid, Panel, grid, panel
from forecasting.imports.catalogue import find, newest
from forecasting.imports.prices import USD_LIKE, dollars
from forecasting.imports.rows import Known
from forecasting.imports.times import MICRO
from forecasting.models import Dataset, ImportedFile, ImportedPrice
from governance.domain.canonical import canonical
from governance.errors import InputError, StaleData

HOURLY = "imported-hourly"
SCALE = 8  # decimals of a price as an integer, where that leaves enough digits
MOST = 17  # digits after the first that 64 bits always hold
DIGITS = 7  # of the lowest price: a step of 1e-7 is lost in any return
UNSAFE = ("wrong-numeraire", "mixed-units")
COMPARED = 20_000  # prices of another dataset that a file is compared with

_OBSERVED = """
    SELECT timestamp, round(close * %s)::bigint FROM forecasting_importedprice
    WHERE dataset_id = %s AND version <= %s AND asset = %s AND quote = %s AND span = %s AND timestamp BETWEEN %s AND %s
    ORDER BY timestamp
"""
_RANGE = """
    SELECT min(close), max(close) FROM forecasting_importedprice
    WHERE dataset_id = %s AND version <= %s AND asset = %s AND quote = %s AND span = %s AND timestamp BETWEEN %s AND %s
"""
_COLUMNS = ("open", "high", "low", "close", "volume")
_ROW = np.dtype([("timestamp", ">i8"), *((name, ">f8") for name in _COLUMNS)])
_BARS = """
    SELECT string_agg(int8send(timestamp)
        || float8send(coalesce(open, 'NaN')::float8) || float8send(coalesce(high, 'NaN')::float8)
        || float8send(coalesce(low, 'NaN')::float8) || float8send(close::float8)
        || float8send(coalesce(volume, 'NaN')::float8), ''::bytea ORDER BY timestamp)
    FROM forecasting_importedprice
    WHERE dataset_id = %s AND version <= %s AND asset = %s AND quote = %s AND span = %s AND timestamp BETWEEN %s AND %s
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class History:
    """Hourly prices of imported assets, frozen.

    Attributes
    ----------
    dataset : Dataset
        The exact rows, by content; cites the version that they were read from.
    assets : tuple of str
        R assets: the order of columns.
    decimals : tuple of int
        Of each asset's prices in the grid: 8, more for one that is so cheap that 8 would round its returns away.
    grid : Grid
        Its prices have ``decimals``.
    panel : Panel
    """

    dataset: Dataset
    assets: tuple[str, ...]
    decimals: tuple[int, ...]
    grid: Grid
    panel: Panel


@dataclass(frozen=True, slots=True, kw_only=True)
class _Series:
    """Where the rows of one asset are."""

    file: ImportedFile
    asset: str
    quote: str
    span: int

    def decimals(self, *, since: int, until: int) -> int:
        """Return how many decimals keep the digits of the lowest price, and the highest within 64 bits."""
        ((lowest, highest),) = self.fetch(_RANGE, since=since, until=until)
        if not lowest or lowest <= 0:
            return SCALE
        return min(max(SCALE, DIGITS - 1 - Decimal(lowest).adjusted()), MOST - Decimal(highest).adjusted())

    def bars(self, *, since: int, until: int) -> Bars:
        """Return the rows between two unix seconds: packed by the server, ten times as fast as row by row."""
        ((packed,),) = self.fetch(_BARS, since=since, until=until)
        rows = np.frombuffer(packed or b"", dtype=_ROW)
        columns = {name: rows[name].astype(np.float64) for name in _COLUMNS}
        return Bars(span=self.span, ends=rows["timestamp"].astype(np.int64) // MICRO, **columns)

    def fetch(self, query: str, *first: Decimal, since: int, until: int) -> list[tuple[Any, ...]]:
        """Return the rows of a query between two unix seconds."""
        window = (since * MICRO, until * MICRO)
        with connection.cursor() as cursor:
            cursor.execute(
                query, [*first, self.file.dataset_id, self.file.version, self.asset, self.quote, self.span, *window]
            )
            rows: list[tuple[Any, ...]] = cursor.fetchall()
            return rows


def hourly(*, source: str, assets: Sequence[str], since: int = 0, until: int = 1 << 40, version: int = 0) -> History:
    """Return the hourly prices of assets from one source, registered by content.

    Parameters
    ----------
    source : str
        Name of the imported dataset, with or without ``prices/``.
    assets : sequence of str
    since, until : int
        Unix seconds; earlier and later prices are left out.
    version : int
        Of the dataset; 0: the newest.

    Raises
    ------
    InputError
        When there is no such dataset or asset.
    GapInData, ImplausibleData
        When the prices must not be computed on.
    """
    file = newest(find(source, kind="prices"), version=version)
    rows, decimals = _grid(file, assets, since=since, until=until)
    facts = {
        "name": file.dataset.name,
        "version": file.version,
        "imported": file.result.hash,
        "assets": list(assets),
        "decimals": list(decimals),
        "since": since,
        "until": until,
    }
    dataset, _ = Dataset.objects.get_or_create(
        hash=_hash(facts, rows),
        defaults={
            "kind": HOURLY,
            "first_timestamp": int(rows.timestamps[0]),
            "last_timestamp": int(rows.timestamps[-1]),
            "rows": int(rows.prices.size),
            "block_number": 0,
            "facts": facts,
        },
    )
    return History(dataset=dataset, assets=tuple(assets), decimals=decimals, grid=rows, panel=panel(rows))


def load(dataset: Dataset) -> History:
    """Return frozen history, read again.

    Raises
    ------
    StaleData
        When the rows are no longer what they were.
    """
    facts = dataset.facts
    found = hourly(
        source=facts["name"],
        assets=facts["assets"],
        since=facts["since"],
        until=facts["until"],
        version=facts["version"],
    )
    if found.dataset != dataset:
        raise StaleData(
            f"The rows of dataset {dataset.hash[:12]} are no longer in the database as they were.", dataset=dataset.hash
        )
    return found


@dataclass(frozen=True, slots=True, kw_only=True)
class Candles:
    """Several assets' bars, or single prices (whose ``span`` is 0), and the file that made the version what it is."""

    file: ImportedFile
    series: tuple[Bars, ...]


def candles(*, source: str, assets: Sequence[str], since: int = 0, until: int = 1 << 40, version: int = 0) -> Candles:
    """Return assets' rows at their own step, each with what the source says of them.

    Raises
    ------
    InputError
        When there is no such dataset or asset.
    """
    file = newest(find(source, kind="prices"), version=version)
    series = tuple(_series(file, asset).bars(since=since, until=until) for asset in assets)
    return Candles(file=file, series=series)


def bars(*, source: str, asset: str, since: int = 0, until: int = 1 << 40, version: int = 0) -> Bars:
    """Return an asset's bars at their own step, for range estimators.

    Raises
    ------
    InputError
        When there is no such dataset or asset, or it has single observations only.
    """
    series = _series(newest(find(source, kind="prices"), version=version), asset)
    if not series.span:
        raise InputError(f"{asset} of {source} has single prices, no bars.", field="asset", value=asset)
    return series.bars(since=since, until=until)


def known(asset: str, first: int, last: int, source: str) -> Known | None:
    """Return what other imported datasets say an asset cost in dollars (a `Lookup` for the checks)."""
    rows = ImportedPrice.objects.filter(asset=asset, quote__in=USD_LIKE, timestamp__range=(first, last))
    for code in UNSAFE:  # what was imported although its unit is in doubt measures nothing
        doubted = ImportedFile.objects.filter(flags__contains=[{"code": code, "allowed": 1}])
        rows = rows.exclude(dataset__in=doubted.values("dataset"))
    other = rows.exclude(dataset__source=source).order_by("dataset_id").values_list("dataset_id", flat=True).first()
    if other is None:
        return None
    found = rows.filter(dataset_id=other).order_by("timestamp").values_list("timestamp", "close", "dataset__source")
    micros, prices, names = zip(*found[:COMPARED], strict=True)
    return Known(
        name=f"prices/{names[0]}",
        micros=np.array(micros, dtype=np.int64),
        prices=np.array(prices, dtype=np.float64),
    )


def _grid(file: ImportedFile, assets: Sequence[str], *, since: int, until: int) -> tuple[Grid, tuple[int, ...]]:
    found = [_series(file, asset) for asset in assets]
    decimals = tuple(series.decimals(since=since, until=until) for series in found)
    observations = [
        (column, -(-int(micros) // MICRO), int(price))
        for column, series in enumerate(found)
        for micros, price in series.fetch(_OBSERVED, Decimal(10) ** decimals[column], since=since, until=until)
    ]
    return grid(observations, assets=assets, until=until), decimals


def _series(file: ImportedFile, asset: str) -> _Series:
    """Return the asset's series in dollars; of several steps, the one with the most rows."""
    rows: QuerySet[ImportedPrice] = ImportedPrice.objects.filter(dataset=file.dataset, version__lte=file.version)
    found = rows.filter(asset=asset).values("quote", "span").annotate(rows=Count("timestamp"))
    usable = [row for row in found if dollars(row["quote"])]
    if not usable:
        names = ", ".join(rows.order_by("asset").values_list("asset", flat=True).distinct())
        raise InputError(
            f"{file.dataset.name} has no prices of {asset} in USD; it has {names}.", field="assets", value=asset
        )
    best = max(usable, key=lambda row: (row["rows"], -row["span"]))
    return _Series(file=file, asset=asset, quote=best["quote"], span=best["span"])


def _hash(facts: dict[str, object], rows: Grid) -> str:
    """Return the hash of what is computed on: assets, times, prices, and where they came from."""
    digest = hashlib.sha256(canonical({"kind": HOURLY, **facts}))
    digest.update(rows.timestamps.astype("<i8").tobytes())
    digest.update(rows.prices.astype("<i8").tobytes())
    return f"0x{digest.hexdigest()}"
