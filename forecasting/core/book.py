"""The lending book as float arrays: the one place where chain integers become floats.

A health factor of the chain is ``HF = sum(C_r p_r LT_r) / sum(D_r p_r)``, with every product truncated. `verify` checks
that the float book gives the same within what the truncations explain.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from governance.errors import ImplausibleData, InputError

type Floats = npt.NDArray[np.float64]
type Flags = npt.NDArray[np.bool_]

BPS = 10_000
USD = 10**8
WAD = 10**18
_CHECKED = ("ltv", "liquidation_threshold", "liquidation_bonus", "supply_cap", "borrow_cap")


@dataclass(frozen=True, slots=True, kw_only=True)
class RiskParameters:
    """Risk parameters of R reserves as floats.

    Attributes
    ----------
    ltv, liquidation_threshold : (R,) floats
        Fractions of collateral value.
    liquidation_bonus : (R,) floats
        The liquidator's extra, as a fraction: 0.05 means that 1.05 is seized for 1 repaid.
    supply_cap, borrow_cap : (R,) floats
        Whole tokens; ``inf`` means no cap (0 on chain).
    """

    ltv: Floats
    liquidation_threshold: Floats
    liquidation_bonus: Floats
    supply_cap: Floats
    borrow_cap: Floats

    def changed(self, *, reserve: int, changes: Mapping[str, int]) -> RiskParameters:
        """Return the parameters with ``changes`` to one reserve.

        Parameters
        ----------
        reserve : int
            Position of the reserve in the book.
        changes : mapping of str to int
            Names as in the protocol's `ParameterSpec` and values **as on chain** (basis points, bonus as
            10_000 + bonus, caps in whole tokens with 0 for none).

        Raises
        ------
        InputError
            For a name that is not a risk parameter.
        """
        values: dict[str, Floats] = {}
        for name, value in changes.items():
            if name not in _CHECKED:
                raise InputError(
                    f"{name!r} is not a risk parameter; use one of {', '.join(_CHECKED)}.",
                    field="parameter",
                    value=name,
                )
            column: Floats = getattr(self, name).copy()
            column[reserve] = _from_chain(name, value)
            values[name] = column
        return replace(self, **values)


def _from_chain(name: str, value: int) -> float:
    if name in {"supply_cap", "borrow_cap"}:
        return float(value) if value else float("inf")
    return (value - BPS if name == "liquidation_bonus" else value) / BPS


@dataclass(frozen=True, slots=True, kw_only=True)
class ReserveRow:
    """One reserve of a snapshot, in chain integers.

    ``price`` has 8 decimals (USD), ``total_supply`` and ``total_debt`` are in the token's smallest unit.
    """

    symbol: str
    decimals: int
    price: int
    ltv: int
    liquidation_threshold: int
    liquidation_bonus: int
    supply_cap: int
    borrow_cap: int
    total_supply: int
    total_debt: int


@dataclass(frozen=True, slots=True, kw_only=True)
class PositionRow:
    """What one account holds in one reserve, in the token's smallest unit. ``reserve`` is the reserve's position."""

    account: str
    reserve: int
    collateral: int
    debt: int
    used_as_collateral: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Book:
    """The book of N accounts over R reserves.

    Attributes
    ----------
    accounts : tuple of str
        N addresses, sorted: the order of rows.
    symbols : tuple of str
        R symbols: the order of columns.
    collateral, debt : (N, R) floats
        Tokens. Supply that is not enabled as collateral is left out: it can neither be borrowed against nor seized.
    price : (R,) floats
        USD per token.
    total_supply, total_debt : (R,) floats
        Tokens in the whole reserve.
    parameters : RiskParameters
        As they were at the snapshot's block.
    own_threshold : (N,) floats
        Average liquidation threshold of an account in e-mode, which the reserves' thresholds do not move; NaN for the
        others.
    """

    accounts: tuple[str, ...]
    symbols: tuple[str, ...]
    collateral: Floats
    debt: Floats
    price: Floats
    total_supply: Floats
    total_debt: Floats
    parameters: RiskParameters
    own_threshold: Floats

    def thresholds(self, parameters: RiskParameters | None = None) -> Floats:
        """Return the (N, R) liquidation thresholds that apply to each account."""
        common = (parameters or self.parameters).liquidation_threshold[None, :]
        own = self.own_threshold[:, None]
        return np.ascontiguousarray(np.where(np.isnan(own), common, own))

    def health_factors(self, parameters: RiskParameters | None = None) -> Floats:
        """Return the (N,) health factors at the book's prices; ``inf`` without debt."""
        weighted = (self.collateral * self.thresholds(parameters)) @ self.price
        owed = self.debt @ self.price
        return np.divide(weighted, owed, out=np.full_like(weighted, np.inf), where=owed > 0)

    def borrow_capacity(self, parameters: RiskParameters | None = None) -> float:
        """Return what all accounts together may borrow against their collateral, in USD."""
        return float((self.collateral @ (self.price * (parameters or self.parameters).ltv)).sum())


