"""Canonical JSON with floats: the same facts always give the same bytes.

On top of `governance.domain.canonical` (UTF-8, sorted keys, no blanks): a float is rounded to `SIGNIFICANT_DIGITS`
significant digits and written as Python's ``repr`` writes it; a float without a fraction is written as an integer; an
integer that a reader with double precision would damage (beyond 2**53 - 1) is written as text.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping
from typing import Final

from governance.domain.canonical import canonical as to_bytes
from governance.errors import ImplausibleData

SIGNIFICANT_DIGITS: Final = 6
EXACT: Final = 2**53 - 1


def plain(value: object) -> object:
    """Return ``value`` as the plain data that `encode` writes; applying it twice changes nothing.

    Raises
    ------
    ImplausibleData
        For a number that is not finite, or for something that JSON cannot hold.
    """
    match value:
        case None | bool() | str():
            return value
        case int():
            return value if abs(value) <= EXACT else str(value)
        case float():
            return _number(value)
        case Mapping():
            return {str(key): plain(item) for key, item in value.items()}
        case list() | tuple():
            return [plain(item) for item in value]
    raise ImplausibleData(f"{type(value).__name__} cannot be part of a report.", value=value)


def _number(value: float) -> float | int | str:
    if not math.isfinite(value):
        raise ImplausibleData("A number of the report is not finite.", value=value)
    rounded = float(f"{value:.{SIGNIFICANT_DIGITS}g}")
    if not rounded.is_integer():
        return rounded
    return int(rounded) if abs(rounded) <= EXACT else str(int(rounded))


def encode(value: object) -> bytes:
    """Return the canonical JSON of ``value``."""
    return to_bytes(plain(value))


def digest(body: bytes) -> str:
    """Return ``0x`` and the SHA-256 of ``body`` in lower case."""
    return f"0x{hashlib.sha256(body).hexdigest()}"
