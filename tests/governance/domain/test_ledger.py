"""The book that events make, and what it refuses."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from governance.domain import events
from governance.domain.ledger import Ledger
from governance.domain.position import Holding
from governance.domain.rules import RULES, VERSIONS
from governance.domain.units import RAY, ray_mul
from governance.errors import GapInData, ImplausibleData, InputError

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
    made.apply(events.StableDebtChanged("sEth", "me", -10, -1, 50, RAY // 10), 150)  # interest was added until then
    later = made.book(timestamp=150, decimals={"eth": 18}).accounts["me"].holdings["eth"]
    assert (later.stable_debt, later.stable_since) == (50, 150)


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


def test_a_later_version_rounds_in_the_protocols_favour():
    index = 3 * RAY // 2
    later = events.VersionReached("3.5")
    made = ledger(
        later, events.BalanceChanged("aEth", "me", 99, index), events.BalanceChanged("vEth", "me", 101, index)
    )
    assert holding(made, "me") == Holding(scaled_supply=66, scaled_debt=67)  # 66 are worth 99; 67 are worth 100.5, up
    made.apply(events.BalanceChanged("aEth", "me", -99, index), 100)
    made.apply(events.BalanceChanged("vEth", "me", -101, index), 100)
    assert holding(made, "me") == Holding()


def test_a_change_that_no_balance_can_make_is_refused():
    made = ledger(events.VersionReached("3.5"))
    with pytest.raises(ImplausibleData, match="No scaled balance is worth 2 at the index"):
        made.apply(events.BalanceChanged("aEth", "me", 2, 3 * RAY // 2), 100)  # 1 is worth 1.5, 2 are worth 3


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("index", [0, RAY - 1])
def test_an_index_below_one_is_refused(version, index):
    made = ledger(events.VersionReached(version))
    with pytest.raises(ImplausibleData, match="below one"):
        made.apply(events.BalanceChanged("aEth", "me", 1, index), 100)


@given(st.integers(0, 2**120), st.integers(0, 2**120), st.integers(RAY, 2**128), st.booleans())
def test_a_scaled_balance_follows_from_what_it_is_worth(before, after, index, debt):
    rules = RULES["3.7"]
    change = rules.balance(after, index, debt=debt) - rules.balance(before, index, debt=debt)
    assert rules.scaled_after(before, change, index, debt=debt) == after


def test_a_token_that_was_never_listed_is_a_gap():
    with pytest.raises(GapInData, match="logs are missing"):
        ledger(events.BalanceChanged("aBtc", "me", 1, RAY))


def test_a_reserves_terms():
    made = ledger(
        events.TermSet("eth", "frozen", 1),
        events.TermSet("eth", "pending_ltv", 7_500),
        events.DeficitChanged("eth", 100),
        events.DeficitChanged("eth", -40),
    )
    state = made.book(timestamp=100, decimals={"eth": 18}).market.reserves["eth"]
    assert (made.term("eth", "active"), made.term("eth", "deficit"), made.term("eth", "paused")) == (1, 60, 0)
    assert (state.parameters["ltv"], state.terms["pending_ltv"]) == (0, 7_500)
    with pytest.raises(ImplausibleData, match="cannot fall to -1"):
        made.apply(events.DeficitChanged("eth", -61), 100)


def routed() -> Ledger:
    return ledger(
        events.FeedRouted("proxy", "old", 0),
        events.FeedRouted("proxy", "new", 200),
        events.FeedChosen("eth", "proxy"),
        events.PricePublished("old", 5),
        events.PricePublished("new", 7),
    )


def test_a_routed_price_is_that_of_whom_the_feed_passes_on_then():
    made = routed()
    assert (made.price("eth"), made.assets_of("old"), made.assets_of("new")) == (5, ["eth"], [])
    for timestamp, price in ((199, 5), (200, 7)):
        assert made.book(timestamp=timestamp, decimals={"eth": 18}).market.reserves["eth"].price == price
    made.apply(events.PricePublished("new", 8), 300)
    assert (made.price("eth"), made.assets_of("old"), made.assets_of("new")) == (8, [], ["eth"])


def test_a_route_that_begins_later_tells_nothing_yet():
    made = ledger(
        events.FeedRouted("proxy", "it", 200), events.FeedChosen("eth", "proxy"), events.PricePublished("it", 5)
    )
    assert (made.price("eth"), made.assets_of("")) == (0, ["eth"])


def test_a_price_that_was_read_holds_until_another_source_is_chosen():
    made = ledger(events.FeedChosen("eth", "adapter"))
    made.observe({"eth": 42})
    assert made.price("eth") == 42
    made.apply(events.FeedChosen("eth", "feed"), 100)
    assert made.price("eth") == 0


def test_an_answer_below_zero_is_no_price():
    made = ledger(events.FeedChosen("eth", "feed"), events.PricePublished("feed", -1))
    assert made.price("eth") == 0


def test_modes_list_their_assets():
    made = ledger(
        events.VersionReached("3.7"),
        events.EModeDefined(1, 9_000, 9_500, 10_100, "0x0"),
        *(events.EModeListed("eth", 1, role, enabled=True) for role in ("collateral", "borrowable", "ltv_zero")),
        events.EModeIsolated(1, isolated=True),
    )
    mode = made.book(timestamp=100, decimals={"eth": 18}).market.emodes[1]
    assert (mode.collateral, mode.borrowable, mode.ltv_zero, mode.isolated) == (("eth",), ("eth",), ("eth",), True)
    made.apply(events.EModeListed("eth", 1, "collateral", enabled=False), 100)
    made.apply(events.EModeIsolated(1, isolated=False), 100)
    mode = made.book(timestamp=100, decimals={"eth": 18}).market.emodes[1]
    assert (mode.collateral, mode.borrowable, mode.isolated) == ((), ("eth",), False)


@pytest.mark.parametrize(
    "event",
    [
        events.BalanceMoved("aBtc", "me", "you", 1),
        events.CollateralSwitched("btc", "me", enabled=True),
        events.EModeListed("btc", 1, "collateral", enabled=True),
        events.EModeChosen("me", 7),
    ],
)
def test_what_no_event_introduced_is_a_gap(event):
    made = ledger()
    with pytest.raises(GapInData, match="which no earlier event introduced"):
        made.apply(event, 100)
    assert not made.book(timestamp=100, decimals={"eth": 18}).accounts


def test_an_account_may_leave_its_mode():
    assert ledger(events.EModeChosen("me", 0)).book(timestamp=100, decimals={"eth": 18}).accounts["me"].emode == 0


def test_a_reserve_that_is_listed_anew_secures_nothing_yet():
    made = ledger(events.BalanceChanged("aEth", "me", 9, RAY), events.CollateralSwitched("eth", "me", enabled=True))
    made.apply(events.ReserveDelisted("eth"), 100)
    for ask in (made.listing, lambda asset: made.parameter(asset, "ltv")):
        with pytest.raises(GapInData, match="eth is not listed"):
            ask("eth")
    made.apply(events.ReserveListed("eth", "aEth2", "sEth2", "vEth2"), 100)
    assert holding(made, "me") == Holding()


def test_a_book_from_before_the_last_interest_is_refused():
    made = ledger(events.InterestAccrued("eth", 0, 0, RAY, RAY), at=200)
    with pytest.raises(ImplausibleData, match="eth has interest up to 200"):
        made.book(timestamp=199, decimals={"eth": 18})


def test_an_unknown_version_is_refused():
    with pytest.raises(InputError, match=r"no Aave v3 version '9\.9' that we know"):
        ledger(events.VersionReached("9.9"))


def test_what_is_known_survives_being_frozen():
    made = routed()
    made.observe({"btc": 1})
    for event in (events.VersionReached("3.6"), events.EModeListed("eth", 1, "collateral", enabled=True)):
        made.apply(event, 150)
    thawed = Ledger()
    thawed.restore(json.loads(json.dumps(made.freeze())))
    assert thawed.freeze() == made.freeze()
    assert (thawed.version, thawed.price("eth")) == ("3.6", 5)
    thawed.apply(events.BalanceChanged("aEth", "me", 5, RAY), 250)
    assert (thawed.price("eth"), holding(thawed, "me").scaled_supply) == (7, 5)
