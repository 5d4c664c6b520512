"""Depth, oracles and liquidators: closed forms, frontiers, and directions that theory gives."""

from __future__ import annotations

import dataclasses
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from forecasting.core import exchange, tables
from forecasting.core.book import PositionRow, build
from forecasting.core.cascade import CascadeProblem, CascadeRules, Protocol
from forecasting.core.exchange import Curve, Withdrawal
from forecasting.core.liquidators import Liquidators
from forecasting.core.oracle import Oracle
from governance.errors import InputError
from tests.forecasting import samples, worlds

FREE = CascadeRules(fixed_cost=1e-9, permanent_share=1.0)
QUIET = np.zeros(5)


def position(account: str, *, eth: float, usdc: float) -> list[PositionRow]:
    return [
        PositionRow(account=account, reserve=0, collateral=int(eth * 10**18), debt=0, used_as_collateral=True),
        PositionRow(account=account, reserve=3, collateral=0, debt=int(usdc * 10**6), used_as_collateral=False),
    ]


def posed(rows: list[PositionRow], prices: list[float], *, depth: float = np.inf, **changes) -> CascadeProblem:
    path = np.tile(np.array(samples.PRICES), (1, len(prices), 1))
    path[0, :, 0] = prices
    return CascadeProblem(
        **{
            "book": build(reserves=samples.reserve_rows(), positions=rows, own_threshold={}),
            "paths": path,
            "step_hours": 1.0,
            "depth": np.array([depth, np.inf, np.inf, np.inf, np.inf]),
            "rules": FREE,
            "threads": 1,
        }
        | changes
    )


def oracle(*, heartbeat: float = np.inf, deviation: float = 0.0, latency: float = 0.0) -> Oracle:
    return Oracle(
        heartbeat_hours=np.full(5, heartbeat), deviation=np.full(5, deviation), latency_hours=np.full(5, latency)
    )


def value(problem: CascadeProblem, column: int, *, path: int = 0) -> float:
    return float(problem.run().totals[path, column])


def test_without_impact_one_fall_liquidates_what_the_closed_form_says() -> None:
    """Below 1 and above ``full_close_below`` half is repaid; health is then threshold (C - D (1 + b) / 2) / (D / 2)."""
    rng = np.random.default_rng(5)
    factors = rng.uniform(0.9, 1.2, 200)
    rows = [row for i, f in enumerate(factors) for row in position(f"0x{i:04x}", eth=1, usdc=2000 * 0.8 / f)]
    problem = posed(rows, [2000.0 * 0.999])
    owed, held = 2000 * 0.8 / factors, 1998.0
    expected = 0.0
    for debt in owed:
        left, total = held, debt
        for _ in range(8):
            health = left * 0.8 / total if total > 1e-6 else np.inf
            if health >= 1:
                break
            repaid = total if health < 0.95 else total / 2
            left, total = left - repaid * 1.05, total - repaid
            expected += repaid
    assert value(problem, tables.LIQUIDATED) == pytest.approx(expected, rel=1e-6)


@settings(max_examples=40, deadline=None)
@given(ratio=st.floats(0.9, 0.9999))
def test_the_toxic_frontier_is_where_a_liquidation_makes_an_account_worse(ratio: float) -> None:
    """Below LTV = 1 / (1 + bonus) a part repaid raises health, above it lowers it; the engine's toxic debt agrees."""
    frontier = 1 / 1.05
    debt = 2000 * ratio
    problem = posed(
        position("0x1", eth=1, usdc=debt), [2000.0], rules=CascadeRules(fixed_cost=0.0, full_close_below=0.01)
    )
    capped = dataclasses.replace(problem, liquidators=Liquidators(capital=1.0))
    totals = capped.run().totals[0]
    repaid, seized = totals[tables.LIQUIDATED], totals[tables.SEIZED]
    assert repaid == pytest.approx(1.0, rel=1e-6)
    worse = (2000 - seized) / (debt - repaid) < 2000 / debt
    assert worse == (ratio > frontier)
    assert (totals[tables.TOXIC] > 0) == (ratio > frontier)


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 1000), depth=st.floats(1e3, 1e7), factor=st.floats(1.01, 10.0))
def test_a_deeper_market_takes_no_less_in_one_step(seed: int, depth: float, factor: float) -> None:
    factors = np.random.default_rng(seed).uniform(0.85, 1.1, 30)
    rows = [row for i, f in enumerate(factors) for row in position(f"0x{i:04x}", eth=1, usdc=2000 * 0.8 / f)]
    thin, deep = (value(posed(rows, [1990.0], depth=one), tables.LIQUIDATED) for one in (depth, depth * factor))
    assert deep >= thin * (1 - 1e-9)


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 1000), low=st.floats(0.0, 1e5), more=st.floats(0.0, 1e6))
def test_more_capital_repays_no_less_in_one_round(seed: int, low: float, more: float) -> None:
    problem = samples.problem(accounts=20, count=20, seed=seed).calm()
    once = dataclasses.replace(problem, paths=problem.paths[:, -1:])
    poor, rich = (dataclasses.replace(once, liquidators=Liquidators(capital=c)).run().totals for c in (low, low + more))
    assert (rich[:, tables.LIQUIDATED] >= poor[:, tables.LIQUIDATED] - 1e-6).all()
    assert (poor[:, tables.LIQUIDATED] <= low + 1e-6).all()


