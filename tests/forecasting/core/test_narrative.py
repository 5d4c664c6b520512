"""The story of a path: it adds up to the engine's tally, and its reasons are those that were built in."""

from __future__ import annotations

import dataclasses
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from forecasting.core import narrative, tables
from forecasting.core.book import PositionRow, build
from forecasting.core.cascade import CascadeProblem, CascadeRules, Protocol
from forecasting.core.liquidators import Liquidators
from forecasting.core.staging import Stage
from governance.errors import InputError
from tests.forecasting import samples, worlds


@pytest.fixture(scope="module")
def wild() -> CascadeProblem:
    problem = samples.problem(accounts=60, count=40, seed=4)
    return dataclasses.replace(
        problem,
        depth=problem.depth / 3,
        paths=samples.paths(count=40, seed=4, scale=2.0),
        beside=(Protocol(name="other", book=samples.book(accounts=20, seed=9)),),
    )


def lend(health: list[float], prices: list[float], *, depth: float = np.inf, **changes) -> CascadeProblem:
    """Return accounts that hold 1 WETH at 2,000 USD each, with the given health factors at the start."""
    rows = []
    for i, factor in enumerate(health):
        rows += [
            PositionRow(account=f"0x{i}", reserve=0, collateral=10**18, debt=0, used_as_collateral=True),
            PositionRow(account=f"0x{i}", reserve=3, collateral=0, debt=int(1600e6 / factor), used_as_collateral=False),
        ]
    path = np.tile(np.array(samples.PRICES), (1, len(prices), 1))
    path[0, :, 0] = prices
    made = CascadeProblem(
        book=build(reserves=samples.reserve_rows(), positions=rows, own_threshold={}),
        paths=path,
        step_hours=1.0,
        depth=np.array([depth, *[np.inf] * 4]),
        rules=CascadeRules(fixed_cost=1e-9, permanent_share=1.0),
        threads=1,
    )
    return dataclasses.replace(made, **changes)


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10_000))
def test_the_rounds_add_up_to_the_path(seed: int) -> None:
    world = worlds.world(seed, hours=36)
    totals, told = world.run().totals[0], narrative.rounds(world, 0)
    assert sum(one.repaid for one in told.rounds) == pytest.approx(totals[tables.LIQUIDATED])
    assert sum(one.seized for one in told.rounds) == pytest.approx(totals[tables.SEIZED])
    assert sum(one.liquidations for one in told.rounds) == totals[tables.EVENTS] == len(told.events)
    assert max((one.round for one in told.rounds), default=0) == totals[tables.STREAK]
    assert told.bad_debt == pytest.approx(totals[tables.BAD_DEBT])
    for one in told.rounds:
        assert sum(one.causes.values()) == pytest.approx(1)
        assert 0 <= one.waited <= 1
        assert one.backlog >= 0
        assert one.accounts <= one.liquidations
        assert one.largest.repaid <= one.repaid
        assert one.why.startswith("Of the debt repaid, ")


def test_what_a_round_tells_is_what_the_path_is_when_it_ends_there(wild: CascadeProblem) -> None:
    path = int(wild.run().totals[:, tables.EVENTS].argmax())
    told = narrative.rounds(wild, path)
    assert len(told.rounds) > 3
    for one in told.rounds:
        bought = {event.debt for event in told.events if event.step == one.step}
        cut = dataclasses.replace(wild, paths=wild.paths[path : path + 1, : one.step + 1]).run()
        assert one.bad_debt == pytest.approx(cut.totals[0, tables.BAD_DEBT])
        assert one.backlog == pytest.approx(cut.totals[0, tables.BACKLOG])
        for symbol, (before, after) in one.prices.items():
            assert before == pytest.approx(cut.price[0, wild.book.symbols.index(symbol)])
            assert after <= before or symbol in bought
            assert one.impact.get(symbol, 0.0) == pytest.approx(
                before / wild.paths[path, one.step, wild.book.symbols.index(symbol)] - 1.0, abs=1e-8
            )
    assert all(one.hour < other.hour for one, other in pairwise(told.rounds))


def test_the_price_after_the_last_sale_is_where_a_lasting_impact_leaves_it() -> None:
    told = narrative.rounds(lend([1.001, 1.03], [1995.0, 1995.0], depth=200_000.0), 0)
    first = told.rounds[0]
    assert first.prices["WETH"][0] == 1995.0
    assert first.prices["WETH"][1] == pytest.approx(1995.0 * (200_000 / (200_000 + first.seized)) ** 2)


