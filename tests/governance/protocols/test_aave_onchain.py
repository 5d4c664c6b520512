"""What contracts on a real node are asked once: which version a pool is, and who publishes a source's price."""

from __future__ import annotations

import pytest

from governance.chain import abi
from governance.chain.store import LogRow
from governance.domain import events
from governance.domain.rules import VERSIONS
from governance.errors import ChainError, GapInData, InputError
from governance.protocols.aave import feeds, versions
from governance.protocols.aave.lore import Lore, Route
from governance.protocols.aave_v3 import AaveV3
from governance.protocols.base import LEARNED
from tests.compiled import compiled
from tests.workshop import BUILDER, Workshop, own_node

OCR = "AccessControlledOCR2Aggregator 1.0.0"
ASSET, POOL, PROVIDER, ORACLE, USER = (abi.checksum(bytes(19) + bytes([number])) for number in range(1, 6))
ROLES = {"pool": POOL, "addresses_provider": PROVIDER, "oracle": ORACLE, "data_provider": PROVIDER}
REVISIONS = {"3.0": 3, "3.1": 4, "3.2": 6, "3.3": 7, "3.4": 8, "3.5": 9, "3.6": 10, "3.7": 11}


@pytest.fixture(scope="module")
def shop():
    with own_node() as client:
        yield Workshop(client)


@pytest.fixture(scope="module")
def codes():
    return compiled("feeds")


@pytest.fixture
def proxy(shop, codes):
    """Return a proxy and the aggregator that it passes on."""
    feed, aggregator = shop.deploy(codes["FeedProxy"]), shop.deploy(codes["Aggregator"], ("string",), OCR)
    shop.send(BUILDER, feed, "confirm(address)", aggregator)
    shop.send(BUILDER, aggregator, "publish(int256)", 10**8)
    return feed, aggregator


def pool_of(shop, codes, version: str, *, revision: int | None = None, without: str = "") -> str:
    """Deploy what answers as a pool of ``version`` does."""
    pool = shop.deploy(codes["Answers"])
    known = [signature for added, signature, _ in versions._ADDED if added <= version]
    words = dict.fromkeys(known, 0) | {"POOL_REVISION()": REVISIONS[version] if revision is None else revision}
    for signature, word in words.items():
        if signature != without:
            answer = abi.encode_args(["uint256"], [word])
            shop.send(BUILDER, pool, "set(bytes4,bytes)", abi.selector(signature), answer)
    return pool


def row(address: str, signature: str, *topics: str, block: int) -> LogRow:
    words = [abi.encode_args(["address"], [topic]) for topic in topics] + [b""] * (3 - len(topics))
    return LogRow(block, 0, 0, bytes(32), address, abi.topic(signature), *words, b"")


def chosen(source: str, *, block: int) -> LogRow:
    return row(ORACLE, "AssetSourceUpdated(address,address)", ASSET, source, block=block)


@pytest.mark.parametrize("version", VERSIONS)
def test_a_pools_version_is_what_it_can_be_asked(shop, codes, version):
    assert versions.version_of(shop.client, pool_of(shop, codes, version)) == version


@pytest.mark.parametrize(("revision", "version"), [(5, "3.2"), (6, "3.3"), (7, "3.4")])
def test_a_revision_alone_says_little(shop, codes, revision, version):
    assert versions.version_of(shop.client, pool_of(shop, codes, version, revision=revision)) == version


def test_a_newer_pool_is_not_guessed_at(shop, codes):
    pool = pool_of(shop, codes, "3.7", revision=12)
    with pytest.raises(InputError, match=r"revision 12; the newest that Breakwater knows is 11 \(Aave 3\.7\)"):
        versions.version_of(shop.client, pool)


def test_a_pool_that_contradicts_itself_is_refused(shop, codes):
    pool = pool_of(shop, codes, "3.6", without="getReserveDeficit(address)")
    with pytest.raises(InputError, match=r"has what Aave 3\.6 added, but not getReserveDeficit\(address\) of 3\.3"):
        versions.version_of(shop.client, pool)


def test_what_is_no_pool_is_refused(shop, codes):
    with pytest.raises(InputError, match="states no revision"):
        versions.version_of(shop.client, shop.deploy(codes["Answers"]))


def test_an_upgrade_is_asked_for_its_version_once_and_then_decoded(shop, codes):
    old, new = pool_of(shop, codes, "3.0"), pool_of(shop, codes, "3.6")
    first = row(PROVIDER, "PoolUpdated(address,address)", "0x" + "00" * 20, old, block=1)
    second = row(POOL, "Upgraded(address)", new, block=2)
    foreign = row(ASSET, "Upgraded(address)", ASSET, block=3)
    with pytest.raises(GapInData, match=r"run manage\.py collect"):
        AaveV3(ROLES).decode(first)
    learned = AaveV3(ROLES).learn(shop.client, [first, second, foreign])
    assert learned == {f"{LEARNED}pool v3.0 {old}": old, f"{LEARNED}pool v3.6 {new}": new}
    protocol = AaveV3(ROLES | learned)
    assert [event.version for log in (first, second, foreign) for event in protocol.decode(log)] == ["3.0", "3.6"]


def test_a_feed_that_publishes_by_itself(shop, codes):
    feed = shop.deploy(codes["Aggregator"], ("string",), "")
    assert feeds.routes(shop.client, feed, since=0) == (Route(0, feed),)
    assert AaveV3(ROLES).learn(shop.client, [chosen(feed, block=0)]) == {}


