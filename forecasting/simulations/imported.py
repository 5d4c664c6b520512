"""A book from what a file states: every account worth what was published, and none left out.

Totals are the truth where they are published. What an account's named assets do not explain of them is in assets that
the file does not name; a person says which (``--as``), or the book is refused. Named assets that are worth the total
within `CLOSE` are all there is, and are scaled to it. An asset without a price has the one on which most accounts agree
whose totals contain it, if they do.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from forecasting.core.book import Book, Floats
from forecasting.simulations import thresholds
from forecasting.simulations.lenders import Lender
from forecasting.simulations.statement import Statement
from forecasting.simulations.symbols import key
from forecasting.simulations.terms import Terms
from forecasting.simulations.thresholds import AGREE, CLOSE, agreed
from governance.errors import ImplausibleData, InputError

HEALTH = 1e-3  # relative difference from published health factors at which a book is refused
BASES = {"USD": "", "ETH": "WETH"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """What totals that no asset explains consist of, by `key`."""

    collateral: str
    debt: str


def pair(text: str) -> Pair | None:
    """Return what ``--as COLLATERAL/DEBT`` says; None where it is empty.

    Raises
    ------
    InputError
        When it names not two assets.
    """
    if not text:
        return None
    collateral, _, debt = text.partition("/")
    if not collateral.strip() or not debt.strip() or "/" in debt:
        raise InputError(f"--as is {text}; write COLLATERAL/DEBT, such as WBTC/USDC.", field="as", value=text)
    return Pair(collateral=key(collateral), debt=key(debt))


def completed(stated: Statement, chosen: Pair | None) -> Statement:
    """Return the statement with columns for the pair, and with prices that follow from its own totals."""
    names = [] if chosen is None else [chosen.collateral, chosen.debt]
    for name in names:
        if name not in stated.assets:
            blank = np.zeros((len(stated.accounts), 1))
            stated = replace(
                stated,
                assets=(*stated.assets, name),
                held=np.hstack([stated.held, blank]),
                owed=np.hstack([stated.owed, blank]),
                price=np.append(stated.price, np.nan),
                threshold=np.append(stated.threshold, np.nan),
            )
    price = stated.price.copy()
    for r, asset in enumerate(stated.assets):
        if np.isnan(price[r]) and asset == BASES.get(stated.base, ""):
            price[r] = 1.0
    for column in np.flatnonzero(np.isnan(price)):
        price[column] = _implied(stated, price, int(column))
    return replace(stated, price=price)


def unpriced(stated: Statement) -> tuple[str, ...]:
    """Return the assets of which a price in dollars is needed besides what the (completed) statement says."""
    if stated.base not in BASES:
        raise InputError(f"{stated.name} counts in {stated.base}; books in USD or ETH are read.", field="book")
    base = [BASES[stated.base]] if BASES[stated.base] else []
    missing = [asset for r, asset in enumerate(stated.assets) if np.isnan(stated.price[r])]
    return tuple(dict.fromkeys([*base, *missing]))


def lender(
    stated: Statement, *, dollars: Mapping[str, float], chosen: Pair | None, terms: Mapping[str, Terms]
) -> Lender:
    """Return the protocol of a completed statement.

    Parameters
    ----------
    stated : Statement
    dollars : mapping of str to float
        USD a token of what `unpriced` named.
    chosen : Pair or None
    terms : mapping of str to Terms

    Raises
    ------
    InputError
        When totals are not explained, or a bonus or threshold is missing; names the account or asset.
    ImplausibleData
        When an account's assets are worth more than its total, or its health factor is not the published one.
    """
    unit = dollars[BASES[stated.base]] if BASES[stated.base] else 1.0
    price = np.array(
        [
            dollars[asset] if np.isnan(stated.price[r]) else stated.price[r] * unit
            for r, asset in enumerate(stated.assets)
        ]
    )
    notes: list[str] = []
    held = _explained(stated, "collateral", price=price, unit=unit, chosen=chosen, notes=notes)
    owed = _explained(stated, "debt", price=price, unit=unit, chosen=chosen, notes=notes)
    parameters = thresholds.parameters(stated, held * price, terms=terms, notes=notes)
    theirs = thresholds.of_file(stated, held * price, terms=terms, ours=parameters)
    book = Book(
        accounts=stated.accounts,
        symbols=stated.assets,
        collateral=held,
        debt=owed,
        price=price,
        total_supply=np.maximum(held.sum(axis=0), owed.sum(axis=0)),
        total_debt=owed.sum(axis=0),
        parameters=theirs,
        own_threshold=thresholds.averages(stated, held * price, theirs),
    )
    _require_health(stated, book)
    book = thresholds.restated(stated, book, terms=terms, ours=parameters)
    notes += _taken_for_granted(stated, book)
    return Lender(
        name=stated.name,
        book=book,
        time=stated.time,
        block=None,
        emode=np.zeros_like(stated.emode),  # their bonus is that of their collateral, as everybody's
        notes=tuple(notes),
    )


def _implied(stated: Statement, price: Floats, r: int) -> float:
    """Return the price of one asset on which most accounts agree whose totals contain it, else NaN."""
    found = []
    for amounts, total in ((stated.held, stated.total_held), (stated.owed, stated.total_owed)):
        others = np.isnan(price)
        others[r] = False
        alone = (amounts[:, r] > 0) & ~(amounts[:, others] > 0).any(axis=1) & np.isfinite(total)
        known = np.where(np.isnan(price), 0.0, price)
        found.append((total[alone] - amounts[alone] @ known) / amounts[alone, r])
    return agreed(np.concatenate(found))


def _explained(
    stated: Statement, side: str, *, price: Floats, unit: float, chosen: Pair | None, notes: list[str]
) -> Floats:
    """Return the (N, A) tokens of one side, worth what was published."""
    tokens, total = (
        (stated.held.copy(), stated.total_held * unit)
        if side == "collateral"
        else (stated.owed.copy(), stated.total_owed * unit)
    )
    known = np.isfinite(total)
    for row, r in _not_counted(tokens * price, total) if side == "collateral" else ():  # a debt always counts
        notes.append(
            f"{stated.name}: {stated.accounts[row]}'s {tokens[row, r]:,.6g} {stated.assets[r]} are not in its published"
            f" {side}, so they are not enabled and do not count."
        )
        tokens[row, r] = 0.0
    value = tokens @ price
    gap = np.where(known, total - value, 0.0)
    over = np.flatnonzero(gap < -CLOSE * np.abs(total))
    if over.size:
        row = int(over[0])
        raise ImplausibleData(
            f"{stated.name}: the assets of {stated.accounts[row]} are worth {value[row]:,.2f} USD of {side}, its total"
            f" {total[row]:,.2f}.",
            account=stated.accounts[row],
        )
    near = known & (np.abs(gap) <= CLOSE * np.abs(total)) & (value > 0)
    tokens[near] *= (total[near] / value[near])[:, None]
    rest = np.flatnonzero(known & ~near & (gap > 0))
    if rest.size:
        r = _column(stated, side, rows=rest, gap=gap, total=total, chosen=chosen)
        tokens[rest, r] += gap[rest] / price[r]
        notes.append(
            f"{stated.name}: {gap[rest].sum():,.0f} USD of {side} of {rest.size:,} accounts are in no asset that the"
            f" file names, and count as {stated.assets[r]}."
        )
    moved = np.abs(gap[near] / total[near]).max(initial=0.0)
    if moved > AGREE / 100:
        notes.append(
            f"{stated.name}: tokens of {side} are scaled by up to {100 * moved:.3f} %, so that totals are as published."
        )
    return tokens


def _not_counted(value: Floats, total: Floats) -> list[tuple[int, int]]:
    """Return the holdings without which an account's assets are worth its total, where they are worth more with it."""
    found = []
    slack = CLOSE * np.abs(total)
    for row in np.flatnonzero(value.sum(axis=1) - total > slack):
        without = value[row].sum() - value[row] - total[row]
        fits = np.flatnonzero((np.abs(without) <= slack[row]) & (value[row] > 0))
        found += [(int(row), int(r)) for r in fits[:1]]
    return found


