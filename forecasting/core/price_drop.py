"""How much debt falls below a health factor of 1 when one price drops, everything else unchanged.

For an account with weighted collateral ``W = sum(C p LT)`` and debt ``D = sum(d p)`` of which ``w`` and ``b`` are in
the falling asset, a drop by the fraction ``x`` leaves ``(W - x w) / (D - x b)``; below 1 the account can be liquidated.
This is a static picture: no liquidation, no reaction, no further price move. The cascade model has those.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

type Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class DropCurve:
    """Debt that can be liquidated at each drop.

    Attributes
    ----------
    drops : (K,) floats
        Fractions by which the price falls.
    debt : (K,) floats
        USD of debt of the accounts below a health factor of 1.
    accounts : (K,) ints
        How many they are.
    """

    drops: Floats
    debt: Floats
    accounts: npt.NDArray[np.int64]


def drop_curve(*, weighted: Floats, debt: Floats, weighted_in: Floats, debt_in: Floats, drops: Floats) -> DropCurve:
    """Return the curve over ``drops``.

    Parameters
    ----------
    weighted, debt : (A,) floats
        Collateral value times threshold, and debt, USD per account.
    weighted_in, debt_in : (A,) floats
        The parts of both that are in the falling asset.
    drops : (K,) floats
        Fractions between 0 and 1.
    """
    left = weighted[:, None] - weighted_in[:, None] * drops
    owed = debt[:, None] - debt_in[:, None] * drops
    below = (left < owed) & (owed > 0)
    return DropCurve(drops=drops, debt=(owed * below).sum(axis=0), accounts=below.sum(axis=0))
