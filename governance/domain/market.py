"""A lending market at one moment: reserves, interest, efficiency modes. Integers only, rounded as the contracts do.

References
----------
Aave v3 ``MathUtils``: supply interest is linear between updates, debt interest is the binomial expansion of
``(1 + rate / year)**seconds`` to its third term; a year has 365 days. Since 3.4 the same three terms are those of
``exp(rate * seconds / year)``.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from governance.domain.rules import OLDEST, Rules, rules_of
from governance.domain.units import RAY, ray_mul

if TYPE_CHECKING:
    from collections.abc import Mapping

YEAR = 365 * 24 * 3600
TERMS = (
    "active",  # flags, 0 or 1
    "frozen",
    "paused",
    "borrowing",
    "stable_borrowing",
    "flash_loans",
    "borrowable_in_isolation",
    "siloed",
    "pending_ltv",  # bps: the LTV that was put aside with a freeze, as the event says it (3.1 to 3.5)
    "reserve_factor",  # bps, as the next
    "liquidation_protocol_fee",
    "unbacked_mint_cap",  # whole tokens
    "debt_ceiling",  # USD with 2 decimals, as the next
    "isolated_debt",
    "deficit",  # the token's smallest unit: bad debt that was written off and is not covered yet
    "grace_until",  # unix seconds: no liquidations until then
    "optimal_usage",  # bps, as the next three
    "base_rate",
    "slope1",
    "slope2",
)
ROLES = ("collateral", "borrowable", "ltv_zero")


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


def nested_interest(rate: int, seconds: int) -> int:
    """Return the growth factor (ray) of debt at ``rate`` (ray, a year) after ``seconds``, as since Aave 3.4."""
    share = rate * seconds // YEAR
    return RAY + share + ray_mul(share, share // 2 + ray_mul(share, share // 6))


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
        0 for none; since 3.2 modes list their assets instead.
    terms : Mapping[str, int]
        The reserve's conditions by the names of `TERMS`; one that is missing was never set.
    version : str
        Of the market, by which it counts.
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
    terms: Mapping[str, int] = field(default_factory=dict)
    version: str = OLDEST

    @property
    def rules(self) -> Rules:
        """How the market counts."""
        return rules_of(self.version)

    def income_index(self, timestamp: int) -> int:
        """Return the supply index (ray), with interest up to ``timestamp``."""
        return ray_mul(linear_interest(self.liquidity_rate, timestamp - self.updated_at), self.liquidity_index)

    def debt_index(self, timestamp: int) -> int:
        """Return the variable debt index (ray), with interest up to ``timestamp``."""
        grow = nested_interest if self.rules.nested_interest else compound_interest
        return ray_mul(grow(self.variable_borrow_rate, timestamp - self.updated_at), self.variable_borrow_index)

    def total_supply(self, timestamp: int) -> int:
        """Return everything supplied, with interest up to ``timestamp``."""
        return self.rules.balance(self.scaled_supply, self.income_index(timestamp), debt=False)

    def total_debt(self, timestamp: int) -> int:
        """Return everything borrowed at either rate, with interest up to ``timestamp``."""
        variable = self.rules.balance(self.scaled_debt, self.debt_index(timestamp), debt=True)
        return variable + self.total_stable_debt(timestamp)

    def total_stable_debt(self, timestamp: int) -> int:
        """Return everything borrowed at stable rates, with interest up to ``timestamp``."""
        return ray_mul(self.stable_debt, compound_interest(self.stable_rate, timestamp - self.stable_updated_at))


@dataclass(frozen=True, slots=True, kw_only=True)
class EMode:
    """An efficiency mode.

    Attributes
    ----------
    ltv, liquidation_threshold, liquidation_bonus : int
        Basis points; the bonus as 10_000 + bonus.
    price : int
        USD with 8 decimals, in place of its assets' own; 0 for none, as always since 3.2.
    collateral, borrowable, ltv_zero : tuple of str
        Assets (sorted) that the mode's thresholds hold for, that can be borrowed in it, and that give no borrowing
        power in it; since 3.2, 3.2 and 3.6.
    isolated : bool
        Whether any other collateral gives no borrowing power inside of the mode; since 3.7.
    """

    ltv: int
    liquidation_threshold: int
    liquidation_bonus: int
    price: int
    collateral: tuple[str, ...] = ()
    borrowable: tuple[str, ...] = ()
    ltv_zero: tuple[str, ...] = ()
    isolated: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Market:
    """All reserves (asset -> state) and efficiency modes (category -> mode) at ``timestamp``, by a version's rules."""

    timestamp: int
    reserves: Mapping[str, ReserveState]
    emodes: Mapping[int, EMode]
    version: str = OLDEST

    @property
    def rules(self) -> Rules:
        """How the market counts."""
        return rules_of(self.version)
