"""Prices are positive and bars make sense; amounts are not negative; what is zero or missing is counted."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from forecasting.imports.rows import Finding, Rows, refusal
from governance.errors import DataError, ImplausibleData, NotPositive

PRICES = ("open", "high", "low", "close", "price")
AMOUNTS = ("volume", "collateral_amount", "collateral_usd", "debt_amount", "debt_usd", "amount_in", "amount_out")
POSSIBLE_ZERO = frozenset({"volume", "collateral_amount", "collateral_usd", "debt_amount", "debt_usd"})


def check(rows: Rows) -> Iterator[Finding]:
    """Find prices and amounts that cannot be."""
    for name in rows.numbers:
        values = rows.values(name)
        if name in PRICES and rows.reading.get("positions") is None:
            yield from _first(rows, name, values <= 0, "a price must be above zero", error=NotPositive)
        elif name in AMOUNTS:
            yield from _first(rows, name, values < 0, "an amount cannot be negative")
            yield from _zeros(rows, name, values == 0)
            yield from _missing(name, np.isnan(values))
    yield from _bars(rows)


def _first(
    rows: Rows, name: str, wrong: np.ndarray, right: str, *, error: type[DataError] = ImplausibleData
) -> Iterator[Finding]:
    if wrong.any():
        index = int(wrong.argmax())
        yield refusal(
            error,
            right,
            count=int(wrong.sum()),
            row=index + 1,
            column=name,
            value=rows.value(name, index),
        )


def _zeros(rows: Rows, name: str, zero: np.ndarray) -> Iterator[Finding]:
    if not zero.any():
        return
    if name not in POSSIBLE_ZERO:
        yield from _first(rows, name, zero, "an amount must be above zero")
    else:
        index = int(zero.argmax())
        yield Finding(
            code="zero", sentence=f"{name} is zero", count=int(zero.sum()), row=index + 1, column=name, value="0"
        )


def _missing(name: str, missing: np.ndarray) -> Iterator[Finding]:
    if missing.any():
        index = int(missing.argmax())
        yield Finding(
            code="missing", sentence=f"{name} is not stated", count=int(missing.sum()), row=index + 1, column=name
        )


def _bars(rows: Rows) -> Iterator[Finding]:
    if "high" not in rows.numbers:
        return
    opened, closed = rows.values("open"), rows.values("close")
    for name, wrong in (
        ("high", rows.values("high") < np.maximum(opened, closed)),
        ("low", rows.values("low") > np.minimum(opened, closed)),
    ):
        yield from _first(rows, name, wrong, f"the {name} of a bar must enclose its open and close")
