"""Prices, parameter changes and liquidations: what the logs tell, once, however often it is asked for."""

from __future__ import annotations

import pytest

from forecasting import selectors
from forecasting.collect import collect, snapshot
from forecasting.models import Derivation, Liquidation, ParameterChange, Price, Reserve, Snapshot
from forecasting.snapshots import rebuild
from governance import deployments
from governance.chain import abi
from governance.domain.action import Call
from governance.errors import GapInData
from governance.lab import genesis
from governance.lab.actors import address
from tests.forecasting import per_event
from tests.forecasting.per_event import derived
from tests.market import MAX, Market, watch

pytestmark = pytest.mark.django_db

ANN = address(1, "ann")


@pytest.fixture
def market(world, chain_client):
    return Market(world=world, client=chain_client)


@pytest.fixture
def deployment(world, chain_client):
    return watch(world, chain_client)


def test_reserves_are_what_the_market_lists(world, chain_client, deployment):
    collect(deployment, client=chain_client)
    found = {reserve.symbol: reserve for reserve in Reserve.objects.all()}
    assert {symbol: reserve.address for symbol, reserve in found.items()} == world.reserves
    assert [reserve.symbol for reserve in Reserve.objects.order_by("index")] == list(world.reserves)
    assert {symbol: reserve.decimals for symbol, reserve in found.items()} == {
        asset.symbol: asset.decimals for asset in world.spec.assets
    }


