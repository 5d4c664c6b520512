"""Shares and interest of Morpho Blue: what rounding may and may not do."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from governance.domain.morpho import (
    Borrowed,
    CollateralChanged,
    FeeSet,
    MarketCreated,
    Pots,
    Seized,
    Supplied,
    growth,
    incentive,
    power,
    to_assets_down,
    to_assets_up,
    to_shares_down,
)
from governance.domain.morpho_ledger import Ledger
from governance.domain.units import WAD
from governance.errors import GapInData, ImplausibleData

LOAN, COLLATERAL, ORACLE, IRM, ANN = (f"0x{number:040X}" for number in range(1, 6))
AMOUNT = st.integers(0, 2**100)


@given(assets=AMOUNT, total=AMOUNT, shares=AMOUNT)
def test_nobody_gains_by_rounding(assets, total, shares):
    assert to_assets_down(to_shares_down(assets, total, shares), total, shares) <= assets
    assert 0 <= to_assets_up(assets, total, shares) - to_assets_down(assets, total, shares) <= 1


@given(rate=st.integers(0, WAD // (365 * 86_400)), seconds=st.integers(0, 365 * 86_400))
def test_interest_grows_with_time_and_stays_below_the_exponential(rate, seconds):
    assert growth(rate, 0) == growth(0, seconds) == 0
    assert rate * seconds <= growth(rate, seconds) <= growth(rate, seconds + 1)
    assert growth(rate, seconds) < 2 * WAD  # at most e - 1 for a rate of 100 % a year


@given(owed=AMOUNT, fee=st.integers(0, WAD // 4), seconds=st.integers(0, 10**8))
def test_a_fee_is_paid_in_shares_and_takes_nothing_else(owed, fee, seconds):
    pots = Pots(supply_assets=2 * owed, supply_shares=2 * owed * 10**6, borrow_assets=owed, borrow_shares=owed * 10**6)
    pots.fee = fee
    later = pots.at(seconds, 10**9)
    assert later.supply_assets - pots.supply_assets == later.borrow_assets - pots.borrow_assets >= 0
    assert later.supply_shares >= pots.supply_shares
    assert later.borrow_shares == pots.borrow_shares


def test_the_incentive_is_the_published_one():
    assert incentive(86 * WAD // 100) == 1_043_841_336_116_910_229
    assert incentive(385 * WAD // 1000) == 115 * WAD // 100  # the most that there is
    assert power(10**18, price=2_000 * 10**24, lltv=86 * WAD // 100) == 1_720 * 10**6


def test_a_ledger_refuses_what_only_lost_logs_explain():
    ledger = Ledger()
    with pytest.raises(GapInData, match="creation"):
        ledger.apply(FeeSet(1), 10)
    with pytest.raises(GapInData, match="not created"):
        ledger.book(timestamp=10, decimals={})
    ledger.apply(MarketCreated(LOAN, COLLATERAL, ORACLE, IRM, WAD // 2), 10)
    ledger.apply(CollateralChanged(ANN, -1), 11)
    ledger.apply(Supplied(ANN, 5, 5), 11)
    with pytest.raises(ImplausibleData, match="less than nothing"):
        ledger.book(timestamp=12, decimals={LOAN: 6, COLLATERAL: 18})


def lent() -> Ledger:
    ledger = Ledger()
    ledger.apply(MarketCreated(LOAN, COLLATERAL, ORACLE, IRM, WAD // 2), 10)
    ledger.apply(Supplied(ANN, 1_000, 10**9), 11)
    ledger.apply(Borrowed(ANN, 100, 10**8), 11)
    return ledger


def test_rounding_may_repay_one_too_many():
    ledger = lent()
    ledger.apply(Borrowed(ANN, -101, -(10**8)), 12)
    assert (ledger.pots.borrow_assets, ledger.pots.borrow_shares) == (0, 0)


@pytest.mark.parametrize(
    "event", [Seized(ANN, 50, 5, 0, 70, 5), Supplied(ANN, -1_001, 0), Supplied(ANN, 0, -(10**9) - 1)]
)
def test_no_pot_holds_less_than_nothing(event):
    ledger = lent()
    ledger.apply(event, 12)
    with pytest.raises(ImplausibleData, match="less than nothing in a pot"):
        ledger.book(timestamp=12, decimals={LOAN: 6, COLLATERAL: 18})


def test_a_market_is_not_asked_about_before_its_last_update():
    with pytest.raises(ImplausibleData, match="updated at 10, after 9"):
        lent().book(timestamp=9, decimals={LOAN: 6, COLLATERAL: 18})


def test_a_market_has_two_assets():
    assert lent().parameter(LOAN, "fee") == 0
    with pytest.raises(GapInData, match="has no"):
        lent().parameter(ORACLE, "fee")
