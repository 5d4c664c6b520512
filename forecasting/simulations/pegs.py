"""How far liquidations drive pegged assets from what they promise to follow, on the path that is told."""

from __future__ import annotations

from typing import Any

import numpy as np

from forecasting.core.book import Floats
from forecasting.core.cascade import CascadeProblem
from forecasting.core.narrative import Narrative
from forecasting.core.staging import Stage
from forecasting.core.worlds.likeness import USD, family, peg_of


def deviations(problem: CascadeProblem, told: Narrative) -> list[dict[str, Any]]:
    """Return the largest deviation of each pegged asset from its base, over the steps with liquidations and the next.

    A deviation is the market price over the base's, against the same ratio at the start, less 1. The base is the
    dollar, or the asset of the book that the others of its family follow; where the book has none, the asset's own path
    without impact stands for it. Assets that keep their pegs are left out.

    Parameters
    ----------
    problem : CascadeProblem
        With one path.
    told : Narrative
        Of this path.
    """
    steps = sorted({step for one in told.rounds for step in (one.step, one.step + 1) if step < problem.paths.shape[1]})
    if not steps:
        return []
    bare, stage = problem.paths[0], Stage.of(problem)
    market = np.stack([stage.run(bare[: step + 1]).tally.price for step in steps]) / problem.book.price
    found = []
    for r, symbol in enumerate(problem.book.symbols):
        if not peg_of(symbol):
            continue
        name, base = _base(problem, symbol, market=market, bare=bare[steps] / problem.book.price, r=r)
        away = market[:, r] / base - 1.0
        at = int(np.abs(away).argmax())
        if away[at]:
            hour = (steps[at] + 1) * problem.step_hours
            found.append({"asset": symbol, "base": name, "deviation": float(away[at]), "hour": hour})
    return found


def _base(problem: CascadeProblem, symbol: str, *, market: Floats, bare: Floats, r: int) -> tuple[str, Floats]:
    """Return what an asset promises to follow, and its prices over the starting ones."""
    if peg_of(symbol) == USD:
        return USD, np.ones(len(market))
    for s, other in enumerate(problem.book.symbols):
        if family(other) == family(symbol) and not peg_of(other):
            return other, market[:, s]
    return f"{peg_of(symbol)} of its path", bare[:, r]
