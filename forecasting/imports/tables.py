"""Reads a file as named columns: CSV (comma, semicolon or tab), Parquet, or JSON (a list of objects, or one a line).

JSON numbers are read as the text that they are, so that no digit is lost.
"""

from __future__ import annotations

import csv
import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
from pyarrow import parquet

from forecasting.imports.exact import Column
from governance.errors import InputError

SNIFFED = 64 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """A file's content.

    Attributes
    ----------
    name : str
        The file's name, without its folder.
    sha256 : str
        Of its bytes, hexadecimal.
    columns : dict
        By the name that the file gives; each ``rows`` long.
    rows : int
    """

    name: str
    sha256: str
    columns: dict[str, Column]
    rows: int


def read(path: Path) -> Table:
    """Read a file by its ending.

    Raises
    ------
    InputError
        When there is no such file, it is none of the formats, or has no row.
    """
    reader = {".parquet": _parquet, ".pq": _parquet, ".json": _json, ".jsonl": _json, ".ndjson": _json}
    try:
        columns = reader.get(path.suffix.lower(), _csv)(path)
    except (UnicodeDecodeError, csv.Error, json.JSONDecodeError, pa.ArrowException, OSError, RecursionError) as error:
        raise InputError(
            f"{path.name} cannot be read as CSV, Parquet or JSON, whichever its ending says: {error}", field="file"
        ) from error
    strange = next((name for name in columns if not name.isprintable()), None)
    if strange is not None:
        raise InputError(f"{path.name} names a column {strange!r}; use printable names.", field="file", value=path)
    rows = len(next(iter(columns.values()))) if columns else 0
    if not rows:
        raise InputError(f"{path.name} holds no row.", field="file", value=path)
    return Table(name=path.name, sha256=sha256(path), columns=columns, rows=rows)


def sha256(path: Path) -> str:
    """Return the hash of a file's bytes, hexadecimal.

    Raises
    ------
    InputError
        When there is no such file.
    """
    if path.is_dir():
        raise InputError(f"{path} is a folder; name its files: {path}/*.csv, for example.", field="file", value=path)
    if not path.is_file():
        raise InputError(f"There is no file {path}.", field="file", value=path)
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _parquet(path: Path) -> dict[str, Column]:
    table = parquet.read_table(path)
    return {str(name): table.column(index) for index, name in enumerate(table.column_names)}


def _csv(path: Path) -> dict[str, Column]:
    with path.open(newline="", encoding="utf-8-sig") as file:
        start = file.read(SNIFFED).partition("\n")[0]
        file.seek(0)
        delimiter = max(",;\t", key=start.count)
        lines = csv.reader(file, delimiter=delimiter, strict=True)
        header = next(lines, [])
        rows = [line for line in lines if line]
    _same_width(path, header, rows)
    names = _distinct(path, [name.strip() for name in header])
    return dict(zip(names, (list(cells) for cells in zip(*rows, strict=True)), strict=True)) if rows else {}


def _same_width(path: Path, header: list[str], rows: list[list[str]]) -> None:
    for number, row in enumerate(rows, 1):
        if len(row) != len(header):
            raise InputError(
                f"{path.name}, row {number}: {len(row)} cells under {len(header)} column names.", field="file"
            )


def _distinct(path: Path, names: list[str]) -> list[str]:
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise InputError(f"{path.name} names the column {twice[0]!r} twice.", field="file", value=twice[0])
    return names


def _json(path: Path) -> dict[str, Column]:
    text = path.read_text(encoding="utf-8-sig")
    if path.suffix.lower() == ".json":
        found = _parsed(text)
        lists = [value for value in found.values() if isinstance(value, list)] if isinstance(found, dict) else [found]
        rows = lists[0] if len(lists) == 1 else None
    else:
        rows = [_parsed(line) for line in text.splitlines() if line.strip()]
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise InputError(f"{path.name} is not a list of JSON objects, one a row.", field="file", value=path)
    names = list(dict.fromkeys(name for row in rows for name in row))
    return {name: ["" if row.get(name) is None else str(row[name]) for row in rows] for name in names}


def _parsed(text: str) -> Any:  # noqa: ANN401 - JSON
    return json.loads(text, parse_float=str, parse_int=str)
