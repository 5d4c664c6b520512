"""Protocols' accounts over columns of their own, and as books over common columns, in which they share depth."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from forecasting.core.book import Book, Floats, RiskParameters
from forecasting.simulations.symbols import key
from governance.errors import InputError

APART = 1e-3  # relative difference of two protocols' prices of one asset from which it is told


@dataclass(frozen=True, slots=True, kw_only=True)
class Lender:
    """One protocol.

    Attributes
    ----------
    name : str
    book : Book
        Over its own columns, at its own prices.
    time : int or None
        Unix seconds; None: its file does not say.
    block : int or None
        None: not from a chain.
    emode : (N,) bools
        Accounts whose own threshold goes with a bonus of its own, which the book does not know; none where they are
        liquidated with the bonus that a person states of their collateral.
    notes : tuple of str
        What was taken for granted.
    """

    name: str
    book: Book
    time: int | None
    block: int | None
    emode: np.typing.NDArray[np.bool_]
    notes: tuple[str, ...] = field(default=())


@dataclass(frozen=True, slots=True, kw_only=True)
class Laid:
    """Books over common columns, at common prices, and what was taken for granted for that."""

    books: tuple[Book, ...]
    notes: tuple[str, ...]


def lay(lenders: Sequence[Lender]) -> Laid:
    """Return the books of ``lenders`` over the columns that any account holds or owes.

    Prices are those of the first that has the asset. Where another has a different price, its tokens are counted anew,
    so that its accounts are worth what they were.

    Raises
    ------
    InputError
        When nobody owes anything.
    """
    symbols: dict[str, str] = {}
    price: dict[str, float] = {}
    for lender in lenders:
        for r in used(lender.book):
            symbol = lender.book.symbols[r]
            symbols.setdefault(key(symbol), symbol)
            price.setdefault(key(symbol), float(lender.book.price[r]))
    if not any(lender.book.debt.any() for lender in lenders):
        names = ", ".join(lender.name for lender in lenders)
        raise InputError(f"Nobody owes anything in {names}; there is nothing to simulate.", field="book", value=names)
    notes: list[str] = []
    books = []
    for lender in lenders:
        apart = _apart(lender.book, price)
        if apart:
            told = ", ".join(f"{symbol} at {own:,.6g} USD, not {common:,.6g}" for symbol, own, common in apart)
            notes.append(
                f"{lender.name} has {told}: its tokens are counted anew, so that accounts are worth what they were."
            )
        books.append(_over(lender.book, symbols=symbols, price=price))
    return Laid(books=tuple(books), notes=tuple(notes))


def used(book: Book) -> list[int]:
    """Return the columns that some account holds or owes."""
    return [int(r) for r in np.flatnonzero(book.collateral.any(axis=0) | book.debt.any(axis=0))]


def require_sound(lender: Lender) -> None:
    """Check what a liquidation could not mend: negative balances, and thresholds that make liquidations harmful.

    Raises
    ------
    InputError
        Naming the account or the asset.
    """
    book = lender.book
    for name in ("collateral", "debt"):
        values = getattr(book, name)
        wrong = np.argwhere(~(values >= 0))
        if wrong.size:
            row, r = wrong[0]
            raise InputError(
                f"{lender.name}: {book.accounts[row]} has a {name} of {values[row, r]:g} {book.symbols[r]}; it must be"
                " at least 0.",
                field=book.accounts[row],
                value=float(values[row, r]),
            )
    terms = book.parameters
    for r, symbol in enumerate(book.symbols):
        _require_healing(lender.name, symbol, float(terms.liquidation_threshold[r]), float(terms.liquidation_bonus[r]))
    dearest = np.where(book.collateral > 0, terms.liquidation_bonus, 0.0).max(axis=1, initial=0.0)
    own = np.where(np.isnan(book.own_threshold) | lender.emode, 0.0, book.own_threshold)
    for row in np.flatnonzero(own * (1.0 + dearest) >= 1.0)[:1]:
        r = int(np.where(book.collateral[row] > 0, terms.liquidation_bonus, -1.0).argmax())
        most = 1.0 / own[row] - 1.0
        remedy = f" State a lower bonus: --parameters {book.symbols[r]}=,LB, with LB below {most:.4g}."
        _require_healing(lender.name, book.accounts[row], float(own[row]), float(dearest[row]), remedy=remedy)


def _require_healing(name: str, item: str, threshold: float, bonus: float, *, remedy: str = "") -> None:
    if threshold * (1.0 + bonus) >= 1.0:
        raise InputError(
            f"{name}: {item} has a threshold of {threshold:g} with a bonus of {bonus:g}; it must be below"
            f" 1 / (1 + bonus) = {1 / (1 + bonus):.6g}, or each liquidation makes an account worse.{remedy}",
            field=item,
            value=threshold,
        )


def _apart(book: Book, price: Mapping[str, float]) -> list[tuple[str, float, float]]:
    found = [(book.symbols[r], float(book.price[r]), price[key(book.symbols[r])]) for r in used(book)]
    return [row for row in found if abs(row[1] / row[2] - 1.0) > APART]


def _over(book: Book, *, symbols: Mapping[str, str], price: Mapping[str, float]) -> Book:
    own = {key(symbol): r for r, symbol in enumerate(book.symbols)}
    at = [own.get(name) for name in symbols]
    common = np.array([price[name] for name in symbols])
    scale = np.array(
        [1.0 if r is None or book.price[r] == common[i] else book.price[r] / common[i] for i, r in enumerate(at)]
    )

    def spread(values: Floats, missing: float) -> Floats:
        blank = np.full((*values.shape[:-1], len(at)), missing)
        for i, r in enumerate(at):
            if r is not None:
                blank[..., i] = values[..., r]
        return blank

    terms = book.parameters
    return Book(
        accounts=book.accounts,
        symbols=tuple(symbols.values()),
        collateral=spread(book.collateral, 0.0) * scale,
        debt=spread(book.debt, 0.0) * scale,
        price=common,
        total_supply=spread(book.total_supply, 0.0) * scale,
        total_debt=spread(book.total_debt, 0.0) * scale,
        parameters=RiskParameters(
            ltv=spread(terms.ltv, 0.0),
            liquidation_threshold=spread(terms.liquidation_threshold, 0.0),
            liquidation_bonus=spread(terms.liquidation_bonus, 0.0),
            supply_cap=spread(terms.supply_cap, np.inf) * scale,
            borrow_cap=spread(terms.borrow_cap, np.inf) * scale,
        ),
        own_threshold=book.own_threshold,
    )
