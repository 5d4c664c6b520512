"""Funding and open interest of perpetuals: what longs paid, what was open and liquidated, interval by interval.

Rates come in different units, and their column says which: ``annual`` is a fraction a year, ``percent_8h`` percent per
eight hours, ``fraction_8h`` a fraction per eight hours. All are stored as fractions a year, exactly. Files with a
column ``ASSET_VENUE_funding_rate`` for each venue (fractions a year) are taken as well; an empty cell there is an
interval in which the venue did not trade.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from decimal import Decimal

import numpy as np

from forecasting.core.realised import Stamps
from forecasting.imports.exact import Numbers, floats, plain
from forecasting.imports.rows import Intent, Reader, Rows
from forecasting.imports.sheets import Sheet, sheet
from forecasting.imports.tables import Table
from forecasting.imports.times import MICRO
from forecasting.models import ImportedFunding
from governance.errors import InputError

ALIASES = {
    "time": ("ts", "timestamp", "date", "datetime", "funding_time", "fundingtime"),
    "asset": ("symbol", "token", "coin", "ticker"),
    "venue": ("exchange", "market", "source"),
    "annual": ("annualised_funding", "annualized_funding", "funding_annual", "apr"),
    "percent_8h": ("fr", "funding_percent"),
    "fraction_8h": ("funding_rate", "fundingrate", "last_funding_rate"),
    "open_interest": ("oi", "openinterest", "sum_open_interest"),
    "long_liquidated": ("longliq", "liq_long", "long_liquidations"),
    "short_liquidated": ("shortliq", "liq_short", "short_liquidations"),
}
PERIODS = 3 * 365  # of eight hours in a year
TO_ANNUAL: dict[str, Decimal] = {
    "annual": Decimal(1),
    "percent_8h": Decimal(PERIODS) / 100,
    "fraction_8h": Decimal(PERIODS),
}
AMOUNTS = ("open_interest", "long_liquidated", "short_liquidated")
WIDE = re.compile(r"([A-Za-z0-9]+)_([A-Za-z0-9]+)_funding_rate")
ROW = "row"


def read(table: Table, intent: Intent) -> Rows:
    """Return a file's intervals.

    Raises
    ------
    InputError, ImplausibleData
        When a column is missing or cannot be read, or the file does not say which asset it is about.
    """
    reader = Reader(table, intent, ALIASES)
    reader.need("time")
    micros, reading = reader.times()
    wide = [name for name in table.columns if WIDE.fullmatch(name)]
    found = _wide(reader, micros, wide) if wide else _long(reader, micros)
    span = intent.grid or _span(found.micros, table.name)
    facts = {"rows": "one interval of a perpetual each; rates as fractions a year", "seconds": span}
    return Rows(
        intent=intent,
        micros=found.micros,
        words=found.words | {"span": [str(span)] * found.micros.size},
        numbers=found.numbers,
        reading=reading | reader.reading() | found.reading | facts,
    )


def sheets(rows: Rows) -> list[Sheet]:
    """Return the rows for the database."""
    blank = [""] * rows.micros.size
    spans = np.array(rows.words["span"], dtype=np.int64)
    known = rows.micros + (spans * MICRO if rows.intent.stamp == "open" else 0)
    told = {name: rows.numbers[name].text if name in rows.numbers else blank for name in ("rate", *AMOUNTS)}
    return [
        sheet(
            ImportedFunding,
            key={
                "venue": rows.words["venue"],
                "asset": rows.words["asset"],
                "timestamp": list(map(str, known.tolist())),
            },
            content={"span": rows.words["span"], **told},
            optional=frozenset(told),
            numbers=list(map(int, rows.words[ROW])),
        )
    ]


def _long(reader: Reader, micros: Stamps) -> Rows:
    """Return a file with one asset a row."""
    table, intent = reader.table, reader.intent
    units = [name for name in TO_ANNUAL if name in reader.found]
    if len(units) > 1:
        raise InputError(
            f"{table.name} has {' and '.join(reader.found[name] for name in units)}, and each may be the rate; leave"
            " one out.",
            field=units[1],
            value=reader.found[units[1]],
        )
    amounts = [name for name in AMOUNTS if name in reader.found]
    if not units and not amounts:
        reader.need("annual")
    if not intent.asset and "asset" not in reader.found:
        raise InputError(f"{table.name} does not say which asset it holds; name it with --asset SYMBOL.", field="asset")
    numbers = {name: reader.numbers(name, required=False) for name in amounts}
    if units:
        numbers["rate"] = _annual(reader.numbers(units[0], required=False), TO_ANNUAL[units[0]])
    assets = [intent.asset] * table.rows if intent.asset else reader.words("asset")
    return Rows(
        intent=intent,
        micros=micros,
        words={
            "asset": [asset.upper() for asset in assets],
            "venue": [venue.lower() for venue in reader.words("venue", required=False)],
            ROW: [str(row) for row in range(1, table.rows + 1)],
        },
        numbers=numbers,
        reading={"unit": units[0] if units else ""},
    )


def _wide(reader: Reader, micros: Stamps, columns: list[str]) -> Rows:
    """Return a file with one column for each venue; empty cells are left out."""
    _require_distinct(columns, reader.table.name)
    stamps: list[Stamps] = []
    words: dict[str, list[str]] = {"asset": [], "venue": [], ROW: []}
    text: list[str] = []
    for name in columns:
        asset, venue, *_ = name.split("_")
        cells = Reader(reader.table, reader.intent, {"rate": (name.lower(),)}).numbers("rate", required=False).text
        at = np.flatnonzero(np.array([cell != "" for cell in cells]))
        reader.column(name)
        stamps.append(micros[at])
        text += [cells[index] for index in at]
        words["asset"] += [asset.upper()] * at.size
        words["venue"] += [venue.lower()] * at.size
        words[ROW] += [str(index + 1) for index in at]
    if not text:
        raise InputError(
            f"{reader.table.name} has no rate in any cell of {', '.join(columns)}; there is nothing to import.",
            field=columns[0],
        )
    return Rows(
        intent=reader.intent,
        micros=np.concatenate(stamps),
        words=words,
        numbers={"rate": Numbers(text=text, values=floats(text))},
        reading={"unit": "annual", "venues": sorted(set(words["venue"]))},
    )


def _require_distinct(columns: list[str], name: str) -> None:
    """Check that no two columns are of the same asset and venue, whose names are taken in any case of letters.

    Raises
    ------
    InputError
        Naming both.
    """
    seen: dict[str, str] = {}
    for column in columns:
        other = seen.setdefault(column.lower(), column)
        if other is not column:
            raise InputError(
                f"{name} has {other} and {column}, which are of the same asset and venue; leave one out.",
                field=column,
                value=other,
            )


def _annual(found: Numbers, factor: Decimal) -> Numbers:
    told: Callable[[str], str] = lambda word: plain(format(Decimal(word) * factor, "f")) if word else ""  # noqa: E731
    text = found.text if factor == 1 else [told(word) for word in found.text]
    return Numbers(text=text, values=floats(text))


def _span(micros: Stamps, name: str) -> int:
    """Return the usual distance between two intervals, seconds.

    Raises
    ------
    InputError
        When there is only one.
    """
    values, counts = np.unique(np.diff(np.unique(micros)), return_counts=True)
    if not counts.size:
        raise InputError(f"{name} has one interval alone; say how long it is with --grid SECONDS.", field="grid")
    return int(values[counts.argmax()] // MICRO)
