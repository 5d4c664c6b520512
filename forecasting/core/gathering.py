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
    parts = [_holdings(book, start=start) for book in books]
    first = np.cumsum([0, *np.concatenate([part.count for part in parts])])
    asset, collateral, debt, threshold = (
        np.concatenate([getattr(part, name) for part in parts]) for name in ("asset", "collateral", "debt", "threshold")
    )
    margin = np.concatenate([part.margin for part in parts])
    origin = np.repeat(np.arange(len(parts)), [part.row.size for part in parts])
    order = np.argsort(margin, kind="stable")
    count = np.diff(first)[order]
    ordered = np.concatenate([[0], np.cumsum(count)])
    # The holdings of the account at place i begin at first[order[i]]; spell out all of their places.
    at = np.repeat(first[:-1][order] - ordered[:-1], count) + np.arange(ordered[-1])
    return Gathered(
        accounts=Accounts(
            first=ordered.astype(np.int64),
            asset=asset[at],
            collateral=collateral[at],
            debt=debt[at],
            threshold=threshold[at],
            protocol=origin[order],
            margin=margin[order],
        ),
        book=origin[order],
        row=np.concatenate([part.row for part in parts])[order],
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Holdings:
    row: Ints
    count: Ints
    asset: Ints
    collateral: Floats
    debt: Floats
    threshold: Floats
    margin: Floats


def _holdings(book: Book, *, start: Floats) -> _Holdings:
    rows = np.flatnonzero(book.debt.any(axis=1))
    collateral, debt, threshold = book.collateral[rows], book.debt[rows], book.thresholds()[rows]
    present = (collateral > 0) | (debt > 0)
    owner, asset = np.nonzero(present)
    return _Holdings(
        row=rows,
        count=np.bincount(owner, minlength=rows.size),
        asset=asset,
        collateral=collateral[present],
        debt=debt[present],
        threshold=threshold[present],
        margin=_margins(collateral, debt, threshold, bonus=book.parameters.liquidation_bonus, price=start),
    )


def _margins(
    collateral: Floats, debt: Floats, threshold: Floats, *, bonus: Floats, price: Floats
) -> npt.NDArray[np.float64]:
    """Return the smaller of each account's health factor and its value over what makes its debt toxic."""
    owed = debt @ price
    dear = np.where(collateral > 0, 1.0 + bonus, 1.0).max(axis=1)
    return np.asarray(np.minimum((collateral * threshold) @ price / owed, collateral @ price / (owed * dear)))
