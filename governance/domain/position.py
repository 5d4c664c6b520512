"""What an account holds and owes, and how healthy that is, to the last integer digit of the contract.

References
----------
Aave v3 ``GenericLogic.calculateUserAccountData``: values are truncated to the base currency's 8 decimals reserve by
reserve, thresholds are averages weighted by collateral and truncated, and the health factor is
``collateral * threshold / debt`` with both products rounded half up. Since 3.5 debt is rounded up, and the health
factor is ``sum(collateral * threshold) / debt`` (half up), divided by 10,000 and truncated. Since 3.6
(``ValidationLogic.getUserReserveLtv``) a mode no longer asks for what its assets are outside of it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from governance.domain.market import compound_interest
from governance.domain.units import BPS, MAX_UINT256, mul_div_ceil, percent_mul, ray_mul, wad_div

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
        if not self.scaled_supply:
            return 0
        return reserve.rules.balance(self.scaled_supply, reserve.income_index(timestamp), debt=False)

    def owed(self, reserve: ReserveState, timestamp: int) -> int:
        """Return what is owed at either rate, with interest up to ``timestamp``, in the token's smallest unit."""
        variable = 0
        if self.scaled_debt:
            variable = reserve.rules.balance(self.scaled_debt, reserve.debt_index(timestamp), debt=True)
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
    rules = market.rules
    collateral = debt = ltv_sum = threshold_sum = 0
    for asset, holding in account.holdings.items():
        reserve = market.reserves.get(asset)
        if reserve is None:
            continue  # delisted: the contract skips its slot
        ltv, threshold, price = _terms(account, reserve, market)
        unit = 10**reserve.decimals
        if holding.used_as_collateral and (rules.decoupled_emodes or reserve.parameters["liquidation_threshold"]):
            value = holding.supplied(reserve, market.timestamp) * price // unit
            collateral += value
            ltv_sum += value * ltv
            threshold_sum += value * threshold
        owed = holding.owed(reserve, market.timestamp)
        debt += mul_div_ceil(owed, price, unit) if rules.directed else owed * price // unit
    ltv = ltv_sum // collateral if collateral else 0
    threshold = threshold_sum // collateral if collateral else 0
    if not debt:
        factor = MAX_UINT256
    elif rules.directed:
        factor = wad_div(threshold_sum, debt) // BPS
    else:
        factor = wad_div(percent_mul(collateral, threshold), debt)
    return Health(
        collateral_base=collateral, debt_base=debt, ltv=ltv, liquidation_threshold=threshold, health_factor=factor
    )


def _terms(account: Account, reserve: ReserveState, market: Market) -> tuple[int, int, int]:
    """Return LTV, threshold (bps) and price by which the reserve counts for the account."""
    ltv, threshold = reserve.parameters["ltv"], reserve.parameters["liquidation_threshold"]
    if not account.emode:
        return ltv, threshold, reserve.price
    rules = market.rules
    mode = market.emodes[account.emode]
    inside = reserve.asset in mode.collateral if rules.liquid_emodes else reserve.emode_category == account.emode
    if not inside:
        return (0 if mode.isolated else ltv), threshold, reserve.price
    price = reserve.price if rules.liquid_emodes else mode.price or reserve.price
    # Before 3.6, a reserve whose own LTV is 0 stays without borrowing power even inside of its mode.
    powerless = reserve.asset in mode.ltv_zero if rules.decoupled_emodes else ltv == 0
    return (0 if powerless else mode.ltv), mode.liquidation_threshold, price
