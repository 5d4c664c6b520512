"""Networks of claims: who pays what when somebody cannot, and how distress spreads before anybody defaults.

Clearing payments are fixed points of ``p = min(owed, claims' p + outside)``, and there may be several: in a circle of
debts without any outside assets everybody can pay, as everybody is paid, or nobody can. `clear` begins with full
payment, as a clearing house would, and so finds the greatest payments, which leave the least losses; a search upwards
from no payment at all would find the least payments. Where every circle of debts has an outside asset, there is only
one fixed point and both find it.

References
----------
Eisenberg & Noe (2001), *Systemic risk in financial systems*: existence, uniqueness and the fictitious-default
algorithm. Battiston et al. (2012), *DebtRank: too central to fail?*: each node passes its distress on once.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from forecasting.core.book import Flags, Floats
from governance.errors import InputError

NEAR = 1e-12  # relative; a payment short by less is a payment in full


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Clearing:
    """Clearing payments of n nodes.

    Attributes
    ----------
    owed, payments, shortfall : (n,) floats
        USD; ``shortfall`` is what is owed and not paid.
    defaulted : (n,) flags
    rounds : int
        Waves of default: 0 when everybody pays.
    """

    owed: Floats
    payments: Floats
    shortfall: Floats
    defaulted: Flags
    rounds: int


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Ranks:
    """Distress of n nodes after it has spread.

    Attributes
    ----------
    distress : (n,) floats
        Share of each node's equity that is lost, at most 1.
    rank : float
        DebtRank: share of all value that distress reached beyond where it began.
    rounds : int
        Steps in which distress was passed on.
    """

    distress: Floats
    rank: float
    rounds: int


def clear(liabilities: Floats, *, outside: Floats) -> Clearing:
    """Return the greatest clearing payments.

    The fictitious-default algorithm: everybody pays in full; who cannot then pays what he has, given what the others
    pay, and so on. At most n waves, each one linear system, which is never singular: nodes that owe only each other
    receive all that they pay, and so do not default together.

    Parameters
    ----------
    liabilities : (n, n) floats
        What ``i`` owes ``j``, USD; of one seniority, so that each is paid the same share.
    outside : (n,) floats
        What ``i`` owns beside its claims, USD, at least 0.

    Raises
    ------
    InputError
        When the matrix is not square, or an amount is negative or missing.
    """
    n = outside.size
    for name, values, shape in (("liabilities", liabilities, (n, n)), ("outside", outside, (n,))):
        if values.shape != shape or not (np.isfinite(values).all() and (values >= 0).all()):
            raise InputError(f"The {name} must be {shape} amounts of at least 0 USD.", field=name)
    owed = liabilities.sum(axis=1)
    share = np.divide(liabilities, owed[:, None], out=np.zeros((n, n)), where=owed[:, None] > 0)
    payments, defaulted, rounds = owed.astype(np.float64), np.zeros(n, dtype=bool), 0
    while True:
        short = defaulted | (share.T @ payments + outside < owed * (1.0 - NEAR))
        if (short == defaulted).all():
            break
        defaulted, rounds = short, rounds + 1
        who = np.flatnonzero(short)
        received = outside[who] + share[~short][:, who].T @ owed[~short]
        payments = owed.astype(np.float64)
        payments[who] = np.linalg.solve(np.eye(who.size) - share[np.ix_(who, who)].T, received)
    payments = np.clip(payments, 0.0, owed)
    return Clearing(owed=owed, payments=payments, shortfall=owed - payments, defaulted=defaulted, rounds=rounds)


def debt_rank(exposures: Floats, *, equity: Floats, distress: Floats, value: Floats | None = None) -> Ranks:
    """Return how distress spreads when each node passes it on once, at the step after it was first hit.

    ``h_i = min(1, h_i + sum_j min(1, exposure_ij / equity_i) h_j)`` over the nodes ``j`` that pass on now.

    Parameters
    ----------
    exposures : (n, n) floats
        What ``i`` loses when ``j`` is worth nothing, USD.
    equity : (n,) floats
        What ``i`` can lose before others do, USD; with 0 any loss is total.
    distress : (n,) floats
        Where it begins: share of each node's equity that is lost.
    value : (n,) floats, optional
        What each node counts in ``rank``; by default what it has at stake in the others, or all the same without any.
    """
    n = equity.size
    shaped = exposures.shape == (n, n) and distress.shape == (n,)
    if not shaped or not ((exposures >= 0).all() and (equity >= 0).all()):
        raise InputError("Exposures (n, n) and equity (n,) of at least 0 USD are needed.", field="exposures")
    if not ((distress >= 0) & (distress <= 1)).all():
        raise InputError("Distress is a share from 0 to 1.", field="distress")
    cushion = np.broadcast_to(equity[:, None], (n, n))
    impact = np.divide(exposures, cushion, out=(exposures > 0).astype(np.float64), where=cushion > 0)
    impact = np.minimum(impact, 1.0) * (1.0 - np.eye(n))
    level, done, rounds = distress.astype(np.float64), np.zeros(n, dtype=bool), 0
    while (active := (level > 0) & ~done).any():
        level = np.minimum(level + impact[:, active] @ level[active], 1.0)
        done |= active
        rounds += 1
    counts = exposures.sum(axis=1) if value is None else value
    counts = counts / counts.sum() if counts.sum() > 0 else np.full(n, 1.0 / n)
    return Ranks(distress=level, rank=float((level - distress) @ counts), rounds=rounds)
