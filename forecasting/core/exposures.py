"""What backs what: the network from collaterals to the debts that they stand behind, and how concentrated a book is.

An account that owes several assets against several collaterals does not say which stands for which. Each of its debts
is spread over its collaterals in proportion to their threshold-weighted value, as the health factor counts them; over
their plain value where no collateral has a threshold above 0.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from forecasting.core.book import Book, Floats
from forecasting.core.volatility.base import rounded

TOP = 10  # accounts that are named


@dataclass(frozen=True, slots=True, kw_only=True)
class Edge:
    """Debt in one asset that another one backs, USD."""

    collateral: str
    debt: str
    usd: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Borrower:
    """One account, what it owes (USD), and its share of all that is owed."""

    account: str
    debt_usd: float
    share: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Exposures:
    """The exposures of one book at its own prices.

    Attributes
    ----------
    edges : tuple of Edge
        Largest first; with ``unbacked`` they sum to ``debt``.
    unbacked : float
        Debt of accounts without any collateral, USD.
    debt : float
        All that is owed, USD.
    top : tuple of Borrower
        The largest, at most `TOP` of them.
    top5, top10, top_percent : float
        Share of the debt that the 5 and 10 largest borrowers owe, and the largest 1 % of them (at least one).
    """

    edges: tuple[Edge, ...]
    unbacked: float
    debt: float
    top: tuple[Borrower, ...]
    top5: float
    top10: float
    top_percent: float


def of(book: Book) -> Exposures:
    """Return the exposures of ``book``."""
    owed = book.debt * book.price
    by_account = owed.sum(axis=1)
    matrix = backing(book).T @ owed
    places = [(int(r), int(s)) for r, s in np.argwhere(matrix > 0)]
    edges = [Edge(collateral=book.symbols[r], debt=book.symbols[s], usd=rounded(matrix[r, s])) for r, s in places]
    bare = ~(book.collateral > 0).any(axis=1)
    whole = float(by_account.sum())
    order = np.argsort(-by_account, kind="stable")[: np.count_nonzero(by_account)]
    largest = by_account[order]

    def share(count: int) -> float:
        return float(largest[:count].sum()) / whole if whole else 0.0

    return Exposures(
        edges=tuple(sorted(edges, key=lambda edge: (-edge.usd, edge.collateral, edge.debt))),
        unbacked=float(by_account[bare].sum()),
        debt=whole,
        top=tuple(
            Borrower(account=book.accounts[k], debt_usd=float(by_account[k]), share=float(by_account[k]) / whole)
            for k in order[:TOP]
        ),
        top5=share(5),
        top10=share(10),
        top_percent=share(-(-order.size // 100)),
    )


def backing(book: Book) -> Floats:
    """Return the (N, R) shares in which an account's collaterals back its debt; rows sum to 1, or 0 without any."""
    value = book.collateral * book.price
    weighted = value * book.thresholds()
    counted = np.where(weighted.any(axis=1, keepdims=True), weighted, value)
    whole = counted.sum(axis=1, keepdims=True)
    return np.divide(counted, whole, out=np.zeros_like(counted), where=whole > 0)
