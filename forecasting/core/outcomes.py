"""What a cascade problem comes to: distributions, parties, the verdict on cascades, and who carries the risk.

Every number is an estimate over weighted paths with its interval. `Outcome` needs two runs on the same paths, with the
impact of liquidations and without. A path is a cascade when it liquidates at least ``amplification`` times as much with
impact as without, and liquidates in at least ``rounds`` successive steps.

References
----------
VaR95 of net insolvent debt and LaR95 of liquidated value: Gauntlet's definitions, at the horizon. Contributions to ES:
the losses on the paths of the tail, which sum to it (Tasche, 1999).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from forecasting.core import tables, weighted
from forecasting.core.book import Floats
from forecasting.core.cascade import CascadeProblem
from forecasting.core.losses import Estimate, LossSummary
from governance.errors import InputError


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """From when liquidations count as a cascade: the ratio with impact to without, and successive rounds."""

    amplification: float = 1.5
    rounds: int = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Parties:
    """Mean losses, USD at market prices; negative is a gain. The first four sum to 0 at the moment of each trade.

    Attributes
    ----------
    borrowers : Estimate
        Collateral taken less debt repaid.
    liquidators : Estimate
        The negative of their profit.
    costs : Estimate
        The negative of what liquidators paid to get their transactions in.
    traders : Estimate
        The negative of what liquidity providers gained on each trade, at the price before it.
    lenders : Estimate
        Bad debt.
    providers : Estimate
        What liquidity providers lost on all trades by the horizon, at its market prices.
    """

    borrowers: Estimate
    liquidators: Estimate
    costs: Estimate
    traders: Estimate
    lenders: Estimate
    providers: Estimate


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """The outcome of P paths over M protocols and R assets.

    Attributes
    ----------
    bad_debt, liquidated : LossSummary
        All protocols together, USD; ``bad_debt.var95`` is VaR95, ``liquidated.var95`` LaR95.
    protocols : tuple of LossSummary
        Bad debt of each, the book first.
    parties : Parties
    amplification : float
        Mean liquidated with impact over without.
    cascade : Estimate
        Probability of a cascade.
    ruin : Estimate, optional
        Probability that the book's bad debt exceeds the reserve, where one was given.
    backlog, toxic, peak : Estimate
        At the horizon: debt below a health factor of 1, and debt that a liquidation makes worse; and the most that was
        left undone at the end of a step, USD.
    clearing_hours : LossSummary
        The longest time that debt was left undone; at most the horizon.
    toxic_share : float
        Toxic debt over all that was owed at the start.
    lost, seized : tuple of float
        Mean bad debt by the asset owed, and collateral seized by asset at the horizon's market prices, USD.
    effective_paths : float
        Equally weighted paths that would tell as much.
    error : float, optional
        Standard error of the bad debt's ES99 over it; None where no loss was seen, which tells none.
    tally, calm : Tally
        The runs with and without impact.
    """

    bad_debt: LossSummary
    liquidated: LossSummary
    protocols: tuple[LossSummary, ...]
    parties: Parties
    amplification: float
    cascade: Estimate
    ruin: Estimate | None
    backlog: Estimate
    toxic: Estimate
    peak: Estimate
    clearing_hours: LossSummary
    toxic_share: float
    lost: tuple[float, ...]
    seized: tuple[float, ...]
    effective_paths: float
    error: float | None
    tally: tables.Tally
    calm: tables.Tally


def assess(problem: CascadeProblem, *, reserve: float | None = None, limits: Limits | None = None) -> Outcome:
    """Return the outcome of a problem.

    Parameters
    ----------
    problem : CascadeProblem
    reserve : float, optional
        USD that stand behind the book's bad debt.
    limits : Limits, optional
    """
    return summarise(problem, problem.run(), problem.calm().run(), reserve=reserve, limits=limits)


def summarise(
    problem: CascadeProblem,
    tally: tables.Tally,
    calm: tables.Tally,
    *,
    reserve: float | None = None,
    limits: Limits | None = None,
) -> Outcome:
    """Return the outcome of runs that were made elsewhere, in pieces or not; ``problem`` gives book and weights."""
    chosen, weights, totals = limits or Limits(), problem.weights, tally.totals
    liquidated, without = totals[:, tables.LIQUIDATED], calm.totals[:, tables.LIQUIDATED]
    bad_debt = weighted.summarise(totals[:, tables.BAD_DEBT], weights)
    cascades = (liquidated >= chosen.amplification * without) & (liquidated > 0)
    cascades &= totals[:, tables.STREAK] >= chosen.rounds
    share = np.full(liquidated.size, 1.0 / liquidated.size) if weights is None else weights / weights.sum()
    calm_mean, toxic = float(share @ without), weighted.mean(totals[:, tables.TOXIC], weights)
    books = [problem.book, *(other.book for other in problem.beside)]
    owed = sum(float((book.debt @ problem.book.price).sum()) for book in books)
    return Outcome(
        bad_debt=bad_debt,
        liquidated=weighted.summarise(liquidated, weights),
        protocols=tuple(
            weighted.summarise(tally.parts[:, m, tables.BAD_DEBT], weights) for m in range(tally.parts.shape[1])
        ),
        parties=_parties(tally, weights),
        amplification=float(share @ liquidated) / calm_mean if calm_mean else 1.0,
        cascade=weighted.probability(cascades, weights),
        ruin=None if reserve is None else weighted.probability(tally.parts[:, 0, tables.BAD_DEBT] > reserve, weights),
        backlog=weighted.mean(totals[:, tables.BACKLOG], weights),
        toxic=toxic,
        peak=weighted.mean(totals[:, tables.PEAK], weights),
        clearing_hours=weighted.summarise(totals[:, tables.CLEARING] * problem.step_hours, weights, threshold=0.0),
        toxic_share=toxic.value / owed if owed else 0.0,
        lost=tuple(float(v) for v in share @ tally.lost),
        seized=tuple(float(v) for v in share @ (tally.seized * tally.price)),
        effective_paths=float(liquidated.size) if weights is None else weighted.effective(weights),
        error=relative_error(bad_debt),
        tally=tally,
        calm=calm,
    )


def relative_error(summary: LossSummary) -> float | None:
    """Return the standard error of ES99 over ES99; None where no loss was seen, for that tells no error."""
    return weighted.standard_error(summary.es99) / summary.es99.value if summary.positive.value else None


def precise(summary: LossSummary, target: float) -> bool:
    """Return whether the relative error of ES99 is known, and below ``target``."""
    error = relative_error(summary)
    return error is not None and error < target


def _parties(tally: tables.Tally, weights: Floats | None) -> Parties:
    totals = tally.totals
    flow = ((tally.seized - tally.repaid) * tally.price).sum(axis=1)
    return Parties(
        borrowers=weighted.mean(totals[:, tables.BORROWERS], weights),
        liquidators=weighted.mean(-totals[:, tables.PROFIT], weights),
        costs=weighted.mean(-totals[:, tables.COSTS], weights),
        traders=weighted.mean(-totals[:, tables.SLIPPAGE], weights),
        lenders=weighted.mean(totals[:, tables.BAD_DEBT], weights),
        providers=weighted.mean(totals[:, tables.CASH] - flow, weights),
    )


def until_precise(
    draw: Callable[[int, int], CascadeProblem],
    *,
    target: float = 0.1,
    block: int = 1000,
    most: int = 100_000,
    reserve: float | None = None,
    limits: Limits | None = None,
) -> tuple[Outcome, bool]:
    """Run blocks of paths until SE(ES99) / ES99 of the bad debt is below ``target``.

    Two blocks are run at least: the tail of one block is too few paths to tell its own error by.

    Parameters
    ----------
    draw : callable
        Takes the first path and the number of paths; returns the problem on these paths alone. With counter-based
        random numbers the result does not depend on ``block``, but for where it stops.
    target : float
    block, most : int
        Paths at a time, and at most.
    reserve, limits
        See `assess`.

    Returns
    -------
    tuple of Outcome and bool
        The outcome, and whether the target was reached; it never is where no path has a loss.
    """
    if target <= 0 or block < 1 or most < block:
        raise InputError(
            f"Paths from {block} to {most} and an error below {target} cannot be asked for.", field="target"
        )
    pieces: list[tuple[CascadeProblem, tables.Tally, tables.Tally]] = []
    while True:
        count = sum(problem.paths.shape[0] for problem, _, _ in pieces)
        problem = draw(count, min(block, most - count))
        pieces.append((problem, problem.run(), problem.calm().run()))
        outcome = join(pieces, reserve=reserve, limits=limits)
        done = len(pieces) > 1 and precise(outcome.bad_debt, target)
        if done or count + problem.paths.shape[0] >= most:
            return outcome, done


def join(
    pieces: Sequence[tuple[CascadeProblem, tables.Tally, tables.Tally]],
    *,
    reserve: float | None = None,
    limits: Limits | None = None,
) -> Outcome:
    """Return the outcome of pieces of the paths, in their order: problem, run, and run without impact of each."""
    first = pieces[0][0]
    weights = None
    if first.weights is not None:
        weights = np.concatenate([problem.weights for problem, _, _ in pieces if problem.weights is not None])
    paths = np.concatenate([problem.paths[:, -1:] for problem, _, _ in pieces])
    whole = replace(first, paths=paths, weights=weights)
    tally, calm = _stack([piece[1] for piece in pieces]), _stack([piece[2] for piece in pieces])
    return summarise(whole, tally, calm, reserve=reserve, limits=limits)


def _stack(tallies: Sequence[tables.Tally]) -> tables.Tally:
    return tables.Tally(*(np.concatenate(column) for column in zip(*tallies, strict=True)))
