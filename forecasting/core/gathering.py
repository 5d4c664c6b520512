"""Books of one or several protocols as the accounts that the cascade engine runs on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from forecasting.core.book import Book, Floats
from forecasting.core.tables import Accounts, Ints


@dataclass(frozen=True, slots=True, kw_only=True)
class Gathered:
    """The accounts of several books that owe something, riskiest first.

    Attributes
    ----------
    accounts : Accounts
    book, row : (A,) ints
        Which book an account is from, and its row there.
    """

    accounts: Accounts
    book: Ints
    row: Ints


def gather(books: Sequence[Book], *, start: Floats) -> Gathered:
    """Return the accounts of ``books`` (all over the same R assets), ordered by margin at the prices ``start`` (R,)."""
    owing = [np.flatnonzero(book.debt.any(axis=1)) for book in books]
    parts = [
        (book.collateral[rows], book.debt[rows], book.thresholds()[rows])
        for book, rows in zip(books, owing, strict=True)
    ]
    margin = np.concatenate(
        [
            _margins(*part, bonus=book.parameters.liquidation_bonus, price=start)
            for book, part in zip(books, parts, strict=True)
        ]
    )
    order = np.argsort(margin, kind="stable")
    origin = np.repeat(np.arange(len(books)), [rows.size for rows in owing])[order]
    collateral, debt, threshold = (np.concatenate(part).take(order, axis=0) for part in zip(*parts, strict=True))
    held = (collateral > 0) | (debt > 0)
    return Gathered(
        accounts=Accounts(
            first=np.concatenate([[0], np.cumsum(held.sum(axis=1))]),
            asset=np.ascontiguousarray(np.nonzero(held)[1]),  # a column: strided
            collateral=collateral[held],
            debt=debt[held],
            threshold=threshold[held],
            protocol=origin,
            margin=margin[order],
        ),
        book=origin,
        row=np.concatenate(owing)[order],
    )


def _margins(
    collateral: Floats, debt: Floats, threshold: Floats, *, bonus: Floats, price: Floats
) -> npt.NDArray[np.float64]:
    """Return the smaller of each account's health factor and its value over what makes its debt toxic."""
    owed = debt @ price
    dear = np.where(collateral > 0, 1.0 + bonus, 1.0).max(axis=1)
    return np.asarray(np.minimum((collateral * threshold) @ price / owed, collateral @ price / (owed * dear)))