@settings(max_examples=20, deadline=None)
@given(bonus=st.floats(0.0, 0.2), more=st.floats(0.001, 0.2), depth=st.floats(1e3, 1e6))
def test_a_higher_bonus_sells_no_less_on_the_same_depth(bonus: float, more: float, depth: float) -> None:
    def sold(extra: float) -> float:
        problem = posed(position("0x1", eth=1, usdc=1400), [1700.0], depth=depth)
        higher = problem.book.parameters.liquidation_bonus.copy()
        higher[0] = extra
        book = dataclasses.replace(
            problem.book, parameters=dataclasses.replace(problem.book.parameters, liquidation_bonus=higher)
        )
        return value(dataclasses.replace(problem, book=book), tables.SEIZED)

    assert sold(bonus + more) >= sold(bonus) - 1e-9


def test_a_late_oracle_liquidates_later_and_leaves_more_bad_debt() -> None:
    prices = [2000.0, 1500.0, 1200.0, 900.0, 700.0]
    rows = position("0x1", eth=1, usdc=1300)
    lost = [value(posed(rows, prices, oracle=oracle(latency=hours)), tables.BAD_DEBT) for hours in (0.0, 1.0, 2.0, 9.0)]
    assert lost == sorted(lost)
    assert lost[-1] == pytest.approx(1300 - 700)


def test_an_oracle_without_heartbeat_or_threshold_is_the_market() -> None:
    problem = samples.problem()
    told = dataclasses.replace(problem, oracle=oracle())
    assert (problem.run().totals == told.run().totals).all()


def test_an_oracle_reports_a_deviation_at_once_and_the_rest_at_its_heartbeat() -> None:
    rows = position("0x1", eth=1, usdc=1592)  # below 1 under a price of 1,990
    small = [1985.0] * 6
    waiting = [
        value(posed(rows, small[:steps], oracle=oracle(heartbeat=4.0, deviation=0.05)), tables.EVENTS)
        for steps in (3, 4)
    ]
    assert waiting == [0, 1]
    assert value(posed(rows, [1880.0], oracle=oracle(heartbeat=4.0, deviation=0.05)), tables.EVENTS) >= 1


def test_liquidators_sell_at_the_market_not_at_the_oracle() -> None:
    """The oracle still says 1,600 while the market is at 1,400: seizing at 1,600 does not pay."""
    rows = position("0x1", eth=1, usdc=1300)
    problem = posed(rows, [1600.0, 1400.0, 1400.0], oracle=oracle(latency=1.0), liquidators=Liquidators(delay_hours=1))
    assert value(dataclasses.replace(problem, paths=problem.paths[:, :2]), tables.EVENTS) == 0
    assert value(problem, tables.EVENTS) > 0


def test_liquidators_who_need_time_come_later() -> None:
    rows = position("0x1", eth=1, usdc=1300)
    problem = posed(rows, [1600.0, 1600.0, 1600.0])
    for hours in (0, 1, 2):
        late = dataclasses.replace(problem, liquidators=Liquidators(delay_hours=hours))
        by_step = [
            value(dataclasses.replace(late, paths=late.paths[:, :steps]), tables.EVENTS) for steps in range(1, 4)
        ]
        assert [events > 0 for events in by_step] == [step >= hours for step in range(3)]
        assert value(late, tables.CLEARING) == hours


