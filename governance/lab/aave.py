"""A real Aave v3.0 market, deployed from the bytecode that its npm package ships.

The order is the protocol's own: libraries, the addresses provider, roles, the oracle, the pool, the configurator,
token implementations, then the reserves. Library and contract addresses are known before they are mined, because
they follow from the deployer's nonce, so the whole market takes a few blocks.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from governance.chain import abi
from governance.domain.action import Call
from governance.domain.units import RAY
from governance.lab.contracts import Contracts
from governance.lab.outbox import Outbox, words
from governance.lab.spec import Asset

ZERO = "0x" + "00" * 20
DOLLAR = 10**8  # the oracle's base unit
LIBRARIES = (
    "BorrowLogic",
    "BridgeLogic",
    "ConfiguratorLogic",
    "EModeLogic",
    "FlashLoanLogic",
    "LiquidationLogic",
    "PoolLogic",
    "SupplyLogic",
)
LIQUIDATION_PROTOCOL_FEE = 1_000  # basis points of the bonus that the treasury keeps
RESERVE_INPUT = (
    "initReserves((address,address,address,uint8,address,address,address,address,"
    "string,string,string,string,string,string,bytes)[])"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Market:
    """Addresses of a market; ``tokens`` stand in the order of the specification's assets."""

    addresses_provider: str
    acl_manager: str
    oracle: str
    data_provider: str
    pool: str
    configurator: str
    publisher: str
    tokens: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Deployment:
    """What a deployment needs at hand: where to queue, the bytecode, the deployer, and how to mine what is queued."""

    outbox: Outbox
    contracts: Contracts
    deployer: str
    mine: Callable[[], object]

    def create(self, path: str, *arguments: tuple[str, object]) -> str:
        """Queue one of Aave's contracts that needs no library."""
        return self.outbox.deploy(self.deployer, self.contracts.aave(path).linked({}) + words(*arguments))

    def ours(self, name: str, *arguments: tuple[str, object]) -> str:
        """Queue one of our contracts."""
        return self.outbox.deploy(self.deployer, self.contracts.ours[name].linked({}) + words(*arguments))

    def do(self, target: str, signature: str, *arguments: object) -> None:
        """Queue a call of the deployer."""
        call = Call(target=target, data=abi.encode(signature, *arguments))
        self.outbox.send(self.deployer, call, gas=8_000_000)


def deploy(on: Deployment, assets: Sequence[Asset], *, read: Callable[[Call], bytes]) -> Market:
    """Deploy the market with all reserves open. ``read`` answers a read call at the newest block."""
    libraries = _libraries(on)
    provider = on.create(
        "protocol/configuration/PoolAddressesProvider", ("string", "Breakwater"), ("address", on.deployer)
    )
    on.do(provider, "setACLAdmin(address)", on.deployer)
    on.mine()  # what follows asks the provider in its constructor
    acl_manager = on.create("protocol/configuration/ACLManager", ("address", provider))
    on.do(provider, "setACLManager(address)", acl_manager)
    for role in ("addPoolAdmin", "addRiskAdmin", "addEmergencyAdmin"):
        on.do(acl_manager, f"{role}(address)", on.deployer)
    _implementations(on, provider, libraries)
    publisher = on.ours("PricePublisher", ("string[]", [f"{asset.symbol} / USD" for asset in assets]))
    data_provider = on.create("misc/AaveProtocolDataProvider", ("address", provider))
    on.do(provider, "setPoolDataProvider(address)", data_provider)
    on.mine()
    pool, configurator = (_address(read, provider, getter) for getter in ("getPool()", "getPoolConfigurator()"))
    feeds = abi.decode(("address[]",), read(Call(target=publisher, data=abi.encode("feeds()"))))[0]
    tokens = tuple(_token(on, asset, pool) for asset in assets)
    oracle = _oracle(on, provider, tokens, feeds)
    _reserves(on, (provider, pool, configurator), assets, tokens)
    on.mine()
    for asset, token in zip(assets, tokens, strict=True):
        _configure(on, configurator, asset, token)
    on.mine()
    return Market(
        addresses_provider=provider,
        acl_manager=acl_manager,
        oracle=oracle,
        data_provider=data_provider,
        pool=pool,
        configurator=configurator,
        publisher=publisher,
        tokens=tokens,
    )


