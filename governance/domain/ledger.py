"""The book of a lending protocol, rebuilt from its events one by one, in the chain's order.

Balances are kept free of interest ("scaled"), exactly as the contracts keep them, so that the book at any later
second follows from the events alone. A market that is upgraded says so by an event, and counts by its new version's
rules from there on. Prices that no event tells are read at the book's own block, and given to `observe`.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from governance.domain import events, frozen
from governance.domain.market import ROLES, EMode, Market, ReserveState
from governance.domain.position import Account, Book, Holding
from governance.domain.rules import OLDEST, RULES, rules_of
from governance.domain.units import RAY
from governance.errors import GapInData, ImplausibleData

if TYPE_CHECKING:
    from collections.abc import Mapping

    from governance.domain.events import Event

PARAMETERS = ("ltv", "liquidation_threshold", "liquidation_bonus", "supply_cap", "borrow_cap")


@dataclass(slots=True)
class _Reserve:
    listed: events.ReserveListed
    rates: events.InterestAccrued
    updated_at: int
    parameters: dict[str, int] = field(default_factory=lambda: dict.fromkeys(PARAMETERS, 0))
    terms: dict[str, int] = field(default_factory=lambda: {"active": 1})  # as a listing leaves it
    emode: int = 0
    stable_total: int = 0
    stable_rate: int = 0
    stable_updated_at: int = 0


@dataclass(slots=True)
class _Stable:
    principal: int = 0
    rate: int = 0
    since: int = 0


class Ledger:
    """A mutable book; `apply` feeds it, `book` freezes it.

    Attributes
    ----------
    reserves : list of str
        Assets in the order of their listing, delisted ones too.
    """

    def __init__(self) -> None:
        self.reserves: list[str] = []
        self._listed: dict[str, _Reserve] = {}
        self._asset_of: dict[str, str] = {}
        self._debt_tokens: set[str] = set()
        self._feeds: dict[str, str] = {}
        self._routes: defaultdict[str, dict[int, str]] = defaultdict(dict)  # feed -> since when -> aggregator
        self._prices: dict[str, int] = {}
        self._observed: dict[str, int] = {}  # asset -> price, where no event tells it
        self._now = 0
        self._version = OLDEST
        self._balances: defaultdict[str, defaultdict[str, int]] = defaultdict(lambda: defaultdict(int))
        self._stable: defaultdict[str, defaultdict[str, _Stable]] = defaultdict(lambda: defaultdict(_Stable))
        self._collateral: defaultdict[str, set[str]] = defaultdict(set)
        self._accounts: dict[str, int] = {}  # address -> efficiency mode
        self._emodes: dict[int, events.EModeDefined] = {}
        self._members: defaultdict[str, defaultdict[int, set[str]]] = defaultdict(lambda: defaultdict(set))  # by role
        self._isolated: set[int] = set()
        self._handlers: Mapping[type, Callable[[Any, int], None]] = {
            events.ReserveListed: self._list,
            events.ReserveDelisted: self._delist,
            events.FeedChosen: self._choose_feed,
            events.FeedRouted: self._route,
            events.PricePublished: self._publish,
            events.VersionReached: self._reach_version,
            events.ParameterSet: self._set_parameter,
            events.TermSet: self._set_term,
            events.DeficitChanged: self._change_deficit,
            events.InterestAccrued: self._accrue,
            events.BalanceChanged: self._change,
            events.BalanceMoved: self._move,
            events.StableDebtChanged: self._change_stable,
            events.CollateralSwitched: self._switch,
            events.EModeChosen: self._choose_emode,
            events.EModeDefined: self._define_emode,
            events.EModeAssigned: self._assign_emode,
            events.EModeListed: self._list_in_emode,
            events.EModeIsolated: self._isolate_emode,
            events.Liquidated: self._ignore,
        }

    def apply(self, event: Event, timestamp: int) -> None:
        """Take in one event of a block at ``timestamp`` (unix seconds).

        Raises
        ------
        GapInData
            When it speaks of something that no event before it introduced.
        ImplausibleData
            When a balance cannot have changed as it says.
        """
        self._now = timestamp
        try:
            self._handlers[type(event)](event, timestamp)
        except KeyError as error:
            message = f"{type(event).__name__} speaks of {error}, which no earlier event introduced: logs are missing."
            raise GapInData(message, event=event) from error

    def parameter(self, asset: str, name: str) -> int:
        """Return a parameter's value as of now; GapInData when the asset is not listed."""
        return self._reserve(asset).parameters[name]

    @property
    def version(self) -> str:
        """Of the market, as of now."""
        return self._version

    def term(self, asset: str, name: str) -> int:
        """Return a condition of a reserve (a name of `governance.domain.market.TERMS`) as of now; 0 until it is set."""
        return self._listed[asset].terms.get(name, 0)

    def assets_of(self, feed: str) -> list[str]:
        """Return the listed assets whose price is what ``feed`` publishes, itself or behind the feed they chose."""
        return [asset for asset in self._listed if self._source(asset, self._now) == feed]

    @property
    def priced(self) -> list[str]:
        """Whatever has a price: the reserves, and before 3.2 what modes are priced by."""
        if RULES[self._version].liquid_emodes:
            return self.reserves
        return list(dict.fromkeys([*self.reserves, *(mode.price_source for mode in self._emodes.values())]))

    def feed(self, asset: str) -> str:
        """Return the address of the asset's feed; empty when none was chosen yet."""
        return self._feeds.get(asset, "")

    def price(self, asset: str) -> int:
        """Return the asset's price as of now; 0 when none was published yet."""
        return self._price(asset, self._now)

    def observe(self, words: Mapping[str, int]) -> None:
        """Take in prices (asset -> USD with 8 decimals) that were read; they hold until other ones are read."""
        self._observed.update(words)

    def listing(self, asset: str) -> events.ReserveListed:
        """Return the event that listed ``asset``; GapInData when it is not listed."""
        return self._reserve(asset).listed

    def turns(self) -> list[int]:
        """Return at which times (unix seconds, sorted) another contract begins to publish the price of some feed."""
        return sorted({since for routes in self._routes.values() for since in routes})

    def freeze(self) -> dict[str, Any]:
        """Return the whole state as JSON-ready data."""
        return frozen.freeze(self)

    def restore(self, state: Mapping[str, Any]) -> None:
        """Become what `freeze` said, also after it went through JSON; of a fresh ledger only."""
        frozen.thaw(state, into=self)

    def book(self, *, timestamp: int, decimals: Mapping[str, int]) -> Book:
        """Return the book at ``timestamp``; ``decimals`` is each asset's.

        Raises
        ------
        ImplausibleData
            When a balance is below zero, which only lost or doubled logs can make, or ``timestamp`` is before the last
            interest.
        """
        market = Market(
            timestamp=timestamp,
            reserves={asset: self._state(asset, decimals[asset], timestamp) for asset in self._listed},
            emodes={number: self._emode(mode, timestamp) for number, mode in sorted(self._emodes.items())},
            version=self._version,
        )
        return Book(market=market, accounts={address: self._account(address) for address in sorted(self._accounts)})

    def _source(self, asset: str, timestamp: int) -> str:
        """Return who publishes the asset's price at ``timestamp``; empty when its feed passes on nothing yet."""
        feed = self.feed(asset)
        if feed not in self._routes:
            return feed
        routes = self._routes[feed]
        return routes[max(begun)] if (begun := [since for since in routes if since <= timestamp]) else ""

    def _price(self, asset: str, timestamp: int) -> int:
        if asset in self._observed:
            return self._observed[asset]
        return max(self._prices.get(self._source(asset, timestamp), 0), 0)  # an answer below zero is no price

    def _state(self, asset: str, decimals: int, timestamp: int) -> ReserveState:
        reserve = self._listed[asset]
        listed, newest = reserve.listed, max(reserve.updated_at, reserve.stable_updated_at)
        if timestamp < newest:
            message = f"{asset} has interest up to {newest}, after the book's own time {timestamp}."
            raise ImplausibleData(message, asset=asset, updated_at=newest, timestamp=timestamp)
        return ReserveState(
            asset=asset,
            supply_token=listed.supply_token,
            debt_token=listed.variable_debt_token,
            stable_debt_token=listed.stable_debt_token,
            feed=self.feed(asset),
            decimals=decimals,
            price=self._price(asset, timestamp),
            liquidity_index=reserve.rates.liquidity_index,
            variable_borrow_index=reserve.rates.variable_borrow_index,
            liquidity_rate=reserve.rates.liquidity_rate,
            variable_borrow_rate=reserve.rates.variable_borrow_rate,
            updated_at=reserve.updated_at,
            scaled_supply=sum(self._balances[listed.supply_token].values()),
            scaled_debt=sum(self._balances[listed.variable_debt_token].values()),
            stable_debt=reserve.stable_total,
            stable_rate=reserve.stable_rate,
            stable_updated_at=reserve.stable_updated_at,
            parameters=dict(reserve.parameters),
            emode_category=reserve.emode,
            terms=dict(reserve.terms),
            version=self._version,
        )

    def _emode(self, mode: events.EModeDefined, timestamp: int) -> EMode:
        members = {role: tuple(sorted(self._members[role][mode.category])) for role in ROLES}
        return EMode(
            ltv=mode.ltv,
            liquidation_threshold=mode.liquidation_threshold,
            liquidation_bonus=mode.liquidation_bonus,
            price=self._price(mode.price_source, timestamp),
            isolated=mode.category in self._isolated,
            **members,
        )

    def _account(self, address: str) -> Account:
        holdings = {asset: self._holding(address, asset) for asset in self._listed}
        empty = Holding()
        return Account(
            address=address,
            emode=self._accounts[address],
            holdings={asset: holding for asset, holding in holdings.items() if holding != empty},
        )

    def _holding(self, address: str, asset: str) -> Holding:
        listed = self._listed[asset].listed
        supply = self._balances[listed.supply_token].get(address, 0)
        debt = self._balances[listed.variable_debt_token].get(address, 0)
        stable = self._stable[listed.stable_debt_token].get(address, _Stable())
        if min(supply, debt, stable.principal) < 0:
            message = f"{address} would hold less than nothing of {asset}: logs are missing or doubled."
            raise ImplausibleData(message, account=address, asset=asset)
        return Holding(
            scaled_supply=supply,
            scaled_debt=debt,
            stable_debt=stable.principal,
            stable_rate=stable.rate if stable.principal else 0,
            stable_since=stable.since if stable.principal else 0,
            used_as_collateral=address in self._collateral[asset],
        )

    def _list(self, event: events.ReserveListed, timestamp: int) -> None:
        if event.asset not in self.reserves:
            self.reserves.append(event.asset)
        fresh = events.InterestAccrued(event.asset, 0, 0, RAY, RAY)
        self._listed[event.asset] = _Reserve(listed=event, rates=fresh, updated_at=timestamp)
        for token in event[1:]:
            self._asset_of[token] = event.asset
        self._debt_tokens.add(event.variable_debt_token)

    def _delist(self, event: events.ReserveDelisted, _: int) -> None:
        del self._listed[event.asset]
        self._collateral.pop(event.asset, None)

    def _choose_feed(self, event: events.FeedChosen, _: int) -> None:
        self._feeds[event.asset] = event.feed
        self._observed.pop(event.asset, None)

    def _route(self, event: events.FeedRouted, _: int) -> None:
        self._routes[event.feed][event.since] = event.aggregator

    def _publish(self, event: events.PricePublished, _: int) -> None:
        self._prices[event.feed] = event.price

    def _set_parameter(self, event: events.ParameterSet, _: int) -> None:
        self._listed[event.asset].parameters[event.parameter] = event.value

    def _set_term(self, event: events.TermSet, _: int) -> None:
        self._listed[event.asset].terms[event.term] = event.value

    def _change_deficit(self, event: events.DeficitChanged, _: int) -> None:
        terms = self._listed[event.asset].terms
        deficit = terms.get("deficit", 0) + event.amount
        if deficit < 0:
            message = f"The bad debt of {event.asset} cannot fall to {deficit}: logs are missing or doubled."
            raise ImplausibleData(message, asset=event.asset, deficit=deficit)
        terms["deficit"] = deficit

    def _reach_version(self, event: events.VersionReached, _: int) -> None:
        self._version = rules_of(event.version).version

    def _accrue(self, event: events.InterestAccrued, timestamp: int) -> None:
        reserve = self._listed[event.asset]
        reserve.rates, reserve.updated_at = event, timestamp

    def _change(self, event: events.BalanceChanged, _: int) -> None:
        self._touch(event.account)
        balances = self._balances[event.token]
        if event.token not in self._asset_of:
            raise KeyError(event.token)
        debt = event.token in self._debt_tokens
        balances[event.account] = RULES[self._version].scaled_after(
            balances[event.account], event.amount, event.growth_index, debt=debt
        )

    def _move(self, event: events.BalanceMoved, _: int) -> None:
        if event.token not in self._asset_of:
            raise KeyError(event.token)
        self._touch(event.sender)
        self._touch(event.recipient)
        balances = self._balances[event.token]
        balances[event.sender] -= event.scaled
        balances[event.recipient] += event.scaled

    def _change_stable(self, event: events.StableDebtChanged, timestamp: int) -> None:
        self._touch(event.account)
        debt = self._stable[event.token][event.account]
        debt.principal += event.amount
        debt.since = timestamp
        if event.rate >= 0:
            debt.rate = event.rate
        reserve = self._listed[self._asset_of[event.token]]
        reserve.stable_total, reserve.stable_rate = event.total, event.average_rate
        reserve.stable_updated_at = timestamp

    def _switch(self, event: events.CollateralSwitched, _: int) -> None:
        self._require_known(event.asset)
        self._touch(event.account)
        accounts = self._collateral[event.asset]
        if event.enabled:
            accounts.add(event.account)
        else:
            accounts.discard(event.account)

    def _choose_emode(self, event: events.EModeChosen, _: int) -> None:
        if event.category and event.category not in self._emodes:
            raise KeyError(event.category)
        self._accounts[event.account] = event.category

    def _define_emode(self, event: events.EModeDefined, _: int) -> None:
        self._emodes[event.category] = event

    def _assign_emode(self, event: events.EModeAssigned, _: int) -> None:
        self._listed[event.asset].emode = event.category

    def _list_in_emode(self, event: events.EModeListed, _: int) -> None:
        self._require_known(event.asset)
        members = self._members[event.role][event.category]
        if event.enabled:
            members.add(event.asset)
        else:
            members.discard(event.asset)

    def _isolate_emode(self, event: events.EModeIsolated, _: int) -> None:
        if event.isolated:
            self._isolated.add(event.category)
        else:
            self._isolated.discard(event.category)

    def _reserve(self, asset: str) -> _Reserve:
        if asset not in self._listed:
            message = f"{asset} is not listed, as far as the collected logs say: it was delisted, or logs are missing."
            raise GapInData(message, asset=asset)
        return self._listed[asset]

    def _require_known(self, asset: str) -> None:
        """Raise KeyError for what was never listed; what was delisted may still be spoken of."""
        if asset not in self.reserves:
            raise KeyError(asset)

    def _touch(self, account: str) -> None:
        self._accounts.setdefault(account, 0)

    def _ignore(self, _event: Event, _timestamp: int) -> None:
        """Do nothing: a liquidation's effects on balances are events of their own."""
