"""Times of files, as unix microseconds.

ISO 8601, dates alone (their midnight), and unix seconds, milliseconds, microseconds or nanoseconds, told apart by their
size. A time that names no zone is UTC.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal, InvalidOperation

import numpy as np
import pyarrow as pa

from forecasting.core.realised import Stamps
from forecasting.imports.exact import Column, NotANumber, numbers, strings

MICRO = 1_000_000
RANGE = (-62_135_596_800 * MICRO, 253_402_300_800 * MICRO)  # the years 1 to 9999, as a calendar has them
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_TICK = timedelta(microseconds=1)
# A unix time is below the first bound in seconds until the year 5138, and so on: (bound, unit, microseconds a unit).
_UNITS = ((10**11, "seconds", MICRO), (10**14, "milliseconds", 1_000), (10**17, "microseconds", 1))


@dataclass(frozen=True, slots=True, kw_only=True)
class Times:
    """A column of times, and how it was understood.

    Attributes
    ----------
    micros : (n,) int64
        Unix microseconds.
    unit, zone : str
        For the provenance.
    """

    micros: Stamps
    unit: str
    zone: str


def times(column: Column) -> Times:
    """Read a column of times.

    Raises
    ------
    NotANumber
        For a cell that is no time.
    """
    if not isinstance(column, list) and pa.types.is_timestamp(column.type):
        if column.null_count:
            raise NotANumber(column.to_pylist().index(None), "")
        micros = column.cast(pa.timestamp("us", column.type.tz), safe=False).cast(pa.int64()).to_numpy()
        zone = f"{column.type.tz}, as the file states" if column.type.tz else "none stated: UTC"
        micros = micros.astype(np.int64)
        outside = (micros < RANGE[0]) | (micros >= RANGE[1])
        if outside.any():
            raise NotANumber(int(outside.argmax()), str(micros[outside.argmax()]))
        return Times(micros=micros, unit="timestamp", zone=zone)
    if not isinstance(column, list) and (pa.types.is_integer(column.type) or pa.types.is_floating(column.type)):
        return _unix(numbers(column).text)
    text = strings(column)
    return _unix(text) if text and _is_number(text[0]) else _iso(text)


def instant(text: str) -> int:
    """Return one time, as a person writes it, in unix microseconds.

    Raises
    ------
    NotANumber
        When it is none.
    """
    return int(times([text]).micros[0])


def show(micros: int) -> str:
    """Return a time for people, UTC, to the second or as fine as it is."""
    moment = _EPOCH + timedelta(microseconds=int(micros))
    return moment.strftime("%Y-%m-%d %H:%M:%S" + (".%f" if micros % MICRO else "")) + " UTC"


def _is_number(text: str) -> bool:
    return text.replace(".", "", 1).replace("e+", "", 1).isdecimal()


def _unix(text: list[str]) -> Times:
    found, units = np.empty(len(text), dtype=np.int64), set()
    for index, word in enumerate(text):
        try:
            number = int(word) if word.isdecimal() else Decimal(word)
            _, unit, scale = next((entry for entry in _UNITS if number < entry[0]), (0, "nanoseconds", 0))
            micros = int(number * scale) if scale else int(number) // 1_000
        except (InvalidOperation, ValueError, OverflowError) as error:  # the latter two: infinity, or endless digits
            raise NotANumber(index, word) from error
        found[index] = _inside(index, word, micros)
        units.add(unit)
    return Times(micros=found, unit=f"unix {' and '.join(sorted(units))}", zone="UTC by definition")


def _inside(index: int, word: str, micros: int) -> int:
    if not RANGE[0] <= micros < RANGE[1]:
        raise NotANumber(index, word)
    return micros


def _iso(text: list[str]) -> Times:
    found, zones = np.empty(len(text), dtype=np.int64), set()
    for index, word in enumerate(text):
        try:
            moment = datetime.fromisoformat(word.replace(" UTC", "+00:00"))
        except ValueError as error:
            raise NotANumber(index, word) from error
        zones.add("as stated" if moment.tzinfo else "none stated: UTC")
        aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
        found[index] = _inside(index, word, (aware - _EPOCH) // _TICK)
    return Times(micros=found, unit="ISO 8601", zone=" and ".join(sorted(zones)))
