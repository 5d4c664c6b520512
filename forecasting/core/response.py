"""What borrowers do about a change of parameters: two bounds, never mixed.

``"amounts"``
    Nobody moves: token amounts stay. A change of LTV or caps then has no effect on risk; a change of threshold or bonus
    acts on the book as it stands. The lower bound of what a loosening costs.
``"relever"``
    Everybody moves as far as the change lets them: supply grows with a raised supply cap, each account's debt follows
    its threshold-weighted collateral (constant health factor) but stays within its borrowing power if it was, and
    reserve totals stay within the borrow cap unless they were above it. The upper bound.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Literal

import numpy as np

from forecasting.core.book import Book, Floats, RiskParameters

type Response = Literal["amounts", "relever"]


def respond(book: Book, *, parameters: RiskParameters, response: Response) -> Book:
    """Return the book under ``parameters`` after the borrowers' response."""
    if response == "amounts":
        return replace(book, parameters=parameters)
    return _relever(book, parameters)


def _relever(book: Book, after: RiskParameters) -> Book:
    before = book.parameters
    growth = _ratio(after.supply_cap, before.supply_cap)
    collateral = book.collateral * np.maximum(growth, 1.0)  # a lowered cap stops new supply, it sends nobody away
    old = (book.collateral * book.thresholds()) @ book.price
    new = (collateral * book.thresholds(after)) @ book.price
    owed = book.debt @ book.price
    power = collateral @ (book.price * after.ltv)
    limit = np.maximum(np.divide(power, owed, out=np.ones_like(owed), where=owed > 0), 1.0)
    scale = np.minimum(np.divide(new, old, out=np.ones_like(old), where=old > 0), limit)
    debt = book.debt * scale[:, None]
    others = np.maximum(book.total_debt - book.debt.sum(axis=0), 0.0)
    ceiling = np.maximum(after.borrow_cap - others, book.debt.sum(axis=0))
    wanted = debt.sum(axis=0)
    debt *= np.minimum(np.divide(ceiling, wanted, out=np.ones_like(wanted), where=wanted > 0), 1.0)
    return replace(
        book,
        collateral=collateral,
        debt=debt,
        parameters=after,
        total_supply=book.total_supply * np.maximum(growth, 1.0),
        total_debt=others + debt.sum(axis=0),
    )


def _ratio(after: Floats, before: Floats) -> Floats:
    """Return after / before; 1 where either cap is absent."""
    known = np.isfinite(after) & np.isfinite(before) & (before > 0)
    return np.divide(after, before, out=np.ones_like(after), where=known)
