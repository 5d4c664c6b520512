"""Compound III's rules, replayed from events and compared with a contract that keeps them.

The contract is our own (`tests/contracts/comet`), written from the published rules: the real bytecode is in no package.
"""

from __future__ import annotations

import random

import pytest

from forecasting.collect import collect, reconcile, snapshot
from forecasting.models import Reading
from governance.domain.comet import AssetTerms, Totals, principal_of, supplier_principal
from governance.errors import InputError
from governance.protocols.base import plugin
from tests import comet_market
from tests.comet_market import BOT, BUILDER, MAX, PEOPLE, WAD
from tests.freezing import survives_freezing
from tests.workshop import Workshop, own_node

pytestmark = pytest.mark.django_db

ANN, BEN, CAY, DAN = PEOPLE[:4]
DAY = 86_400


@pytest.fixture
def shop():
    with own_node() as client:
        yield Workshop(client)


@pytest.fixture
def market(shop):
    return comet_market.build(shop)


@pytest.fixture
def differences(market):
    """Return a function that collects, and compares every number of every account with the contract."""
    deployment = market.watch()

    def compare():
        client = market.shop.client
        collect(deployment, client=client)
        taken = snapshot(deployment, client=client)
        assert taken.block_number == client.head().number
        return taken, reconcile(taken, client=client)

    return compare


@pytest.fixture
def agrees(differences):
    def check():
        taken, report = differences()
        assert report.findings == ()
        assert report.fields["principal"][0] == report.accounts_compared > 0
        assert {"liquidatable", "borrow_balance", "borrow_principal", "borrow_slope_high"} <= set(report.fields)
        return taken

    return check


def own(taken, account):
    return {name: int(value) for name, value in taken.accounts.get(account=account).own.items()}


def open_position(market, *, borrow=12_000):
    assert market.supply(BEN, market.base, 1_000_000 * 10**6)
    assert market.supply(ANN, market.collaterals["CETH"], 10 * WAD)
    assert market.withdraw(ANN, market.base, borrow * 10**6)


@pytest.mark.parametrize("seed", [1, 2, 3, 4])
def test_random_histories(market, agrees, seed):
    draw = random.Random(seed)
    open_position(market)
    took = set()
    for number in range(60):
        action, taken = market.step(draw)
        took |= {action} if taken else set()
        if number % 20 == 19:
            agrees()
    assert len(took) > 8


def test_a_full_ledger_survives_being_frozen(market, agrees):
    draw = random.Random(9)
    open_position(market)
    for _ in range(20):
        market.step(draw)
    survives_freezing(agrees())


def test_no_reading_is_needed_where_everything_is_told(market, agrees):
    open_position(market)
    market.shop.wait(30 * DAY)
    taken = agrees()
    assert [reading.block_number for reading in Reading.objects.all()] == [taken.block_number]


def test_a_year_of_interest(market, agrees):
    open_position(market)
    market.shop.wait(365 * DAY)
    assert own(agrees(), ANN)["borrow_balance"] > 12_000 * 10**6
    assert market.supply(ANN, market.base, MAX)
    taken = agrees()
    assert own(taken, ANN)["principal"] == 0
    assert int(taken.accounts.get(account=ANN).health_factor) == MAX


def test_interest_that_nobody_was_told_of(market, agrees):
    open_position(market)
    for seconds in (777, 40 * DAY):
        market.shop.wait(seconds)
        assert market.tries(CAY, "accrueAccount(address)", ANN)
    assert market.withdraw(BEN, market.base, 123_456_789)
    agrees()
    assert Reading.objects.count() > 2
    assert market.supply(CAY, market.base, 987_654_321)
    agrees()


def test_a_clock_that_started_without_a_word(shop):
    market = comet_market.build(shop, started=False)
    shop.wait(100 * DAY)
    shop.send(BUILDER, market.comet, "initializeStorage()")
    shop.wait(50 * DAY)
    open_position(market)
    deployment = market.watch()
    collect(deployment, client=shop.client)
    taken = snapshot(deployment, client=shop.client)
    assert reconcile(taken, client=shop.client).findings == ()


