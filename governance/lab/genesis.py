"""The first hour of a world: contracts, roles and the first positions."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from governance.chain import abi
from governance.chain.client import Client
from governance.domain.action import Call
from governance.errors import ChainError, ConflictError
from governance.lab import aave, actors, dao
from governance.lab.aave import Deployment, Market
from governance.lab.contracts import Contracts
from governance.lab.outbox import Outbox
from governance.lab.spec import WorldSpec

BLOCK_SECONDS = 12
GAS = 12_000_000  # for calls that write to many accounts
EARLY = 0.75  # share of the borrowers that are there from the beginning
FIRST_SNAPSHOT = "0x0"
PUBLISH = abi.selector("publish(int128[])")


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """Where a world's contracts are; ``tokens`` and ``a_tokens`` stand in the order of the specification's assets."""

    first_block: int
    first_hash: str
    addresses: dict[str, str]
    tokens: tuple[str, ...]
    a_tokens: tuple[str, ...]
    holders: tuple[str, ...]

    def as_dict(self) -> dict[str, Any]:
        """Return the site as JSON-ready data; `from_dict` reads it."""
        return asdict(self)

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> Site:
        """Return the site that `as_dict` wrote."""
        lists = {name: tuple(data[name]) for name in ("tokens", "a_tokens", "holders")}
        return cls(**{**data, **lists})


def deployer(spec: WorldSpec) -> str:
    """Return the account that deploys everything and stays pool administrator."""
    return actors.address(spec.seed, "deployer")


def liquidator(spec: WorldSpec) -> str:
    """Return the liquidation bot's account."""
    return actors.address(spec.seed, "liquidator")


def publisher(spec: WorldSpec) -> str:
    """Return the account that publishes prices."""
    return actors.address(spec.seed, "publisher")


def publish(target: str, prices: Sequence[int]) -> Call:
    """Return the call that updates all feeds."""
    # An array encoded by hand (offset, length, words), because every hour has one.
    types = ("uint256", "uint256", *["int128"] * len(prices))
    return Call(target=target, data=PUBLISH + abi.encode_args(types, (32, len(prices), *prices)))


def create(client: Client, spec: WorldSpec, contracts: Contracts, *, prices: Sequence[int]) -> Site:
    """Deploy a world on a fresh node and open its first positions.

    Raises
    ------
    ConflictError
        When the node carries something else, or has another genesis time.
    CallReverted
        When a deployment fails.
    """
    _fresh(client, spec)
    outbox = Outbox(client)
    first = client.head().number + 1
    clock = iter(range(spec.start + BLOCK_SECONDS, spec.start + 3_600, BLOCK_SECONDS))
    on = Deployment(
        outbox=outbox,
        contracts=contracts,
        deployer=deployer(spec),
        mine=lambda: outbox.mine_strictly(next(clock)),
    )
    holders = [actors.address(spec.seed, f"holder/{number}") for number in range(spec.dao.holders)]
    people = actors.create(spec)
    service = [deployer(spec), liquidator(spec), publisher(spec)]
    everybody = [*service, *holders, *(actor.address for actor in people)]
    outbox.fund(everybody)
    outbox.enroll(everybody)
    market = aave.deploy(on, spec.assets, read=client.eth_call)
    organisation = dao.deploy(on, spec.dao, holders=holders)
    dao.take_over(on, acl_manager=market.acl_manager, timelock=organisation.timelock)
    multicall = on.ours("Multicall")
    on.do(market.publisher, "transferOwnership(address)", publisher(spec))
    on.mine()
    outbox.send(publisher(spec), publish(market.publisher, prices))
    on.mine()
    _open(on, spec, market, people=people, prices=prices, clock=clock)
    return Site(
        first_block=first,
        first_hash=client.header(first).hash,
        addresses=_addresses(market, organisation, multicall),
        tokens=market.tokens,
        a_tokens=tuple(_a_token(client, market, token) for token in market.tokens),
        holders=organisation.holders,
    )


def _fresh(client: Client, spec: WorldSpec) -> None:
    """Take the node back to its empty genesis."""
    client.call("evm_setAutomine", [False])
    client.call("anvil_dropAllTransactions")
    if client.head().number > 0 and not _revert(client):
        raise ConflictError("The node already carries another chain; build anew with `manage.py world build --fresh`.")
    client.call("evm_snapshot")  # a deployment that is interrupted goes back to here
    header = client.header(0)
    if header.timestamp != spec.start:
        raise ConflictError(
            f"The node's genesis is at {header.timestamp}, this world's is at {spec.start}; "
            "build anew with `manage.py world build --fresh`.",
            expected=spec.start,
            found=header.timestamp,
        )


def _revert(client: Client) -> bool:
    try:
        return bool(client.call("evm_revert", [FIRST_SNAPSHOT])) and client.head().number == 0
    except ChainError:
        return False


def _open(
    on: Deployment,
    spec: WorldSpec,
    market: Market,
    *,
    people: Sequence[actors.Actor],
    prices: Sequence[int],
    clock: Iterator[int],
) -> None:
    """Let the lenders supply, then most of the borrowers open their positions."""
    conduct = actors.Conduct(spec, pool=market.pool, tokens=market.tokens)
    draw = random.Random(f"{spec.seed}/opening")
    lenders = [actor for actor in people if actor.debt < 0]
    early = [actor for actor in people if actor.debt >= 0 and draw.random() < EARLY]
    early.sort(key=lambda actor: not spec.assets[actor.debt].stable)  # their collateral is what the others borrow
    for group in (lenders, early):
        for actor in group:
            for call in conduct.open(actor, prices, draw):
                on.outbox.send(actor.address, call)
        on.outbox.mine(next(clock))  # a market may be too small for somebody's plans


def _addresses(market: Market, organisation: dao.Dao, multicall: str) -> dict[str, str]:
    return {
        "addresses_provider": market.addresses_provider,
        "pool": market.pool,
        "configurator": market.configurator,
        "oracle": market.oracle,
        "data_provider": market.data_provider,
        "acl_manager": market.acl_manager,
        "publisher": market.publisher,
        "governor": organisation.governor,
        "timelock": organisation.timelock,
        "token": organisation.token,
        "multicall": multicall,
    }


def _a_token(client: Client, market: Market, token: str) -> str:
    call = Call(target=market.data_provider, data=abi.encode("getReserveTokensAddresses(address)", token))
    return str(abi.decode(("address",) * 3, client.eth_call(call))[0])
