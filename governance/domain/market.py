"""A lending market at one moment: reserves, interest, efficiency modes. Integers only, rounded as the contracts do.

References
----------
Aave v3 ``MathUtils``: supply interest is linear between updates, debt interest is the binomial expansion of
``(1 + rate / year)**seconds`` to its third term; a year has 365 days.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from governance.domain.units import RAY, ray_mul

if TYPE_CHECKING:
    from collections.abc import Mapping

YEAR = 365 * 24 * 3600


def linear_interest(rate: int, seconds: int) -> int:
    """Return the growth factor (ray) of supply at ``rate`` (ray, a year) after ``seconds``."""
    return RAY + rate * seconds // YEAR


def compound_interest(rate: int, seconds: int) -> int:
    """Return the growth factor (ray) of debt at ``rate`` (ray, a year) after ``seconds``."""
    if seconds == 0:
        return RAY
    square = ray_mul(rate, rate) // (YEAR * YEAR)
    cube = ray_mul(square, rate) // YEAR
    second = seconds * (seconds - 1) * square // 2
    third = seconds * (seconds - 1) * max(seconds - 2, 0) * cube // 6
    return RAY + rate * seconds // YEAR + second + third


@dataclass(frozen=True, slots=True, kw_only=True)
class ReserveState:
    """One reserve as of its last update.

    Attributes
    ----------
    asset : str
        Checksummed address of the token; ``supply_token`` and ``debt_token`` are its receipt tokens.
    decimals : int
        Of the token.
    price : int
        USD with 8 decimals.
    liquidity_index, variable_borrow_index, liquidity_rate, variable_borrow_rate : int
        Ray, as of ``updated_at`` (unix seconds).
    scaled_supply, scaled_debt : int
        Totals, free of interest.
    stable_debt, stable_rate, stable_updated_at : int
        Total principal at stable rates, its average rate (ray) and when it was last counted.
    ltv, liquidation_threshold, liquidation_bonus : int
        Basis points; the bonus as on chain (10_000 + bonus).
    supply_cap, borrow_cap : int
        Whole tokens; 0 for none.
    emode_category : int
        0 for none.
    """

    asset: str
    supply_token: str
    debt_token: str
    stable_debt_token: str
    feed: str
    decimals: int
    price: int
    liquidity_index: int
    variable_borrow_index: int
    liquidity_rate: int
    variable_borrow_rate: int
    updated_at: int
    scaled_supply: int
    scaled_debt: int
    stable_debt: int
    stable_rate: int
    stable_updated_at: int
    parameters: Mapping[str, int]
    emode_category: int

    def income_index(self, timestamp: int) -> int:
        """Return the supply index (ray), with interest up to ``timestamp``."""
        return ray_mul(linear_interest(self.liquidity_rate, timestamp - self.updated_at), self.liquidity_index)

    def debt_index(self, timestamp: int) -> int:
        """Return the variable debt index (ray), with interest up to ``timestamp``."""
        factor = compound_interest(self.variable_borrow_rate, timestamp - self.updated_at)
        return ray_mul(factor, self.variable_borrow_index)

    def total_supply(self, timestamp: int) -> int:
        """Return everything supplied, with interest up to ``timestamp``."""
        return ray_mul(self.scaled_supply, self.income_index(timestamp))

    def total_debt(self, timestamp: int) -> int:
        """Return everything borrowed at either rate, with interest up to ``timestamp``."""
        stable = ray_mul(self.stable_debt, compound_interest(self.stable_rate, timestamp - self.stable_updated_at))
        return ray_mul(self.scaled_debt, self.debt_index(timestamp)) + stable


@dataclass(frozen=True, slots=True, kw_only=True)
class EMode:
    """An efficiency mode: thresholds in basis points, and the price that replaces its assets' own (0 for none)."""

    ltv: int
    liquidation_threshold: int
    liquidation_bonus: int
    price: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Market:
    """All reserves (asset -> state) and efficiency modes (category -> mode) at ``timestamp``."""

    timestamp: int
    reserves: Mapping[str, ReserveState]
    emodes: Mapping[int, EMode]