def _column(
    stated: Statement, side: str, *, rows: np.typing.NDArray[np.int64], gap: Floats, total: Floats, chosen: Pair | None
) -> int:
    """Return the column of what the file does not name."""
    if chosen is None:
        row = int(rows[np.argmax(gap[rows])])
        raise InputError(
            f"{stated.name}: {gap[row]:,.0f} of {total[row]:,.0f} USD of {side} of {stated.accounts[row]} are in no"
            f" asset that the file names (so it is of {rows.size:,} accounts); say what they are with --as"
            " COLLATERAL/DEBT, such as --as WBTC/USDC.",
            field="as",
            value=stated.accounts[row],
        )
    return stated.assets.index(chosen.collateral if side == "collateral" else chosen.debt)


def _taken_for_granted(stated: Statement, book: Book) -> list[str]:
    """Return what is assumed of thresholds, bonuses and lenders."""
    notes = []
    kept = np.isfinite(book.own_threshold)
    if kept.any():
        notes.append(
            f"{stated.name}: {int(kept.sum()):,} of {kept.size:,} accounts keep the average threshold that was"
            " published of them, moved by what --parameters states; other changes of an asset's threshold do not move"
            " it."
        )
    if stated.emode.any():
        notes.append(
            f"{stated.name}: {int(stated.emode.sum())} accounts are in an efficiency mode; they keep its threshold, and"
            " are liquidated with the bonus of their collateral, for the file does not state their own."
        )
    lent = [a for r, a in enumerate(book.symbols) if book.total_debt[r] > book.collateral[:, r].sum()]
    if lent:
        notes.append(
            f"{stated.name} does not say who lends {', '.join(lent)}; as much is taken to be supplied as is owed, so"
            " what a receipt of it loses is at most what is told."
        )
    return notes


def _require_health(stated: Statement, book: Book) -> None:
    """Check the book against the published health factors.

    Raises
    ------
    ImplausibleData
        Naming the first account that differs.
    """
    factors = book.health_factors()
    known = np.isfinite(stated.health) & np.isfinite(factors) & (stated.health > 0)
    apart = np.zeros_like(factors)
    apart[known] = np.abs(factors[known] / stated.health[known] - 1.0)
    for row in np.flatnonzero(apart > HEALTH)[:1]:
        raise ImplausibleData(
            f"{stated.name}: the book gives {stated.accounts[row]} a health factor of {factors[row]:.6f}, the file"
            f" {stated.health[row]:.6f}.",
            account=stated.accounts[row],
        )