def test_the_account_that_pays_most_is_served_first() -> None:
    rows = position("0x1", eth=1, usdc=1270) + position("0x2", eth=10, usdc=12_700)
    problem = posed(rows, [1580.0], liquidators=Liquidators(capital=3000.0))
    from_large = problem.run()
    alone = dataclasses.replace(
        problem,
        book=build(reserves=samples.reserve_rows(), positions=rows[2:], own_threshold={}),
    ).run()
    assert from_large.totals[0, tables.LIQUIDATED] == alone.totals[0, tables.LIQUIDATED] == pytest.approx(3000)


def test_the_pair_that_pays_most_is_taken() -> None:
    """The larger collateral has no depth left to sell it on, the smaller one has."""
    rows = [
        *position("0x1", eth=1, usdc=2000),
        PositionRow(account="0x1", reserve=1, collateral=2 * 10**6, debt=0, used_as_collateral=True),
    ]
    problem = posed(rows, [2000.0 * 0.8], depth=10.0)
    seized = problem.run().seized[0]
    assert seized[1] * 30_000 > 100 * seized[0] * 1600


def test_a_trade_is_taken_to_where_the_margins_of_both_assets_meet() -> None:
    """The best size under constant products on both sides, against a search on a grid."""
    problem = posed(position("0x1", eth=10, usdc=15_000), [1400.0], depth=50_000.0)
    both = dataclasses.replace(problem, depth=np.array([50_000.0, np.inf, np.inf, 80_000.0, np.inf]))
    tally = both.run()
    seize = np.linspace(1, 14_000, 200_000)
    repay = seize / 1.05
    profit = 50_000 * seize / (50_000 + seize) - 80_000 * repay / (80_000 - repay)
    assert tally.totals[0, tables.SEIZED] == pytest.approx(seize[profit.argmax()], abs=0.2)
    assert tally.totals[0, tables.PROFIT] == pytest.approx(profit.max(), rel=1e-6)


def test_protocols_share_the_depth() -> None:
    rows = position("0x1", eth=10, usdc=12_700)
    alone = posed(rows, [1580.0, 1580.0], depth=1_000_000.0)
    beside = Protocol(name="other", book=alone.book)
    both = dataclasses.replace(alone, beside=(beside,))
    parts = both.run().parts[0]
    assert parts[:, tables.EVENTS].min() > 0
    assert parts[:, tables.SLIPPAGE].sum() > 2 * value(alone, tables.SLIPPAGE)
    assert both.run().price[0, 0] < alone.run().price[0, 0]


def test_the_other_protocol_closes_by_its_own_rule() -> None:
    rows = position("0x1", eth=1, usdc=1270)
    problem = posed(rows, [1580.0])
    gentle = Protocol(name="gentle", book=problem.book, close_factor=0.1)
    parts = dataclasses.replace(problem, beside=(gentle,)).run().parts[0, :, tables.LIQUIDATED]
    assert parts[0] == pytest.approx(635)
    assert 0 < parts[1] < 635


def test_depth_withdraws_when_prices_fall_and_comes_back() -> None:
    rows = position("0x1", eth=1, usdc=1270)
    stays = posed(rows, [1580.0], depth=20_000.0)
    leaves = dataclasses.replace(stays, withdrawal=Withdrawal(share=np.array([3.0, 0, 0, 0, 0]), half_life_hours=12.0))
    share = (1580 / 2000) ** 3.0
    room = 20_000 * (math.sqrt(1.05) - 1)
    assert value(stays, tables.SEIZED) == pytest.approx(min(room, 635 * 1.05))
    assert value(leaves, tables.SEIZED) == pytest.approx(room * share)


def test_a_curve_taken_from_a_constant_product_is_that_constant_product() -> None:
    problem = samples.problem(accounts=30, count=20)
    tabulated = {r: worlds.curve(problem.depth[r], knots=4000, reach=0.2) for r in range(3)}
    curved = dataclasses.replace(problem, curves=tabulated)
    plain, found = problem.run().totals, curved.run().totals
    assert found[:, tables.LIQUIDATED].sum() == pytest.approx(plain[:, tables.LIQUIDATED].sum(), rel=1e-2)


