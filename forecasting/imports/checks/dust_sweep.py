"""Counts that a sweep of dust dominates: many positions worth next to nothing were closed, which is no market event.

References
----------
Measured on Aave v1 (2020-2021), where interest on dust was liquidated in many calls: 15 % of all liquidations repaid
less than 10 USD, and on the worst day 24 % of the 278 of that day, or all of the 55 of another.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from forecasting.core.book import Floats
from forecasting.imports.reference import FLOOR, STABLE
from forecasting.imports.rows import Finding, Rows, refusal
from forecasting.imports.times import MICRO, show
from governance.errors import DustSweep

DUST = 10.0  # USD
DAY = 86_400 * MICRO
FEWEST = 20  # liquidations whose kind can be told
SHARE = 0.5  # of all, or of one day's
SWEEP = 100  # dust liquidations on one day
NOTED = 20  # likewise, to be written down
ROUGH = 20  # times a token's lowest price: about what it cost most of the time


def check(rows: Rows) -> Iterator[Finding]:
    """Find files and days whose counts are dust."""
    if "debt" not in rows.words or "debt_amount" not in rows.numbers:
        return
    usd = _usd(rows)
    sized = np.flatnonzero(np.isfinite(usd))
    if sized.size < rows.micros.size / 2:
        yield Finding(
            code="unsized",
            sentence="most liquidations have no value in USD, so dust cannot be told from the others",
            count=int(rows.micros.size - sized.size),
        )
    dust = sized[usd[sized] < DUST]
    if sized.size >= FEWEST and dust.size > SHARE * sized.size:
        yield _refused(rows, int(dust[0]), dust.size, f"{dust.size} of {sized.size} liquidations")
        return
    days, counts = np.unique(rows.micros[sized] // DAY, return_counts=True)
    swept = {int(day): int(n) for day, n in zip(*np.unique(rows.micros[dust] // DAY, return_counts=True), strict=True)}
    for day, count in zip(days.tolist(), counts.tolist(), strict=True):
        found = swept.get(day, 0)
        if found < NOTED or found <= SHARE * count:
            continue
        first = int(dust[rows.micros[dust] // DAY == day][0])
        said = f"{found} of {count} liquidations on {show(day * DAY)[:10]}"
        if found >= SWEEP:
            yield _refused(rows, first, found, said)
        else:
            yield Finding(code="dust", sentence=f"{said} repay less than {DUST:g} USD", count=found, row=first + 1)


def _usd(rows: Rows) -> Floats:
    """Return what each liquidation repaid in USD, as far as the file tells, or else by a rough price."""
    found = rows.values("debt_usd")
    for other in (rows.values("collateral_usd"), _rough(rows, "debt"), _rough(rows, "collateral")):
        found = np.where(np.isfinite(found), found, other)
    return found


def _rough(rows: Rows, name: str) -> Floats:
    prices = {symbol: ROUGH * floor for symbol, (_, floor) in FLOOR.items()} | dict.fromkeys(STABLE, 1.0)
    a_token = np.array([prices.get(word.upper(), np.nan) for word in rows.words[name]], dtype=np.float64)
    return np.multiply(rows.values(f"{name}_amount"), a_token)


def _refused(rows: Rows, index: int, count: int, said: str) -> Finding:
    return refusal(
        DustSweep,
        f"{said} repay less than {DUST:g} USD: counts of these say nothing of the market; leave the sweep out, or"
        " allow it and work by value",
        count=count,
        row=index + 1,
        column="debt_usd",
        value=rows.value("debt_usd" if "debt_usd" in rows.numbers else "debt_amount", index),
    )
