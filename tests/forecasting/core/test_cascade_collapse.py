"""Collapses: queues in which most accounts cannot be served, and the engine no longer tries them one by one."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from forecasting.core import tables
from forecasting.core.book import Book
from forecasting.core.cascade import CascadeProblem, CascadeRules, Protocol
from forecasting.core.exchange import Curve, Withdrawal
from forecasting.core.liquidators import Liquidators
from tests.forecasting import samples, worlds

SLOPES = np.array([0.98, 0.6, 0.7, 0.3, 0.45])  # of a curve that is steeper first and less steep later, twice


def uneven(depth: float) -> Curve:
    """Return a monotone depth curve that is not concave."""
    sold = depth * np.array([0.01, 0.03, 0.06, 0.15, 0.3])
    return Curve(sold=sold, proceeds=np.cumsum(np.diff(sold, prepend=0.0) * SLOPES))


def crossed(*, accounts: int, seed: int) -> Book:
    """Return a book in which everything is held and owed by somebody, so that sales of one pair cheapen another."""
    rng = np.random.default_rng(seed)
    book = samples.book(accounts=accounts, seed=seed)
    value = np.exp(rng.normal(8, 1.5, (accounts, 5)))
    held, owed = (value * (rng.random((accounts, 5)) < share) for share in (0.5, 0.3))
    held[np.arange(accounts), rng.integers(0, 5, accounts)] += 100.0
    owed[np.arange(accounts), rng.integers(0, 5, accounts)] += 100.0
    weighted = held @ book.parameters.liquidation_threshold
    owed *= (weighted / rng.uniform(1.02, 2.5, accounts) / owed.sum(axis=1))[:, None]
    return dataclasses.replace(book, collateral=held / book.price, debt=owed / book.price)


def collapse(seed: int, *, count: int = 1, accounts: int = 50) -> CascadeProblem:
    """Return a world in which one asset falls to a tenth, at once or by and by, on a depth that does not last."""
    rng = np.random.default_rng(seed)
    make = crossed if rng.random() < 0.6 else samples.book
    book = make(accounts=accounts, seed=seed)
    total = float((book.collateral @ book.price).sum())
    hours = 12
    paths = samples.paths(count=count, hours=hours, seed=seed)
    paths[:, :, int(rng.integers(0, 3))] *= 0.1 ** np.minimum(np.arange(1, hours + 1) / rng.integers(1, hours), 1.0)
    depth = total * np.exp(rng.normal(-2.0, 1.0, 5))
    depth[3:] = np.where(rng.random(2) < 0.5, np.inf, depth[3:])
    curves = {r: uneven(depth[r]) if rng.random() < 0.7 else worlds.curve(depth[r]) for r in range(3)}
    if np.isfinite(depth[3]) and rng.random() < 0.5:
        curves[3] = uneven(depth[3])
    curves = {r: curve for r, curve in curves.items() if rng.random() < 0.4}
    # Sales often end at a knot of a curve, and with a part of the depth away it is rounding on which side of it.
    thinning = not curves and rng.random() < 0.5
    return CascadeProblem(
        book=book,
        paths=paths,
        step_hours=1.0,
        depth=depth,
        rules=CascadeRules(fixed_cost=float(rng.choice([1.0, 20.0, 300.0]))),  # at 0, rounding decides on the last cent
        threads=1,
        curves=curves,
        withdrawal=Withdrawal(share=np.full(5, 0.5), half_life_hours=6.0) if thinning else None,
        liquidators=Liquidators(
            profit_floor=float(rng.choice([0.0, 0.01])),
            capital=total / 50 if rng.random() < 0.4 else np.inf,
            delay_hours=float(rng.integers(0, 2)),
        ),
        beside=(Protocol(name="other", book=make(accounts=20, seed=seed + 1), close_factor=0.3),)
        if rng.random() < 0.5
        else (),
    )


@pytest.mark.parametrize("first", range(0, 60, 15))
def test_the_engine_equals_the_plain_reference_in_a_collapse(first: int) -> None:
    assert max(worlds.gap(collapse(seed)) for seed in range(first, first + 15)) < 1e-12


def test_the_collapses_leave_what_they_are_to_test() -> None:
    made = [collapse(seed) for seed in range(60)]
    totals = np.array([problem.run().totals[0] for problem in made])
    assert (totals[:, tables.TOXIC] > 0).mean() > 0.5
    assert (totals[:, tables.PEAK] > 0).mean() > 0.5  # debt that could be liquidated, and is not
    limited = np.array([np.isfinite(problem.liquidators.capital) for problem in made])
    several = np.array([bool(problem.beside) for problem in made])
    curved = np.array([bool(problem.curves) for problem in made])
    assert all(10 < kind.sum() < 55 for kind in (limited, several, curved))
    assert (totals[limited & several, tables.BACKLOG] > 0).any()


@pytest.mark.parametrize("seed", range(3))
def test_a_collapse_is_the_same_on_any_threads_and_in_any_pieces(seed: int) -> None:
    whole = collapse(seed, count=16, accounts=200)
    single = whole.run()
    assert single.totals[:, tables.EVENTS].min() > 0
    threaded = dataclasses.replace(whole, threads=3).run()
    pieces = [dataclasses.replace(whole, paths=whole.paths[a : a + 5]).run() for a in range(0, 16, 5)]
    for one, other, parts in zip(single, threaded, zip(*pieces, strict=True), strict=True):
        assert (one == other).all()
        assert (one == np.concatenate(parts)).all()