@pytest.mark.parametrize("fall", [1_300, 400])
def test_absorption_with_and_without_something_left(market, agrees, fall):
    open_position(market)
    market.price("CETH", fall)
    before = own(agrees(), ANN)
    assert before["liquidatable"] == 1
    assert market.tries(BOT, "absorb(address,address[])", BOT, [ANN], after=DAY)
    taken = agrees()
    after = own(taken, ANN)
    assert after["liquidatable"] == 0
    assert (after["principal"] > 0) == (fall == 1_300)
    rows = list(taken.deployment.liquidations.all())
    assert sum(int(row.collateral_seized) for row in rows) == 10 * WAD
    assert sum(int(row.debt_covered) for row in rows) > 0
    assert {row.liquidator for row in rows} == {BOT}
    assert market.tries(
        CAY, "buyCollateral(address,uint256,uint256,address)", market.collaterals["CETH"], 0, 10**8, CAY
    )
    agrees()


def test_base_moves_between_suppliers_and_out_of_debt(market, agrees):
    open_position(market)
    market.shop.wait(33 * DAY)
    assert market.tries(BEN, "transfer(address,uint256)", CAY, 55_555_555_555)
    assert market.tries(BEN, "transfer(address,uint256)", DAN, MAX)
    taken = agrees()
    assert own(taken, BEN)["principal"] == 0
    assert own(taken, DAN)["principal"] > 0


def test_debt_that_moves_between_borrowers_is_found(market, differences):
    """No event tells of it, and the totals stay: it is a finding with the account, the block and both values."""
    open_position(market)
    assert market.supply(CAY, market.collaterals["CBTC"], 10 * WAD)
    assert market.withdraw(CAY, market.base, 5_000 * 10**6)
    assert market.tries(ANN, "transfer(address,uint256)", CAY, 1_000 * 10**6)
    taken, report = differences()
    found = {(finding.account, finding.field): finding for finding in report.findings}
    assert found[ANN, "principal"].contract < found[ANN, "principal"].collected < 0
    assert found[CAY, "principal"].contract > found[CAY, "principal"].collected
    assert {finding.block_number for finding in report.findings} == {taken.block_number}


def test_debt_that_a_transfer_makes_or_repays_is_read(market, agrees):
    """No event tells a borrower's part, but the totals show it; every principal is read then."""
    open_position(market)
    market.shop.wait(40 * DAY)
    for sender, recipient in ((ANN, BEN), (BEN, ANN), (ANN, BEN)):
        assert market.tries(sender, "transfer(address,uint256)", recipient, 777_777_777)
        taken = agrees()
        assert own(taken, ANN)["principal"] == market.principal(ANN) < 0
        words = Reading.objects.get(block_number=taken.block_number).words
        market.shop.wait(40 * DAY)
        assert market.supply(CAY, market.base, 987_654_321)
    assert f"principal:{ANN}" in words
    agrees()


def test_several_things_in_one_block(market, agrees):
    open_position(market)
    market.shop.wait(DAY)
    comet_market.same_block(
        market,
        (BEN, "withdraw(address,uint256)", (market.base, 1_234_567)),
        (CAY, "supply(address,uint256)", (market.base, 7_654_321)),
        (BEN, "transfer(address,uint256)", (CAY, 999_999)),
    )
    agrees()


def test_terms_count_only_once_they_are_in_place(market, agrees):
    open_position(market)
    asset = market.collaterals["CETH"]
    before = agrees().reserve_states.get(reserve__address=asset)
    assert before.ltv == 8_000
    assert before.own["borrow_collateral_factor"] == str(80 * 10**16)
    signature = "updateAssetBorrowCollateralFactor(address,address,uint64)"
    market.shop.send(BUILDER, market.configurator, signature, market.comet, asset, 70 * 10**16)
    assert agrees().reserve_states.get(reserve__address=asset).ltv == 8_000
    market.shop.wait(DAY)
    market.upgrade(("setBorrowPerYearInterestRateSlopeLow(address,uint64)", (33 * 10**16,)))
    taken = agrees()
    assert taken.reserve_states.get(reserve__address=asset).ltv == 7_000
    change = taken.deployment.reserves.get(address=asset).parameter_changes.get(new=70 * 10**16)
    assert (change.parameter, int(change.old)) == ("borrow_collateral_factor", 80 * 10**16)
    market.shop.wait(DAY)
    assert market.supply(CAY, market.base, 10**9)
    agrees()


