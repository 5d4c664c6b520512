"""Units of chain numbers, and the fixed-point arithmetic of the contracts. Integers only, no floats.

References
----------
Aave v3 ``WadRayMath`` and ``PercentageMath``: products and quotients round half up.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

WAD = 10**18
RAY = 10**27
BPS = 10**4
MAX_UINT256 = 2**256 - 1


def wad_div(a: int, b: int) -> int:
    """Return ``a * WAD / b``, rounded half up."""
    return (a * WAD + b // 2) // b


def ray_mul(a: int, b: int) -> int:
    """Return ``a * b / RAY``, rounded half up."""
    return (a * b + RAY // 2) // RAY


def ray_div(a: int, b: int) -> int:
    """Return ``a * RAY / b``, rounded half up."""
    return (a * RAY + b // 2) // b


def mul_div_ceil(a: int, b: int, divisor: int) -> int:
    """Return ``a * b / divisor``, rounded up."""
    return -(-a * b // divisor)


def percent_mul(value: int, bps: int) -> int:
    """Return ``value * bps / 10_000``, rounded half up."""
    return (value * bps + BPS // 2) // BPS


@dataclass(frozen=True, slots=True)
class Unit:
    """How an integer of the chain is shown to a person: divided by ``10**decimals`` and followed by ``suffix``."""

    decimals: int
    suffix: str


UNITS: dict[str, Unit] = {
    "bps": Unit(2, " %"),
    "bonus_bps": Unit(2, " %"),  # stored as 10_000 + bonus, shown as the bonus alone
    "tokens": Unit(0, " tokens"),
    "units": Unit(0, " units"),  # a token's smallest
    "usd8": Unit(8, " USD"),
    "wad": Unit(18, ""),
    "ray": Unit(25, " %"),
    "flag": Unit(0, ""),
    "seconds": Unit(0, " s"),
}


def to_decimal(value: int, decimals: int) -> Decimal:
    """Return ``value / 10**decimals`` exactly."""
    return Decimal(f"{value}e-{decimals}")  # by text: arithmetic would round to the context's 28 digits


def render(value: int, unit: str) -> str:
    """Return ``value`` as a person reads it, e.g. ``render(7800, "bps") == "78 %"``.

    Raises
    ------
    KeyError
        For a unit that `UNITS` does not know.
    """
    shape = UNITS[unit]
    if unit == "flag":
        return "yes" if value else "no"
    amount = to_decimal(value - BPS if unit == "bonus_bps" else value, shape.decimals)
    text = f"{amount:,f}"
    if "." in text:
        text = text.rstrip("0").rstrip(".")
    return f"{text}{shape.suffix}"
