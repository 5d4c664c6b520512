"""Rates, open interest and liquidations of perpetuals that cannot be: another unit, no position at all, a lost digit.

Bounds are wide of what venues have seen: BTC and ETH paid at most three times their price a year on the wildest days, a
third in good years, and never nothing for long.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from forecasting.imports.rows import Finding, Rows, refusal
from governance.errors import ImplausibleData, MixedUnits

MOST = 60.0  # a year, either way, of one interval
USUAL = (0.002, 4.0)  # median size of a rate a year
JUMP = 30.0  # times, of open interest from one interval to the next


def check(rows: Rows) -> Iterator[Finding]:
    """Yield what cannot be."""
    if "venue" not in rows.words:
        return
    if "rate" in rows.numbers:
        yield from _rates(rows)
    for name in ("open_interest", "long_liquidated", "short_liquidated"):
        values = rows.values(name)
        wrong = values <= 0 if name == "open_interest" else values < 0
        right = "open interest must be above zero" if name == "open_interest" else "an amount cannot be negative"
        if wrong.any():
            yield _at(rows, name, wrong, right)
    if "open_interest" in rows.numbers:
        yield from _jumps(rows)


def _rates(rows: Rows) -> Iterator[Finding]:
    size = np.abs(rows.values("rate"))
    wild = size > MOST
    if wild.any():
        yield _at(rows, "rate", wild, f"a rate a year of at most {MOST:g} either way is possible")
    known = size[np.isfinite(size)]
    usual = float(np.median(known)) if known.size else USUAL[0]
    if known.size and not USUAL[0] <= usual <= USUAL[1]:
        yield refusal(
            ImplausibleData,
            f"the usual rate would be {usual:.3g} a year, where {USUAL[0]:g} to {USUAL[1]:g} is possible; name the"
            " column by its unit, as in --column percent_8h=THEIRS (also fraction_8h, annual)",
            count=int(known.size),
            column="rate",
        )


def _jumps(rows: Rows) -> Iterator[Finding]:
    venues = np.array(rows.words["venue"])
    for asset, part in rows.groups("asset"):
        for venue in np.unique(venues[part]):
            at = part[venues[part] == venue]
            values = np.log(np.maximum(rows.values("open_interest")[at], 1e-300))
            moved = np.abs(np.diff(values)) > np.log(JUMP)
            if moved.any():
                index = int(at[int(moved.argmax()) + 1])
                yield refusal(
                    MixedUnits,
                    f"open interest of {asset} changes by more than {JUMP:g} times at once; one unit is needed",
                    count=int(moved.sum()),
                    row=int(rows.words["row"][index]),
                    column="open_interest",
                    value=rows.value("open_interest", index),
                )


def _at(rows: Rows, name: str, wrong: np.ndarray, right: str) -> Finding:
    index = int(wrong.argmax())
    return refusal(
        ImplausibleData,
        right,
        count=int(wrong.sum()),
        row=int(rows.words["row"][index]),
        column=name,
        value=rows.value(name, index),
    )
