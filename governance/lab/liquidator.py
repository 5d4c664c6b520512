"""A bot that liquidates when it pays.

It looks at few accounts at a time. An account's health factor cannot have fallen further than the worst fall of its
collateral times the rise of its debt since it was last looked at, and a margin for interest; only accounts that this
bound lets below 1 are read again. Even the bounds are computed of those alone that were not far above 1 at the last
survey, until prices have moved that far. Its decisions therefore do not depend on when it last looked.

A liquidation pays when the bonus exceeds the gas, the protocol's fee on the bonus, and what is lost in selling the
collateral. So small debts may stay unpaid, and an account whose collateral is gone leaves bad debt, as in real markets.
When the pool has lent out too much of the collateral to hand it over, the bot takes the receipt token instead; it sends
nothing that the contract would refuse.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from governance.chain import abi
from governance.chain.client import Client, call_object
from governance.chain.multicall import aggregate
from governance.domain.action import Call
from governance.domain.units import BPS, MAX_UINT256, WAD
from governance.errors import CallReverted
from governance.lab import genesis
from governance.lab.aave import LIQUIDATION_PROTOCOL_FEE
from governance.lab.actors import Actor
from governance.lab.prices import PricePath
from governance.lab.spec import WorldSpec

INTEREST_MARGIN = 3.5e-4  # of the health factor in an hour: an interest rate of 300 % a year
LOOK_AGAIN = 168  # hours after which every account is read again
FULL_CLOSE_BELOW = 95 * WAD // 100  # Aave lets all debt be repaid below this health factor, half of it above
RESERVE_DATA = ("uint256",) * 7 + ("uint40", "bool")
FAR = 1.06  # bounds above this are not computed again before prices have moved that much
SURVEY = 24  # hours after which all bounds are
CHUNK = 400


@dataclass(frozen=True, slots=True, kw_only=True)
class Venue:
    """Addresses that the bot reads and calls; ``tokens`` stand in the order of the specification's assets."""

    pool: str
    data_provider: str
    multicall: str
    tokens: Sequence[str]


@dataclass(frozen=True, slots=True)
class Sight:
    """An account as it was seen at ``hour``.

    Attributes
    ----------
    hour : int
    shares : tuple of (int, float)
        For each collateral its index, and the health factor divided by its price then.
    owed : int
        The debt's price then.
    """

    hour: int
    shares: tuple[tuple[int, float], ...]
    owed: int


