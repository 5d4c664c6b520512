"""Principals, present values and rates of Compound III: what rounding may and may not do."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from governance.domain import comet
from governance.domain.comet import INDEX_SCALE, RATES, SHARED, AssetTerms, Terms, TermsSet, Totals
from governance.domain.comet_ledger import Ledger
from governance.domain.units import WAD
from governance.errors import GapInData, ImplausibleData

BASE, CETH, FEED, MADE, ANN = (f"0x{number:040X}" for number in range(1, 6))
INDEX = st.integers(INDEX_SCALE, 4 * INDEX_SCALE)
PERCENT = WAD // 100


def draft(**numbers: int) -> TermsSet:
    values = dict.fromkeys((*RATES, *SHARED), 0) | {"supply_kink": 80 * PERCENT, "borrow_kink": 80 * PERCENT} | numbers
    asset = AssetTerms(CETH, FEED, 18, 80 * PERCENT, 85 * PERCENT, 93 * PERCENT, 10**24)
    return TermsSet(BASE, FEED, tuple(values.items()), (asset,))


def in_force(**numbers: int) -> Ledger:
    ledger = Ledger()
    for event in (draft(**numbers), comet.VersionMade(MADE), comet.VersionInstalled(MADE)):
        ledger.apply(event, 100)
    return ledger


@given(value=st.integers(-(2**100), 2**100), supply=INDEX, borrow=INDEX)
def test_rounding_favours_the_protocol(value, supply, borrow):
    totals = Totals(supply_index=supply, borrow_index=borrow)
    worth = totals.worth(totals.principal(value))
    assert worth <= value
    assert value < 0 or worth >= value - 4


@given(part=st.integers(1, 2**90), index=INDEX)
def test_a_supplier_s_part_is_told_by_its_present_value(part, index):
    told = comet.present(part, supply_index=index, borrow_index=INDEX_SCALE)
    assert comet.supplier_principal(told, index) == part


def test_rates_are_kinked_and_truncated_by_the_second():
    terms = Terms.made(
        draft(borrow_base=comet.YEAR + 7, borrow_slope_low=5 * comet.YEAR, borrow_slope_high=9 * comet.YEAR)
    )
    assert terms.rate("borrow", 0) == 1
    assert terms.rate("borrow", 80 * PERCENT) == 5
    assert terms.rate("borrow", 2 * WAD) == 1 + 4 + 10
    assert terms.rate("supply", WAD) == 0


def test_terms_that_are_only_staged_are_not_in_force():
    ledger = in_force()
    ledger.apply(comet.TermSet(CETH, "borrow_collateral_factor", 70 * PERCENT), 101)
    ledger.apply(comet.FeedSet("", MADE), 101)
    assert ledger.parameter(CETH, "borrow_collateral_factor") == 80 * PERCENT
    assert ledger.feed(BASE) == FEED
    ledger.apply(comet.VersionMade(ANN), 102)
    told = ledger.expand(comet.VersionInstalled(ANN))
    assert [type(event).__name__ for event in told] == ["ParameterSet", "VersionInstalled", "FeedChosen"]
    for event in told:
        ledger.apply(event, 103)
    assert ledger.parameter(CETH, "borrow_collateral_factor") == 70 * PERCENT
    assert ledger.feed(BASE) == MADE
    assert ledger.assets_of(FEED) == [CETH]


def test_a_ledger_refuses_what_only_lost_logs_explain():
    empty = Ledger()
    for event in (comet.BaseSupplied(ANN, 5), comet.TermSet("", "supply_kink", 1), comet.VersionMade(MADE)):
        with pytest.raises(GapInData):
            empty.apply(event, 10)
    ledger = in_force()
    with pytest.raises(GapInData, match="no earlier event"):
        ledger.apply(comet.TermSet(ANN, "supply_cap", 1), 101)
    ledger.apply(comet.CollateralMoved(CETH, ANN, "", 1), 101)
    with pytest.raises(ImplausibleData, match="less than no collateral"):
        ledger.book(timestamp=102, decimals={BASE: 6, CETH: 18})


def test_a_placeholder_before_the_first_terms_changes_nothing():
    ledger = Ledger()
    ledger.apply(comet.VersionInstalled(MADE), 50)
    assert ledger.terms is None
    assert ledger.expand(comet.VersionInstalled(MADE)) == (comet.VersionInstalled(MADE),)
