"""The cascade kernel: hand-made cases, conservation, and independence of how it is run."""

from __future__ import annotations

import dataclasses
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from forecasting.core import kernel, tables
from forecasting.core.book import PositionRow, build
from forecasting.core.cascade import CascadeProblem, CascadeRules
from tests.forecasting import samples, worlds

FREE = CascadeRules(fixed_cost=1e-9)


def one_account(*, eth: float, usdc: float, prices: list[float], depth: float = np.inf, rules=FREE) -> CascadeProblem:
    rows = [
        PositionRow(account="0x1", reserve=0, collateral=int(eth * 10**18), debt=0, used_as_collateral=True),
        PositionRow(account="0x1", reserve=3, collateral=0, debt=int(usdc * 10**6), used_as_collateral=False),
    ]
    path = np.tile(np.array(samples.PRICES), (1, len(prices), 1))
    path[0, :, 0] = prices
    return CascadeProblem(
        book=build(reserves=samples.reserve_rows(), positions=rows, own_threshold={}),
        paths=path,
        step_hours=1.0,
        depth=np.array([depth, np.inf, np.inf, np.inf, np.inf]),
        rules=rules,
        threads=1,
    )


def test_nothing_happens_above_a_health_factor_of_one() -> None:
    result = one_account(eth=1, usdc=1000, prices=[2000, 1251]).evaluate()
    assert result.liquidated.maximum == 0
    assert result.bad_debt.maximum == 0
    assert result.bad_debt.positive.value == 0


def test_half_of_the_debt_is_repaid_just_below_one() -> None:
    # HF = 1240 * 0.8 / 1000 = 0.992: 500 repaid, 525 of 1,240 seized; then HF = 715 * 0.8 / 500 > 1.
    problem = one_account(eth=1, usdc=1000, prices=[2000, 1240])
    result = problem.evaluate()
    assert result.liquidated_paths == pytest.approx([500])
    assert result.borrower_loss_paths == pytest.approx([25])
    assert problem.run(problem.book).seized[0, 0] == pytest.approx(525 / 1240)


def test_all_of_it_is_repaid_below_the_full_close_threshold() -> None:
    # HF = 1150 * 0.8 / 1000 = 0.92: everything at once.
    result = one_account(eth=1, usdc=1000, prices=[2000, 1150]).evaluate()
    assert result.liquidated_paths == pytest.approx([1000])
    assert result.events.value == 1


def test_a_gap_leaves_bad_debt_when_the_collateral_does_not_pay_for_the_bonus() -> None:
    # Collateral of 900 pays 900 / 1.05 of the debt; the rest is nobody's.
    result = one_account(eth=1, usdc=1000, prices=[2000, 900]).evaluate()
    assert result.bad_debt_paths == pytest.approx([1000 - 900 / 1.05])
    assert result.bad_debt.positive.value == 1


def test_a_liquidator_who_would_lose_does_nothing() -> None:
    result = one_account(eth=1, usdc=1000, prices=[2000, 1240, 900], rules=CascadeRules(fixed_cost=60.0)).evaluate()
    assert result.events.value == 0
    assert result.bad_debt_paths == pytest.approx([100])
    assert result.backlog.value == pytest.approx(1000)


def test_thin_depth_slows_liquidation_to_what_pays_at_the_margin() -> None:
    depth = 1000.0
    problem = one_account(eth=1, usdc=1000, prices=[2000, 1240], depth=depth)
    seized = problem.run(problem.book).totals[0, tables.SEIZED]
    assert seized == pytest.approx(depth * (np.sqrt(1.05) - 1))


def test_impact_moves_the_oracle_price_and_decays() -> None:
    rules = CascadeRules(fixed_cost=1e-9, permanent_share=0.5, half_life_hours=1.0)
    deep = one_account(eth=1, usdc=1000, prices=[2000, 1240, 1240, 1240], depth=1e12, rules=rules)
    thin = one_account(eth=1, usdc=1000, prices=[2000, 1240, 1240, 1240], depth=20_000.0, rules=rules)
    assert thin.run(thin.book).totals[0, tables.SLIPPAGE] > deep.run(deep.book).totals[0, tables.SLIPPAGE]
    assert deep.run(deep.book).totals[0, tables.STREAK] == 1


