"""A Compound III market as a statement: balances with interest, health, and the contract's own numbers beside them.

The contract answers by three clocks, and each number here follows its own: balances and totals with interest up to now,
stored totals as of the last accrual, and ``isLiquidatable`` by the stored borrow index, without the interest since.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from governance.domain.comet import FACTOR_STEP, INDEX_SCALE, Terms
from governance.domain.statement import AccountLine, PositionLine, ReserveLine, Statement
from governance.domain.units import MAX_UINT256, RAY, WAD
from governance.errors import ImplausibleData

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from governance.domain.comet_ledger import Ledger

_RAY_FROM_INDEX = RAY // INDEX_SCALE
_RAY_YEAR_FROM_SECOND = 31_536_000 * (RAY // WAD)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Moment:
    """The ledger, the terms in force, both indexes with interest up to now, and units by asset."""

    ledger: Ledger
    terms: Terms
    supply_index: int
    borrow_index: int
    units: Mapping[str, int]

    def value(self, asset: str, amount: int) -> int:
        """Return what ``amount`` is worth in the feeds' currency, 8 decimals, truncated."""
        return amount * self.ledger.price(asset) // self.units[asset]


def statement(ledger: Ledger, *, timestamp: int, decimals: Mapping[str, int]) -> Statement:
    """Return the market at ``timestamp``.

    Raises
    ------
    GapInData
        When no version of the market is in force.
    ImplausibleData
        When somebody would hold less than no collateral, which only lost or doubled logs can make, or what was read of
            the indexes cannot be true.
    """
    terms = ledger.require_terms()
    ledger.prove(timestamp)
    supply_index, borrow_index = ledger.totals.indexes_at(timestamp, terms)
    now = _Moment(
        ledger=ledger,
        terms=terms,
        supply_index=supply_index,
        borrow_index=borrow_index,
        units={asset: 10**places for asset, places in decimals.items()},
    )
    accounts = sorted({*ledger.principals, *(account for held in ledger.collateral.values() for account in held)})
    return Statement(
        timestamp=timestamp,
        reserves=(_base(now), *(_collateral(now, asset) for asset in ledger.reserves if asset != terms.base)),
        accounts=tuple(_account(now, account) for account in accounts),
    )


def _base(now: _Moment) -> ReserveLine:
    totals, asset = now.ledger.totals, now.terms.base
    use = totals.utilisation()
    supplied = totals.supply_principal * now.supply_index // INDEX_SCALE
    borrowed = totals.borrow_principal * now.borrow_index // INDEX_SCALE
    own = now.terms.parameters(asset) | {
        **_priced(now, asset),
        "stored_supply_index": totals.supply_index,
        "stored_borrow_index": totals.borrow_index,
        "supply_principal": totals.supply_principal,
        "borrow_principal": totals.borrow_principal,
        "accrued_at": totals.accrued_at,
        "total_supply": supplied,
        "total_borrow": borrowed,
        **{name: value for name, value in now.terms.numbers.items() if name.startswith(("supply_", "borrow_"))},
    }
    return ReserveLine(
        asset=asset,
        price=now.ledger.price(asset),
        liquidity_index=now.supply_index * _RAY_FROM_INDEX,
        variable_borrow_index=now.borrow_index * _RAY_FROM_INDEX,
        liquidity_rate=now.terms.rate("supply", use) * _RAY_YEAR_FROM_SECOND,
        variable_borrow_rate=now.terms.rate("borrow", use) * _RAY_YEAR_FROM_SECOND,
        ltv=0,
        liquidation_threshold=0,
        liquidation_bonus=0,
        supply_cap=0,
        borrow_cap=0,
        total_supply=supplied,
        total_debt=borrowed,
        own=own,
    )


def _collateral(now: _Moment, asset: str) -> ReserveLine:
    parameters = now.terms.parameters(asset)
    held = sum(now.ledger.collateral[asset].values())
    return ReserveLine(
        asset=asset,
        price=now.ledger.price(asset),
        liquidity_index=RAY,
        variable_borrow_index=RAY,
        liquidity_rate=0,
        variable_borrow_rate=0,
        ltv=parameters["borrow_collateral_factor"] // FACTOR_STEP,
        liquidation_threshold=parameters["liquidate_collateral_factor"] // FACTOR_STEP,
        liquidation_bonus=10_000 + (WAD - parameters["liquidation_factor"]) // FACTOR_STEP,
        supply_cap=parameters["supply_cap"] // now.units[asset],
        borrow_cap=0,
        total_supply=held,
        total_debt=0,
        own={"total_collateral": held} | (parameters | _priced(now, asset) if asset in now.terms.assets else {}),
    )


def _priced(now: _Moment, asset: str) -> dict[str, int]:
    """Return an asset's price, and the address of its feed as a number."""
    return {"price": now.ledger.price(asset), "price_feed": int(now.ledger.feed(asset), 16)}


def _account(now: _Moment, address: str) -> AccountLine:
    principal = now.ledger.principals.get(address, 0)
    supplied = max(principal, 0) * now.supply_index // INDEX_SCALE
    owed = max(-principal, 0) * now.borrow_index // INDEX_SCALE
    held = {asset: found[address] for asset, found in now.ledger.collateral.items() if address in found}
    if min(held.values(), default=0) < 0:
        message = f"{address} would hold less than no collateral: logs are missing or doubled."
        raise ImplausibleData(message, account=address, held=held)
    worth = {asset: now.value(asset, amount) for asset, amount in held.items() if asset in now.terms.assets}
    total, debt = sum(worth.values()), now.value(now.terms.base, owed)
    limit = _weighted(now, worth, "liquidate_collateral_factor")
    ltv = sum(value * now.terms.assets[asset].borrow_collateral_factor for asset, value in worth.items())
    threshold = sum(value * now.terms.assets[asset].liquidate_collateral_factor for asset, value in worth.items())
    stored = now.ledger.totals.worth(principal)
    # The contract truncates towards zero, so the debt's value is truncated too.
    short = principal < 0 and limit < now.value(now.terms.base, -stored)
    return AccountLine(
        address=address,
        collateral_base=total,
        debt_base=debt,
        ltv=ltv // (total * FACTOR_STEP) if total else 0,
        liquidation_threshold=threshold // (total * FACTOR_STEP) if total else 0,
        health_factor=limit * WAD // debt if debt else MAX_UINT256,
        positions=tuple(_positions(now.terms.base, supplied, owed, held)),
        own={
            "principal": principal,
            "balance": supplied,
            "borrow_balance": owed,
            "liquidatable": int(short),
            **{f"collateral:{asset}": amount for asset, amount in sorted(held.items())},
        },
    )


def _weighted(now: _Moment, worth: Mapping[str, int], factor: str) -> int:
    """Return collateral values by one of their factors, each truncated as the contract does."""
    return sum(value * int(getattr(now.terms.assets[asset], factor)) // WAD for asset, value in worth.items())


def _positions(base: str, supplied: int, owed: int, held: Mapping[str, int]) -> Iterator[PositionLine]:
    if supplied or owed:
        yield PositionLine(asset=base, supplied=supplied, owed=owed, used_as_collateral=False)
    for asset, amount in sorted(held.items()):
        if amount:
            yield PositionLine(asset=asset, supplied=amount, owed=0, used_as_collateral=True)