def test_a_new_collateral_and_a_new_feed(market, agrees):
    open_position(market)
    shop = market.shop
    token, feed = shop.token("CNEW", 18, market.comet), shop.ours("PriceFeed", ("string", "address"), "x", BUILDER)
    shop.send(BUILDER, feed, "push(int128)", 7 * 10**8)
    asset = (token, feed, 18, 50 * 10**16, 60 * 10**16, 90 * 10**16, 10**30)
    market.upgrade(
        ("addAsset(address,(address,address,uint8,uint64,uint64,uint64,uint128))", (asset,)),
        ("updateAssetPriceFeed(address,address,address)", (market.collaterals["CBTC"], feed)),
    )
    assert market.supply(CAY, token, 5 * WAD)
    taken = agrees()
    prices = {state.reserve.address: int(state.price) for state in taken.reserve_states.select_related("reserve")}
    assert prices[token] == prices[market.collaterals["CBTC"]] == 7 * 10**8
    assert own(taken, CAY)[f"collateral:{token}"] == 5 * WAD


@pytest.mark.parametrize("spec", plugin("compound_v3").parameters, ids=lambda spec: spec.name)
def test_every_parameter_is_set_and_read_back(market, spec):
    deployment = market.watch()
    protocol = plugin("compound_v3")(deployment.addresses)
    asset = market.collaterals["CETH"]

    def read(name):
        found = protocol.read(name, asset)
        answer = market.shop.client.eth_call(found.call)
        return int.from_bytes(answer[32 * found.word :][:32], "big")

    before = {each.name: read(each.name) for each in protocol.parameters}
    value = (
        10**24 - 3 * WAD
        if spec.name == "supply_cap"
        else before[spec.name] - 10**14 * (spec.unit == "wad") - 10**6 * (spec.unit != "wad")
    )
    calls = protocol.encode(reserve=asset, before=before, after=before | {spec.name: value})
    market.shop.send_all([(BUILDER, call) for call in calls[:-1]])
    assert read(spec.name) == before[spec.name]  # nothing counts yet
    market.shop.send_all([(BUILDER, calls[-1])])
    assert read(spec.name) == value


def test_discovery_says_what_is_missing(market):
    discover = plugin("compound_v3").discover
    found = discover(market.shop.client, market.comet, {"configurator": market.configurator})
    assert found["proxy_admin"] == market.admin
    with pytest.raises(InputError, match="--role configurator"):
        discover(market.shop.client, market.comet)
    with pytest.raises(InputError, match="is not a Compound III market"):
        discover(market.shop.client, market.base, {"configurator": market.configurator})
    other = comet_market.build(market.shop)
    with pytest.raises(InputError, match="does not configure"):
        discover(market.shop.client, market.comet, {"configurator": other.configurator})


def test_a_borrow_factor_above_the_liquidation_s_is_refused():
    specs = plugin("compound_v3").parameters
    addresses = dict.fromkeys(("comet", "configurator", "proxy_admin", "base_token"), BUILDER)
    before = {spec.name: 0 for spec in specs}
    after = before | {"borrow_collateral_factor": 10**17, "liquidate_collateral_factor": 10**17}
    with pytest.raises(InputError, match="below"):
        plugin("compound_v3")(addresses).encode(reserve=ANN, before=before, after=after)


def test_rounding_favours_the_protocol():
    indexes = {"supply_index": 1_500_000_000_000_001, "borrow_index": 1_700_000_000_000_003}
    totals = Totals(**indexes)
    for value in (1, 2, 3, 10**6 + 1, 10**18 + 7):
        assert totals.worth(principal_of(value, **indexes)) <= value
        assert totals.worth(principal_of(-value, **indexes)) <= -value
        part = principal_of(value, **indexes) + 1
        assert supplier_principal(totals.worth(part), indexes["supply_index"]) == part


def test_a_version_keeps_four_digits_and_whole_tokens():
    kept = AssetTerms(ANN, BEN, 6, 80 * 10**16 + 1, 85 * 10**16 + 10**14 - 1, WAD, 5 * 10**6 + 999_999).kept()
    assert (kept.borrow_collateral_factor, kept.liquidate_collateral_factor) == (80 * 10**16, 85 * 10**16)
    assert (kept.liquidation_factor, kept.supply_cap) == (WAD, 5 * 10**6)
