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

from forecasting.core.book import Book, Floats, RiskParameters
from forecasting.simulations.lenders import Lender
from forecasting.simulations.statement import Statement
from forecasting.simulations.symbols import key
from forecasting.simulations.terms import Terms
from governance.errors import ImplausibleData, InputError

CLOSE = 5e-4  # relative difference of totals and assets that rounding and the moment of pricing explain
AGREE = 1e-4  # relative difference within which accounts agree on a price or a threshold
FEWEST = 3  # accounts that must
STEP = 1.5e-4  # thresholds are published in whole basis points, cut off
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
    parameters = _parameters(stated, held * price, terms=terms, notes=notes)
    own = _own_thresholds(stated, held * price, parameters, notes=notes)
    book = Book(
        accounts=stated.accounts,
        symbols=stated.assets,
        collateral=held,
        debt=owed,
        price=price,
        total_supply=held.sum(axis=0),
        total_debt=owed.sum(axis=0),
        parameters=parameters,
        own_threshold=own,
    )
    _require_health(stated, book)
    if stated.emode.any():
        notes.append(
            f"{stated.name}: {int(stated.emode.sum())} accounts are in an efficiency mode; they are liquidated with the"
            " bonus of their collateral, for the file does not state their own."
        )
    return Lender(name=stated.name, book=book, time=stated.time, block=None, emode=stated.emode, notes=tuple(notes))


def _implied(stated: Statement, price: Floats, r: int) -> float:
    """Return the price of one asset on which most accounts agree whose totals contain it, else NaN."""
    found = []
    for amounts, total in ((stated.held, stated.total_held), (stated.owed, stated.total_owed)):
        others = np.isnan(price)
        others[r] = False
        alone = (amounts[:, r] > 0) & ~(amounts[:, others] > 0).any(axis=1) & np.isfinite(total)
        known = np.where(np.isnan(price), 0.0, price)
        found.append((total[alone] - amounts[alone] @ known) / amounts[alone, r])
    return _agreed(np.concatenate(found))


def _agreed(values: Floats) -> float:
    """Return the median of the positive values on which at least half agree, else NaN."""
    ordered = np.sort(values[values > 0])
    if ordered.size < FEWEST:
        return float("nan")
    until = np.searchsorted(ordered, ordered * (1 + AGREE), side="right")
    count = until - np.arange(ordered.size)
    best = int(np.argmax(count))
    if count[best] < max(FEWEST, ordered.size / 2):
        return float("nan")
    return float(np.median(ordered[best : until[best]]))


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
    for row, r in _not_counted(tokens * price, total):
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


def _parameters(stated: Statement, value: Floats, *, terms: Mapping[str, Terms], notes: list[str]) -> RiskParameters:
    """Return the assets' parameters; those of assets that nobody holds as collateral are 0."""
    count = len(stated.assets)
    lt, lb, ltv = np.zeros(count), np.zeros(count), np.zeros(count)
    guessed: list[str] = []
    missing: list[str] = []
    for r, asset in enumerate(stated.assets):
        if not (value[:, r] > 0).any():
            continue
        told = terms.get(asset, Terms())
        if told.lb is None:
            missing.append(asset)
            continue
        lt[r], lb[r] = _threshold(stated, value, r, told), told.lb
        ltv[r] = lt[r] if told.ltv is None else told.ltv
        if told.ltv is None:
            guessed.append(asset)
    if missing:
        raise InputError(
            f"{stated.name} does not state the liquidation bonus of {', '.join(missing)}; add --parameters"
            f" {missing[0]}=LT,LB, such as {missing[0]}=,0.05 (an empty threshold is the file's own).",
            field="parameters",
            value=missing[0],
        )
    if guessed:
        notes.append(f"{stated.name}: the LTV of {', '.join(guessed)} is not stated, and counts as the threshold.")
    endless = np.full(count, np.inf)
    return RiskParameters(
        ltv=ltv, liquidation_threshold=lt, liquidation_bonus=lb, supply_cap=endless, borrow_cap=endless
    )


def _threshold(stated: Statement, value: Floats, r: int, told: Terms) -> float:
    """Return an asset's threshold: as told, as the file has it, or as those who hold nothing else have it."""
    if told.lt is not None:
        return told.lt
    if stated.threshold[r] > 0:
        return float(stated.threshold[r])
    alone = (value[:, r] > 0) & (value[:, r] >= (1 - CLOSE) * value.sum(axis=1)) & ~stated.emode
    agreed = _agreed(stated.own_threshold[alone])
    if np.isfinite(agreed):
        return agreed
    holders = (value[:, r] > 0) & np.isfinite(stated.own_threshold)
    if not holders.any() or not np.isfinite(stated.own_threshold[value[:, r] > 0]).all():
        raise InputError(
            f"{stated.name} does not state the liquidation threshold of {stated.assets[r]}; add --parameters"
            f" {stated.assets[r]}=LT,LB, such as {stated.assets[r]}=0.8,0.05.",
            field="parameters",
            value=stated.assets[r],
        )
    return float(np.average(stated.own_threshold[holders], weights=value[holders, r]))


def _own_thresholds(stated: Statement, value: Floats, parameters: RiskParameters, *, notes: list[str]) -> Floats:
    """Return the published average threshold of each account that the assets' thresholds do not give."""
    worth = value.sum(axis=1)
    weighted = value @ parameters.liquidation_threshold
    common = np.divide(weighted, worth, out=np.zeros_like(worth), where=worth > 0)
    follows = np.isnan(stated.own_threshold) | (np.abs(common - stated.own_threshold) <= STEP) | (worth == 0)
    own = np.where(follows, np.nan, stated.own_threshold)
    if not follows.all():
        notes.append(
            f"{stated.name}: {int((~follows).sum()):,} of {own.size:,} accounts keep the average threshold that was"
            " published of them; changes of an asset's threshold do not move it."
        )
    return own


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
