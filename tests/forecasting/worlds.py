"""Random worlds for the cascade engine: every mechanism on in some, off in others."""

from __future__ import annotations

import dataclasses

import numpy as np

from forecasting.core import reference, tables
from forecasting.core.cascade import CascadeProblem, CascadeRules, Protocol
from forecasting.core.exchange import Curve, Withdrawal
from forecasting.core.liquidators import Liquidators
from forecasting.core.oracle import Oracle
from tests.forecasting import samples

COLUMNS = {
    "bad_debt": tables.BAD_DEBT,
    "liquidated": tables.LIQUIDATED,
    "seized": tables.SEIZED,
    "profit": tables.PROFIT,
    "slippage": tables.SLIPPAGE,
    "borrowers": tables.BORROWERS,
    "backlog": tables.BACKLOG,
    "toxic": tables.TOXIC,
    "events": tables.EVENTS,
    "streak": tables.STREAK,
    "clearing": tables.CLEARING,
    "peak": tables.PEAK,
}


def curve(depth: float, *, knots: int = 12, reach: float = 0.4) -> Curve:
    """Return a constant product of ``depth``, tabulated up to ``reach`` times the depth."""
    sold = depth * reach * np.linspace(1 / knots, 1, knots) ** 2
    return Curve(sold=sold, proceeds=depth * sold / (depth + sold))


def world(seed: int, *, count: int = 1, hours: int = 24) -> CascadeProblem:
    """Return a random world."""
    rng = np.random.default_rng(seed)
    book = samples.book(accounts=int(rng.integers(5, 30)), seed=seed)
    total = float((book.collateral @ book.price).sum()) * np.exp(rng.normal(0.0, 1.0))
    depth = np.array([total, total, total / 4, np.inf, np.inf if rng.random() < 0.5 else total])

    def maybe(made):
        return made if rng.random() < 0.5 else None

    oracle = Oracle(
        heartbeat_hours=rng.integers(1, 24, 5).astype(float),
        deviation=rng.uniform(0, 0.02, 5) * (rng.random() < 0.8),
        latency_hours=rng.integers(0, 3, 5).astype(float),
    )
    crew = Liquidators(
        profit_floor=rng.uniform(0, 0.02),
        capital=float(np.exp(rng.normal(11, 1))) if rng.random() < 0.5 else np.inf,
        delay_hours=float(rng.integers(0, 3)),
    )
    curved = [r for r in range(3) if rng.random() < 0.3]
    return CascadeProblem(
        book=book,
        paths=samples.paths(count=count, hours=hours, seed=seed, scale=float(rng.uniform(0.5, 4))),
        step_hours=1.0,
        depth=depth,
        rules=CascadeRules(fixed_cost=float(rng.uniform(0, 100)), permanent_share=float(rng.uniform(0, 1))),
        threads=1,
        curves={r: curve(depth[r]) for r in curved},
        withdrawal=maybe(Withdrawal(share=rng.uniform(0, 5, 5), half_life_hours=float(rng.uniform(1, 48)))),
        oracle=maybe(oracle),
        liquidators=maybe(crew) or Liquidators(),
        beside=(Protocol(name="other", book=samples.book(accounts=9, seed=seed + 1), close_factor=0.4),)
        if rng.random() < 0.3
        else (),
    )


def gap(problem: CascadeProblem, *, path: int = 0) -> float:
    """Return the largest difference between the engine and the reference, against the largest sum of the path."""
    alone = dataclasses.replace(problem, paths=problem.paths[path : path + 1])
    fast, plain = alone.run().totals[0], reference.run(alone, 0)
    scale = max(1.0, *(abs(plain.get(name, 0.0)) for name in COLUMNS))
    return max(abs(plain.get(name, 0.0) - float(fast[column])) for name, column in COLUMNS.items()) / scale


def delayed(problem: CascadeProblem, *, hours: float) -> CascadeProblem:
    """Return the problem with an oracle that is late."""
    return dataclasses.replace(
        problem,
        oracle=Oracle(heartbeat_hours=np.full(5, np.inf), deviation=np.zeros(5), latency_hours=np.full(5, hours)),
    )