def test_sales_of_one_account_push_the_next_one_under() -> None:
    problem = samples.problem(accounts=60, count=100, seed=4)
    assert problem.amplification() > 1.02


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10_000))
def test_tokens_and_cash_are_conserved(seed: int) -> None:
    problem = worlds.world(seed, hours=60)
    gathered, market = problem.gathered(), problem.market()
    work = kernel.workspace(gathered.accounts)
    tally = tables.blank(paths=1, assets=5, protocols=1 + len(problem.beside))
    mine, trace = (
        tables.Tally(*(part[0] for part in tally)),
        tables.Trace(np.empty((0, tables.WIDTH)), np.zeros(1, int)),
    )
    everywhere = gathered.accounts._replace(margin=np.zeros_like(gathered.accounts.margin))  # all are looked at
    kernel.run_path(problem.paths[0], everywhere, work, market, mine, trace, np.empty(0))
    asset, totals = everywhere.asset, tally.totals[0]
    for left, before, moved in (
        (work.collateral, everywhere.collateral, mine.seized),
        (work.debt, everywhere.debt, mine.repaid),
    ):
        assert (left >= 0).all()
        after = np.bincount(asset, weights=left, minlength=5) + moved
        assert after == pytest.approx(np.bincount(asset, weights=before, minlength=5), rel=1e-9)
    shares = totals[tables.PROFIT] + totals[tables.SLIPPAGE] + totals[tables.COSTS]
    assert totals[tables.BORROWERS] == pytest.approx(shares, rel=1e-9, abs=1e-6)
    assert totals[tables.CASH] == pytest.approx(totals[tables.PROFIT] + totals[tables.COSTS], rel=1e-9, abs=1e-6)
    assert totals[tables.PROFIT] >= 0
    assert mine.lost.sum() == pytest.approx(totals[tables.BAD_DEBT])


@pytest.mark.parametrize("first", range(0, 100, 25))
def test_the_engine_equals_the_plain_reference(first: int) -> None:
    assert max(worlds.gap(worlds.world(seed)) for seed in range(first, first + 25)) < 1e-12


def test_results_do_not_depend_on_threads() -> None:
    single = samples.problem(count=37)
    runs = [dataclasses.replace(single, threads=threads).run(single.book) for threads in (1, 2, 5)]
    for one, other in pairwise(runs):
        assert all((a == b).all() for a, b in zip(one, other, strict=True))


def test_a_path_does_not_depend_on_its_company() -> None:
    full = samples.problem(count=40)
    alone = dataclasses.replace(full, paths=full.paths[7:8])
    assert (alone.run(full.book).totals[0] == full.run(full.book).totals[7]).all()


def test_the_book_is_left_as_it_was() -> None:
    problem = samples.problem()
    before = problem.book.collateral.copy(), problem.book.debt.copy()
    assert problem.evaluate().liquidated.maximum > 0
    assert (problem.book.collateral == before[0]).all()
    assert (problem.book.debt == before[1]).all()


def test_nothing_changed_is_the_same_under_both_responses() -> None:
    problem = samples.problem()
    same = problem.book.parameters.changed(reserve=0, changes={"liquidation_threshold": 8000})
    assert (problem.evaluate(same, response="relever").bad_debt_paths == problem.evaluate().bad_debt_paths).all()


def test_a_higher_threshold_liquidates_on_no_more_paths() -> None:
    problem = dataclasses.replace(samples.problem(accounts=8, count=300), depth=np.full(5, np.inf))
    higher = problem.book.parameters.changed(reserve=0, changes={"liquidation_threshold": 8500})
    before, after = problem.evaluate(), problem.evaluate(higher)
    assert ((after.liquidated_paths > 0) <= (before.liquidated_paths > 0)).all()
    assert after.liquidated.positive.value < before.liquidated.positive.value


def test_relevering_after_a_higher_threshold_borrows_more_within_borrowing_power() -> None:
    problem = samples.problem(accounts=80, count=20)
    higher = problem.book.parameters.changed(reserve=0, changes={"liquidation_threshold": 8300, "ltv": 8000})
    before, after = problem.evaluate(), problem.evaluate(higher, response="relever")
    assert after.borrow_capacity > before.borrow_capacity
    assert before.borrowed < after.borrowed <= max(after.borrow_capacity, before.borrowed * 1.0375)


def test_a_raised_supply_cap_lets_supply_grow_and_a_lowered_one_sends_nobody_away() -> None:
    rows = samples.reserve_rows(supply_cap=1000)
    made = build(reserves=rows, positions=samples.position_rows(accounts=10, seed=2), own_threshold={})
    problem = dataclasses.replace(samples.problem(), book=made)
    wider = problem.evaluate(made.parameters.changed(reserve=0, changes={"supply_cap": 1500}), response="relever")
    tighter = problem.evaluate(made.parameters.changed(reserve=0, changes={"supply_cap": 500}), response="relever")
    assert wider.borrow_capacity > problem.evaluate().borrow_capacity
    assert tighter.borrow_capacity == pytest.approx(problem.evaluate().borrow_capacity)


def test_the_borrow_cap_binds_what_is_borrowed_anew() -> None:
    rows = samples.reserve_rows(total_debt=0)
    made = build(reserves=rows, positions=samples.position_rows(accounts=30, seed=2), own_threshold={})
    problem = dataclasses.replace(samples.problem(), book=made)
    changes = {"liquidation_threshold": 8600, "ltv": 8500}
    free = problem.evaluate(made.parameters.changed(reserve=0, changes=changes), response="relever")
    parameters = made.parameters.changed(reserve=0, changes=changes)
    for r in range(5):
        parameters = parameters.changed(reserve=r, changes={"borrow_cap": 1})
    bound = problem.evaluate(parameters, response="relever")
    assert bound.borrowed == pytest.approx(problem.evaluate().borrowed)
    assert free.borrowed > bound.borrowed
