"""Laws of the cascade engine that hold for every book: closed forms without impact, the toxic frontier, directions."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from forecasting.core import tables
from forecasting.core.book import Book, PositionRow, build
from forecasting.core.cascade import CascadeProblem, CascadeRules
from forecasting.core.liquidators import Liquidators
from tests.forecasting import samples, worlds

THRESHOLD = 0.8  # of WETH, in `samples`


def borrowers(debts: np.ndarray, *, bonus: float = 0.05) -> Book:
    """Return accounts that hold 1 WETH (2,000 USD) and owe ``debts`` USDC."""
    rows = []
    for i, debt in enumerate(debts):
        rows += [
            PositionRow(account=f"0x{i:04x}", reserve=0, collateral=10**18, debt=0, used_as_collateral=True),
            PositionRow(account=f"0x{i:04x}", reserve=3, collateral=0, debt=int(debt * 1e6), used_as_collateral=False),
        ]
    book = build(reserves=samples.reserve_rows(), positions=rows, own_threshold={})
    bonuses = book.parameters.liquidation_bonus.copy()
    bonuses[0] = bonus
    return dataclasses.replace(book, parameters=dataclasses.replace(book.parameters, liquidation_bonus=bonuses))


def fallen(book: Book, prices: list[float], **changes) -> CascadeProblem:
    """Return one path for each price of WETH, of one step, on a market that nothing moves."""
    paths = np.tile(np.array(samples.PRICES), (len(prices), 1, 1))
    paths[:, 0, 0] = prices
    made = CascadeProblem(
        book=book,
        paths=paths,
        step_hours=1.0,
        depth=np.full(5, np.inf),
        rules=CascadeRules(fixed_cost=0.0),
        threads=1,
    )
    return dataclasses.replace(made, **changes)


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 10_000), price=st.floats(1.0, 2000.0), bonus=st.floats(0.0, 0.24))
def test_without_impact_a_gap_takes_and_loses_what_the_closed_form_says(seed: int, price: float, bonus: float) -> None:
    """All of a debt may be repaid: collateral pays ``price / (1 + bonus)`` of it, and the rest is lost."""
    debts = np.random.default_rng(seed).uniform(200.0, 1599.0, 20)
    problem = fallen(borrowers(debts, bonus=bonus), [price], rules=CascadeRules(fixed_cost=0.0, close_factor=1.0))
    totals = problem.run().totals[0]
    below = price * THRESHOLD < debts
    repaid = np.where(below, np.minimum(debts, price / (1.0 + bonus)), 0.0)
    lost = np.where(below, np.maximum(debts - price / (1.0 + bonus), 0.0), 0.0)
    assert totals[tables.LIQUIDATED] == pytest.approx(repaid.sum(), rel=1e-6, abs=1e-3)
    assert totals[tables.BAD_DEBT] == pytest.approx(lost.sum(), rel=1e-6, abs=1e-3)
    assert totals[tables.SEIZED] == pytest.approx((repaid * (1.0 + bonus)).sum(), rel=1e-6, abs=1e-3)
    assert totals[tables.PROFIT] == pytest.approx((repaid * bonus).sum(), rel=1e-6, abs=1e-3)


@settings(max_examples=40, deadline=None)
@given(bonus=st.floats(0.0, 0.3), away=st.floats(1e-6, 0.05), side=st.sampled_from((-1, 1)))
def test_the_frontier_is_at_one_over_one_plus_bonus_for_every_bonus(bonus: float, away: float, side: int) -> None:
    """One dollar repaid lowers an account's loan to value below ``1 / (1 + bonus)`` and raises it above."""
    ratio = (1.0 + side * away) / (1.0 + bonus)
    debt = 2000.0 * ratio
    book = dataclasses.replace(borrowers(np.array([debt]), bonus=bonus), own_threshold=np.array([0.5]))
    rules = CascadeRules(fixed_cost=0.0, full_close_below=0.01)
    totals = fallen(book, [2000.0], rules=rules, liquidators=Liquidators(capital=1.0)).run().totals[0]
    repaid, seized = totals[tables.LIQUIDATED], totals[tables.SEIZED]
    assert repaid == pytest.approx(1.0, rel=1e-6)
    before, after = debt / 2000.0, (debt - repaid) / (2000.0 - seized)
    assert (after > before) == (side > 0)
    assert (totals[tables.TOXIC] > 0) == (side > 0)


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 10_000))
def test_a_deeper_fall_loses_no_less_without_impact(seed: int) -> None:
    rng = np.random.default_rng(seed)
    prices = np.sort(rng.uniform(1.0, 2000.0, 12))[::-1].tolist()
    totals = fallen(borrowers(rng.uniform(200.0, 1599.0, 20)), prices).run().totals
    assert (np.diff(totals[:, tables.BAD_DEBT]) >= -1e-6).all()
    touched = (totals[:, tables.BACKLOG] + totals[:, tables.LIQUIDATED] > 0).astype(int)
    assert (np.diff(touched) >= 0).all()


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 10_000))
def test_protocols_and_assets_split_the_same_bad_debt(seed: int) -> None:
    tally = worlds.world(seed, count=3, hours=36).run()
    assert tally.lost.sum(axis=1) == pytest.approx(tally.parts[:, :, tables.BAD_DEBT].sum(axis=1))
    assert (tally.parts[:, :, tables.BAD_DEBT] >= 0).all()
    assert (tally.seized >= 0).all()
    assert (tally.repaid >= 0).all()


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 10_000), doublings=st.integers(-10, 10))
def test_a_market_in_other_units_of_money_is_the_same_market(seed: int, doublings: int) -> None:
    """Twice the positions on twice the depth, at twice the cost and capital, lose twice as much."""
    scale = 2.0**doublings
    world = worlds.world(seed, hours=24)
    if world.beside or world.curves:
        world = dataclasses.replace(world, beside=(), curves={})
    larger = dataclasses.replace(
        world,
        book=dataclasses.replace(world.book, collateral=world.book.collateral * scale, debt=world.book.debt * scale),
        depth=world.depth * scale,
        rules=dataclasses.replace(world.rules, fixed_cost=world.rules.fixed_cost * scale),
        liquidators=dataclasses.replace(world.liquidators, capital=world.liquidators.capital * scale),
    )
    one, other = (problem.run().totals[0] for problem in (world, larger))
    for column in (tables.BAD_DEBT, tables.LIQUIDATED, tables.PROFIT, tables.BACKLOG):
        assert other[column] == pytest.approx(one[column] * scale, rel=1e-9, abs=1e-9 * scale)
    assert other[tables.EVENTS] == one[tables.EVENTS]
