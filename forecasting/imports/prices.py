"""Prices: bars (open, high, low, close) or single observations, of one asset or many in one file."""

from __future__ import annotations

import numpy as np

from forecasting.core.realised import Stamps
from forecasting.imports.rows import Intent, Reader, Rows
from forecasting.imports.sheets import Sheet, sheet
from forecasting.imports.tables import Table
from forecasting.imports.times import MICRO
from forecasting.models import ImportedPrice
from governance.errors import InputError

ALIASES = {
    "time": ("ts", "timestamp", "date", "datetime", "open_time", "block_timestamp"),
    "asset": ("symbol", "token", "coin", "ticker"),
    "close": ("price", "usd", "price_usd", "close_price", "value"),
    "open": ("open_price",),
    "high": ("high_price",),
    "low": ("low_price",),
    "volume": ("base_volume", "vol"),
    "origin": ("source", "exchange", "venue"),
    "quote": ("numeraire", "quote_asset"),
}
BAR = ("open", "high", "low")
MANY = 8  # distances, from which on bars without a common one are for the checks to refuse
ALIKE = 2  # equal distances between bars, from which on they tell how long a bar is
USD_LIKE = frozenset({"USD", "USDT", "USDC", "BUSD"})
"""Quotes that are dollars for our purposes, as venues quote them."""


def read(table: Table, intent: Intent) -> Rows:
    """Return a file's prices.

    Raises
    ------
    InputError, ImplausibleData
        When a column is missing or cannot be read, or the file does not say which asset it holds.
    """
    reader = Reader(table, intent, ALIASES)
    reader.need("time", "close")
    reader.single("close")
    micros, reading = reader.times()
    if intent.asset:
        assets = [intent.asset] * table.rows
    elif reader.has("asset"):
        assets = reader.words("asset")
    else:
        raise InputError(
            f"{table.name} does not say which asset it holds; name it with --asset SYMBOL, or its column with"
            f" --column asset=THEIRS. Its columns are {', '.join(table.columns)}.",
            field="asset",
            value=table.name,
        )
    bars = reader.has(*BAR)
    measured = [*(("open", "high", "low") if bars else ()), "close", *(("volume",) if reader.has("volume") else ())]
    numbers = {
        name: reader.numbers(name, required=False) if name == "volume" else reader.tokens(name, assets)
        for name in measured
    }
    quotes = [intent.quote or word.upper() or "USD" for word in reader.words("quote", required=False)]
    spans = _spans(micros, assets, intent) if bars else {}
    kind = f"bars, stamped at their {intent.stamp}" if bars else "single observations"
    facts = {"rows": kind, "seconds": {asset: spans[asset] for asset in sorted(spans)}, "quotes": sorted(set(quotes))}
    return Rows(
        intent=intent,
        micros=micros,
        words={
            "asset": assets,
            "quote": quotes,
            "span": [str(spans.get(asset, 0)) for asset in assets],
            "origin": reader.words("origin", required=False),
        },
        numbers=numbers,
        reading=reading | reader.reading() | facts,
    )


def sheets(rows: Rows) -> list[Sheet]:
    """Return the rows for the database."""
    size = rows.micros.size
    spans = np.array(rows.words["span"], dtype=np.int64)
    known = rows.micros + (spans * MICRO if rows.intent.stamp == "open" else 0)

    def column(name: str) -> list[str]:
        return rows.numbers[name].text if name in rows.numbers else [""] * size

    return [
        sheet(
            ImportedPrice,
            key={name: rows.words[name] for name in ("asset", "quote", "span")}
            | {"timestamp": list(map(str, known.tolist()))},
            content={name: column(name) for name in ("open", "high", "low", "close", "volume")},
            aside={"origin": rows.words["origin"]},
            optional=frozenset({"open", "high", "low", "volume"}),
            numbers=range(1, size + 1),
        )
    ]


def dollars(quote: str) -> bool:
    """Return whether a quote is dollars."""
    return quote.upper() in USD_LIKE


def _spans(micros: Stamps, assets: list[str], intent: Intent) -> dict[str, int]:
    """Return the length of each asset's bars in seconds: the usual distance between two.

    A file with too few bars for that follows those that the source gave earlier, or the other assets beside it, so that
    it does not matter how bars are split into files.
    """
    if intent.grid:
        return dict.fromkeys(assets, intent.grid)
    names = np.array(assets)
    steps = {asset: np.diff(np.unique(micros[names == asset])) for asset in sorted(set(assets))}
    found = {asset: _usual(apart) for asset, apart in steps.items()}
    beside = {span for span in found.values() if span}
    for asset in (asset for asset, span in found.items() if not span):
        told = _earlier(intent.source, asset) or beside
        span = next(iter(told)) if len(told) == 1 else 0
        if not span or (steps[asset] % (span * MICRO)).any():
            raise InputError(
                f"The bars of {asset} are too few to tell how long a bar is; say so with --grid SECONDS.",
                field="grid",
                value=asset,
            )
        found[asset] = span
    return found


def _usual(steps: Stamps) -> int:
    values, counts = np.unique(steps, return_counts=True)
    told = counts.size and (counts.max() >= ALIKE or steps.size >= MANY)
    return int(values[counts.argmax()] // MICRO) if told else 0


def _earlier(source: str, asset: str) -> set[int]:
    rows = ImportedPrice.objects.filter(dataset__kind="prices", dataset__source=source, asset=asset, span__gt=0)
    return set(rows.values_list("span", flat=True).distinct())
