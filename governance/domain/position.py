"""What an account holds and owes, and how healthy that is, to the last integer digit of the contract.

References
----------
Aave v3 ``GenericLogic.calculateUserAccountData``: values are truncated to the base currency's 8 decimals reserve by
reserve, thresholds are averages weighted by collateral and truncated, and the health factor is
``collateral * threshold / debt`` with both products rounded half up.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from governance.domain.market import compound_interest
from governance.domain.units import MAX_UINT256, percent_mul, ray_mul, wad_div

if TYPE_CHECKING:
    from collections.abc import Mapping

    from governance.domain.market import Market, ReserveState


@dataclass(frozen=True, slots=True, kw_only=True)
class Holding:
    """One account's part of one reserve: balances free of interest, and the stable-rate principal with its terms."""

    scaled_supply: int = 0
    scaled_debt: int = 0
    stable_debt: int = 0
    stable_rate: int = 0
    stable_since: int = 0
    used_as_collateral: bool = False

    def supplied(self, reserve: ReserveState, timestamp: int) -> int:
        """Return what was supplied, with interest up to ``timestamp``, in the token's smallest unit."""
        return ray_mul(self.scaled_supply, reserve.income_index(timestamp)) if self.scaled_supply else 0

    def owed(self, reserve: ReserveState, timestamp: int) -> int:
        """Return what is owed at either rate, with interest up to ``timestamp``, in the token's smallest unit."""
        variable = ray_mul(self.scaled_debt, reserve.debt_index(timestamp)) if self.scaled_debt else 0
        if not self.stable_debt:
            return variable
        return variable + ray_mul(self.stable_debt, compound_interest(self.stable_rate, timestamp - self.stable_since))


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """One account: its holdings by asset, and its efficiency mode (0 for none)."""

    address: str
    emode: int
    holdings: Mapping[str, Holding]


@dataclass(frozen=True, slots=True, kw_only=True)
class Book:
    """The market and every account that ever touched it, by address."""

    market: Market
    accounts: Mapping[str, Account]


@dataclass(frozen=True, slots=True, kw_only=True)
class Health:
    """Collateral and debt in USD with 8 decimals, average thresholds in basis points, health factor in wad.

    Without debt the health factor is ``2**256 - 1``.
    """

    collateral_base: int
    debt_base: int
    ltv: int
    liquidation_threshold: int
    health_factor: int


def health(account: Account, market: Market) -> Health:
    """Return the health of ``account`` at the market's time."""
    collateral = debt = ltv_sum = threshold_sum = 0
    for asset, holding in account.holdings.items():
        reserve = market.reserves.get(asset)
        if reserve is None:
            continue  # delisted: the contract skips its slot
        ltv, threshold, price = _terms(account, reserve, market)
        unit = 10**reserve.decimals
        if holding.used_as_collateral and reserve.parameters["liquidation_threshold"]:
            value = holding.supplied(reserve, market.timestamp) * price // unit
            collateral += value
            ltv_sum += value * ltv
            threshold_sum += value * threshold
        debt += holding.owed(reserve, market.timestamp) * price // unit
    ltv = ltv_sum // collateral if collateral else 0
    threshold = threshold_sum // collateral if collateral else 0
    factor = wad_div(percent_mul(collateral, threshold), debt) if debt else MAX_UINT256
    return Health(
        collateral_base=collateral, debt_base=debt, ltv=ltv, liquidation_threshold=threshold, health_factor=factor
    )


def _terms(account: Account, reserve: ReserveState, market: Market) -> tuple[int, int, int]:
    """Return LTV, threshold (bps) and price by which the reserve counts for the account."""
    ltv, threshold = reserve.parameters["ltv"], reserve.parameters["liquidation_threshold"]
    if account.emode == 0 or account.emode != reserve.emode_category:
        return ltv, threshold, reserve.price
    mode = market.emodes[account.emode]
    # A reserve whose own LTV is 0 stays without borrowing power, even inside of its mode.
    return (mode.ltv if ltv else 0), mode.liquidation_threshold, (mode.price or reserve.price)
