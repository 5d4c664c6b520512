"""A market that keeps its books by Compound III's published rules (`tests/contracts/comet`), and people in it."""

from __future__ import annotations

import random
from dataclasses import dataclass

from governance import deployments
from governance.chain import abi
from governance.domain.action import Call
from governance.lab.actors import address
from governance.models import Deployment
from governance.protocols.comet_events import TERMS
from tests.compiled import compiled
from tests.workshop import BUILDER, Workshop

PEOPLE = tuple(address(13, f"comet/{number}") for number in range(6))
BOT = address(13, "comet/bot")
NOBODY = "0x" + "00" * 20
WAD = 10**18
MAX = 2**256 - 1


@dataclass
class CometMarket:
    """Where everything is; collaterals by symbol."""

    shop: Workshop
    comet: str
    configurator: str
    admin: str
    base: str
    collaterals: dict[str, str]
    feeds: dict[str, str]
    first_block: int

    def watch(self, slug: str = "comet") -> Deployment:
        return deployments.watch_protocol(
            client=self.shop.client,
            flavour="compound_v3",
            address=self.comet,
            slug=slug,
            name=f"Market {slug}",
            first_block=self.first_block,
            options={"configurator": self.configurator},
        )

    def price(self, symbol: str, dollars: float) -> None:
        self.shop.send(BUILDER, self.feeds[symbol], "push(int128)", round(dollars * 10**8))

    def tries(self, who: str, signature: str, *args: object, after: int = 12) -> bool:
        return self.shop.tries(who, self.comet, signature, *args, after=after)

    def supply(self, who: str, asset: str, amount: int, *, after: int = 12) -> bool:
        return self.tries(who, "supply(address,uint256)", asset, amount, after=after)

    def withdraw(self, who: str, asset: str, amount: int, *, after: int = 12) -> bool:
        return self.tries(who, "withdraw(address,uint256)", asset, amount, after=after)

    def principal(self, who: str) -> int:
        return self.shop.ask(self.comet, "userBasic(address)", ("int104",), who)[0]

    def is_bad(self, who: str) -> bool:
        return bool(self.shop.ask(self.comet, "isLiquidatable(address)", ("bool",), who)[0])

    def upgrade(self, *changes: tuple[str, tuple[object, ...]]) -> None:
        """Set terms at the configurator and put a version with them in place."""
        for signature, args in changes:
            self.shop.send(BUILDER, self.configurator, signature, self.comet, *args)
        self.shop.send(BUILDER, self.admin, "deployAndUpgradeTo(address,address)", self.configurator, self.comet)

    def step(self, draw: random.Random) -> tuple[str, bool]:
        """Do one random thing and return what it was, and whether the contract took it."""
        who, other = draw.sample(PEOPLE, 2)
        asset = draw.choice(list(self.collaterals.values()))
        amount, after = draw.randrange(1, 30_000 * 10**6), draw.choice((1, 12, 3_600, 86_400 * 9))
        action = draw.choice(tuple(_ACTIONS))
        signature, args = _ACTIONS[action](base=self.base, asset=asset, other=other, amount=amount)
        if action == "send" and (self.principal(who) <= amount or self.principal(other) < 0):
            return action, False  # debt would move, which no event tells
        if action == "absorb":
            who = BOT
            signature, args = "absorb(address,address[])", (BOT, [next(filter(self.is_bad, PEOPLE), other)])
        if action == "price":
            self.price(draw.choice(list(self.feeds)[1:]), draw.uniform(200, 2_500))
            return action, True
        return action, self.tries(who, signature, *args, after=after)


def _supply(*, base, amount, **_):
    return "supply(address,uint256)", (base, amount)


def _withdraw(*, base, amount, **_):
    return "withdraw(address,uint256)", (base, amount)


_ACTIONS = {
    "supply": _supply,
    "repay": lambda base, **_: ("supply(address,uint256)", (base, MAX)),
    "nothing": lambda base, **_: ("supply(address,uint256)", (base, 0)),
    "for another": lambda base, other, amount, **_: ("supplyTo(address,address,uint256)", (other, base, amount)),
    "withdraw": _withdraw,
    "withdraw nothing": lambda base, **_: ("withdraw(address,uint256)", (base, 0)),
    "leave": lambda base, **_: ("withdraw(address,uint256)", (base, MAX)),
    "send": lambda other, amount, **_: ("transfer(address,uint256)", (other, amount)),
    "secure": lambda asset, amount, **_: ("supply(address,uint256)", (asset, amount * 10**9)),
    "release": lambda asset, amount, **_: ("withdraw(address,uint256)", (asset, amount * 10**8)),
    "hand over": lambda asset, other, amount, **_: (
        "transferAsset(address,address,uint128)",
        (other, asset, amount * 10**8),
    ),
    "absorb": lambda **_: ("", ()),
    "price": lambda **_: ("", ()),
}


def build(shop: Workshop, *, started: bool = True) -> CometMarket:
    """Deploy the contracts and one market: a base token of 6 decimals, two collaterals of 18."""
    codes = compiled("comet")
    first = shop.client.head().number + 1
    factory = shop.deploy(codes["MarketFactory"])
    configurator = shop.deploy(codes["Configurator"], ("address", "address"), BUILDER, factory)
    admin = shop.deploy(codes["MarketAdmin"], ("address",), BUILDER)
    comet = shop.deploy(codes["MarketProxy"], ("address",), admin)
    base = shop.token("USDB", 6, comet)
    collaterals = {symbol: shop.token(symbol, 18, comet) for symbol in ("CETH", "CBTC")}
    feeds = {name: shop.ours("PriceFeed", ("string", "address"), name, BUILDER) for name in ("USDB", *collaterals)}
    market = CometMarket(shop, comet, configurator, admin, base, collaterals, feeds, first)
    for name, price in zip(feeds, (0.9998, 2_000, 1_500), strict=True):
        market.price(name, price)
    shop.send(BUILDER, configurator, f"setConfiguration(address,{TERMS})", comet, _terms(market))
    install = Call(target=admin, data=abi.encode("deployAndUpgradeTo(address,address)", configurator, comet))
    start = Call(target=comet, data=abi.encode("initializeStorage()"))
    shop.send_all([(BUILDER, call) for call in ((install, start) if started else (install,))])
    return market


def same_block(market: CometMarket, *calls: tuple[str, str, tuple[object, ...]]) -> None:
    """Send several calls to the market in one block."""
    market.shop.send_all(
        [(who, Call(target=market.comet, data=abi.encode(signature, *args))) for who, signature, args in calls]
    )


def _terms(market: CometMarket) -> tuple[object, ...]:
    assets = [
        (token, market.feeds[name], 18, 80 * 10**16 + 1, 85 * 10**16, 93 * 10**16, 10**24 + 7)
        for name, token in market.collaterals.items()
    ]
    percent = 10**16
    supply = (80 * percent, 4 * percent, 60 * percent, 0)
    borrow = (85 * percent, 3 * percent, 70 * percent, 15 * percent // 10)
    rest = (60 * percent, 10**15, 0, 0, 10**9, 100 * 10**6, 5_000_000 * 10**6)
    return (BUILDER, BUILDER, market.base, market.feeds["USDB"], NOBODY, *supply, *borrow, *rest, assets)
