"""Reads price files of a person: CSV or Parquet, long (time, symbol, price) or wide (time and one column an asset).

A file of one asset alone may say neither; then its name comes before it: ``ETH=candles.parquet``.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
from pyarrow import parquet

from governance.errors import ImplausibleData, InputError
from governance.lab.candles import NAMES, Candle

TIMES = ("timestamp", "ts", "time", "date", "open_time")
SYMBOLS = ("symbol", "asset", "token")
PRICES = ("close", "price", "usd")
MILLISECONDS = 10**11  # unix seconds stay below that until the year 5138

HELP = "CSV or Parquet file of real prices to replay, hourly or finer; may be repeated"

type Row = Mapping[str, Any]


def read(sources: Sequence[str]) -> Iterator[Candle]:
    """Yield the candles of each source, which is ``PATH`` or ``SYMBOL=PATH``.

    Raises
    ------
    InputError
        When there is no such file, or its columns are not usable.
    ImplausibleData
        When a cell is neither a time nor a number where one is needed; names the row.
    """
    for source in sources:
        symbol, _, name = source.rpartition("=")
        path = Path(name)
        if not path.is_file():
            raise InputError(f"There is no price file {path}.", field="prices", value=path)
        try:
            yield from _candles(_parquet(path) if path.suffix == ".parquet" else _csv(path), symbol=symbol, path=path)
        except (UnicodeDecodeError, csv.Error, pa.ArrowException) as error:
            raise InputError(
                f"{path} is neither a CSV nor a Parquet file; save it as one.", field="prices", value=path
            ) from error


def _csv(path: Path) -> Iterator[tuple[int, Row]]:
    with path.open(newline="", encoding="utf-8-sig") as file:
        for row in (reader := csv.DictReader(file)):
            yield reader.line_num, row


def _parquet(path: Path) -> Iterator[tuple[int, Row]]:
    with parquet.ParquetFile(path) as file:
        wanted = [name for name in file.schema_arrow.names if name in {*TIMES, *SYMBOLS, *PRICES} or _known(name)]
        number = 0
        for batch in file.iter_batches(columns=wanted):
            for row in batch.to_pylist():
                number += 1
                yield number, row


def _known(name: object) -> bool:
    return str(name).upper() in NAMES


def _candles(rows: Iterable[tuple[int, Row]], *, symbol: str, path: Path) -> Iterator[Candle]:
    for number, row in rows:
        moment = _moment(row[_column(row, TIMES)], number)
        named, price = (next((name for name in row if name in names), None) for names in (SYMBOLS, PRICES))
        if price and (symbol or named):
            cells: Row = {symbol or row[str(named)]: row[price]}
        elif any(map(_known, row)):
            cells = row
        else:
            raise InputError(
                f"{path} does not say which asset it holds; name it, as in --prices ETH={path}.", field="prices"
            )
        yield from (_candle(number, moment, str(name), cells[name]) for name in cells if _known(name))


def _candle(number: int, moment: int, symbol: str, price: object) -> Candle:
    try:
        return Candle(row=number, timestamp=moment, symbol=symbol, price=float(str(price)))
    except (ValueError, TypeError) as error:
        raise ImplausibleData(f"Row {number} of the prices: {price!r} is not a number.", row=number) from error


def _moment(value: object, number: int) -> int:
    """Return the unix seconds that a cell says, as seconds, milliseconds or ISO 8601; UTC if it names no zone."""
    text = str(value)
    try:
        if text.replace(".", "", 1).isdigit():
            seconds = float(text)
            return int(seconds / 1_000 if seconds > MILLISECONDS else seconds)
        moment = value if isinstance(value, datetime) else datetime.fromisoformat(text)
    except ValueError as error:
        raise ImplausibleData(f"Row {number} of the prices: {text!r} is not a time.", row=number) from error
    return int((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp())


def _column(row: Row, names: tuple[str, ...]) -> str:
    found = next((name for name in row if name in names), None)
    if found is None:
        raise InputError(
            f"The price file has no time column; name it {names[0]}. Its columns are {', '.join(map(str, row))}.",
            field="prices",
        )
    return found
