"""What a lending protocol's logs can say, in one vocabulary for all protocols.

Plain tuples, because a year of history makes hundreds of thousands of them. Addresses are checksummed; amounts are in
the token's smallest unit; indexes and rates are rays; thresholds are basis points.
"""

from __future__ import annotations

from typing import NamedTuple


class ReserveListed(NamedTuple):
    """An asset can be supplied and borrowed from now on."""

    asset: str
    supply_token: str
    stable_debt_token: str
    variable_debt_token: str


class ReserveDelisted(NamedTuple):
    """An asset was taken off the market."""

    asset: str


class FeedChosen(NamedTuple):
    """The asset's price is read from this feed from now on."""

    asset: str
    feed: str


class FeedRouted(NamedTuple):
    """A feed passes on what ``aggregator`` publishes, from ``since`` (unix seconds) on; 0 for ever."""

    feed: str
    aggregator: str
    since: int


class PricePublished(NamedTuple):
    """A feed, or the aggregator behind one, has a new answer."""

    feed: str
    price: int


class VersionReached(NamedTuple):
    """The market counts by the rules of this version from now on (see `governance.domain.rules`)."""

    version: str


class ParameterSet(NamedTuple):
    """A risk parameter (by the name of its spec) has this value from now on."""

    asset: str
    parameter: str
    value: int


class TermSet(NamedTuple):
    """A condition of a reserve (by a name of `governance.domain.market.TERMS`) has this value from now on."""

    asset: str
    term: str
    value: int


class DeficitChanged(NamedTuple):
    """Bad debt of the reserve grew by ``amount``, in the token's smallest unit (below zero: was covered)."""

    asset: str
    amount: int


class InterestAccrued(NamedTuple):
    """Indexes were brought up to this block's time, and these rates hold from now on."""

    asset: str
    liquidity_rate: int
    variable_borrow_rate: int
    liquidity_index: int
    variable_borrow_index: int


class BalanceChanged(NamedTuple):
    """An account's balance of an interest-bearing token grew by ``amount`` (below zero: fell) at ``growth_index``."""

    token: str
    account: str
    amount: int
    growth_index: int


class BalanceMoved(NamedTuple):
    """A receipt token was transferred; ``scaled`` is free of interest."""

    token: str
    sender: str
    recipient: str
    scaled: int


class StableDebtChanged(NamedTuple):
    """An account's stable-rate principal grew by ``amount``; ``rate`` -1 leaves its rate as it was."""

    token: str
    account: str
    amount: int
    rate: int
    total: int
    average_rate: int


class CollateralSwitched(NamedTuple):
    """An account's supply of the asset does, or does not, secure its debt from now on."""

    asset: str
    account: str
    enabled: bool


class EModeChosen(NamedTuple):
    """An account borrows in this efficiency mode from now on; 0 for none."""

    account: str
    category: int


class EModeDefined(NamedTuple):
    """An efficiency mode has these parameters from now on."""

    category: int
    ltv: int
    liquidation_threshold: int
    liquidation_bonus: int
    price_source: str


class EModeAssigned(NamedTuple):
    """An asset belongs to this efficiency mode from now on; 0 for none."""

    asset: str
    category: int


class EModeListed(NamedTuple):
    """An asset has, or has not, a role (by a name of `governance.domain.market.ROLES`) in an efficiency mode."""

    asset: str
    category: int
    role: str
    enabled: bool


class EModeIsolated(NamedTuple):
    """Only an efficiency mode's own collateral gives borrowing power inside of it, or any does."""

    category: int
    isolated: bool


class Liquidated(NamedTuple):
    """Somebody repaid another's debt and took collateral for it."""

    account: str
    liquidator: str
    collateral: str
    debt: str
    debt_covered: int
    collateral_seized: int


Event = (
    ReserveListed
    | ReserveDelisted
    | FeedChosen
    | FeedRouted
    | PricePublished
    | VersionReached
    | ParameterSet
    | TermSet
    | DeficitChanged
    | InterestAccrued
    | BalanceChanged
    | BalanceMoved
    | StableDebtChanged
    | CollateralSwitched
    | EModeChosen
    | EModeDefined
    | EModeAssigned
    | EModeListed
    | EModeIsolated
    | Liquidated
)
