"""Numbers of files, with every digit that the file has.

Text and integers keep their digits. A double in a Parquet file is what it is: its shortest text that reads back as the
same double is taken. Floats are made beside the text, for checks alone.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal, InvalidOperation

import numpy as np
import pyarrow as pa

from forecasting.core.book import Floats

type Column = list[str] | pa.ChunkedArray

LARGEST = 309  # digits before the point: those of the largest double
LONGEST = 400  # digits after the point; a double has at most 324
SHOWN = 80  # characters of a cell in a message
NOTHING = frozenset({"", "nan", "none", "null", "n/a", "na"})


class NotANumber(ValueError):
    """A cell that is no number; ``index`` is its place in the column, ``text`` what it says."""

    def __init__(self, index: int, text: str) -> None:
        self.index = index
        self.text = text if len(text) <= SHOWN else f"{text[:SHOWN]}..."
        super().__init__(f"{self.text!r} is not a number")


@dataclass(frozen=True, slots=True, kw_only=True)
class Numbers:
    """A column of n numbers.

    Attributes
    ----------
    text : list of str
        Plain decimal notation without exponent, trailing zeros or plus sign; empty where there is none.
    values : (n,) floats
        The nearest doubles, NaN where there is none. For checks only.
    """

    text: list[str]
    values: Floats


def plain(text: str) -> str:
    """Return a number's canonical text, so that equal numbers have equal text.

    Raises
    ------
    InvalidOperation
        When it is not a finite decimal number, or has more digits than any amount.
    """
    if len(text) > LARGEST + LONGEST + 2:
        raise InvalidOperation(text)
    if "e" in text or "E" in text or not text[:1].isdigit() or text[:1] == "0" or "_" in text:
        number = Decimal(text)
        if not number.is_finite() or "_" in text or number.adjusted() >= LARGEST or number.adjusted() < -LONGEST:
            raise InvalidOperation(text)
        text = format(number, "f")
    if len(text) > LARGEST and len(text.lstrip("-").partition(".")[0]) > LARGEST:
        raise InvalidOperation(text)
    if "." in text:
        text = text.rstrip("0").rstrip(".")
    return "0" if text in {"-0", "", "-"} else text


def strings(column: Column) -> list[str]:
    """Return a column as text, stripped; empty where there is nothing."""
    if isinstance(column, list):
        return [text.strip() for text in column]
    return ["" if value is None else str(value).strip() for value in column.to_pylist()]


def numbers(column: Column) -> Numbers:
    """Return a column as exact numbers.

    Raises
    ------
    NotANumber
        For a cell that says something else, or infinity.
    """
    if not isinstance(column, list) and pa.types.is_floating(column.type):
        values = column.cast(pa.float64()).to_numpy().astype(np.float64)
        if np.isinf(values).any():
            index = int(np.isinf(values).argmax())
            raise NotANumber(index, str(values[index]))
        return Numbers(text=["" if value != value else plain(repr(value)) for value in values.tolist()], values=values)  # noqa: PLR0124 - NaN
    found = []
    for index, raw in enumerate(strings(column)):
        try:
            found.append("" if raw.lower() in NOTHING else _checked(raw))
        except (InvalidOperation, ValueError) as error:
            raise NotANumber(index, raw) from error
    values = floats(found)
    if np.isinf(values).any():
        index = int(np.isinf(values).argmax())
        raise NotANumber(index, found[index])
    return Numbers(text=found, values=values)


def floats(text: list[str]) -> Floats:
    """Return the nearest doubles of canonical texts; NaN where there is none."""
    return np.array([float(word) if word else np.nan for word in text], dtype=np.float64)


def shifted(text: list[str], decimals: list[int]) -> list[str]:
    """Return raw integers as whole tokens: each divided by ten to its ``decimals``, exactly."""
    return [plain(f"{word}e-{places}") if word else "" for word, places in zip(text, decimals, strict=True)]


def _checked(raw: str) -> str:
    if raw.isdecimal() and raw.isascii() and raw[0] != "0" and len(raw) <= LARGEST:
        return raw
    return plain(str(Decimal(raw))) if "_" not in raw and len(raw) <= LARGEST + LONGEST else plain(raw)
