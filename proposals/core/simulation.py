"""One reserve's settings on the futures of one cascade problem, calm and stressed.

Borrowers respond to a change, and how they do is not known, so each setting is judged by the response that hurts:

- where the liquidation threshold falls, nobody repays (``amounts``);
- else everybody uses all the room that the change gives (``relever``).

Both responses of the chosen setting are reported as bounds.

Each setting also runs through the same futures with every price move multiplied (``stress``). In quiet weather the
plain futures may hold no loss at all, and what costs nothing in the sample would always be recommended.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from forecasting.core.cascade import CascadeProblem
from forecasting.core.response import Response
from governance.domain.units import BPS
from proposals.core.objective import Floats, Futures
from proposals.core.policy import Search
from proposals.core.search import Setting

YEAR_HOURS = 365 * 24


@dataclass(frozen=True, slots=True, kw_only=True)
class Simulation:
    """A cascade problem seen from one reserve.

    Attributes
    ----------
    plain, stressed : CascadeProblem
        The book on the forecast's futures, and on the stressed ones; the same for every setting.
    volatility : (P,) floats
        Annual volatility that the reserve's price realises on each plain path, without liquidations.
    reserve : int
        The reserve's column in the book.
    current : Mapping
        Today's value of every parameter.
    """

    plain: CascadeProblem
    stressed: CascadeProblem
    volatility: Floats
    reserve: int
    current: Setting

    def judged(self, setting: Setting) -> Futures:
        """Return the losses under the response that hurts."""
        falls = setting["liquidation_threshold"] < self.current["liquidation_threshold"]
        return self.under(setting, response="amounts" if falls else "relever")

    def under(self, setting: Setting, *, response: Response) -> Futures:
        """Return the losses under one response of the borrowers."""
        changes = {name: value for name, value in setting.items() if value != self.current[name]}
        parameters = self.plain.book.parameters.changed(reserve=self.reserve, changes=changes)
        plain = self.plain.evaluate(parameters, response=response)
        stressed = self.stressed.evaluate(parameters, response=response)
        return Futures(
            capacity=plain.borrow_capacity,
            bad_debt=plain.bad_debt_paths,
            liquidated=plain.liquidated_paths,
            borrower_loss=plain.borrower_loss_paths,
            stressed_bad_debt=stressed.bad_debt_paths,
        )


def pose(problem: CascadeProblem, *, reserve: int, current: Setting, settings: Search) -> Simulation:
    """Return the simulation of one reserve's settings.

    Parameters
    ----------
    problem : CascadeProblem
        The forecast's.
    reserve : int
        The reserve's column in the book.
    current : Mapping
        Today's value of every parameter.
    settings : Search
        ``step_hours`` and ``stress_bps`` of the policy.
    """
    plain = coarsened(problem, hours=settings.step_hours)
    start = problem.book.price
    moves = np.log(plain.paths / start) * (settings.stress_bps / BPS)
    return Simulation(
        plain=plain,
        stressed=replace(plain, paths=start * np.exp(moves)),
        volatility=_volatility(problem, reserve),
        reserve=reserve,
        current=current,
    )


def coarsened(problem: CascadeProblem, *, hours: int) -> CascadeProblem:
    """Return ``problem`` with a look at the market every ``hours``, the last one at the horizon."""
    every = max(round(hours / problem.step_hours), 1)
    first = (problem.paths.shape[1] - 1) % every
    paths = np.ascontiguousarray(problem.paths[:, first::every])
    return replace(problem, paths=paths, step_hours=problem.step_hours * every)


def _volatility(problem: CascadeProblem, reserve: int) -> Floats:
    prices = problem.paths[:, :, reserve]
    start = np.full((prices.shape[0], 1), problem.book.price[reserve])
    returns = np.diff(np.log(np.concatenate([start, prices], axis=1)), axis=1)
    return np.asarray(np.sqrt((returns**2).mean(axis=1) * YEAR_HOURS / problem.step_hours))