def _libraries(on: Deployment) -> dict[str, str]:
    made: dict[str, str] = {}
    for name in LIBRARIES:  # in this order a library that another one calls exists first
        artifact = on.contracts.aave(f"protocol/libraries/logic/{name}")
        made[name] = on.outbox.deploy(on.deployer, artifact.linked(made))
    return made


def _implementations(on: Deployment, provider: str, libraries: dict[str, str]) -> None:
    pool = on.contracts.aave("protocol/pool/Pool").linked(libraries) + words(("address", provider))
    pool_address = on.outbox.deploy(on.deployer, pool)
    configurator = on.outbox.deploy(on.deployer, on.contracts.aave("protocol/pool/PoolConfigurator").linked(libraries))
    for implementation in (pool_address, configurator):
        on.do(implementation, "initialize(address)", provider)  # nobody else may initialise the bare implementation
    on.do(provider, "setPoolImpl(address)", pool_address)
    on.do(provider, "setPoolConfiguratorImpl(address)", configurator)


def _token(on: Deployment, asset: Asset, pool: str) -> str:
    return on.ours(
        "TestToken", ("string", asset.name), ("string", asset.symbol), ("uint8", asset.decimals), ("address", pool)
    )


def _oracle(on: Deployment, provider: str, tokens: Sequence[str], feeds: Sequence[str]) -> str:
    oracle = on.create(
        "misc/AaveOracle",
        ("address", provider),
        ("address[]", list(tokens)),
        ("address[]", list(feeds)),
        ("address", ZERO),
        ("address", ZERO),
        ("uint256", DOLLAR),
    )
    on.do(provider, "setPriceOracle(address)", oracle)
    return oracle


def _reserves(on: Deployment, core: tuple[str, str, str], assets: Sequence[Asset], tokens: Sequence[str]) -> None:
    provider, pool, configurator = core
    kinds = ("AToken", "StableDebtToken", "VariableDebtToken")
    a_token, stable_debt, variable_debt = (
        on.create(f"protocol/tokenization/{kind}", ("address", pool)) for kind in kinds
    )
    treasury = abi.checksum(abi.keccak(b"breakwater treasury")[-20:])
    inputs = [
        (
            a_token, stable_debt, variable_debt, asset.decimals, _strategy(on, provider, asset), token, treasury, ZERO,
            f"Aave {asset.symbol}", f"a{asset.symbol}",
            f"Aave Variable Debt {asset.symbol}", f"variableDebt{asset.symbol}",
            f"Aave Stable Debt {asset.symbol}", f"stableDebt{asset.symbol}", b"",
        )
        for asset, token in zip(assets, tokens, strict=True)
    ]  # fmt: skip
    for one in inputs:
        on.do(configurator, RESERVE_INPUT, [one])


def _strategy(on: Deployment, provider: str, asset: Asset) -> str:
    ray = RAY // 10_000
    rates = (asset.optimal, 0, asset.slope1, asset.slope2, asset.slope1, asset.slope2, 200, 800, 2_000)
    arguments = [("uint256", rate * ray) for rate in rates]
    return on.create("protocol/pool/DefaultReserveInterestRateStrategy", ("address", provider), *arguments)


def _configure(on: Deployment, configurator: str, asset: Asset, token: str) -> None:
    do = on.do
    collateral = "configureReserveAsCollateral(address,uint256,uint256,uint256)"
    do(configurator, collateral, token, asset.ltv, asset.threshold, asset.bonus)
    do(configurator, "setReserveBorrowing(address,bool)", token, True)
    do(configurator, "setReserveFactor(address,uint256)", token, asset.reserve_factor)
    do(configurator, "setSupplyCap(address,uint256)", token, asset.supply_cap)
    do(configurator, "setBorrowCap(address,uint256)", token, asset.borrow_cap)
    do(configurator, "setLiquidationProtocolFee(address,uint256)", token, LIQUIDATION_PROTOCOL_FEE)


def _address(read: Callable[[Call], bytes], target: str, getter: str) -> str:
    return str(abi.decode(("address",), read(Call(target=target, data=abi.encode(getter))))[0])
