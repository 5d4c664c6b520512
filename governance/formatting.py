"""How numbers, times and hashes of a chain are written for people, as plain text.

The exact value is never lost: pages put it beside the short form, and CSV files hold nothing else.
"""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from math import isfinite, isnan

from governance.domain.units import WAD, render, to_decimal

NO_DEBT_FROM = 10**9 * WAD  # no borrower's health factor is this large; the contract answers 2**256 - 1 for no debt
LARGEST, LEAST = Decimal("1e18"), Decimal("1e-12")  # beyond these an amount is written as a power of ten
_SCALES = ((10**12, "T"), (10**9, "B"), (10**6, "M"), (10**3, "k"))
NBSP = "\N{NO-BREAK SPACE}"  # keeps a number and its unit on one line
_MINUTE, _HOUR, _DAY = 60, 3_600, 86_400


def compact(amount: Decimal | float, *, digits: int = 3) -> str:
    """Return ``amount`` with ``digits`` significant digits and a scale letter, e.g. ``1.23M``."""
    value = Decimal(str(amount))
    if not value.is_finite():
        return "—" if value.is_nan() else "∞" if value > 0 else "−∞"
    if abs(value) >= LARGEST or 0 < abs(value) < LEAST:
        return f"{value:.{digits - 1}e}".replace("e+", "e")
    for scale, letter in _SCALES:
        if abs(value) >= scale * Decimal("0.9995"):
            return f"{_significant(value / scale, digits)}{letter}"
    return _significant(value, digits)


def _significant(value: Decimal, digits: int) -> str:
    if value == 0:
        return "0"
    rounded = round(value, max(0, digits - 1 - value.adjusted()))  # may gain a digit: 0.9999 becomes 1.000
    places = max(0, digits - 1 - rounded.adjusted())
    text = f"{rounded:,.{places}f}"
    return text.rstrip("0").rstrip(".") if places > digits else text


def plain(amount: Decimal | float) -> str:
    """Return ``amount`` in full with thousands separated and no useless zeros."""
    text = f"{amount:,f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def usd(amount: Decimal | float) -> str:
    """Return dollars in short form, e.g. ``$1.23M``; cents below a thousand."""
    value = Decimal(str(amount))
    if value.is_nan():
        return "—"
    sign = "−" if value < 0 else ""
    size = abs(value)
    if size < Decimal("0.005"):
        return "$0"
    return f"{sign}${size:,.2f}" if size < 1_000 else f"{sign}${compact(size)}"


def price(amount: Decimal | float) -> str:
    """Return a price with cents, or with four significant digits below ten cents."""
    value = Decimal(str(amount))
    return f"${value:,.2f}" if abs(value) >= Decimal("0.1") else f"${_significant(value, 4)}"


def usd8(value: int) -> str:
    """Return an oracle amount (8 decimals) in short form."""
    return usd(to_decimal(int(value), 8))


def percent(fraction: float, *, digits: int = 1) -> str:
    """Return a fraction as percent; tiny ones keep their first significant digit instead of becoming zero."""
    if not isfinite(fraction):
        return "—"
    value = fraction * 100
    if value != 0 and abs(value) < 10**-digits / 2:
        return f"{_significant(Decimal(str(value)), 1)}{NBSP}%"
    return f"{value:,.{digits}f}{NBSP}%"


def change(fraction: float) -> str:
    """Return a change as percent with its sign, which is a true minus."""
    text = percent(abs(fraction))
    return text if fraction == 0 else f"{'+' if fraction > 0 else '−'}{text}"


def health(wad: int) -> str:
    """Return a health factor (wad) with three decimals, cut and never rounded up: 0.9999 must not read as 1.000."""
    value = int(wad)
    if value >= NO_DEBT_FROM:
        return "no debt"
    return "> 1,000" if value >= 1_000 * WAD else f"{to_decimal(value // 10**15, 3):,.3f}"


def number(value: float, *, digits: int = 3) -> str:
    """Return a plain number with ``digits`` significant digits, or a dash when there is none."""
    return "—" if isnan(value) else _significant(Decimal(str(value)), digits)


def chance(value: float) -> str:
    """Return a probability such as a p-value with three decimals; a tiny one as below a thousandth."""
    return "—" if isnan(value) else f"<{NBSP}0.001" if value < 0.001 else f"{value:.3f}"


def moment(timestamp: int) -> str:
    """Return a chain timestamp as ``12 Mar 2026, 14:00 UTC``."""
    at = datetime.fromtimestamp(int(timestamp), tz=UTC)
    return f"{at.day} {at:%b %Y, %H:%M} UTC"


def iso(timestamp: int) -> str:
    """Return a chain timestamp in ISO 8601."""
    return datetime.fromtimestamp(int(timestamp), tz=UTC).isoformat()


def duration(seconds: int) -> str:
    """Return a span of time in its two largest units, e.g. ``2 d 3 h``."""
    rest = abs(int(seconds))
    for size, name, below, small in ((_DAY, "d", _HOUR, "h"), (_HOUR, "h", _MINUTE, "min"), (_MINUTE, "min", 1, "s")):
        if rest >= size:
            minor = rest % size // below
            return f"{rest // size} {name} {minor} {small}" if minor else f"{rest // size} {name}"
    return f"{rest} s"


def capital(text: str) -> str:
    """Return ``text`` with its first letter as a capital and the rest as it is: acronyms stay."""
    return text[:1].upper() + text[1:]


def word(value: int, unit: str) -> str:
    """Return a chain word in its unit; a bonus that was never set reads as such, not as -100 %."""
    return "not set" if unit == "bonus_bps" and value == 0 else render(value, unit)


def abridged(text: str) -> str:
    """Return ``text`` with the middle of every word left out that is too long to be read, such as hashes."""
    return " ".join(short(part) if len(part) > 24 else part for part in text.split(" "))


def short(text: str) -> str:
    """Return an address or hash with its middle left out."""
    return f"{text[:6]}…{text[-4:]}" if len(text) > 12 else text