def test_a_spiral_is_told_as_one() -> None:
    """One account falls by the price; its sale alone puts the next one below 1, and that one the next."""
    told = narrative.rounds(lend([1.001, 1.008, 1.015], [1990.0] * 4, depth=200_000.0), 0)
    assert [one.hour for one in told.rounds] == [1.0, 2.0, 3.0]
    assert [one.round for one in told.rounds] == [1, 2, 3]
    assert told.rounds[0].causes == {"price": 1.0, "sales": 0.0, "lag": 0.0}
    assert [one.causes["sales"] for one in told.rounds[1:]] == [1.0, 1.0]
    assert "at the path's own prices (WETH −0.5" in told.rounds[0].why
    assert "only because earlier sales held WETH 0." in told.rounds[1].why
    assert told.rounds[1].impact["WETH"] < 0
    assert told.rounds[0].then == "No account was left below a health factor of 1. The next round came in hour 2."
    assert told.rounds[2].then == "No account was left below a health factor of 1. No round followed."
    assert told.why.startswith("3 liquidations in 3 rounds, at most 3 in succession, from hour 1 to 3 repaid $")


def test_a_pause_and_a_further_fall_are_told() -> None:
    told = narrative.rounds(lend([1.01, 1.1], [1970.0, 1970.0, 1970.0, 1800.0]), 0)
    assert [one.hour for one in told.rounds] == [1.0, 4.0]
    assert told.rounds[0].then.endswith("The next round came in hour 4.")
    assert "at the path's own prices (WETH −8.6" in told.rounds[1].why  # since the round before
    assert told.rounds[1].then == "No account was left below a health factor of 1. The path ends here."


def test_what_had_to_wait_is_told() -> None:
    poor = lend([1.001] * 4, [1990.0] * 3, liquidators=Liquidators(capital=1000.0))
    told = narrative.rounds(poor, 0)
    assert "of debt stayed below a health factor of 1. The next round" in told.rounds[0].then
    assert "had waited: depth, capital or profit had not sufficed before" in told.rounds[1].why
    assert [one.waited for one in told.rounds[:2]] == [0.0, 1.0]
    slow = dataclasses.replace(poor, liquidators=Liquidators(delay_hours=1.0))
    assert [one.waited for one in narrative.rounds(slow, 0).rounds][:1] == [0.0]  # a delay that all have is no waiting


def test_a_late_oracle_is_told() -> None:
    late = worlds.delayed(lend([1.001], [1900.0, 2100.0]), hours=1.0)
    told = narrative.rounds(late, 0)
    assert told.rounds[0].why.endswith("was below a health factor of 1 only at the oracle's late prices.")
    assert told.rounds[0].causes["lag"] == 1.0


def test_a_debt_that_became_dear_is_named() -> None:
    """What is owed, and not what is held, rises; an account elsewhere that is not liquidated is not asked."""
    rows = [
        PositionRow(account="0xa", reserve=3, collateral=2000 * 10**6, debt=0, used_as_collateral=True),
        PositionRow(account="0xa", reserve=2, collateral=0, debt=156 * 10**18, used_as_collateral=False),
        PositionRow(account="0xb", reserve=1, collateral=10**12, debt=0, used_as_collateral=True),
        PositionRow(account="0xb", reserve=3, collateral=0, debt=10**9, used_as_collateral=False),
    ]
    posed = lend([1.5], [2000.0])
    posed.paths[0, 0, 1:3] *= 0.5, 1.05
    book = build(reserves=samples.reserve_rows(), positions=rows, own_threshold={})
    told = narrative.rounds(dataclasses.replace(posed, book=book), 0)
    assert "(TIDE +5.0" in told.rounds[0].why


def test_debt_that_nobody_can_liquidate_is_told() -> None:
    told = narrative.rounds(lend([1.001, 1.001], [1990.0, 1000.0], liquidators=Liquidators(capital=1.0)), 0)
    assert "stayed below a health factor of 1. The path ends here." in told.rounds[-1].then
    assert told.bad_debt == pytest.approx(2 * (1600 / 1.001 - 1000), rel=0.01)


def test_a_calm_path_has_no_rounds() -> None:
    told = narrative.rounds(lend([1.2], [2000.0, 2010.0]), 0)
    assert told.why == "Nothing was liquidated on this path. Bad debt at the horizon: $0."
    assert told.rounds == told.events == ()
    assert told.bad_debt == 0


@pytest.mark.parametrize("path", [-1, 1])
def test_a_path_that_is_not_there_is_refused(path: int) -> None:
    with pytest.raises(InputError, match=f"There is no path {path}; there are 1, from 0"):
        narrative.rounds(lend([1.2], [2000.0]), path)


def test_bad_debt_is_split_over_the_protocols_and_what_is_owed(wild: CascadeProblem) -> None:
    tally, stage = wild.run(), Stage.of(wild)
    for path in np.argsort(-tally.totals[:, tables.BAD_DEBT])[:5]:
        ending = stage.run(wild.paths[path])
        assert ending.lost.sum(axis=1) == pytest.approx(tally.parts[path, :, tables.BAD_DEBT])
        assert ending.lost.sum(axis=0) == pytest.approx(tally.lost[path])
        assert ending.tally.price == pytest.approx(tally.price[path], rel=0)
    assert tally.parts[:, 1, tables.BAD_DEBT].max() > 0
