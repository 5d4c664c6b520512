"""The book that events make, and what it refuses."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from governance.domain import events
from governance.domain.ledger import Ledger
from governance.domain.position import Holding
from governance.domain.units import RAY, ray_mul
from governance.errors import GapInData, ImplausibleData

LISTED = events.ReserveListed("eth", "aEth", "sEth", "vEth")


def ledger(*happened: events.Event, at: int = 100) -> Ledger:
    made = Ledger()
    for event in (LISTED, *happened):
        made.apply(event, at)
    return made


def holding(made: Ledger, account: str) -> Holding:
    return made.book(timestamp=100, decimals={"eth": 18}).accounts[account].holdings.get("eth", Holding())


def test_a_listing_starts_with_indexes_of_one():
    state = ledger().book(timestamp=100, decimals={"eth": 18}).market.reserves["eth"]
    assert (state.liquidity_index, state.variable_borrow_index, state.updated_at) == (RAY, RAY, 100)


def test_a_balance_is_kept_free_of_interest():
    made = ledger(events.BalanceChanged("aEth", "me", 1_000, 2 * RAY))
    assert holding(made, "me").scaled_supply == 500


def test_a_negative_change_rounds_like_a_positive_one():
    made = ledger(events.BalanceChanged("aEth", "me", 10, 4 * RAY), events.BalanceChanged("aEth", "me", -10, 4 * RAY))
    assert holding(made, "me") == Holding()


def test_a_transfer_moves_scaled_amounts():
    made = ledger(events.BalanceChanged("aEth", "me", 9, RAY), events.BalanceMoved("aEth", "me", "you", 4))
    assert holding(made, "me").scaled_supply == 5
    assert holding(made, "you").scaled_supply == 4


def test_a_transfer_to_oneself_changes_nothing():
    made = ledger(events.BalanceChanged("aEth", "me", 9, RAY), events.BalanceMoved("aEth", "me", "me", 4))
    assert holding(made, "me").scaled_supply == 9


def test_supply_and_debt_are_kept_apart():
    made = ledger(events.BalanceChanged("aEth", "me", 9, RAY), events.BalanceChanged("vEth", "me", 5, RAY))
    assert holding(made, "me") == Holding(scaled_supply=9, scaled_debt=5)


def test_collateral_is_switched_on_and_off():
    made = ledger(events.CollateralSwitched("eth", "me", enabled=True))
    assert holding(made, "me").used_as_collateral
    made.apply(events.CollateralSwitched("eth", "me", enabled=False), 100)
    assert not holding(made, "me").used_as_collateral


def test_a_stable_debt_that_is_repaid_in_part_keeps_its_rate():
    made = ledger(
        events.StableDebtChanged("sEth", "me", 100, RAY // 10, 100, RAY // 10),
        events.StableDebtChanged("sEth", "me", -40, -1, 60, RAY // 10),
    )
    found = holding(made, "me")
    assert (found.stable_debt, found.stable_rate, found.stable_since) == (60, RAY // 10, 100)


def test_the_price_is_the_chosen_feeds_newest_answer():
    made = ledger(events.FeedChosen("eth", "one"), events.PricePublished("one", 5), events.PricePublished("other", 7))
    assert made.price("eth") == 5
    made.apply(events.FeedChosen("eth", "other"), 100)
    assert made.price("eth") == 7
    assert made.assets_of("other") == ["eth"]


def test_a_reserve_that_was_delisted_leaves_the_market():
    made = ledger(events.BalanceChanged("aEth", "me", 9, RAY), events.ReserveDelisted("eth"))
    book = made.book(timestamp=100, decimals={"eth": 18})
    assert not book.market.reserves
    assert not book.accounts["me"].holdings
    assert made.reserves == ["eth"]


def test_an_efficiency_mode_is_chosen_and_priced():
    made = ledger(
        events.EModeDefined(1, 9_000, 9_500, 10_100, "source"),
        events.FeedChosen("source", "feed"),
        events.PricePublished("feed", 42),
        events.EModeAssigned("eth", 1),
        events.EModeChosen("me", 1),
    )
    book = made.book(timestamp=100, decimals={"eth": 18})
    assert book.accounts["me"].emode == 1
    assert book.market.emodes[1].price == 42
    assert book.market.reserves["eth"].emode_category == 1


def test_an_unknown_reserve_is_a_gap():
    with pytest.raises(GapInData, match="logs are missing"):
        ledger(events.ParameterSet("other", "ltv", 1))


def test_a_balance_below_zero_is_refused():
    made = ledger(events.BalanceChanged("aEth", "me", -1, RAY))
    with pytest.raises(ImplausibleData, match="less than nothing"):
        made.book(timestamp=100, decimals={"eth": 18})


@given(st.lists(st.tuples(st.integers(1, 10**24), st.integers(RAY, 5 * RAY)), min_size=1, max_size=8))
def test_supplying_and_withdrawing_all_leaves_nothing(deposits):
    made = ledger()
    index = RAY
    for amount, growth in deposits:
        index = max(index, growth)
        made.apply(events.BalanceChanged("aEth", "me", amount, index), 100)
    scaled = holding(made, "me").scaled_supply
    made.apply(events.BalanceChanged("aEth", "me", -ray_mul(scaled, index), index), 100)
    assert holding(made, "me").scaled_supply == 0
