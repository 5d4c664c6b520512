"""An account's health: truncation, averages and modes, against numbers worked out by hand."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from governance.domain.market import EMode, Market
from governance.domain.position import Account, Holding, health
from governance.domain.units import MAX_UINT256, RAY, WAD
from tests.governance.domain.test_market import reserve

NOW = 1_000
ETHER = 10**18
DOLLAR = 10**8


def stable(**changes):
    return reserve(**({"asset": "usd", "decimals": 6, "price": DOLLAR} | changes))


def market(*reserves, version: str = "3.0", **emodes) -> Market:
    return Market(
        version=version,
        timestamp=NOW,
        reserves={state.asset: state for state in reserves},
        emodes={int(number[1:]): mode for number, mode in emodes.items()},
    )


def account(emode: int = 0, **holdings) -> Account:
    return Account(address="0x1", emode=emode, holdings=holdings)


def eth(**changes):
    return reserve(asset="eth", **changes)


def test_collateral_debt_thresholds_and_factor():
    who = account(eth=Holding(scaled_supply=2 * ETHER, used_as_collateral=True), usd=Holding(scaled_debt=1_600 * 10**6))
    found = health(who, market(eth(), stable()))
    assert found.collateral_base == 4_000 * DOLLAR
    assert found.debt_base == 1_600 * DOLLAR
    assert (found.ltv, found.liquidation_threshold) == (7_500, 8_000)
    assert found.health_factor == 2 * WAD


def test_without_debt_the_factor_is_the_largest_integer():
    who = account(eth=Holding(scaled_supply=1, used_as_collateral=True))
    assert health(who, market(eth())).health_factor == MAX_UINT256


def test_an_account_without_anything_is_healthy():
    found = health(account(), market(eth()))
    assert (found.collateral_base, found.debt_base, found.ltv, found.health_factor) == (0, 0, 0, MAX_UINT256)


def test_debt_without_collateral_has_factor_zero():
    assert health(account(eth=Holding(scaled_debt=ETHER)), market(eth())).health_factor == 0


def test_supply_that_is_not_used_as_collateral_does_not_count():
    found = health(account(eth=Holding(scaled_supply=ETHER)), market(eth()))
    assert found.collateral_base == 0


def test_a_reserve_with_threshold_zero_is_no_collateral():
    parameters = {"ltv": 0, "liquidation_threshold": 0, "liquidation_bonus": 0}
    who = account(eth=Holding(scaled_supply=ETHER, used_as_collateral=True))
    assert health(who, market(eth(parameters=parameters))).collateral_base == 0


def test_averages_are_weighted_by_collateral_and_truncated():
    low = {"ltv": 5_000, "liquidation_threshold": 6_501, "liquidation_bonus": 11_000}
    holdings = {
        "eth": Holding(scaled_supply=ETHER, used_as_collateral=True),
        "usd": Holding(scaled_supply=1_000 * 10**6, used_as_collateral=True),
    }
    found = health(account(**holdings), market(eth(), stable(parameters=low)))
    assert found.ltv == (2 * 7_500 + 5_000) // 3
    assert found.liquidation_threshold == (2 * 8_000 + 6_501) // 3


def test_values_are_truncated_reserve_by_reserve():
    holdings = {
        "eth": Holding(scaled_supply=ETHER // 10**9, used_as_collateral=True),  # 2e-6 USD = 200 units
        "usd": Holding(scaled_supply=0, scaled_debt=1),
    }
    found = health(account(**holdings), market(eth(price=DOLLAR // 3), stable(price=DOLLAR - 1)))
    assert found.collateral_base == (10**9 * (DOLLAR // 3)) // 10**18
    assert found.debt_base == 99  # of 99.999999


def test_interest_counts():
    grown = eth(liquidity_index=2 * RAY, variable_borrow_index=3 * RAY)
    found = health(account(eth=Holding(scaled_supply=ETHER, scaled_debt=ETHER, used_as_collateral=True)), market(grown))
    assert found.collateral_base == 4_000 * DOLLAR
    assert found.debt_base == 6_000 * DOLLAR


def test_stable_debt_grows_at_the_accounts_own_rate():
    holding = Holding(stable_debt=100 * 10**6, stable_rate=RAY, stable_since=NOW - 365 * 24 * 3600)
    found = health(account(usd=holding), market(stable()))
    assert 266.66 * DOLLAR < found.debt_base < 266.67 * DOLLAR  # 1 + 1 + 1/2 + 1/6, less a second's worth


def test_an_efficiency_mode_replaces_thresholds_and_price_of_its_own_assets():
    mode = EMode(ltv=9_300, liquidation_threshold=9_500, liquidation_bonus=10_100, price=DOLLAR // 2)
    holdings = {
        "usd": Holding(scaled_supply=1_000 * 10**6, used_as_collateral=True),
        "eth": Holding(scaled_debt=ETHER // 10),
    }
    found = health(account(emode=1, **holdings), market(stable(emode_category=1), eth(), e1=mode))
    assert found.collateral_base == 500 * DOLLAR
    assert (found.ltv, found.liquidation_threshold) == (9_300, 9_500)
    assert found.debt_base == 200 * DOLLAR


def test_an_efficiency_mode_does_not_lift_a_reserve_whose_own_ltv_is_zero():
    mode = EMode(ltv=9_300, liquidation_threshold=9_500, liquidation_bonus=10_100, price=0)
    parameters = {"ltv": 0, "liquidation_threshold": 8_000, "liquidation_bonus": 10_500}
    who = account(emode=1, usd=Holding(scaled_supply=10**6, used_as_collateral=True))
    found = health(who, market(stable(emode_category=1, parameters=parameters), e1=mode))
    assert (found.ltv, found.liquidation_threshold) == (0, 9_500)


def test_a_delisted_reserve_is_skipped():
    who = account(gone=Holding(scaled_supply=ETHER, used_as_collateral=True))
    assert health(who, market(eth())).collateral_base == 0


@given(st.integers(1, 10**30), st.integers(1, 10**24), st.integers(1, 10**14))
def test_more_debt_never_makes_healthier(supply, debt, more):
    book = market(eth(), stable())
    first, second = (
        health(
            account(eth=Holding(scaled_supply=supply, used_as_collateral=True), usd=Holding(scaled_debt=owed)),
            book,
        ).health_factor
        for owed in (debt, debt + more)
    )
    assert second <= first


LIQUID = EMode(
    ltv=9_300, liquidation_threshold=9_500, liquidation_bonus=10_100, price=0, collateral=("usd",), borrowable=("eth",)
)


def in_mode(version: str, mode: EMode, **parameters: int):
    terms = {"ltv": 7_500, "liquidation_threshold": 8_000, "liquidation_bonus": 10_500} | parameters
    holdings = {
        "usd": Holding(scaled_supply=1_000 * 10**6, used_as_collateral=True),
        "eth": Holding(scaled_supply=ETHER, scaled_debt=ETHER // 10, used_as_collateral=True),
    }
    reserves = (stable(parameters=terms, version=version), eth(version=version))
    return health(account(emode=1, **holdings), market(*reserves, version=version, e1=mode))


def test_a_mode_that_lists_its_assets_holds_for_those_alone():
    found = in_mode("3.2", LIQUID)
    assert (found.collateral_base, found.debt_base) == (3_000 * DOLLAR, 200 * DOLLAR)
    assert found.ltv == (9_300 + 2 * 7_500) // 3
    assert found.liquidation_threshold == (9_500 + 2 * 8_000) // 3


def test_before_3_6_a_mode_does_not_lift_a_reserve_without_borrowing_power():
    assert in_mode("3.5", LIQUID, ltv=0).ltv == 2 * 7_500 // 3
    assert in_mode("3.6", LIQUID, ltv=0).ltv == (9_300 + 2 * 7_500) // 3


def test_since_3_6_collateral_can_be_of_a_mode_alone():
    terms = {"ltv": 0, "liquidation_threshold": 0, "liquidation_bonus": 0}
    assert in_mode("3.5", LIQUID, **terms).collateral_base == 2_000 * DOLLAR
    found = in_mode("3.6", LIQUID, **terms)
    assert (found.collateral_base, found.liquidation_threshold) == (3_000 * DOLLAR, (9_500 + 2 * 8_000) // 3)


def test_a_mode_can_take_an_assets_borrowing_power():
    mode = replace(LIQUID, ltv_zero=("usd",))
    found = in_mode("3.6", mode)
    assert found.ltv == 2 * 7_500 // 3
    assert found.liquidation_threshold == (9_500 + 2 * 8_000) // 3


def test_in_an_isolated_mode_only_its_own_collateral_gives_borrowing_power():
    found = in_mode("3.7", replace(LIQUID, isolated=True))
    assert found.ltv == 9_300 // 3
    assert found.liquidation_threshold == (9_500 + 2 * 8_000) // 3


def test_since_3_5_debt_is_rounded_up_twice_and_collateral_down():
    index = 3 * RAY // 2
    holdings = {
        "eth": Holding(scaled_supply=1, scaled_debt=1, used_as_collateral=True),
        "usd": Holding(scaled_supply=7, used_as_collateral=True),
    }
    for version, supplied, owed in (("3.4", 2 + 11, 2), ("3.5", 1 + 10, 2)):
        grown = {"liquidity_index": index, "variable_borrow_index": index, "version": version}
        reserves = (eth(price=10**18, **grown), stable(price=10**6, **grown))
        found = health(account(**holdings), market(*reserves, version=version))
        assert (found.collateral_base, found.debt_base) == (supplied, owed)
    dust = eth(price=1, version="3.5")
    assert health(account(eth=Holding(scaled_debt=1)), market(dust, version="3.5")).debt_base == 1


def test_since_3_5_the_factor_is_of_the_sum_and_not_of_the_average():
    # Collateral 1 at 80 % and 2 at 50.01 %, debt 1: the sum is 18,002; the average is 6,000, and 3 x 60 % rounds to 2.
    low = {"ltv": 0, "liquidation_threshold": 5_001, "liquidation_bonus": 10_500}
    holdings = {
        "eth": Holding(scaled_supply=1, used_as_collateral=True),
        "usd": Holding(scaled_supply=2, scaled_debt=1, used_as_collateral=True),
    }
    for version, factor in (("3.4", 2 * WAD), ("3.5", 18_002 * WAD // 10_000)):
        reserves = (eth(price=10**18, version=version), stable(price=10**6, version=version, parameters=low))
        found = health(account(**holdings), market(*reserves, version=version))
        assert (found.collateral_base, found.debt_base, found.liquidation_threshold) == (3, 1, 6_000)
        assert found.health_factor == factor