class Liquidator:
    """The bot.

    Parameters
    ----------
    client : Client
    spec : WorldSpec
    venue : Venue
    actors : sequence of Actor
        Whom it watches; lenders are left out.
    path : PricePath
        The prices.
    """

    def __init__(
        self, client: Client, spec: WorldSpec, *, venue: Venue, actors: Sequence[Actor], path: PricePath
    ) -> None:
        self._client = client
        self._spec = spec
        self._venue = venue
        self._borrowers = [actor for actor in actors if actor.debt >= 0]
        self._path = path
        self._seen: dict[str, Sight] = {}
        self._near: set[str] = set()
        self._surveyed = -SURVEY

    def forget(self, addresses: Iterable[str]) -> None:
        """Look at these accounts again: they did something."""
        for address in addresses:
            self._seen.pop(address, None)
            self._near.add(address)

    def look(self, hour: int) -> list[Call]:
        """Return the liquidations that pay at the newest block, whose prices are those of ``hour``."""
        doubtful = self._doubtful(hour)
        if not doubtful:
            return []
        unhealthy = self._read(doubtful, hour)
        return self._liquidations(unhealthy, self._path.at(hour)) if unhealthy else []

    def _doubtful(self, hour: int) -> list[Actor]:
        """Return the actors that were not seen for long, or whose health may have fallen below 1 since they were."""
        if hour - self._surveyed >= SURVEY or self._worst_move(hour) * FAR < 1:
            self._near = {actor.address for actor in self._borrowers if self._least_health(actor, hour) < FAR}
            self._surveyed = hour
        near = [actor for actor in self._borrowers if actor.address in self._near]
        return [actor for actor in near if self._least_health(actor, hour) < 1]

    def _worst_move(self, hour: int) -> float:
        """Return the factor that no health factor can have fallen below by since the last survey."""
        then, now = self._path.at(self._surveyed), self._path.at(hour)
        moves = [after / before for before, after in zip(then, now, strict=True)]
        return min(moves) / max(*moves, 1.0) * (1 - INTEREST_MARGIN * SURVEY)

    def _least_health(self, actor: Actor, hour: int) -> float:
        """Return what an actor's health factor is at least; 0 when it was not seen for long."""
        sight = self._seen.get(actor.address)
        if sight is None or hour - sight.hour >= LOOK_AGAIN:
            return 0.0
        return _bound(sight, actor.debt, hour, self._path.at(hour))

    def _read(self, actors: Sequence[Actor], hour: int) -> list[tuple[Actor, int]]:
        """Read the actors' health factors and return those below 1."""
        calls = [
            Call(target=self._venue.pool, data=abi.encode("getUserAccountData(address)", actor.address))
            for actor in actors
        ]
        unhealthy = []
        for actor, answer in zip(actors, self._aggregate(calls), strict=True):
            health = int.from_bytes(answer[160:192], "big")
            self._seen[actor.address] = _sight(actor, health / WAD, hour, self._path.at(hour))
            if health < WAD:
                unhealthy.append((actor, health))
        return unhealthy

    def _liquidations(self, unhealthy: Sequence[tuple[Actor, int]], prices: Sequence[int]) -> list[Call]:
        signature = "getUserReserveData(address,address)"
        calls = [
            Call(
                target=self._venue.data_provider,
                data=abi.encode(signature, self._venue.tokens[index], actor.address),
            )
            for actor, _ in unhealthy
            for index in actor.assets
        ]
        answers = iter(self._aggregate(calls))
        chosen = []
        for actor, health in unhealthy:
            held = {index: abi.decode(RESERVE_DATA, next(answers)) for index in actor.assets}
            ways = self._choose(actor, health, held, prices)
            chosen += [call for call in ways if self._is_taken(call)][:1]
        return chosen

    def _is_taken(self, call: Call) -> bool:
        """Return whether the contract would take ``call`` now."""
        try:
            self._client.call("eth_call", [{"from": genesis.liquidator(self._spec)} | call_object(call), "latest"])
        except CallReverted:
            return False
        return True

    def _choose(self, actor: Actor, health: int, held: dict[int, tuple[int, ...]], prices: Sequence[int]) -> list[Call]:
        """Return how to liquidate an account's largest collateral, the best way first; nothing when it does not pay."""
        worth = {index: self._dollars(index, held[index][0], prices) for index in actor.collateral}
        best = max(worth, key=lambda index: worth[index])
        close = 0.5 if health > FULL_CLOSE_BELOW else 1.0
        bonus = self._spec.assets[best].bonus / BPS
        repaid = min(self._dollars(actor.debt, held[actor.debt][2], prices) * close, worth[best] / bonus)
        if self.profit(repaid, bonus=bonus) <= 0:
            return []
        signature = "liquidationCall(address,address,address,uint256,bool)"
        pair = self._venue.tokens[best], self._venue.tokens[actor.debt]
        self._seen.pop(actor.address, None)
        return [
            Call(target=self._venue.pool, data=abi.encode(signature, *pair, actor.address, MAX_UINT256, in_kind))
            for in_kind in (False, True)
        ]

    def profit(self, repaid: float, *, bonus: float) -> float:
        """Return the US dollars that are left of repaying ``repaid`` dollars of debt at ``bonus`` (1.05 is 5 %)."""
        kept = (bonus - 1) * (1 - LIQUIDATION_PROTOCOL_FEE / BPS)
        return repaid * (kept - self._spec.liquidator_slippage) - self._spec.liquidator_gas_usd

    def _dollars(self, index: int, amount: int, prices: Sequence[int]) -> float:
        return float(amount / 10 ** self._spec.assets[index].decimals * prices[index] / 1e8)

    def _aggregate(self, calls: Sequence[Call]) -> list[bytes]:
        return aggregate(self._client, calls, address=self._venue.multicall, chunk=CHUNK)


def _sight(actor: Actor, health: float, hour: int, prices: Sequence[int]) -> Sight:
    return Sight(hour, tuple((index, health / prices[index]) for index in actor.collateral), prices[actor.debt])


def _bound(sight: Sight, debt: int, hour: int, prices: Sequence[int]) -> float:
    """Return what the health factor cannot have fallen below since it was seen."""
    fallen = min([share * prices[index] for index, share in sight.shares])
    return fallen * min(sight.owed / prices[debt], 1.0) * (1 - INTEREST_MARGIN * (hour - sight.hour + 1))