def build(
    *, reserves: Sequence[ReserveRow], positions: Sequence[PositionRow], own_threshold: Mapping[str, int]
) -> Book:
    """Return the book of a snapshot.

    Parameters
    ----------
    reserves : sequence of ReserveRow
        In the order of columns.
    positions : sequence of PositionRow
    own_threshold : mapping of str to int
        Average liquidation threshold (basis points) of each account in e-mode.

    Raises
    ------
    ImplausibleData
        When a price is not positive, an amount is negative, or two positions name the same account and reserve.
    """
    _check(reserves, positions)
    accounts = tuple(sorted({row.account for row in positions}))
    index = {account: i for i, account in enumerate(accounts)}
    scale = [10.0**-row.decimals for row in reserves]
    collateral = np.zeros((len(accounts), len(reserves)))
    debt = np.zeros_like(collateral)
    for row in positions:
        at = index[row.account], row.reserve
        collateral[at] = row.collateral * scale[row.reserve] if row.used_as_collateral else 0.0
        debt[at] = row.debt * scale[row.reserve]
    return Book(
        accounts=accounts,
        symbols=tuple(row.symbol for row in reserves),
        collateral=collateral,
        debt=debt,
        price=np.array([row.price / USD for row in reserves]),
        total_supply=np.array([row.total_supply * s for row, s in zip(reserves, scale, strict=True)]),
        total_debt=np.array([row.total_debt * s for row, s in zip(reserves, scale, strict=True)]),
        parameters=RiskParameters(
            **{name: np.array([_from_chain(name, getattr(row, name)) for row in reserves]) for name in _CHECKED}
        ),
        own_threshold=np.array([own_threshold.get(account, np.nan) / BPS for account in accounts]),
    )


def _check(reserves: Sequence[ReserveRow], positions: Sequence[PositionRow]) -> None:
    for reserve in reserves:
        if reserve.price <= 0:
            raise ImplausibleData(
                f"{reserve.symbol} has the price {reserve.price}; a price must be positive.",
                symbol=reserve.symbol,
                price=reserve.price,
            )
    seen: set[tuple[str, int]] = set()
    for row in positions:
        key = (row.account, row.reserve)
        if row.collateral < 0 or row.debt < 0 or key in seen:
            raise ImplausibleData(
                f"The position of {row.account} in reserve {row.reserve} is negative or given twice.",
                account=row.account,
                reserve=row.reserve,
            )
        seen.add(key)


def verify(book: Book, *, health_factors: Mapping[str, int], threshold_unit: float = 1 / BPS) -> None:
    """Check the float book against the contract's integer health factors.

    The contract truncates the account's average threshold to a whole basis point, and each value to 1e-8 USD, so its
    health factor may be lower by one basis point of threshold and by the dust of the smallest amounts.

    Parameters
    ----------
    book : Book
    health_factors : mapping of str to int
        Address to health factor (wad). Accounts without debt may be left out.

    Raises
    ------
    ImplausibleData
        Naming the first account whose health factor the float book does not reproduce.
    """
    floats = book.health_factors()
    value = book.collateral @ book.price
    weighted = (book.collateral * book.thresholds()) @ book.price
    owed = book.debt @ book.price
    dust = 2 * len(book.symbols) / USD
    for i, account in enumerate(book.accounts):
        if owed[i] <= 0 or account not in health_factors:
            continue
        exact = health_factors[account] / WAD
        slack = (threshold_unit * value[i] + dust) / owed[i] + weighted[i] / owed[i] * dust / owed[i] + 1e-9 * exact
        if abs(floats[i] - exact) > slack:
            raise ImplausibleData(
                f"The book gives {account} a health factor of {floats[i]:.9f}, the chain {exact:.9f}.",
                account=account,
                ours=floats[i],
                chain=exact,
            )
