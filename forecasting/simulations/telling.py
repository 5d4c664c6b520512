"""What is told of a simulation beside its distributions: prices, one path round by round, who carries the tail, maps.

Each is a unit of work of its own; it brings JSON, as bytes, for units keep arrays.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, is_dataclass
from math import isfinite
from typing import Any

import numpy as np

from forecasting.backtests.base import Arrays, Done, Tick
from forecasting.core import explaining, heat, narrative, tables, weighted
from forecasting.core.book import Floats
from forecasting.core.explaining import Event
from forecasting.core.heat import Heat
from forecasting.core.narrative import Narrative, Round
from forecasting.core.outcomes import Limits
from forecasting.core.worlds.likeness import USD
from forecasting.simulations import cutting, linking, pegs
from forecasting.simulations.cutting import Joined
from forecasting.simulations.posing import Posed
from forecasting.simulations.symbols import column
from governance.domain.canonical import canonical

SHOWN = 2_000  # paths whose prices are told
HEATED = 300  # paths of a map's cells
DROPS = tuple(round(0.05 * step, 2) for step in range(13))
WORKED = 24.0  # hours in which liquidators work at a drop
MOST_EVENTS = 200
MOST_ACCOUNTS = 50
HEATS: Mapping[str, Callable[..., Heat]] = {"heat-lt_lb": heat.threshold_by_bonus, "heat-ltv_cap": heat.ltv_by_cap}
LEVELS = {"p05": 0.05, "p50": 0.5, "p95": 0.95}

type Said = Any  # JSON


def units(request: Mapping[str, Any], posed: Posed) -> dict[str, tuple[str, ...]]:
    """Return the units that tell, each with those of the paths that it needs."""
    paths = tuple(cutting.units(request, posed))
    made: dict[str, tuple[str, ...]] = dict.fromkeys(HEATS, ()) if request["heat"] else {}
    if len(posed.books) > 1:
        made["contagion"] = ()
    return made | {"curve": (), "prices": paths, "narrative": paths, "contributions": paths}


def compute(unit: str, *, request: Mapping[str, Any], posed: Posed, done: Done, tick: Tick) -> Arrays:
    """Return what one unit tells."""
    tick()
    tellers: Mapping[str, Callable[[], Said]] = {
        "curve": lambda: curve(request, posed),
        "prices": lambda: prices(posed, cutting.join(request, posed, done), tick=tick),
        "narrative": lambda: story(request, posed, cutting.join(request, posed, done)),
        "contributions": lambda: contributions(posed, cutting.join(request, posed, done), tick=tick),
        **{name: lambda: one_map(unit, request, posed, tick=tick) for name in HEATS},
        "contagion": lambda: linking.study(request, posed, tick=tick),
    }
    return {"said": np.frombuffer(canonical(plain(tellers[unit]())), dtype=np.uint8)}


def read(arrays: Arrays) -> Said:
    """Return what a unit has told."""
    return json.loads(arrays["said"].tobytes())


def plain(value: Any) -> Said:  # noqa: ANN401 - JSON
    """Return data as JSON has it: no infinity, no not-a-number (None instead), no arrays, no classes."""
    if is_dataclass(value) and not isinstance(value, type):
        return plain(asdict(value))
    if isinstance(value, Mapping):
        return {str(name): plain(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if isinstance(value, np.ndarray | np.generic):
        return plain(value.tolist())
    if isinstance(value, float):
        return value if isfinite(value) else None
    return value


def curve(request: Mapping[str, Any], posed: Posed) -> Said:
    """Return what falls due when all collateral that can fall drops at once and stays there, and with it its like."""
    priced = [request["scenario"]["columns"].get(symbol, symbol) for symbol in posed.book.symbols]
    held = np.flatnonzero(sum(book.collateral.sum(axis=0) for book in posed.books) > 0)
    falling = {priced[r] for r in held} - {USD}
    assets = [r for r, name in enumerate(priced) if name in falling] or [int(r) for r in held]
    steps = max(round(WORKED / posed.world.step_hours), 1)
    problem = posed.on(np.tile(posed.book.price, (1, steps, 1)))
    rows = explaining.by_drop(problem, reserves=assets, drops=DROPS)
    return {"assets": [posed.book.symbols[r] for r in assets], "hours": steps * posed.world.step_hours, "rows": rows}


def prices(posed: Posed, joined: Joined, *, tick: Tick) -> Said:
    """Return quantiles of the prices without impact, over the first paths."""
    count = min(joined.paths, SHOWN)
    blocks, weights = [], []
    for begin in range(0, count, cutting.BLOCK):
        tick()
        drawn = posed.world.draw(begin, min(cutting.BLOCK, count - begin))
        blocks.append(drawn.growth)
        weights.append(np.ones(len(drawn.growth)) if drawn.weights is None else drawn.weights)
    found = _quantiles(np.concatenate(blocks), np.concatenate(weights)) * posed.book.price
    hours = (np.arange(found.shape[1]) + 1) * posed.world.step_hours
    return {
        "hours": hours,
        "paths": count,
        "assets": {
            symbol: {name: found[i, :, r] for i, name in enumerate(LEVELS)}
            for r, symbol in enumerate(posed.book.symbols)
        },
    }


def _quantiles(growth: Floats, weights: Floats) -> Floats:
    """Return the (3, T, R) weighted quantiles of (P, T, R)."""
    order = np.argsort(growth, axis=0, kind="stable")
    reached = np.cumsum((weights / weights.sum())[order], axis=0)
    ordered = np.take_along_axis(growth, order, axis=0)
    found = []
    for level in LEVELS.values():
        at = (reached >= level * (1 - 1e-12)).argmax(axis=0)
        found.append(np.take_along_axis(ordered, at[None], axis=0)[0])
    return np.stack(found)


def story(request: Mapping[str, Any], posed: Posed, joined: Joined) -> Said:
    """Return one path round by round."""
    path, chosen = typical(joined, Limits(**request["limits"]))
    if posed.world.deterministic:
        chosen = ""
    problem = posed.problem(path, 1)
    told = narrative.rounds(problem, 0)
    wanted = request["explain"].lower()
    mine = [event for event in told.events if wanted and event.account.lower().startswith(wanted)]
    return {
        "path": path,
        "why": f"{chosen} {told.why}".strip(),
        "rounds": [_round(one, posed) for one in told.rounds],
        "events": [_event(event, posed) for event in told.events[:MOST_EVENTS]],
        "events_total": len(told.events),
        "bad_debt": told.bad_debt,
        "pegs": pegs.deviations(problem, told),
        "explained": _explained(request, posed, told, mine) if wanted else None,
    }


def typical(joined: Joined, limits: Limits) -> tuple[int, str]:
    """Return the path that is told, and how it was chosen: the median cascade by the debt that it liquidates."""
    totals, without = joined.tally.totals, joined.calm.totals[:, tables.LIQUIDATED]
    liquidated = totals[:, tables.LIQUIDATED]
    cascades = (liquidated > 0) & (liquidated >= limits.amplification * without)
    cascades &= totals[:, tables.STREAK] >= limits.rounds
    for chosen, name in ((cascades, "the cascades"), (liquidated > 0, "the paths with liquidations")):
        at = np.flatnonzero(chosen)
        if at.size:
            order = at[np.argsort(liquidated[at], kind="stable")]
            share = np.ones(order.size) if joined.weights is None else joined.weights[order]
            middle = int(np.searchsorted(np.cumsum(share), share.sum() / 2))
            return int(order[middle]), f"Path {order[middle]}, the median of {name} by the debt that it liquidates."
    return 0, "Path 0; no path has a liquidation."


def contributions(posed: Posed, joined: Joined, *, tick: Tick) -> Said:
    """Return who carries the worst 1 % of bad debt."""
    shares = weighted.tail_shares(joined.bad_debt, joined.weights, level=0.99)
    tail = np.flatnonzero(shares)
    paths = []
    for begin in range(0, joined.paths, cutting.BLOCK):
        count = min(cutting.BLOCK, joined.paths - begin)
        mine = tail[(tail >= begin) & (tail < begin + count)]
        if mine.size:
            tick()
            paths.append(posed.world.draw(begin, count).growth[mine - begin])
    problem = posed.on(np.concatenate(paths) * posed.book.price, weights=shares[tail] * tail.size)
    found = explaining.contributions(problem, bad_debt=joined.bad_debt[tail], level=0.0)
    rows = [{"protocol": posed.names[m], "account": name, "usd": usd} for m, name, usd in found.accounts]
    symbols = posed.book.symbols
    return {
        "total": found.total,
        "accounts": rows[:MOST_ACCOUNTS],
        "others": sum(row["usd"] for row in rows[MOST_ACCOUNTS:]),
        "protocols": dict(zip(posed.names, found.protocols, strict=True)),
        "debts": dict(zip(symbols, found.debts, strict=True)),
        "collaterals": dict(zip(symbols, found.collaterals, strict=True)),
    }


def one_map(unit: str, request: Mapping[str, Any], posed: Posed, *, tick: Tick) -> Said:
    """Return one heat map of an asset of the book."""
    count = min(request["paths"], HEATED) if posed.world.size is None else posed.world.size
    reserve = column(posed.book.symbols, request["heat"], field="heat")
    found = HEATS[unit](posed.problem(0, count), reserve=reserve, tick=tick)
    return {**heat.document(found), "paths": count}


def _round(one: Round, posed: Posed) -> Said:
    told = {name: getattr(one, name) for name in Round.__slots__ if name not in {"step", "largest"}}
    return {**told, "largest": _event(one.largest, posed)}


def _event(event: Event, posed: Posed) -> Said:
    hour = (event.step + 1) * posed.world.step_hours
    return {**asdict(event), "protocol": posed.names[event.protocol], "hour": hour}


def _explained(request: Mapping[str, Any], posed: Posed, told: Narrative, mine: list[Event]) -> Said:
    """Return what happened to one account on the path that is told."""
    wanted = request["explain"].lower()
    rows = [
        (name, book, row)
        for name, book in zip(posed.names, posed.books, strict=True)
        for row, account in enumerate(book.accounts)
        if account.lower().startswith(wanted)
    ]
    name, book, row = rows[0]
    return {
        "account": book.accounts[row],
        "protocol": name,
        "health": book.health_factors()[row],
        "collateral_usd": float(book.collateral[row] @ book.price),
        "debt_usd": float(book.debt[row] @ book.price),
        "others_of_that_name": len(rows) - 1,
        "liquidations": len(mine),
        "rounds": len(told.rounds),
        "events": [_event(event, posed) for event in mine[:MOST_EVENTS]],
    }