def test_prices_are_the_lab_s_own(world, chain_client, deployment):
    collect(deployment, client=chain_client)
    hours = world.spec.hours
    for symbol in ("WETH", "USDC"):
        series = selectors.price_series(Reserve.objects.get(symbol=symbol), step=selectors.HOUR)
        by_hour = {(point.timestamp - world.spec.start) // 3600: point.price for point in series}
        assert len(by_hour) == hours + 1
        assert all(by_hour[hour] == world.prices(hour)[symbol] for hour in (1, 100, hours))


def test_the_last_price_of_a_block_counts(world, chain_client, deployment, market):
    publisher = genesis.publisher(world.spec)
    chain_client.call("evm_setAutomine", [False])
    for nudge in (1, 2):
        prices = [price + nudge for price in market.prices.values()]
        call = genesis.publish(world.addresses["publisher"], prices)
        transaction = {"from": publisher, "to": call.target, "data": f"0x{call.data.hex()}", "gas": hex(10**6)}
        nonce = int(chain_client.call("eth_getTransactionCount", [publisher, "latest"]), 16) + nudge - 1
        chain_client.call("eth_sendTransaction", [transaction | {"nonce": hex(nonce), "gasPrice": hex(10**11)}])
    chain_client.call("evm_mine", [chain_client.head().timestamp + 12])
    chain_client.call("evm_setAutomine", [True])
    collect(deployment, client=chain_client)
    newest = Price.objects.filter(block_number=chain_client.head().number, reserve__symbol="WETH").get()
    assert int(newest.price) == market.prices["WETH"] + 2


def test_parameters_are_told_with_old_and_new(world, chain_client, deployment, market):
    collect(deployment, client=chain_client)
    weth = Reserve.objects.get(symbol="WETH")
    assert {change.parameter for change in selectors.parameter_changes(weth)} == {
        "ltv",
        "liquidation_threshold",
        "liquidation_bonus",
        "supply_cap",
        "borrow_cap",
    }
    asset = next(asset for asset in world.spec.assets if asset.symbol == "WETH")
    market.configure("setSupplyCap(address,uint256)", weth.address, 77)
    market.configure("setSupplyCap(address,uint256)", weth.address, 77)  # says an event, changes nothing
    collect(deployment, client=chain_client)
    newest = selectors.parameter_changes(weth).first()
    assert (newest.parameter, int(newest.old), int(newest.new)) == ("supply_cap", asset.supply_cap, 77)
    assert selectors.parameter_changes(weth).filter(new=77).count() == 1


def test_liquidations_are_told_with_both_prices(chain_client, deployment, market):
    collect(deployment, client=chain_client)
    before = Liquidation.objects.count()
    assert before > 0
    market.supply(ANN, "WETH", 10)
    market.borrow(ANN, "USDC", market.prices["WETH"] * 7.5 / 1e8)
    market.set_price("WETH", market.prices["WETH"] * 9 // 10)
    bot = genesis.liquidator(market.world.spec)
    signature = "liquidationCall(address,address,address,uint256,bool)"
    market.pool(bot, signature, market.token("WETH"), market.token("USDC"), ANN, MAX, False)
    collect(deployment, client=chain_client)
    assert Liquidation.objects.count() == before + 1
    newest = selectors.liquidations(deployment, account=ANN).get()
    assert newest.liquidator == bot
    assert (newest.collateral.symbol, newest.debt.symbol) == ("WETH", "USDC")
    assert int(newest.collateral_price) == market.prices["WETH"]
    assert int(newest.debt_price) == market.prices["USDC"]
    repaid, seized = int(newest.debt_base), int(newest.seized_base)
    assert abs(seized / repaid - 1.05) < 0.006  # the bonus, less what the treasury keeps of it


def test_columns_equal_events_on_a_real_market(chain_client, deployment):
    head = collect(deployment, client=chain_client).last
    assert derived() == per_event.derive(deployment, to_block=head, client=chain_client)
    assert len(derived()) > 1_000


def test_deriving_again_changes_nothing(chain_client, deployment):
    collect(deployment, client=chain_client)
    before = derived()
    collect(deployment, client=chain_client)
    assert derived() == before


def test_deriving_in_steps_equals_deriving_at_once(chain_client, deployment):
    head = chain_client.head().number
    for stop in (60, 61, 700, head):
        collect(deployment, client=chain_client, to_block=stop)
    steps = derived()
    Derivation.objects.all().delete()
    for model in (Price, ParameterChange, Liquidation):
        model.objects.all().delete()
    collect(deployment, client=chain_client)
    assert derived() == steps


def test_a_reorganisation_takes_facts_back(chain_client, deployment, market):
    for _ in range(3):
        market.wait(12)
    collect(deployment, client=chain_client)
    before = derived()
    market.set_price("WETH", 1_234 * 10**8)
    market.configure("setSupplyCap(address,uint256)", market.token("WETH"), 77)
    collect(deployment, client=chain_client)
    assert len(derived()) > len(before)
    chain_client.call("anvil_reorg", [2, []])
    report = collect(deployment, client=chain_client)
    assert report.reorgs == 1
    assert derived() == before


def test_a_snapshot_of_an_orphaned_block_is_not_the_latest(chain_client, deployment, market):
    for _ in range(3):
        market.wait(12)
    collect(deployment, client=chain_client, to_block=chain_client.head().number - 2)
    kept = snapshot(deployment)
    market.set_price("WETH", 1_234 * 10**8)
    collect(deployment, client=chain_client)
    orphan = snapshot(deployment)
    assert selectors.latest_snapshot(deployment) == orphan
    chain_client.call("anvil_reorg", [1, []])
    collect(deployment, client=chain_client)
    assert selectors.latest_snapshot(deployment) == kept
    assert snapshot(deployment).block_hash != orphan.block_hash


def test_a_new_feed_is_followed_from_its_beginning(world, chain_client, deployment, market):
    collect(deployment, client=chain_client)
    feeds = [reserve.feed for reserve in Reserve.objects.order_by("index")]
    deployer, oracle = genesis.deployer(world.spec), world.addresses["oracle"]
    market.act(
        deployer, oracle, "setAssetSources(address[],address[])", [market.token("DAI")], [feeds[3]]
    )  # USDC's feed
    collect(deployment, client=chain_client)
    dai = Reserve.objects.get(symbol="DAI")
    assert dai.feed == feeds[3]
    assert int(Price.objects.filter(reserve=dai).latest("block_number").price) == market.prices["USDC"]


def test_a_snapshot_is_taken_once(chain_client, deployment):
    collect(deployment, client=chain_client)
    first = snapshot(deployment)
    assert snapshot(deployment) == first
    assert Snapshot.objects.count() == 1
    assert first.coverage_digest == collect(deployment, client=chain_client).digest


def test_a_snapshot_of_an_earlier_block_is_what_it_was_then(chain_client, deployment):
    collect(deployment, client=chain_client, to_block=500)
    then = snapshot(deployment)
    content = (then.dataset_hash, then.coverage_digest)
    Snapshot.objects.all().delete()
    collect(deployment, client=chain_client)
    later = snapshot(deployment, block=500)
    assert (later.dataset_hash, later.coverage_digest) == content


def test_a_block_that_is_not_collected_has_no_snapshot(chain_client, deployment):
    with pytest.raises(GapInData, match="run collect"):
        snapshot(deployment)
    collect(deployment, client=chain_client, to_block=60)
    with pytest.raises(GapInData, match="complete up to block 60"):
        rebuild(deployment, block=61)


def test_selectors_describe_the_market(chain_client, deployment):
    assert selectors.latest_snapshot(deployment) is None
    collect(deployment, client=chain_client)
    taken = snapshot(deployment)
    assert selectors.latest_snapshot(deployment) == taken
    totals = selectors.market_totals(taken)
    assert totals.borrowers == selectors.accounts_by_health(taken).count()
    assert 0 < totals.total_debt < totals.total_supply
    factors = [int(row.health_factor) for row in selectors.accounts_by_health(taken)]
    assert factors == sorted(factors)
    riskiest = selectors.accounts_by_health(taken).first()
    assert selectors.account_state(taken, riskiest.account) == riskiest
    held = selectors.positions(taken, riskiest.account)
    assert sum(int(row.debt) * 10 ** (18 - row.reserve.decimals) for row in held) > 0
    assert list(selectors.protocols()) == [deployment]


def test_parameters_are_read_and_written_as_the_contract_does(world, chain_client, deployment, market):
    protocol = deployments.protocol_of(deployment)
    asset = market.token("WETH")

    def read(name: str) -> int:
        where = protocol.read(name, asset)
        return int.from_bytes(chain_client.eth_call(where.call)[where.word * 32 :][:32])

    before = {spec.name: read(spec.name) for spec in protocol.parameters}
    weth = next(entry for entry in world.spec.assets if entry.symbol == "WETH")
    assert before == {
        "ltv": weth.ltv,
        "liquidation_threshold": weth.threshold,
        "liquidation_bonus": weth.bonus,
        "supply_cap": weth.supply_cap,
        "borrow_cap": weth.borrow_cap,
    }
    after = before | {"ltv": 7_000, "liquidation_threshold": 7_600, "liquidation_bonus": 10_700, "borrow_cap": 4_321}
    calls = protocol.encode(reserve=asset, before=before, after=after)
    assert len(calls) == 2
    for call in calls:
        world.send(genesis.deployer(world.spec), call)
    assert {spec.name: read(spec.name) for spec in protocol.parameters} == after
    assert protocol.encode(reserve=asset, before=after, after=after) == ()


def test_the_wrong_address_is_no_market(chain_client, world):
    for wrong in (world.addresses["pool"], address(1, "nobody")):
        with pytest.raises(Exception, match=r"not the addresses provider|does not decode") as caught:
            deployments.watch_protocol(client=chain_client, flavour="aave_v3", address=wrong, slug="x", name="x")
        assert caught.value.code in {"input", "dishonest-answer"}


def test_a_symbol_in_bytes32_is_read(monkeypatch, world, chain_client, deployment):
    protocol = deployments.protocol_of(deployment)

    class Old:
        def eth_calls(self, calls):
            old = calls[0].data == abi.encode("symbol()")
            return [b"MKR".ljust(32, b"\0") if old else (18).to_bytes(32) for _ in calls]

    assert protocol.reserve_facts(Old(), ["0x1"])["0x1"].symbol == "MKR"
    assert Call(target="0x1", data=b"").value == 0
