"""Heat maps: what a book risks under every pair of values of two parameters of one asset, on the same paths.

Two maps are usual. *Threshold by bonus* keeps every amount as it is: it tells what the setting does to the book as it
stands. *LTV by supply cap* lets everybody move as far as the setting lets them (`forecasting.core.response`), as LTV
and caps do nothing to a book that does not move; it is the upper bound.

A cell is toxic where ``threshold * (1 + bonus) >= 1``: an account is then liquidated only when its loan to value is
already at ``1 / (1 + bonus)`` or above, where each liquidation makes it worse.

References
----------
Toxic frontier: Warmuz, Chaudhary & Pinna, arXiv 2212.07306. VaR95 of net insolvent debt: Gauntlet's definition.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from forecasting.core.book import BPS, Book, Flags, Floats, RiskParameters
from forecasting.core.cascade import CascadeEstimate, CascadeProblem
from forecasting.core.response import Response
from forecasting.core.volatility.base import rounded
from governance.errors import InputError

type Axis = tuple[str, Sequence[int]]  # a parameter and its values as on chain, ascending

NEAR = 1e-12  # floats this close to the frontier are on it
STEPS = range(-3, 4)
THRESHOLD_STEP, BONUS_STEP, LTV_STEP = 200, 100, 200  # basis points
GROWTH = (1.0, 1.25, 1.5, 1.75, 2.0, 2.5, 3.0)  # of a supply cap
LEAST = {"ltv": 0, "liquidation_threshold": 0, "liquidation_bonus": BPS, "supply_cap": 1, "borrow_cap": 1}
MOST = {"ltv": BPS, "liquidation_threshold": BPS, "liquidation_bonus": 2 * BPS}


@dataclass(frozen=True, slots=True, kw_only=True)
class Heat:
    """A map of Y by X cells; row ``i`` of each array is value ``i`` of ``y``.

    Attributes
    ----------
    symbol : str
        Whose parameters.
    x, y : tuple of str and tuple of int
        Parameter and values as on chain.
    response : {"amounts", "relever"}
        What borrowers do.
    es99, es99_low, es99_high : (Y, X) floats
        Mean bad debt of the worst 1 % of paths with its interval, USD; NaN where a cell is impossible, here and below.
    var95, liquidated, capacity : (Y, X) floats
        95th percentile of bad debt, mean debt liquidated, and what may be borrowed at the start, USD.
    toxic, impossible : (Y, X) flags
        Beyond the toxic frontier; an LTV above the threshold, which no protocol accepts.
    current : tuple of int and int, optional
        Places along x and y of the book's own setting, where it is on the map.
    notes : tuple of str
        What was assumed, in sentences.
    """

    symbol: str
    x: tuple[str, tuple[int, ...]]
    y: tuple[str, tuple[int, ...]]
    response: Response
    es99: Floats
    es99_low: Floats
    es99_high: Floats
    var95: Floats
    liquidated: Floats
    capacity: Floats
    toxic: Flags
    impossible: Flags
    current: tuple[int, int] | None
    notes: tuple[str, ...]


def grid(
    problem: CascadeProblem,
    *,
    reserve: int,
    x: Axis,
    y: Axis,
    response: Response = "amounts",
    tick: Callable[[], object] | None = None,
) -> Heat:
    """Return the map of two parameters of one asset.

    Parameters
    ----------
    problem : CascadeProblem
        Every cell is evaluated on its paths.
    reserve : int
        Column of the asset.
    x, y : tuple of str and sequence of int
        Names and values as `RiskParameters.changed` takes them; ascending. Where a threshold is below the asset's LTV
        and LTV is not on the map, LTV is lowered to it.
    response : {"amounts", "relever"}
    tick : callable, optional
        Called after each cell.

    Raises
    ------
    InputError
        When a value cannot be set, values do not ascend, or both axes are the same parameter.
    """
    across, down = _axis(x), _axis(y)
    if across[0] == down[0]:
        raise InputError(f"Both axes of the map are {x[0]}.", field="axis", value=x[0])
    columns = [[_setting(problem.book, reserve, {across[0]: a, down[0]: b}) for a in across[1]] for b in down[1]]
    cells = [[_cell(problem, one, reserve=reserve, response=response, tick=tick) for one in row] for row in columns]

    def each(get: Callable[[CascadeEstimate], float]) -> Floats:
        return np.array([[np.nan if cell is None else get(cell) for cell in row] for row in cells])

    return Heat(
        symbol=problem.book.symbols[reserve],
        x=across,
        y=down,
        response=response,
        es99=each(lambda cell: cell.bad_debt.es99.value),
        es99_low=each(lambda cell: cell.bad_debt.es99.low),
        es99_high=each(lambda cell: cell.bad_debt.es99.high),
        var95=each(lambda cell: cell.bad_debt.var95.value),
        liquidated=each(lambda cell: cell.liquidated.mean.value),
        capacity=each(lambda cell: cell.borrow_capacity),
        toxic=np.array([[_toxic(one, reserve) for one in row] for row in columns]),
        impossible=np.array([[cell is None for cell in row] for row in cells]),
        current=_current(problem.book.parameters, reserve, across, down),
        notes=(),
    )


def threshold_by_bonus(problem: CascadeProblem, *, reserve: int, tick: Callable[[], object] | None = None) -> Heat:
    """Return the map of liquidation threshold (across) and bonus (down) around the current ones, amounts kept."""
    own = problem.book.parameters
    x = _around(own, reserve, "liquidation_threshold", step=THRESHOLD_STEP)
    y = _around(own, reserve, "liquidation_bonus", step=BONUS_STEP)
    return grid(problem, reserve=reserve, x=x, y=y, tick=tick)


def ltv_by_cap(problem: CascadeProblem, *, reserve: int, tick: Callable[[], object] | None = None) -> Heat:
    """Return the map of LTV (across) and supply cap (down) around the current ones, borrowers moving along.

    An asset without a cap is taken to have one that is just filled: a cap is then a multiple of what is supplied.
    """
    book = problem.book
    symbol, cap = book.symbols[reserve], float(book.parameters.supply_cap[reserve])
    notes: tuple[str, ...] = ()
    if not np.isfinite(cap):
        supplied = max(float(book.total_supply[reserve]), float(book.collateral[:, reserve].sum()))
        cap = float(max(round(supplied), 1))
        problem = replace(problem, book=_capped(book, reserve, cap))
        notes = (f"{symbol} has no supply cap; it is taken to have one of {cap:,.0f}, which is what is supplied.",)
    own, most = (_on_chain(book.parameters, reserve, name) for name in ("ltv", "liquidation_threshold"))
    _, values = _around(book.parameters, reserve, "ltv", step=LTV_STEP)
    x = ("ltv", [value for value in values if value <= max(own, most)])
    y = ("supply_cap", sorted({round(cap * growth) for growth in GROWTH}))
    return replace(grid(problem, reserve=reserve, x=x, y=y, response="relever", tick=tick), notes=notes)


def maps(problem: CascadeProblem, *, reserve: int, tick: Callable[[], object] | None = None) -> dict[str, object]:
    """Return both usual maps as JSON-ready data: ``symbol``, ``lt_lb`` and ``ltv_cap``."""
    return {
        "symbol": problem.book.symbols[reserve],
        "lt_lb": document(threshold_by_bonus(problem, reserve=reserve, tick=tick)),
        "ltv_cap": document(ltv_by_cap(problem, reserve=reserve, tick=tick)),
    }


def document(heat: Heat) -> dict[str, object]:
    """Return a map as JSON-ready data.

    Returns
    -------
    dict
        ``x`` and ``y``: fractions, and caps in whole tokens. The other arrays by rows (``y``), None where a cell is
        impossible. ``current``: places along ``x`` and ``y``, or None.
    """
    numbers = ("es99", "es99_low", "es99_high", "var95", "liquidated", "capacity")
    return {
        "x_parameter": heat.x[0],
        "x": [_from_chain(heat.x[0], value) for value in heat.x[1]],
        "y_parameter": heat.y[0],
        "y": [_from_chain(heat.y[0], value) for value in heat.y[1]],
        "response": heat.response,
        **{
            name: [[None if np.isnan(one) else rounded(one) for one in row] for row in getattr(heat, name)]
            for name in numbers
        },
        "toxic": heat.toxic.tolist(),
        "impossible": heat.impossible.tolist(),
        "current": None if heat.current is None else list(heat.current),
        "notes": list(heat.notes),
    }


def _axis(axis: Axis) -> tuple[str, tuple[int, ...]]:
    name, values = axis[0], tuple(int(value) for value in axis[1])
    if name not in LEAST:
        raise InputError(f"{name!r} is no axis of a map; use one of {', '.join(LEAST)}.", field="axis", value=name)
    most = MOST.get(name)
    for value in values:
        if value < LEAST[name] or (most is not None and value > most):
            end = "or more" if most is None else f"to {most}"
            raise InputError(f"{name} cannot be {value} here; use {LEAST[name]} {end}.", field=name, value=value)
    if not values or list(values) != sorted(set(values)):
        raise InputError(f"The values of {name} must ascend; they are {values}.", field=name)
    return name, values


def _setting(book: Book, reserve: int, changes: Mapping[str, int]) -> RiskParameters:
    made = book.parameters.changed(reserve=reserve, changes=changes)
    if "liquidation_threshold" not in changes or "ltv" in changes:
        return made
    ltv = made.ltv.copy()
    ltv[reserve] = min(ltv[reserve], made.liquidation_threshold[reserve])
    return replace(made, ltv=ltv)


def _cell(
    problem: CascadeProblem,
    parameters: RiskParameters,
    *,
    reserve: int,
    response: Response,
    tick: Callable[[], object] | None,
) -> CascadeEstimate | None:
    possible = parameters.ltv[reserve] <= parameters.liquidation_threshold[reserve]
    made = problem.evaluate(parameters, response=response) if possible else None
    if tick is not None:
        tick()
    return made


def _toxic(parameters: RiskParameters, reserve: int) -> bool:
    most = parameters.liquidation_threshold[reserve] * (1.0 + parameters.liquidation_bonus[reserve])
    return bool(most >= 1.0 - NEAR)


def _current(
    parameters: RiskParameters, reserve: int, x: tuple[str, tuple[int, ...]], y: tuple[str, tuple[int, ...]]
) -> tuple[int, int] | None:
    at = []
    for name, values in (x, y):
        own = _on_chain(parameters, reserve, name)
        if own not in values:
            return None
        at.append(values.index(own))
    return at[0], at[1]


def _on_chain(parameters: RiskParameters, reserve: int, name: str) -> int:
    """Return a parameter as on chain, to the nearest whole number; 0 for no cap."""
    value = float(getattr(parameters, name)[reserve])
    if name.endswith("_cap"):
        return round(value) if np.isfinite(value) else 0
    return round(value * BPS) + (BPS if name == "liquidation_bonus" else 0)


def _from_chain(name: str, value: int) -> float:
    """Return a value for people: a fraction, the bonus without the 1 that it is added to; or whole tokens."""
    if name.endswith("_cap"):
        return float(value)
    return (value - BPS if name == "liquidation_bonus" else value) / BPS


def _around(parameters: RiskParameters, reserve: int, name: str, *, step: int) -> Axis:
    own = _on_chain(parameters, reserve, name)
    return name, [own + k * step for k in STEPS if LEAST[name] <= own + k * step <= MOST[name]]


def _capped(book: Book, reserve: int, cap: float) -> Book:
    caps = book.parameters.supply_cap.copy()
    caps[reserve] = cap
    return replace(book, parameters=replace(book.parameters, supply_cap=caps))