def test_a_proxy_of_one_aggregator(shop, proxy):
    feed, aggregator = proxy
    assert feeds.routes(shop.client, feed, since=shop.client.head().number) == (Route(0, aggregator),)


def test_a_proxy_that_moved_on_is_followed_to_the_block(shop, codes, proxy):
    feed, first = proxy
    begun = shop.client.head().number
    learned = AaveV3(ROLES).learn(shop.client, [chosen(feed, block=begun)])
    second = shop.deploy(codes["Aggregator"], ("string",), OCR)
    for answer in (1, 2, 3):
        shop.send(BUILDER, second, "publish(int256)", answer)  # while the proxy still passes on the first
    shop.send(BUILDER, feed, "confirm(address)", second)
    moved = shop.client.head().timestamp
    for _ in range(5):
        shop.wait(10)
    routes = (Route(0, first), Route(moved, second))
    assert feeds.routes(shop.client, feed, since=begun) == routes
    again = AaveV3(ROLES | learned).learn(shop.client, [chosen(feed, block=begun)])
    assert Lore.of(again).routes == {feed: routes}
    protocol = AaveV3(ROLES | again)
    assert [tuple(event) for event in protocol.decode(chosen(feed, block=begun))] == [
        (feed, first, 0),
        (feed, second, moved),
        (ASSET, feed),
    ]


def test_what_came_before_the_source_was_chosen_does_not_count(shop, codes, proxy):
    feed, _ = proxy
    second = shop.deploy(codes["Aggregator"], ("string",), OCR)
    shop.send(BUILDER, second, "publish(int256)", 1)
    shop.send(BUILDER, feed, "confirm(address)", second)
    assert feeds.routes(shop.client, feed, since=shop.client.head().number) == (Route(0, second),)


def test_a_node_without_the_past_tells_the_present(shop, codes, proxy, monkeypatch):
    feed, _ = proxy
    second = shop.deploy(codes["Aggregator"], ("string",), OCR)
    shop.send(BUILDER, second, "publish(int256)", 1)
    shop.send(BUILDER, feed, "confirm(address)", second)
    head, ask = shop.client.head(), feeds.ask

    def pruned(client, target, signature, *args, block=None):
        if block is not None and block < head.number:
            raise ChainError("missing trie node")
        return ask(client, target, signature, *args, block=block)

    monkeypatch.setattr(feeds, "ask", pruned)
    assert feeds.routes(shop.client, feed, since=1) == (Route(head.timestamp, second),)


@pytest.mark.parametrize("kind", ["DualAggregator 1.0.0", "SomethingNew 2.0.0"])
def test_an_aggregator_that_may_hold_back_is_asked(shop, codes, kind):
    feed, aggregator = shop.deploy(codes["FeedProxy"]), shop.deploy(codes["Aggregator"], ("string",), kind)
    shop.send(BUILDER, feed, "confirm(address)", aggregator)
    assert feeds.routes(shop.client, feed, since=0) == feeds.ASKED


def test_an_adapter_is_asked(shop, codes, proxy):
    adapter = shop.deploy(codes["CapAdapter"], ("address", "int256"), proxy[0], 10**8)
    assert feeds.routes(shop.client, adapter, since=0) == feeds.ASKED
    learned = AaveV3(ROLES).learn(shop.client, [chosen(adapter, block=1)])
    assert learned == {f"{LEARNED}asked {adapter}": adapter}


def test_lore_survives_its_roles():
    lore = Lore(versions={POOL: "3.5"}, routes={ORACLE: (Route(0, ASSET), Route(7, POOL))}, asked=frozenset({PROVIDER}))
    assert Lore.of(ROLES | lore.roles()) == lore
    assert lore.aggregators == {ASSET, POOL}
    assert Lore.of(ROLES) == Lore()


class Refusing:
    """A node whose contract fails in the words of an old compiler."""

    def __init__(self, said: str) -> None:
        self.said = said

    def eth_call(self, call, *, block=None):
        raise ChainError("refused", rpc_message=self.said)


def test_a_contract_of_an_old_compiler_has_no_such_function_either():
    assert versions.ask(Refusing("invalid opcode: INVALID"), POOL, "aggregator()") is None
    with pytest.raises(ChainError):
        versions.ask(Refusing("missing trie node"), POOL, "aggregator()")


def test_prices_that_no_event_tells_are_asked_of_the_oracle():
    lore = Lore(routes={USER: (Route(2**40, PROVIDER),)}, asked=frozenset({POOL}))
    protocol = AaveV3(ROLES | lore.roles())
    ledger = protocol.ledger()
    assets = [abi.checksum(bytes(19) + bytes([number])) for number in (21, 22, 23)]
    for asset, feed in zip(assets, (POOL, USER, ORACLE), strict=True):  # an adapter, an unseen past, a plain feed
        ledger.apply(events.ReserveListed(asset, f"a{asset}", f"s{asset}", f"v{asset}"), 1)
        ledger.apply(events.FeedChosen(asset, feed), 1)
    checks = protocol.pinned(ledger)
    assert [(check.field, check.call.target) for check in checks] == [(asset, ORACLE) for asset in assets[:2]]
    ledger.observe({assets[0]: 5})
    assert [ledger.price(asset) for asset in assets] == [5, 0, 0]
