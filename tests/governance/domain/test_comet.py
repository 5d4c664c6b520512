"""Principals, present values and rates of Compound III: what rounding may and may not do."""

from __future__ import annotations

import math

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from governance.domain import comet, comet_ledger, events
from governance.domain.comet import INDEX_SCALE, RATES, SHARED, YEAR, AssetTerms, Terms, TermsSet, Totals
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


def anchored(**words: int) -> dict[str, int]:
    return (
        dict.fromkeys(comet_ledger.TOTALS, 0)
        | dict.fromkeys(comet_ledger.CLOCK, INDEX_SCALE)
        | {"accrued_at": 100}
        | words
    )


@pytest.mark.parametrize("side", ["supply_index", "borrow_index"])
@pytest.mark.parametrize("value", [0, INDEX_SCALE - 1])
def test_an_index_below_one_is_refused(side, value):
    with pytest.raises(ImplausibleData, match=f"{side} cannot be {value}"):
        in_force().anchor(anchored(**{side: value}))


@pytest.mark.parametrize("name", ["supply_index", "borrow_index", "accrued_at"])
def test_what_only_grows_cannot_fall(name):
    ledger = in_force()
    before = anchored(supply_index=2 * INDEX_SCALE, borrow_index=2 * INDEX_SCALE, accrued_at=200)
    ledger.anchor(before)
    with pytest.raises(ImplausibleData, match=f"{name} cannot be"):
        ledger.anchor(before | {name: before[name] - 1})


def test_an_accrual_after_the_block_is_refused():
    ledger = in_force()
    ledger.anchor(anchored(accrued_at=151))
    with pytest.raises(ImplausibleData, match="after the block's own time 150"):
        ledger.apply(comet.BaseSupplied(ANN, 5), 150)
    with pytest.raises(ImplausibleData, match="after the block's own time 150"):
        ledger.book(timestamp=150, decimals={BASE: 6, CETH: 18})


def lent(**numbers: int) -> Ledger:
    """Return a market that lends nine of ten, at 10 % a year and more."""
    ledger = in_force(borrow_base=YEAR * 3 * 10**9, supply_slope_low=YEAR * 10**9, **numbers)
    ledger.apply(comet.BaseSupplied(ANN, 10**12), 100)
    ledger.apply(comet.BaseWithdrawn(MADE, 9 * 10**11), 100)
    return ledger


@given(st.lists(st.integers(1, YEAR), max_size=12), st.sampled_from([0, YEAR * 10**10, YEAR * 10**11]))
@example([YEAR] * 4, YEAR * 10**11)
def test_interest_that_was_accrued_any_number_of_times_is_plausible(waits, slope):
    ledger = lent(borrow_slope_high=slope)
    told = Totals(**{name: getattr(ledger.totals, name) for name in comet_ledger.TOTALS})
    for seconds in waits:
        told.supply_index, told.borrow_index = told.indexes_at(told.accrued_at + seconds, ledger.require_terms())
        told.accrued_at += seconds
    grown = told.borrow_index / ledger.totals.borrow_index
    assume(not 0.999 < grown / math.exp(10) < 1.001)
    ledger.observe({name: getattr(told, name) for name in comet_ledger.TOTALS})
    if grown > math.exp(10):  # as much as no market grows by between two anchors
        with pytest.raises(ImplausibleData, match="more than any interest"):
            ledger.prove(told.accrued_at)
        return
    ledger.prove(told.accrued_at)
    assert ledger.totals.borrow_index == told.borrow_index


@pytest.mark.parametrize("side", ["supply_index", "borrow_index"])
def test_more_than_any_interest_is_refused(side):
    honest = lent()
    supply, borrow = honest.totals.indexes_at(100 + YEAR, honest.require_terms())
    true = anchored(supply_index=supply, borrow_index=borrow, accrued_at=100 + YEAR)
    honest.anchor(true)
    honest.apply(comet.BaseSupplied(ANN, 5), 100 + YEAR)
    lied = lent()
    lied.anchor(true | {side: true[side] * 101 // 100})
    with pytest.raises(ImplausibleData, match="more than any interest"):
        lied.apply(comet.BaseSupplied(ANN, 5), 100 + YEAR)


def test_an_upgrade_between_two_accruals_makes_both_rates_plausible():
    ledger = lent()
    supply, borrow = ledger.totals.indexes_at(100 + YEAR, ledger.require_terms())
    for event in (comet.TermSet("", "borrow_base", 0), comet.VersionMade(ANN), comet.VersionInstalled(ANN)):
        ledger.apply(event, 100 + YEAR)
    ledger.anchor(anchored(supply_index=supply, borrow_index=borrow, accrued_at=100 + YEAR))
    ledger.apply(comet.BaseSupplied(ANN, 5), 100 + YEAR)
    assert ledger.totals.borrow_index == borrow > INDEX_SCALE


def test_utilisation_is_of_present_values():
    totals = Totals(supply_index=2 * INDEX_SCALE, supply_principal=100, borrow_principal=100)
    assert totals.utilisation() == WAD // 2


def test_the_verdict_is_by_the_stored_index_and_health_by_the_one_of_now():
    ledger = in_force(borrow_base=YEAR * 10**10)
    ledger.apply(events.PricePublished(FEED, 10**8), 100)
    ledger.apply(comet.CollateralMoved(CETH, "", ANN, WAD), 100)
    ledger.apply(comet.BaseWithdrawn(ANN, 850_000), 100)  # as much as the collateral's 85 %
    (line,) = ledger.book(timestamp=100 + YEAR, decimals={BASE: 6, CETH: 18}).accounts
    assert (line.own["liquidatable"], line.health_factor < WAD) == (0, True)
    ledger.apply(comet.BaseSupplied(MADE, 0), 100 + YEAR)  # accrues
    (_, line) = ledger.book(timestamp=100 + YEAR, decimals={BASE: 6, CETH: 18}).accounts
    assert line.own["liquidatable"] == 1


def test_a_collateral_that_was_taken_off_has_only_a_total():
    ledger = in_force()
    for event in (draft()._replace(assets=()), comet.VersionMade(ANN), comet.VersionInstalled(ANN)):
        ledger.apply(event, 101)
    _, removed = ledger.book(timestamp=102, decimals={BASE: 6, CETH: 18}).reserves
    assert (removed.asset, removed.own) == (CETH, {"total_collateral": 0})
