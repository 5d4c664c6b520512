"""Debts that are backed by what promises to be worth the same: they are bought back within the family.

Whoever liquidates staked ether for a debt of ether swaps the one for the other; he buys no ether for dollars. Purchases
of such a debt asset therefore do not move its price. Sales of the collateral do, and are what pulls the two apart. In
a pool of its own the purchase would send ether up while it sends staked ether down, for one and the same swap.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from forecasting.core import exposures
from forecasting.core.book import Book
from forecasting.core.exchange import Curve, tabulate
from forecasting.core.worlds.likeness import family
from forecasting.simulations.depths import Depths
from governance.formatting import percent
from governance.formatting import usd as dollars

MOSTLY = 0.5  # share of a debt from which the family backs it
# By how much the logarithm of the price at the margin has fallen at the knots of a constant product: the first line is
# its spread, and the last one leads its tail, so both are short.
FALL = np.concatenate([np.geomspace(1e-5, 0.01, 30), np.linspace(0.0, 2.0, 201)[2:], [2.0 + 1e-6]])


def within(found: Depths, books: Sequence[Book]) -> Depths:
    """Return the depth, with purchases that move nothing of each asset whose debt its own family backs."""
    usd, curves, notes = found.usd.copy(), dict(found.curves), list(found.notes)
    symbols, sources = books[0].symbols, list(found.sources)
    for r, (symbol, share) in enumerate(zip(symbols, backed(books), strict=True)):
        if share < MOSTLY or np.isinf(usd[r]):
            continue
        if r not in curves:
            curves[r] = constant_product(float(usd[r]))
            sources[r] = f"{sources[r]}, {dollars(float(usd[r]))} where it is sold"
        usd[r] = np.inf
        notes.append(
            f"{percent(share, digits=0)} of the debt in {symbol} that other assets back is backed by what follows the"
            f" same price; liquidators swap the one for the other, so purchases of {symbol} do not move its price."
            " Sales do."
        )
    return replace(found, usd=usd, curves=curves, sources=tuple(sources), notes=tuple(notes))


def backed(books: Sequence[Book]) -> list[float]:
    """Return the share of each asset's debt that others of its family back, over all books.

    Of the debt that other assets back, that is: what an asset backs of itself is sold and bought at once.
    """
    owed = dict.fromkeys(books[0].symbols, 0.0)
    alike = dict(owed)
    edges = [edge for book in books for edge in exposures.of(book).edges if edge.collateral != edge.debt]
    for edge in edges:
        owed[edge.debt] += edge.usd
        alike[edge.debt] += edge.usd if family(edge.collateral) == family(edge.debt) else 0.0
    return [alike[symbol] / usd if usd else 0.0 for symbol, usd in owed.items()]


def constant_product(depth: float) -> Curve:
    """Return a constant product of some depth (USD) as a table, whose tail goes on as one."""
    return tabulate(lambda sold: sold / (depth + sold), amounts=depth * np.expm1(FALL / 2.0), price=1.0)
