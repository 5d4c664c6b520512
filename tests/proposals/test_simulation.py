"""One reserve's settings on the forecast's futures, calm and stressed."""

from __future__ import annotations

import numpy as np
import pytest

from proposals.core.simulation import coarsened, pose
from tests.proposals.cases import CURRENT, policy
from tests.proposals.markets import small_problem


@pytest.fixture
def problem(market):
    return small_problem(market.snapshot, seed=5)


@pytest.fixture
def simulation(problem):
    return pose(problem, reserve=0, current=CURRENT, settings=policy().search)


def test_stress_multiplies_every_move_from_todays_price(problem, simulation):
    calm, wild = (np.log(paths / problem.book.price) for paths in (simulation.plain.paths, simulation.stressed.paths))
    np.testing.assert_allclose(wild, 3 * calm, atol=1e-12)


def test_without_stress_both_are_the_same(problem):
    both = pose(problem, reserve=0, current=CURRENT, settings=policy(search__stress_bps=10_000).search)
    futures = both.judged(CURRENT)
    np.testing.assert_allclose(futures.bad_debt, futures.stressed_bad_debt)


def test_stress_loses_more(simulation):
    futures = simulation.judged(CURRENT)
    assert futures.stressed_bad_debt.mean() > futures.bad_debt.mean()


def test_a_coarser_problem_keeps_the_horizon(problem):
    coarse = coarsened(problem, hours=36)
    assert coarse.step_hours == 36
    assert coarse.paths.shape[1] == 5
    np.testing.assert_array_equal(coarse.paths[:, -1], problem.paths[:, -1])
    assert coarsened(problem, hours=1).paths.shape == problem.paths.shape


def test_a_higher_threshold_is_judged_as_if_all_used_it_and_a_lower_one_as_if_nobody_repaid(simulation):
    higher = {**CURRENT, "liquidation_threshold": 8_200, "ltv": 7_900}
    lower = {**CURRENT, "liquidation_threshold": 7_800, "ltv": 7_500}
    for setting, response in ((higher, "relever"), (lower, "amounts")):
        judged, expected = simulation.judged(setting), simulation.under(setting, response=response)
        np.testing.assert_array_equal(judged.bad_debt, expected.bad_debt)
        np.testing.assert_array_equal(judged.liquidated, expected.liquidated)


def test_borrowing_power_rises_with_the_ltv_alone(simulation):
    before, after = (simulation.judged({**CURRENT, "ltv": ltv}).capacity for ltv in (7_700, 7_800))
    assert after / before == pytest.approx(7_800 / 7_700)


def test_volatility_is_that_of_the_paths(problem, simulation):
    first = np.log(np.concatenate([[problem.book.price[0]], problem.paths[0, :, 0]]))
    assert simulation.volatility[0] == pytest.approx(np.sqrt((np.diff(first) ** 2).sum() / 7 * 365))
