"""The book of one Morpho Blue market, rebuilt from its events."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import asdict, dataclass, fields
from typing import TYPE_CHECKING, Any

from governance.domain import events, frozen
from governance.domain.morpho import (
    BASE_UNIT,
    NOBODY,
    ORACLE_SCALE,
    VIRTUAL_ASSETS,
    VIRTUAL_SHARES,
    YEAR,
    Borrowed,
    CollateralChanged,
    FeeRecipientSet,
    FeeSet,
    InterestAdded,
    MarketCreated,
    Position,
    Pots,
    Seized,
    Supplied,
    in_loan,
    incentive,
    power,
    to_assets_down,
    to_assets_up,
)
from governance.domain.statement import AccountLine, PositionLine, ReserveLine, Statement
from governance.domain.units import MAX_UINT256, RAY, WAD
from governance.errors import GapInData, ImplausibleData

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


class Ledger:
    """The market's state after the events so far; `observe` adds what only a read can say.

    Attributes
    ----------
    reserves : list of str
        Loan token, then collateral token; empty before the market exists.
    market : MarketCreated or None
        None before the market exists.
    pots : Pots
    positions : Mapping[str, Position]
        By account.
    """

    def __init__(self) -> None:
        self.reserves: list[str] = []
        self.market: MarketCreated | None = None
        self.pots = Pots()
        self.positions: defaultdict[str, Position] = defaultdict(Position)
        self.fee_recipient = NOBODY
        self._oracle_price = 0
        self._rate = 0
        self._handlers: Mapping[type, Callable[[Any, int], None]] = {
            MarketCreated: self._create,
            FeeSet: self._set_fee,
            FeeRecipientSet: self._set_recipient,
            InterestAdded: self._accrue,
            Supplied: self._supply,
            Borrowed: self._borrow,
            CollateralChanged: self._secure,
            Seized: self._seize,
        }

    def apply(self, event: Any, timestamp: int) -> None:  # noqa: ANN401 - one of the events above, or of all protocols
        """Take in one event of a block at ``timestamp`` (unix seconds); those that all protocols share say nothing new.

        Raises
        ------
        GapInData
            When it comes before the market's creation.
        """
        handler = self._handlers.get(type(event))
        if handler is None:
            return
        if self.market is None and not isinstance(event, (MarketCreated, FeeRecipientSet)):
            message = f"{type(event).__name__} comes before the market's creation: logs are missing."
            raise GapInData(message, event=event)
        handler(event, timestamp)

    def observe(self, words: Mapping[str, int]) -> None:
        """Take in what was read at the book's block: ``price`` of the oracle, ``rate`` of the interest rate model."""
        self._oracle_price, self._rate = words["price"], words.get("rate", 0)

    def turns(self) -> list[int]:
        """Return nothing: no feed changes by the passing of time."""
        return []

    def freeze(self) -> dict[str, Any]:
        """Return the whole state as JSON-ready data."""
        return frozen.freeze(self)

    def restore(self, state: Mapping[str, Any]) -> None:
        """Become what `freeze` said, also after it went through JSON; of a fresh ledger only."""
        frozen.thaw(state, into=self)

    def parameter(self, asset: str, name: str) -> int:
        """Return the fee, the market's only parameter that can change; GapInData for an asset that it does not have."""
        if asset not in self.reserves:
            raise GapInData(f"The market has no {asset}, as far as the collected logs say.", asset=asset)
        return {"fee": self.pots.fee}[name]

    def assets_of(self, feed: str) -> list[str]:
        """Return nothing: an oracle only answers when it is asked."""
        del feed
        return []

    def feed(self, asset: str) -> str:
        """Return the oracle for the collateral; the loan token is what prices are counted in."""
        return self.market.oracle if self.market and asset == self.market.collateral else ""

    def price(self, asset: str) -> int:
        """Return the price in loan tokens with 8 decimals: 1 for the loan token, 0 for what only a reading tells."""
        return BASE_UNIT if self.market and asset == self.market.loan else 0

    def listing(self, asset: str) -> events.ReserveListed:
        """Return how the asset was listed; a market has no receipt tokens."""
        return events.ReserveListed(asset, NOBODY, NOBODY, NOBODY)

    def book(self, *, timestamp: int, decimals: Mapping[str, int]) -> Statement:
        """Return the market at ``timestamp``, with interest up to then.

        Raises
        ------
        GapInData
            When there is no market yet.
        ImplausibleData
            When somebody, or a pot, would hold less than nothing, which only lost or doubled logs can make.
        """
        if self.market is None:
            raise GapInData("The market was not created yet.", timestamp=timestamp)
        stored = self.pots
        if min(stored.supply_assets, stored.supply_shares, stored.borrow_assets, stored.borrow_shares) < 0:
            raise ImplausibleData("There is less than nothing in a pot: logs are missing or doubled.", pots=stored)
        pots = self.pots.at(timestamp, self._rate) if self.pots.borrow_assets else self.pots
        scales = _Scales(loan=10 ** decimals[self.market.loan], collateral=10 ** decimals[self.market.collateral])
        return Statement(
            timestamp=timestamp,
            reserves=(self._loan_line(self.market, pots), self._collateral_line(self.market, scales)),
            accounts=tuple(self._account(account, self.market, pots, scales) for account in sorted(self.positions)),
        )

    def _loan_line(self, market: MarketCreated, pots: Pots) -> ReserveLine:
        use = pots.borrow_assets * WAD // pots.supply_assets if pots.supply_assets else 0
        rate = self._rate * YEAR * (RAY // WAD)
        stored = {f"total_{entry.name}": getattr(self.pots, entry.name) for entry in fields(Pots)}
        stored |= {"last_update": stored.pop("total_last_update"), "fee": stored.pop("total_fee")}
        if market.irm == NOBODY:  # time is noted without an event then, and nothing depends on it
            del stored["last_update"]
        else:
            stored["rate"] = self._rate
        return ReserveLine(
            asset=market.loan,
            price=BASE_UNIT,
            liquidity_index=_share_price(pots.supply_assets, pots.supply_shares),
            variable_borrow_index=_share_price(pots.borrow_assets, pots.borrow_shares),
            liquidity_rate=rate * use // WAD * (WAD - pots.fee) // WAD,
            variable_borrow_rate=rate,
            ltv=0,
            liquidation_threshold=0,
            liquidation_bonus=0,
            supply_cap=0,
            borrow_cap=0,
            total_supply=pots.supply_assets,
            total_debt=pots.borrow_assets,
            own=stored,
        )

    def _collateral_line(self, market: MarketCreated, scales: _Scales) -> ReserveLine:
        share = market.lltv * 10_000 // WAD
        return ReserveLine(
            asset=market.collateral,
            price=self._oracle_price * scales.collateral * BASE_UNIT // (ORACLE_SCALE * scales.loan),
            liquidity_index=RAY,
            variable_borrow_index=RAY,
            liquidity_rate=0,
            variable_borrow_rate=0,
            ltv=share,
            liquidation_threshold=share,
            liquidation_bonus=incentive(market.lltv) * 10_000 // WAD,
            supply_cap=0,
            borrow_cap=0,
            total_supply=sum(held.collateral for held in self.positions.values()),
            total_debt=0,
            own={"price": self._oracle_price, "lltv": market.lltv, "fee": self.pots.fee},
        )

    def _account(self, address: str, market: MarketCreated, pots: Pots, scales: _Scales) -> AccountLine:
        held = self.positions[address]
        if min(held.supply_shares, held.borrow_shares, held.collateral) < 0:
            message = f"{address} would hold less than nothing: logs are missing or doubled."
            raise ImplausibleData(message, account=address, held=held)
        supplied = to_assets_down(held.supply_shares, pots.supply_assets, pots.supply_shares)
        owed = to_assets_up(held.borrow_shares, pots.borrow_assets, pots.borrow_shares)
        value = in_loan(held.collateral, self._oracle_price)
        most = power(held.collateral, price=self._oracle_price, lltv=market.lltv)
        share = market.lltv * 10_000 // WAD if held.collateral else 0
        lines = (
            PositionLine(asset=market.loan, supplied=supplied, owed=owed, used_as_collateral=False),
            PositionLine(asset=market.collateral, supplied=held.collateral, owed=0, used_as_collateral=True),
        )
        return AccountLine(
            address=address,
            collateral_base=value * BASE_UNIT // scales.loan,
            debt_base=owed * BASE_UNIT // scales.loan,
            ltv=share,
            liquidation_threshold=share,
            health_factor=most * WAD // owed if owed else MAX_UINT256,
            positions=tuple(line for line in lines if line.supplied or line.owed),
            own=asdict(held),
        )

    def _create(self, event: MarketCreated, timestamp: int) -> None:
        self.market, self.reserves = event, [event.loan, event.collateral]
        self.pots.last_update = timestamp

    def _set_fee(self, event: FeeSet, _: int) -> None:
        self.pots.fee = event.fee

    def _set_recipient(self, event: FeeRecipientSet, _: int) -> None:
        self.fee_recipient = event.account

    def _accrue(self, event: InterestAdded, timestamp: int) -> None:
        self.pots.borrow_assets += event.interest
        self.pots.supply_assets += event.interest
        self.pots.last_update = timestamp
        if event.fee_shares:
            self.positions[self.fee_recipient].supply_shares += event.fee_shares
            self.pots.supply_shares += event.fee_shares

    def _supply(self, event: Supplied, _: int) -> None:
        self.positions[event.account].supply_shares += event.shares
        self.pots.supply_shares += event.shares
        self.pots.supply_assets += event.assets

    def _borrow(self, event: Borrowed, _: int) -> None:
        self.positions[event.account].borrow_shares += event.shares
        self.pots.borrow_shares += event.shares
        self.pots.borrow_assets = max(self.pots.borrow_assets + event.assets, 0)  # rounding may repay one too many

    def _secure(self, event: CollateralChanged, _: int) -> None:
        self.positions[event.account].collateral += event.amount

    def _seize(self, event: Seized, timestamp: int) -> None:
        self._borrow(Borrowed(event.account, -event.repaid_assets, -event.repaid_shares), timestamp)
        self._secure(CollateralChanged(event.account, -event.seized), timestamp)
        self.positions[event.account].borrow_shares -= event.bad_shares
        self.pots.borrow_shares -= event.bad_shares
        self.pots.borrow_assets -= event.bad_assets
        self.pots.supply_assets -= event.bad_assets


@dataclass(frozen=True, slots=True, kw_only=True)
class _Scales:
    """Smallest units in one whole token."""

    loan: int
    collateral: int


def _share_price(assets: int, shares: int) -> int:
    """Return what 10**6 shares, the first price of one smallest unit, are worth, as a ray."""
    return (assets + VIRTUAL_ASSETS) * VIRTUAL_SHARES * RAY // (shares + VIRTUAL_SHARES)
