"""What the numbers of a simulation may be: each finite, so that no sum of them overflows and each comes back as stored.

A database writes whole floats from 1e16 on without a decimal point, and they are read back as whole numbers; what is
stored of a request stays below.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from forecasting.core.worlds.steward import MOST_HOURS
from governance.errors import InputError

USD = 1e15  # more than all there is
AGES = 1e6  # hours


@dataclass(frozen=True, slots=True, kw_only=True)
class Bound:
    """A range of numbers with both its ends.

    Attributes
    ----------
    low, high : float
    above : bool
        ``low`` itself is too small.
    endless : bool
        ``inf`` is right as well.
    """

    low: float
    high: float
    above: bool = False
    endless: bool = False

    def holds(self, value: float) -> bool:
        """Say whether a number is right; NaN never is."""
        inside = self.low < value <= self.high if self.above else self.low <= value <= self.high
        return inside or (self.endless and value == float("inf"))

    def __str__(self) -> str:
        """Return what would be right."""
        least = f"more than {self.low:g} and at most" if self.above else f"{self.low:g} to"
        return f"{least} {self.high:,.0f}{', or inf' if self.endless else ''}"


SHARE = Bound(low=0, high=1)
BOUNDS: Mapping[str, Bound] = {
    "reserve": Bound(low=0, high=USD, above=True),
    "precise": Bound(low=0, high=1, above=True),
    "seed": Bound(low=0, high=2**53),
    "amplification": Bound(low=1, high=1e6),
    "rounds": Bound(low=1, high=MOST_HOURS),
    "close_factor": SHARE,
    "full_close_below": SHARE,
    "permanent_share": SHARE,
    "fixed_cost": Bound(low=0, high=1e9),
    "half_life_hours": Bound(low=0.01, high=AGES),
    "profit_floor": Bound(low=0, high=10),
    "capital": Bound(low=0, high=USD, endless=True),
    "delay_hours": Bound(low=0, high=MOST_HOURS),
}
DEPTH = Bound(low=1, high=USD, endless=True)
PRICE = Bound(low=1e-12, high=1e12)
ORACLE: Mapping[str, Bound] = {
    "heartbeat": Bound(low=0, high=AGES, above=True),
    "deviation": Bound(low=0, high=100),
    "latency": Bound(low=0, high=MOST_HOURS),
}
WITHDRAWAL: Mapping[str, Bound] = {
    "share": Bound(low=0, high=20),  # e**-20 of the depth is left when a price falls by half and more
    "half-life": Bound(low=0.01, high=AGES),
}


def flag(name: str) -> str:
    """Return an option as it is written."""
    return f"--{name.replace('_', '-')}"


def require(name: str, value: float) -> None:
    """Check the number of an option.

    Raises
    ------
    InputError
        Naming the option, its value and what would be right.
    """
    bound = BOUNDS[name]
    if not bound.holds(value):
        raise InputError(f"{flag(name)} is {value}; it must be {bound}.", field=name, value=value)


def series(text: str, bounds: Mapping[str, Bound], *, field: str, right: str) -> list[float] | None:
    """Return the numbers of an option such as ``--oracle 1,0.005,0``, each in its range; None for no text.

    Raises
    ------
    InputError
        Naming the option, the part that is wrong, and what would be right.
    """
    if not text:
        return None
    try:
        found = [float(part) for part in text.split(",")]
    except ValueError:
        found = []
    if len(found) != len(bounds):
        raise InputError(f"--{field} is {text}; write {right}.", field=field, value=text)
    for (name, bound), value in zip(bounds.items(), found, strict=True):
        if not bound.holds(value):
            message = f"--{field} is {text}: its {name} is {value:g}; it must be {bound}."
            raise InputError(message, field=field, value=text)
    return found


def by_asset(found: Mapping[str, str], bound: Bound, *, field: str) -> None:
    """Check those positive numbers among what is said of assets; a word, or what is no depth at all, is not one.

    Raises
    ------
    InputError
        Naming the option, the asset and its value, and what would be right.
    """
    for name, text in found.items():
        try:
            value = float(text)
        except ValueError:
            continue
        if value > 0 and not bound.holds(value):
            message = f"--{field} {name}={text} cannot be computed with; it must be {bound} USD."
            raise InputError(message, field=field, value=text)
