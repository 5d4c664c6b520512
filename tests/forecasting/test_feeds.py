"""Prices behind proxies and adapters, on the real contracts of Aave: the book still equals the contract's."""

from __future__ import annotations

import pytest

from forecasting.collect import collect, reconcile, snapshot
from forecasting.models import Price, Reserve
from governance.lab import genesis
from governance.protocols.aave.lore import Lore
from tests.compiled import compiled
from tests.market import Market, watch
from tests.workshop import BUILDER, Workshop

pytestmark = pytest.mark.django_db

DOLLAR = 10**8
OCR = "AccessControlledOffchainAggregator 4.0.0"


@pytest.fixture
def shop(chain_client):
    return Workshop(chain_client)


@pytest.fixture
def codes():
    return compiled("feeds")


@pytest.fixture
def deployment(world, chain_client, db):
    return watch(world, chain_client)


@pytest.fixture
def point(world, chain_client):
    """Return a function that gives an asset another price source."""
    market = Market(world=world, client=chain_client)
    deployer, oracle = genesis.deployer(world.spec), world.addresses["oracle"]

    def give(symbol: str, source: str) -> None:
        market.act(deployer, oracle, "setAssetSources(address[],address[])", [market.token(symbol)], [source])

    return give


def agreed(deployment, client):
    """Collect, snapshot and compare every account with the contract."""
    collect(deployment, client=client)
    taken = snapshot(deployment, client=client)
    report = reconcile(taken, client=client)
    assert report.findings == ()
    assert report.accounts_compared > 10
    return taken


def price(taken, symbol: str) -> int:
    return int(taken.reserve_states.get(reserve__symbol=symbol).price)


def test_a_price_behind_a_proxy_follows_its_aggregators(shop, codes, deployment, point, chain_client):
    feed = shop.deploy(codes["FeedProxy"])
    first, second = (shop.deploy(codes["Aggregator"], ("string",), OCR) for _ in range(2))
    shop.send(BUILDER, first, "publish(int256)", 1_900 * DOLLAR)
    shop.send(BUILDER, feed, "confirm(address)", first)
    point("WETH", feed)
    assert price(agreed(deployment, chain_client), "WETH") == 1_900 * DOLLAR

    shop.send(BUILDER, second, "publish(int256)", 1_500 * DOLLAR)
    assert price(agreed(deployment, chain_client), "WETH") == 1_900 * DOLLAR

    shop.send(BUILDER, feed, "confirm(address)", second)  # without any event
    assert price(agreed(deployment, chain_client), "WETH") == 1_500 * DOLLAR
    shop.send(BUILDER, second, "publish(int256)", 1_600 * DOLLAR)
    shop.send(BUILDER, first, "publish(int256)", 9_999 * DOLLAR)
    assert price(agreed(deployment, chain_client), "WETH") == 1_600 * DOLLAR

    routes = Lore.of(deployment.addresses).routes[feed]
    assert [route.aggregator for route in routes] == [first, second]
    weth = Reserve.objects.get(symbol="WETH")
    told = [int(each.price) for each in Price.objects.filter(reserve=weth).order_by("block_number")][-2:]
    assert told == [1_900 * DOLLAR, 1_600 * DOLLAR]


def test_a_price_that_no_event_tells_is_read_at_its_block(shop, codes, deployment, point, chain_client):
    feed, aggregator = shop.deploy(codes["FeedProxy"]), shop.deploy(codes["Aggregator"], ("string",), OCR)
    shop.send(BUILDER, aggregator, "publish(int256)", 99 * DOLLAR // 100)
    shop.send(BUILDER, feed, "confirm(address)", aggregator)
    point("DAI", shop.deploy(codes["CapAdapter"], ("address", "int256"), feed, 101 * DOLLAR // 100))
    assert price(agreed(deployment, chain_client), "DAI") == 99 * DOLLAR // 100
    shop.send(BUILDER, aggregator, "publish(int256)", 3 * DOLLAR)
    assert price(agreed(deployment, chain_client), "DAI") == 101 * DOLLAR // 100


def test_a_market_says_which_version_it_has(deployment, chain_client, world):
    collect(deployment, client=chain_client)
    versions = Lore.of(deployment.addresses).versions
    assert set(versions.values()) == {"3.0"}
    assert watch(world, chain_client).addresses == deployment.addresses  # watching again takes nothing away
