"""Interest between two updates, as the contracts count it."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from governance.domain.market import YEAR, ReserveState, compound_interest, linear_interest, nested_interest
from governance.domain.units import RAY, ray_mul

rates = st.integers(0, 3 * RAY)
spans = st.integers(0, 5 * YEAR)


def reserve(**changes) -> ReserveState:
    fields = {
        "asset": "0xA",
        "supply_token": "0xB",
        "debt_token": "0xC",
        "stable_debt_token": "0xD",
        "feed": "0xE",
        "decimals": 18,
        "price": 2_000 * 10**8,
        "liquidity_index": RAY,
        "variable_borrow_index": RAY,
        "liquidity_rate": 0,
        "variable_borrow_rate": 0,
        "updated_at": 1_000,
        "scaled_supply": 0,
        "scaled_debt": 0,
        "stable_debt": 0,
        "stable_rate": 0,
        "stable_updated_at": 0,
        "parameters": {"ltv": 7_500, "liquidation_threshold": 8_000, "liquidation_bonus": 10_500},
        "emode_category": 0,
    }
    return ReserveState(**(fields | changes))


def test_a_full_year_of_linear_interest_is_the_rate():
    assert linear_interest(RAY // 20, YEAR) == RAY + RAY // 20


def test_linear_interest_truncates():
    assert linear_interest(1, YEAR - 1) == RAY


def test_compound_interest_of_no_time_is_nothing():
    assert compound_interest(RAY, 0) == RAY


def test_compound_interest_of_one_second_is_linear():
    assert compound_interest(RAY // 10, 1) == RAY + RAY // 10 // YEAR


def test_compound_interest_comes_close_to_the_exponential():
    assert abs(compound_interest(RAY // 10, YEAR) / RAY - 1.105_170_9) < 1e-5  # e**0.1, less the terms after the third


def test_compound_interest_drops_the_third_term_for_two_seconds():
    rate = 100 * RAY
    square = ray_mul(rate, rate) // (YEAR * YEAR)
    assert compound_interest(rate, 2) == RAY + rate * 2 // YEAR + square


@given(rates, spans)
def test_debt_never_grows_slower_than_supply_at_the_same_rate(rate, seconds):
    assert compound_interest(rate, seconds) >= linear_interest(rate, seconds) >= RAY


@given(rates, spans, spans)
def test_interest_never_falls_with_time(rate, one, other):
    early, late = sorted((one, other))
    assert compound_interest(rate, early) <= compound_interest(rate, late)


def test_indexes_accrue_from_the_last_update():
    state = reserve(liquidity_rate=RAY // 20, variable_borrow_rate=RAY // 10, liquidity_index=2 * RAY)
    assert state.income_index(1_000) == 2 * RAY
    assert state.income_index(1_000 + YEAR) == 2 * (RAY + RAY // 20)
    assert state.debt_index(1_000 + YEAR) == compound_interest(RAY // 10, YEAR)


def test_totals_hold_variable_and_stable_debt():
    state = reserve(
        scaled_supply=10, scaled_debt=100, stable_debt=1_000, stable_rate=RAY // 10, stable_updated_at=1_000
    )
    assert state.total_supply(1_000) == 10
    assert state.total_debt(1_000) == 1_100
    assert state.total_debt(1_000 + YEAR) == 100 + 1_105


def test_since_3_4_interest_is_a_nested_polynomial():
    assert nested_interest(RAY, 0) == RAY
    assert nested_interest(RAY, YEAR) == RAY + RAY + RAY // 2 + RAY // 6  # 1 + 1 + 1/2 + 1/6
    x = RAY // 10 // YEAR
    assert nested_interest(RAY // 10, 1) == RAY + x + 5_027_554_544  # x**2 / 2 is 5,027,554,538.3; x**3 / 6 is 5.3


@given(rates, spans)
def test_both_forms_of_interest_are_close(rate, seconds):
    old, new = compound_interest(rate, seconds), nested_interest(rate, seconds)
    assert old <= new <= old + old // 10**5


def test_a_reserve_counts_by_its_markets_version():
    rate = {"variable_borrow_rate": RAY // 3, "scaled_debt": 7, "scaled_supply": 7, "liquidity_index": 3 * RAY // 2}
    old, new = reserve(version="3.3", **rate), reserve(version="3.4", **rate)
    assert old.debt_index(10**6) == compound_interest(RAY // 3, 10**6 - 1_000)
    assert new.debt_index(10**6) == nested_interest(RAY // 3, 10**6 - 1_000)
    assert [reserve(version=version, **rate).total_supply(1_000) for version in ("3.4", "3.5")] == [11, 10]
