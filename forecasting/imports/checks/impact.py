"""Price impacts are fractions from 0 to 1, and pegged tokens trade near one for one."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from forecasting.imports.reference import STABLE
from forecasting.imports.rows import Finding, Rows, refusal
from governance.errors import ImplausibleData, MixedUnits

PEG = (0.2, 5.0)


def check(rows: Rows) -> Iterator[Finding]:
    """Find quotes that no pool would give."""
    if "sold" not in rows.words:
        return
    impact = rows.values("price_impact")
    wrong = (impact < 0) | (impact > 1)
    if wrong.any():
        index = int(wrong.argmax())
        yield refusal(
            ImplausibleData,
            "a price impact is a fraction from 0 to 1, not a percentage or basis points",
            count=int(wrong.sum()),
            row=index + 1,
            column="price_impact",
            value=rows.value("price_impact", index),
        )
    pegged = [
        a.upper() in STABLE and b.upper() in STABLE
        for a, b in zip(rows.words["sold"], rows.words["bought"], strict=True)
    ]
    with np.errstate(divide="ignore", invalid="ignore"):
        rate = rows.values("amount_out") / rows.values("amount_in")
    odd = np.array(pegged) & (rate > PEG[1])
    if odd.any():
        index = int(odd.argmax())
        yield refusal(
            MixedUnits,
            "one dollar does not buy several: the amounts are in different units; state both in whole tokens",
            count=int(odd.sum()),
            row=index + 1,
            column="amount_out",
            value=rows.value("amount_out", index),
        )
