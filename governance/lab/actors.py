"""Those who lend and borrow: who they are, and what they do from hour to hour.

An actor's nature follows from the world's seed and its number. What it does in an hour follows from the seed, the hour
and what it reads of its account on the chain, so a world that was interrupted goes on as if it had not been.

Sizes are log-normal with a heavy tail. Every borrower aims at a health factor of its own: above it, it borrows more;
when it falls towards 1, an attentive actor repays or adds collateral, a careless one waits.
"""

from __future__ import annotations

import math
import random
from collections.abc import Sequence
from dataclasses import dataclass

from governance.chain import abi
from governance.domain.action import Call
from governance.domain.units import BPS, WAD
from governance.lab.spec import WorldSpec

VARIABLE = 2  # Aave's number of the variable interest rate
REFERRAL = 0
MEDIAN_SIZE = 42_000.0  # US dollars
SIZE_SPREAD = 1.25
LARGEST = 3_000_000.0
NERVOUS = 1.08  # health factor below which an attentive actor acts at once
DUST = 50 * 10**8  # dollars with 8 decimals; below that nothing is worth the gas

# (weight, collateral symbols, debt symbol); no debt makes a lender.
ROLES: tuple[tuple[float, tuple[str, ...], str], ...] = (
    (0.14, ("USDC",), ""),
    (0.08, ("DAI",), ""),
    (0.04, ("WETH",), ""),
    (0.24, ("WETH",), "USDC"),
    (0.11, ("WETH",), "DAI"),
    (0.14, ("WBTC",), "USDC"),
    (0.06, ("WETH", "WBTC"), "DAI"),
    (0.09, ("TIDE",), "USDC"),
    (0.03, ("TIDE", "WETH"), "DAI"),
    (0.05, ("USDC",), "WETH"),
    (0.02, ("DAI",), "TIDE"),
    (0.02, ("WETH",), "WBTC"),
)
LENDER_SCALE = 3.2  # lenders are larger, or borrowers would find nothing to borrow


@dataclass(frozen=True, slots=True, kw_only=True)
class Actor:
    """One account's nature.

    Attributes
    ----------
    address : str
    collateral : tuple of int
        Indexes of the assets that it supplies.
    debt : int
        Index of the asset that it borrows, -1 for a lender.
    size : float
        US dollars of collateral at first.
    target : float
        Health factor that it likes.
    attention : float
        Chance that it reacts to danger when it looks.
    """

    address: str
    collateral: tuple[int, ...]
    debt: int
    size: float
    target: float
    attention: float

    @property
    def assets(self) -> tuple[int, ...]:
        """Indexes of all assets that it ever holds or owes."""
        return self.collateral if self.debt < 0 else (*self.collateral, self.debt)


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """What an actor sees of its account: dollars have 8 decimals, threshold is basis points, health a wad."""

    collateral: int
    debt: int
    available: int
    threshold: int
    health: int
    liquidity: int  # of the asset that it borrows, in the asset's smallest unit

    @classmethod
    def decoded(cls, user_data: bytes, liquidity: bytes) -> Account:
        """Return the account that the pool's ``getUserAccountData`` and a token's ``balanceOf`` describe."""
        collateral, debt, available, threshold, _, health = abi.decode(("uint256",) * 6, user_data)
        return cls(
            collateral=collateral,
            debt=debt,
            available=available,
            threshold=threshold,
            health=health,
            liquidity=abi.decode(("uint256",), liquidity)[0],
        )


def address(seed: int, label: str) -> str:
    """Return the account that ``label`` names in the world of ``seed``; nobody has its key, the node sends for it."""
    return abi.checksum(abi.keccak(f"breakwater/{seed}/{label}".encode())[-20:])


def create(spec: WorldSpec) -> tuple[Actor, ...]:
    """Return the world's actors."""
    return tuple(_actor(spec, number) for number in range(spec.accounts))


def _actor(spec: WorldSpec, number: int) -> Actor:
    draw = random.Random(f"{spec.seed}/actor/{number}")
    _, collateral, debt = draw.choices(ROLES, weights=[role[0] for role in ROLES])[0]
    symbols = [asset.symbol for asset in spec.assets]
    size = min(MEDIAN_SIZE * math.exp(draw.gauss(0, SIZE_SPREAD)), LARGEST)
    return Actor(
        address=address(spec.seed, f"actor/{number}"),
        collateral=tuple(symbols.index(symbol) for symbol in collateral),
        debt=symbols.index(debt) if debt else -1,
        size=size if debt else size * LENDER_SCALE,
        target=1.08 + draw.expovariate(1 / 0.38),
        attention=draw.uniform(0.05, 0.95),
    )