@settings(max_examples=50, deadline=None)
@given(depth=st.floats(1e3, 1e9), share=st.floats(0.05, 1.0), sold=st.floats(0.0, 1.0), amount=st.floats(1e-3, 3.0))
def test_the_tail_of_a_curve_goes_on_as_a_constant_product(
    depth: float, share: float, sold: float, amount: float
) -> None:
    first, knots, proceeds = exchange.tabulated({0: worlds.curve(depth, knots=3000)}, assets=1)
    pool = tables.Pool(np.array([depth]), first, knots, proceeds, np.zeros(1), 1.0, 1.0, 1.0)
    plain = tables.Pool(np.array([depth]), np.zeros(2, int), np.empty(0), np.empty(0), np.zeros(1), 1.0, 1.0, 1.0)
    size = depth * share
    brought = [exchange.trade.py_func(p, 0, share, sold * size, amount * size) for p in (pool, plain)]
    assert brought[0] == pytest.approx(brought[1], rel=2e-3)
    margins = [exchange.margin.py_func(p, 0, share, sold * size) for p in (pool, plain)]
    assert margins[0] == pytest.approx(margins[1], rel=5e-3)


def test_a_fitted_impact_becomes_a_curve() -> None:
    made = exchange.tabulate(lambda amount: amount / (amount + 100.0), amounts=np.array([1.0, 10.0, 50.0]), price=20.0)
    assert made.sold == pytest.approx([20, 200, 1000])
    assert made.proceeds == pytest.approx([20 * 100 / 101, 200 * 100 / 110, 1000 * 100 / 150])


@pytest.mark.parametrize(
    ("sold", "proceeds"),
    [([1.0, 1.0], [0.9, 0.9]), ([1.0, 2.0], [0.9, 0.8]), ([1.0], [1.1]), ([1.0, 2.0], [0.5, 1.5]), ([], [])],
)
def test_a_curve_that_is_none_is_refused(sold: list[float], proceeds: list[float]) -> None:
    with pytest.raises(InputError, match="depth curve"):
        Curve(sold=np.array(sold), proceeds=np.array(proceeds))


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"depth": np.array([np.nan, 1, 1, 1, 1])}, "depth of WETH"),
        ({"depth": np.array([1.0, 1, 1, 0, 1])}, "depth of USDC"),
        ({"paths": np.ones((2, 3, 4))}, "5 assets"),
        ({"paths": np.full((2, 3, 5), -1.0)}, "WETH has a price"),
        ({"weights": np.ones(3)}, "weights"),
    ],
)
def test_what_cannot_be_simulated_is_refused_by_name(changes: dict[str, np.ndarray], words: str) -> None:
    with pytest.raises(InputError, match=words):
        dataclasses.replace(samples.problem(), **changes)


def test_a_negative_balance_is_refused_by_account() -> None:
    problem = samples.problem()
    debt = problem.book.debt.copy()
    debt[3, 1] = -1.0
    with pytest.raises(InputError, match=problem.book.accounts[3]):
        dataclasses.replace(problem, book=dataclasses.replace(problem.book, debt=debt))


@pytest.mark.parametrize("name", ["profit_floor", "capital", "delay_hours"])
def test_impossible_liquidators_are_refused(name: str) -> None:
    with pytest.raises(InputError, match=name):
        Liquidators(**{name: -1.0})


def test_impossible_oracles_are_refused() -> None:
    wrong = ({"heartbeat": 0.0}, {"deviation": -0.1}, {"latency": np.inf}, {"latency": 1e20}, {"deviation": 1e308})
    for changes in (*wrong, {"heartbeat": np.nan}):
        with pytest.raises(InputError, match="oracle"):
            oracle(**changes)


def test_impossible_withdrawals_are_refused() -> None:
    with pytest.raises(InputError, match="withdrawn"):
        Withdrawal(share=np.array([-1.0]), half_life_hours=1.0)
    with pytest.raises(InputError, match="half-life"):
        Withdrawal(share=QUIET, half_life_hours=0.0)
