"""One isolated market of Morpho Blue: its arithmetic, and what its logs say.

Supply and debt are shares of two pots of the loan token. Interest enters both pots at once, by an event that carries
its exact amount, so the ledger is exact from the events alone. What the pots are at a later second follows from the
interest rate model's rate, which is read at the block; so is the oracle's price.

References
----------
Morpho Blue (whitepaper, and the interfaces of ``@morpho-org/morpho-blue`` 1.0.0): one virtual asset and 10**6 virtual
shares keep the price of a share from being moved; interest is the expansion of ``exp(rate * seconds) - 1`` to its third
term; the incentive factor is ``min(1.15, 1 / (1 - 0.3 * (1 - LLTV)))``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from governance.domain.units import WAD
from governance.errors import ImplausibleData

ORACLE_SCALE = 10**36
VIRTUAL_SHARES, VIRTUAL_ASSETS = 10**6, 1
LARGEST_FEE = WAD // 4
BASE_UNIT = 10**8  # of the columns that all protocols share
NOBODY = "0x" + "00" * 20
YEAR = 365 * 24 * 3600


class MarketCreated(NamedTuple):
    """The market exists from now on; ``lltv`` is in wad."""

    loan: str
    collateral: str
    oracle: str
    irm: str
    lltv: int


class FeeSet(NamedTuple):
    """From now on this share (wad) of the interest goes to the fee recipient."""

    fee: int


class FeeRecipientSet(NamedTuple):
    """Fees of all markets go to this account from now on."""

    account: str


class InterestAdded(NamedTuple):
    """Both pots grew by ``interest``; the fee recipient got ``fee_shares`` of the supply."""

    interest: int
    fee_shares: int


class Supplied(NamedTuple):
    """The supply pot grew by ``assets`` (below zero: fell) for ``shares`` of it."""

    account: str
    assets: int
    shares: int


class Borrowed(NamedTuple):
    """The debt pot grew by ``assets`` (below zero: fell, and not below nothing) for ``shares`` of it."""

    account: str
    assets: int
    shares: int


class CollateralChanged(NamedTuple):
    """An account's collateral grew by ``amount`` (below zero: fell)."""

    account: str
    amount: int


class Seized(NamedTuple):
    """A liquidation: debt repaid by another, collateral taken, and debt that no collateral is left for written off."""

    account: str
    repaid_assets: int
    repaid_shares: int
    seized: int
    bad_assets: int
    bad_shares: int


def to_shares_down(assets: int, total_assets: int, total_shares: int) -> int:
    """Return the shares that ``assets`` are worth, rounded down."""
    return assets * (total_shares + VIRTUAL_SHARES) // (total_assets + VIRTUAL_ASSETS)


def to_assets_down(shares: int, total_assets: int, total_shares: int) -> int:
    """Return the assets that ``shares`` are worth, rounded down, as for supply."""
    return shares * (total_assets + VIRTUAL_ASSETS) // (total_shares + VIRTUAL_SHARES)


def to_assets_up(shares: int, total_assets: int, total_shares: int) -> int:
    """Return the assets that ``shares`` are worth, rounded up, as for debt."""
    return -(-shares * (total_assets + VIRTUAL_ASSETS) // (total_shares + VIRTUAL_SHARES))


def growth(rate: int, seconds: int) -> int:
    """Return what one wad of debt grows by at ``rate`` (wad a second) in ``seconds``, in wad."""
    first = rate * seconds
    second = first * first // (2 * WAD)
    return first + second + second * first // (3 * WAD)


def incentive(lltv: int) -> int:
    """Return what a liquidator gets for one wad of repaid debt, in wad."""
    return min(115 * WAD // 100, WAD * WAD // (WAD - (3 * WAD // 10) * (WAD - lltv) // WAD))


def in_loan(collateral: int, price: int) -> int:
    """Return the value of ``collateral`` at the oracle's ``price``, in the loan token's smallest unit."""
    return collateral * price // ORACLE_SCALE


def power(collateral: int, *, price: int, lltv: int) -> int:
    """Return the largest debt at which ``collateral`` is not liquidated."""
    return in_loan(collateral, price) * lltv // WAD


@dataclass(slots=True)
class Pots:
    """The market's totals as the contract stores them, as of ``last_update`` (unix seconds); ``fee`` is in wad."""

    supply_assets: int = 0
    supply_shares: int = 0
    borrow_assets: int = 0
    borrow_shares: int = 0
    last_update: int = 0
    fee: int = 0

    def at(self, timestamp: int, rate: int) -> Pots:
        """Return the totals with interest at ``rate`` (wad a second) up to ``timestamp``.

        Raises
        ------
        ImplausibleData
            When that is before the last update.
        """
        if timestamp < self.last_update:
            message = f"The market was updated at {self.last_update}, after {timestamp}."
            raise ImplausibleData(message, last_update=self.last_update, timestamp=timestamp)
        interest = self.borrow_assets * growth(rate, timestamp - self.last_update) // WAD
        supply, part = self.supply_assets + interest, interest * self.fee // WAD
        return Pots(
            supply_assets=supply,
            supply_shares=self.supply_shares + to_shares_down(part, supply - part, self.supply_shares),
            borrow_assets=self.borrow_assets + interest,
            borrow_shares=self.borrow_shares,
            last_update=timestamp,
            fee=self.fee,
        )


@dataclass(slots=True)
class Position:
    """One account: shares of both pots, and collateral in its smallest unit."""

    supply_shares: int = 0
    borrow_shares: int = 0
    collateral: int = 0
