"""Seized collateral over repaid debt, in USD: from 1 to 1 and the largest bonus, with room for imprecise prices."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from forecasting.imports.rows import Finding, Rows, refusal
from governance.errors import ImplausibleData

LARGEST_BONUS = 0.15  # of the reserves that Aave v1 to v3 have listed
TOLERANCE = 0.02
RANGE = (1 - TOLERANCE, 1 + LARGEST_BONUS + TOLERANCE)
SHARE = 0.4  # outside; daily instead of block prices put 28 % of Aave v1 there
SIZED = 1.0  # USD, below which amounts are too round for a ratio
FEWEST = 10


def check(rows: Rows) -> Iterator[Finding]:
    """Find liquidations whose two sides do not belong together."""
    if "collateral_usd" not in rows.numbers or "debt_usd" not in rows.numbers:
        return
    seized, repaid = rows.values("collateral_usd"), rows.values("debt_usd")
    usable = np.flatnonzero((repaid >= SIZED) & np.isfinite(seized))
    if not usable.size:
        return
    ratio = seized[usable] / repaid[usable]
    outside = (ratio < RANGE[0]) | (ratio > RANGE[1])
    if not outside.any():
        return
    index = int(usable[int(outside.argmax())])
    sentence = (
        f"{outside.mean():.0%} of the liquidations seize less than {RANGE[0]:.2f} or more than {RANGE[1]:.2f} times"
        f" what they repay (median {float(np.median(ratio)):.3f})"
    )
    value = f"{float(seized[index] / repaid[index]):.4g}"
    if usable.size >= FEWEST and (outside.mean() > SHARE or not RANGE[0] <= float(np.median(ratio)) <= RANGE[1]):
        yield refusal(
            ImplausibleData,
            f"{sentence}: the two sides are swapped, or their prices are of other times",
            count=int(outside.sum()),
            row=index + 1,
            column="collateral_usd/debt_usd",
            value=value,
        )
    else:
        yield Finding(
            code="seize-ratio",
            sentence=f"{sentence}; use these for size, not for profit",
            count=int(outside.sum()),
            row=index + 1,
            column="collateral_usd/debt_usd",
            value=value,
        )
