"""What a person can do with the local world's market, for tests that need more than its actors do."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from governance import deployments
from governance.chain import abi
from governance.domain.action import Call
from governance.lab import genesis

if TYPE_CHECKING:
    from governance.chain.client import Client
    from governance.lab.world import World
    from governance.models import Deployment

MAX = 2**256 - 1
STABLE, VARIABLE = 1, 2


def watch(world: World, client: Client) -> Deployment:
    return deployments.watch_protocol(
        client=client,
        flavour="aave_v3",
        address=world.addresses["addresses_provider"],
        slug="local",
        name="Local market",
        first_block=world.first_block,
    )


@dataclass(kw_only=True)
class Market:
    """A market and who acts on it."""

    world: World
    client: Client
    prices: dict[str, int] = field(init=False)

    def __post_init__(self) -> None:
        self.prices = dict(self.world.prices(self.world.now().hour))

    def token(self, symbol: str) -> str:
        return self.world.reserves[symbol]

    def receipt_token(self, symbol: str) -> str:
        provider = self.world.addresses["data_provider"]
        call = Call(target=provider, data=abi.encode("getReserveTokensAddresses(address)", self.token(symbol)))
        return abi.decode(("address",) * 3, self.client.eth_call(call))[0]

    def units(self, symbol: str, amount: float) -> int:
        decimals = next(asset.decimals for asset in self.world.spec.assets if asset.symbol == symbol)
        return int(amount * 10**decimals)

    def act(self, who: str, target: str, signature: str, *args: object) -> None:
        self.world.send(who, Call(target=target, data=abi.encode(signature, *args)))

    def pool(self, who: str, signature: str, *args: object) -> None:
        self.act(who, self.world.addresses["pool"], signature, *args)

    def configure(self, signature: str, *args: object) -> None:
        self.act(genesis.deployer(self.world.spec), self.world.addresses["configurator"], signature, *args)

    def supply(self, who: str, symbol: str, amount: float) -> None:
        signature = "supply(address,uint256,address,uint16)"
        self.pool(who, signature, self.token(symbol), self.units(symbol, amount), who, 0)

    def borrow(self, who: str, symbol: str, amount: float, mode: int = VARIABLE) -> None:
        signature = "borrow(address,uint256,uint256,uint16,address)"
        self.pool(who, signature, self.token(symbol), self.units(symbol, amount), mode, 0, who)

    def set_price(self, symbol: str, price: int) -> None:
        self.prices[symbol] = price
        self.world.send(
            genesis.publisher(self.world.spec),
            genesis.publish(self.world.addresses["publisher"], list(self.prices.values())),
        )

    def wait(self, seconds: int) -> None:
        self.client.call("evm_mine", [self.client.head().timestamp + seconds])
