"""What a setting is worth: borrowing power against tail losses, over the same simulated futures.

``objective = capacity - es99_weight * ES99(stressed bad debt) - borrower_loss_weight * E[borrower loss]``, all in USD.

References
----------
VaR95 of net insolvent debt and LaR95 of liquidated value: Gauntlet's definitions. Expected shortfall as the mean of
the worst share of the sample: Acerbi & Tasche (2002).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from proposals.core.policy import Objective

type Floats = npt.NDArray[np.float64]

DUST = 1.0  # USD; less bad debt than this counts as none


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Futures:
    """What one setting does in P simulated futures.

    Attributes
    ----------
    capacity : float
        What all accounts together may borrow, USD, before anything moves.
    bad_debt, liquidated, borrower_loss : (P,) floats
        USD at the horizon of each path. Path p is the same future for every setting.
    stressed_bad_debt : (P,) floats
        The same with every price move multiplied by the policy's stress.
    """

    capacity: float
    bad_debt: Floats
    liquidated: Floats
    borrower_loss: Floats
    stressed_bad_debt: Floats


@dataclass(frozen=True, slots=True, kw_only=True)
class Numbers:
    """The summary of one setting, in USD; ``probability_bad_debt`` is a share of the paths."""

    capacity: float
    expected_bad_debt: float
    probability_bad_debt: float
    var95: float
    es99: float
    stressed_es99: float
    lar95: float
    borrower_loss: float
    objective: float


def shortfall(losses: Floats, *, level: float = 0.99) -> Floats:
    """Return the mean of the worst ``1 - level`` of the last axis, at least one draw.

    Parameters
    ----------
    losses : (..., P) floats
        Losses of P paths.

    Returns
    -------
    (...) floats
    """
    paths = losses.shape[-1]
    count = max(round((1 - level) * paths), 1)
    tail = np.partition(losses, paths - count, axis=-1)[..., paths - count :]
    return np.asarray(tail.mean(axis=-1))


def summarise(futures: Futures, *, weights: Objective) -> Numbers:
    """Return the numbers of one setting."""
    stressed = float(shortfall(futures.stressed_bad_debt))
    loss = float(futures.borrower_loss.mean())
    return Numbers(
        capacity=futures.capacity,
        expected_bad_debt=float(futures.bad_debt.mean()),
        probability_bad_debt=float((futures.bad_debt > DUST).mean()),
        var95=float(np.quantile(futures.bad_debt, 0.95, method="inverted_cdf")),
        es99=float(shortfall(futures.bad_debt)),
        stressed_es99=stressed,
        lar95=float(np.quantile(futures.liquidated, 0.95, method="inverted_cdf")),
        borrower_loss=loss,
        objective=futures.capacity - weights.es99_weight * stressed - weights.borrower_loss_weight * loss,
    )
