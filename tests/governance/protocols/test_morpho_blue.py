"""Morpho Blue, replayed from the events of its real contracts and compared with what they say."""

from __future__ import annotations

import random

import pytest

from forecasting.collect import collect, reconcile, snapshot
from governance.domain.morpho import LARGEST_FEE
from governance.errors import InputError
from governance.protocols.base import plugin
from tests import morpho_market
from tests.freezing import survives_freezing
from tests.morpho_market import BUILDER, LLTV, PARAMS, PEOPLE, TREASURY
from tests.workshop import Workshop

pytestmark = pytest.mark.django_db

ANN, BEN, CAY = PEOPLE[:3]
YEAR = 365 * 86_400


@pytest.fixture
def market(dao_node):
    mark = dao_node.call("evm_snapshot")
    yield morpho_market.build(Workshop(dao_node))
    dao_node.call("evm_revert", [mark])
    dao_node.call("evm_setAutomine", [True])


@pytest.fixture
def agrees(market):
    """Return a check that the collected market equals the contract's, stored and with interest, to the last digit."""
    deployment = market.watch()

    def check():
        client = market.shop.client
        collect(deployment, client=client)
        taken = snapshot(deployment, client=client)
        assert taken.block_number == client.head().number
        report = reconcile(taken, client=client)
        assert report.findings == ()
        assert report.numbers_compared > report.accounts_compared * 3
        _expected(market, taken)
        return taken

    return check


def _expected(market, taken):
    """Compare what has interest in it with the answers of the protocol's own library."""
    kinds = ("uint256",) * 4
    supplied, _, owed, _ = market.shop.ask(market.lens, f"market({PARAMS})", kinds, market.params)
    state = taken.reserve_states.get(reserve__address=market.params[0])
    assert (int(state.total_supply), int(state.total_debt)) == (supplied, owed)
    held = {row.account: row for row in taken.positions.filter(reserve__address=market.params[0])}
    for row in taken.accounts.all():
        signature = f"account({PARAMS},address)"
        found = market.shop.ask(market.lens, signature, kinds[:2], market.params, row.account)
        mine = held.get(row.account)
        assert found == ((int(mine.collateral), int(mine.debt)) if mine else (0, 0))


def open_position(market, who=ANN, *, loan=1_000_000, collateral=10, borrow=15_000):
    assert market.tries(BEN, "supply", loan * 10**6, 0, BEN, b"")
    assert market.tries(who, "supplyCollateral", collateral * 10**18, who, b"")
    assert market.tries(who, "borrow", borrow * 10**6, 0, who, who)


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_random_histories(market, agrees, seed):
    draw = random.Random(seed)
    open_position(market)
    done = set()
    for number in range(60):
        done.add(market.step(draw))
        if number % 20 == 19:
            agrees()
    assert len(done) > 6


def test_a_full_ledger_survives_being_frozen(market, agrees):
    draw = random.Random(9)
    open_position(market)
    for _ in range(20):
        market.step(draw)
    survives_freezing(agrees())


def test_interest_of_a_year_and_its_fee(market, agrees):
    open_position(market)
    assert market.tries(BUILDER, "setFee", LARGEST_FEE)
    market.shop.wait(YEAR)
    before = agrees()
    assert not before.accounts.filter(account=TREASURY).exists()
    assert market.tries(CAY, "accrueInterest")
    taken = agrees()
    assert int(taken.accounts.get(account=TREASURY).own["supply_shares"]) > 0


@pytest.mark.parametrize("fall", [170_000, 20_000])
def test_liquidation_without_and_with_bad_debt(market, agrees, fall):
    open_position(market)
    market.price(fall)
    _, owed, held = market.position(ANN)
    args = (ANN, held, 0, b"") if fall == 20_000 else (ANN, 0, owed // 3, b"")
    assert market.tries(CAY, "liquidate", *args, after=86_400)
    deployment_row = agrees()
    assert deployment_row.deployment.liquidations.get().liquidator == CAY
    assert (int(deployment_row.accounts.get(account=ANN).own["borrow_shares"]) == 0) == (fall == 20_000)


def test_health_is_the_contract_s_verdict(market, agrees):
    open_position(market, borrow=17_199)
    for cents in (200_000, 199_999, 199_000):
        market.price(cents)
        row = agrees().accounts.get(account=ANN)
        mark = market.shop.client.call("evm_snapshot")
        liquidated = market.tries(CAY, "liquidate", ANN, 1, 0, b"", after=1)
        market.shop.client.call("evm_revert", [mark])
        assert liquidated == (int(row.health_factor) < 10**18)


def test_authorised_others_and_flash_loans_change_only_what_they_should(market, agrees):
    open_position(market)
    market.shop.send(ANN, market.morpho, "setAuthorization(address,bool)", CAY, True)
    assert market.tries(CAY, "borrow", 10**6, 0, ANN, CAY)
    assert market.tries(CAY, "withdrawCollateral", 10**15, ANN, CAY)
    taken = agrees()
    assert not taken.accounts.filter(account=CAY).exists()


def test_other_markets_of_the_same_contract_are_none_of_ours(market, agrees):
    open_position(market)
    second = market.other()
    assert second.tries(ANN, "supply", 5 * 10**18, 0, ANN, b"")
    before = agrees()
    assert second.tries(ANN, "withdraw", 10**18, 0, ANN, ANN)
    taken = agrees()
    assert before.accounts.count() == taken.accounts.count()
    watched = second.watch("second")
    collect(watched, client=market.shop.client)
    report = reconcile(snapshot(watched, client=market.shop.client), client=market.shop.client)
    assert (report.accounts_compared, report.findings) == (1, ())


def test_the_fee_is_read_and_set(market):
    deployment = market.watch()
    protocol = plugin("morpho_blue")(deployment.addresses)
    (call,) = protocol.encode(reserve=market.params[0], before={"fee": 0}, after={"fee": 10**17})
    market.shop.send_all([(BUILDER, call)])
    found = protocol.read("fee", market.params[0])
    answer = market.shop.client.eth_call(found.call)
    assert int.from_bytes(answer[32 * found.word :][:32], "big") == 10**17
    collect(deployment, client=market.shop.client)
    change = deployment.reserves.get(address=market.params[0]).parameter_changes.get()
    assert (change.parameter, int(change.old), int(change.new)) == ("fee", 0, 10**17)


def test_a_market_is_discovered_by_its_id(market, dao_node):
    found = plugin("morpho_blue").discover(dao_node, market.morpho, {"market": f"0x{market.id.hex()}"})
    assert found["loan_token"] == market.params[0]
    assert int(found["lltv"], 16) == LLTV
    for wrong in ({}, {"market": "0x12"}, {"market": "0x" + "ab" * 32}):
        with pytest.raises(InputError):
            plugin("morpho_blue").discover(dao_node, market.morpho, wrong)
    with pytest.raises(InputError, match="not a Morpho Blue contract"):
        plugin("morpho_blue").discover(dao_node, market.params[0], {"market": f"0x{market.id.hex()}"})
