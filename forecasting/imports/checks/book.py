"""Books of positions: totals give the published health factor, prices are in the base currency, balances exist."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from forecasting.imports.reference import FLOOR, STABLE
from forecasting.imports.rows import Finding, Rows, refusal
from governance.errors import ImplausibleData, MixedUnits, WrongNumeraire

DIFFERS = 1e-6
FACTOR = 50  # between what follows and what is published: another unit
NUMERAIRE = 4.7  # decades up to which ether for dollars explains it
SHARE = 0.5
PART = 2.0  # times the total, from which on a part of it is not in its unit
PEG = {"USD": (0.2, 5.0), "ETH": (1e-5, 0.02)}  # of a token that is pegged to the dollar
NEGATIVE = 0.2  # of balances that somebody added up from events


def check(rows: Rows) -> Iterator[Finding]:
    """Find accounts that contradict themselves."""
    if "positions" not in rows.reading:
        return
    yield from _negative(rows)
    if {"collateral", "debt", "threshold", "health_factor"} <= rows.numbers.keys():
        yield from _health(rows)
    if rows.legs is not None:
        yield from _prices(rows.legs, base=rows.words["base"][0])
        yield from _parts(rows, rows.legs)


def _negative(rows: Rows) -> Iterator[Finding]:
    for name in ("collateral", "debt", "health_factor", "amount"):
        if name not in rows.numbers or not (wrong := rows.values(name) < 0).any():
            continue
        index, count = int(wrong.argmax()), int(wrong.sum())
        facts = {"count": count, "row": index + 1, "column": name, "value": rows.value(name, index)}
        if name == "amount" and wrong.mean() < NEGATIVE:
            sentence = "balances below zero: added up from events that are not complete; kept as they are"
            yield Finding(code="negative-balance", sentence=sentence, **facts)  # type: ignore[arg-type]
        else:
            yield refusal(ImplausibleData, "nobody holds or owes less than nothing", **facts)


def _health(rows: Rows) -> Iterator[Finding]:
    debt, published = rows.values("debt"), rows.values("health_factor")
    with np.errstate(divide="ignore", invalid="ignore"):
        ours = rows.values("collateral") * rows.values("threshold") / 1e4 / debt
        ratio = np.where((debt > 0) & (published > 0), ours / published, 1.0)
    strange = (ratio > FACTOR) | (ratio < 1 / FACTOR)
    off = np.abs(ratio - 1) > DIFFERS
    if not off.any():
        return
    index = int((strange if strange.any() else off).argmax())
    sentence = f"collateral * threshold / debt is {ratio[index]:.6g} times the published health factor"
    count = int(strange.sum() or off.sum())
    row, column, value = index + 1, "health_factor", rows.value("health_factor", index)
    if strange.any():
        error = MixedUnits if abs(np.log10(ratio[index])) > NUMERAIRE else WrongNumeraire
        sentence = f"{sentence}: the totals are in different units"
        yield refusal(error, sentence, count=count, row=row, column=column, value=value)
    elif off.mean() > SHARE:
        sentence = f"{sentence}, and most others differ too"
        yield refusal(ImplausibleData, sentence, count=count, row=row, column=column, value=value)
    else:
        yield Finding(code="health-differs", sentence=sentence, count=count, row=row, column=column, value=value)


def _parts(rows: Rows, legs: Rows) -> Iterator[Finding]:
    """Compare what is held of each asset with the total that it is a part of."""
    worth = legs.values("amount") * legs.values("price")
    held = np.flatnonzero((np.array(legs.words["side"]) == "collateral") & np.isfinite(worth))
    if not held.size:
        return
    owner = np.array([int(legs.words["row"][index]) - 1 for index in held])
    wrong = worth[held] > PART * rows.values("collateral")[owner]
    if wrong.mean() > SHARE:
        index, row = int(held[int(wrong.argmax())]), int(owner[int(wrong.argmax())])
        yield refusal(
            WrongNumeraire,
            f"the {legs.words['asset'][index]} alone is worth {worth[index]:.6g} {rows.words['base'][row]}, more than"
            " all collateral: the totals are in another unit than the prices; state it with --quote",
            count=int(wrong.sum()),
            row=row + 1,
            column="collateral",
            value=rows.value("collateral", row),
        )


def _prices(legs: Rows, *, base: str) -> Iterator[Finding]:
    prices = legs.values("price")
    for asset, part in legs.groups("asset"):
        usual = float(np.nanmedian(prices[part])) if np.isfinite(prices[part]).any() else np.nan
        low, high = PEG[base] if asset in STABLE and base in PEG else (0.0, np.inf)
        if base == "USD" and asset in FLOOR:
            low = FLOOR[asset][1]
        if usual < low or usual > high:
            index = int(part[0])
            yield refusal(
                WrongNumeraire,
                f"a price of {asset} in {base} lies between {low:g} and {high:g}; state the book's base with --quote",
                count=int(part.size),
                row=int(legs.words["row"][index]),
                column=f"{asset.lower()}_price",
                value=legs.value("price", index),
            )