class Conduct:
    """Turns what actors see into calls.

    Parameters
    ----------
    spec : WorldSpec
    pool : str
        Address of the pool.
    tokens : sequence of str
        Addresses of the assets, in the specification's order.
    """

    def __init__(self, spec: WorldSpec, *, pool: str, tokens: Sequence[str]) -> None:
        self._spec = spec
        self._pool = pool
        self._tokens = tokens

    def open(self, actor: Actor, prices: Sequence[int], draw: random.Random) -> list[Call]:
        """Return the calls of an actor that begins: supply, then borrow up to its target."""
        calls = [self._supply(actor, index, actor.size / len(actor.collateral), prices) for index in actor.collateral]
        if actor.debt >= 0:
            assets = [self._spec.assets[index] for index in actor.collateral]
            threshold = sum(asset.threshold for asset in assets) / len(assets) / BPS
            limit = sum(asset.ltv for asset in assets) / len(assets) / BPS
            share = min(threshold / actor.target, limit * 0.985)
            calls.append(self._borrow(actor, actor.size * share * draw.uniform(0.85, 1.0), prices))
        return calls

    def act(self, actor: Actor, account: Account, prices: Sequence[int], draw: random.Random) -> list[Call]:
        """Return what an actor does that looks at its account; often nothing."""
        if account.collateral < DUST:
            return [] if account.debt else self.open(actor, prices, draw)
        if actor.debt < 0:
            return self._lend(actor, account, prices, draw)
        if account.debt and account.health < NERVOUS * WAD:
            return self._rescue(actor, account, prices, draw)
        return self._adjust(actor, account, prices, draw)

    def _lend(self, actor: Actor, account: Account, prices: Sequence[int], draw: random.Random) -> list[Call]:
        dollars = account.collateral / 1e8
        if dollars > actor.size * draw.uniform(0.9, 1.4):
            return [self._withdraw(actor, dollars * draw.uniform(0.03, 0.12), prices)]
        return [self._supply(actor, actor.collateral[0], actor.size * draw.uniform(0.03, 0.12), prices)]

    def _rescue(self, actor: Actor, account: Account, prices: Sequence[int], draw: random.Random) -> list[Call]:
        if draw.random() > actor.attention:
            return []
        if draw.random() < 0.35:
            index = draw.choice(actor.collateral)
            return [self._supply(actor, index, account.collateral / 1e8 * draw.uniform(0.08, 0.25), prices)]
        return [self._repay(actor, account.debt / 1e8 * draw.uniform(0.12, 0.4), prices)]

    def _adjust(self, actor: Actor, account: Account, prices: Sequence[int], draw: random.Random) -> list[Call]:
        wanted = account.collateral * account.threshold / BPS / actor.target / 1e8
        room = wanted - account.debt / 1e8
        if room > 0.08 * wanted:
            dollars = min(room * draw.uniform(0.4, 1.0), account.available / 1e8 * 0.97)
            liquid = account.liquidity / self._units(actor.debt) * prices[actor.debt] / 1e8
            return [self._borrow(actor, min(dollars, liquid * 0.5), prices)]
        if draw.random() < 0.5:
            return [self._repay(actor, account.debt / 1e8 * draw.uniform(0.03, 0.15), prices)]
        return [self._supply(actor, draw.choice(actor.collateral), actor.size * draw.uniform(0.02, 0.1), prices)]

    def _supply(self, actor: Actor, index: int, dollars: float, prices: Sequence[int]) -> Call:
        signature = "supply(address,uint256,address,uint16)"
        amount = self._amount(index, dollars, prices)
        return self._call(signature, self._tokens[index], amount, actor.address, REFERRAL)

    def _withdraw(self, actor: Actor, dollars: float, prices: Sequence[int]) -> Call:
        index = actor.collateral[0]
        amount = self._amount(index, dollars, prices)
        return self._call("withdraw(address,uint256,address)", self._tokens[index], amount, actor.address)

    def _borrow(self, actor: Actor, dollars: float, prices: Sequence[int]) -> Call:
        signature = "borrow(address,uint256,uint256,uint16,address)"
        amount = self._amount(actor.debt, dollars, prices)
        return self._call(signature, self._tokens[actor.debt], amount, VARIABLE, REFERRAL, actor.address)

    def _repay(self, actor: Actor, dollars: float, prices: Sequence[int]) -> Call:
        amount = self._amount(actor.debt, dollars, prices)
        signature = "repay(address,uint256,uint256,address)"
        return self._call(signature, self._tokens[actor.debt], amount, VARIABLE, actor.address)

    def _amount(self, index: int, dollars: float, prices: Sequence[int]) -> int:
        return max(int(dollars * 1e8 / prices[index] * self._units(index)), 1)

    def _units(self, index: int) -> int:
        return int(10 ** self._spec.assets[index].decimals)

    def _call(self, signature: str, *arguments: object) -> Call:
        return Call(target=self._pool, data=abi.encode(signature, *arguments))
