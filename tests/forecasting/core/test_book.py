"""The float book says what the chain's integers say."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from forecasting.core.book import PositionRow, build, verify
from governance.domain.units import WAD
from governance.errors import ImplausibleData, InputError
from tests.forecasting import samples


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 10_000))
def test_health_factors_are_those_of_the_integer_arithmetic(seed: int) -> None:
    reserves, positions = samples.reserve_rows(), samples.position_rows(accounts=20, seed=seed)
    made = build(reserves=reserves, positions=positions, own_threshold={})
    exact = samples.contract_health_factors(reserves, positions)
    verify(made, health_factors=exact)
    floats = dict(zip(made.accounts, made.health_factors(), strict=True))
    for account, value in exact.items():
        assert floats[account] == pytest.approx(value / WAD, rel=3e-4)


def test_a_wrong_health_factor_is_named() -> None:
    reserves, positions = samples.reserve_rows(), samples.position_rows(accounts=20, seed=1)
    made = build(reserves=reserves, positions=positions, own_threshold={})
    exact = samples.contract_health_factors(reserves, positions)
    victim = sorted(exact)[7]
    exact[victim] = exact[victim] * 1001 // 1000
    with pytest.raises(ImplausibleData, match=victim):
        verify(made, health_factors=exact)


def test_supply_that_is_not_collateral_counts_for_nothing() -> None:
    row = PositionRow(account="0x1", reserve=0, collateral=10**18, debt=0, used_as_collateral=False)
    owed = PositionRow(account="0x1", reserve=3, collateral=0, debt=10**6, used_as_collateral=False)
    made = build(reserves=samples.reserve_rows(), positions=[row, owed], own_threshold={})
    assert made.health_factors().tolist() == [0.0]
    assert made.borrow_capacity() == 0.0


def test_without_debt_health_is_infinite() -> None:
    row = PositionRow(account="0x1", reserve=0, collateral=10**18, debt=0, used_as_collateral=True)
    made = build(reserves=samples.reserve_rows(), positions=[row], own_threshold={})
    assert np.isinf(made.health_factors()).all()
    assert made.borrow_capacity() == pytest.approx(2000 * 0.77)


def test_an_account_in_emode_keeps_its_own_threshold_when_the_reserve_changes() -> None:
    rows = [
        PositionRow(account=name, reserve=r, collateral=c, debt=d, used_as_collateral=c > 0)
        for name in ("0x1", "0x2")
        for r, c, d in ((0, 10**18, 0), (3, 0, 10**9))
    ]
    made = build(reserves=samples.reserve_rows(), positions=rows, own_threshold={"0x2": 9300})
    after = made.parameters.changed(reserve=0, changes={"liquidation_threshold": 7000})
    assert made.health_factors() == pytest.approx([1.6, 1.86])
    assert made.health_factors(after) == pytest.approx([1.4, 1.86])


def test_changes_are_given_as_on_chain() -> None:
    before = samples.book().parameters
    after = before.changed(
        reserve=1, changes={"ltv": 7010, "liquidation_bonus": 10_625, "supply_cap": 0, "borrow_cap": 120}
    )
    assert after.ltv[1] == pytest.approx(0.701)
    assert after.liquidation_bonus[1] == pytest.approx(0.0625)
    assert np.isinf(after.supply_cap[1])
    assert after.borrow_cap[1] == 120
    untouched = [0, 2, 3, 4]
    assert (after.ltv[untouched] == before.ltv[untouched]).all()
    assert before.ltv[1] == pytest.approx(0.72), "the old parameters are left alone"


def test_an_unknown_parameter_is_refused() -> None:
    with pytest.raises(InputError, match="reserve_factor"):
        samples.book().parameters.changed(reserve=0, changes={"reserve_factor": 1})


def test_prices_and_positions_that_cannot_be_are_refused() -> None:
    rows = samples.position_rows(accounts=2, seed=1)
    with pytest.raises(ImplausibleData, match="WETH has the price 0"):
        build(reserves=samples.reserve_rows(price=0), positions=rows, own_threshold={})
    with pytest.raises(ImplausibleData, match="given twice"):
        build(reserves=samples.reserve_rows(), positions=[*rows, rows[0]], own_threshold={})
    negative = dataclasses.replace(rows[0], collateral=-1)
    with pytest.raises(ImplausibleData, match="negative"):
        build(reserves=samples.reserve_rows(), positions=[negative], own_threshold={})
