"""A book as rows that are alike for all protocols: reserves, accounts, and what each account supplied and owes.

Values that protocols share are in the units of all pages and models: base currency with 8 decimals, basis points,
wad, ray. What a protocol counts more finely, or in a way of its own, stands beside them in ``own`` exactly as its
contract says it, and it is those numbers that are compared with the contract.

=====================  ==========================  ==============================  ====================================
column                 Aave v3                     Compound III                    Morpho Blue
=====================  ==========================  ==============================  ====================================
base currency          USD                         that of the price feeds         the loan token
reserve                a listed asset              base token, then collaterals    loan token, then collateral token
supplied               receipt tokens              base balance; collateral        loan tokens supplied; collateral
used as collateral     as the account chose        every collateral, never base    the collateral, never the loan token
ltv                    LTV                         borrow collateral factor        liquidation LTV
liquidation threshold  liquidation threshold       liquidate collateral factor     liquidation LTV
liquidation bonus      10,000 + bonus              10,000 + (1 - liquidation       10,000 x liquidation incentive
                                                   factor), the borrower's loss    factor
supply, borrow cap     0 for none                  whole tokens; 0 for base        0: there are none
indexes                liquidity, variable borrow  base supply, base borrow        assets per share
=====================  ==========================  ==============================  ====================================
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING

from governance.domain.position import health

if TYPE_CHECKING:
    from collections.abc import Mapping

    from governance.domain.market import ReserveState
    from governance.domain.position import Account, Book


@dataclass(frozen=True, slots=True, kw_only=True)
class ReserveLine:
    """One asset at the statement's time.

    Attributes
    ----------
    asset : str
        Checksummed address.
    price : int
        Base currency, 8 decimals.
    liquidity_index, variable_borrow_index, liquidity_rate, variable_borrow_rate : int
        Ray, accrued up to the statement's time; rates are for a year.
    ltv, liquidation_threshold, liquidation_bonus : int
        Basis points; the bonus as 10,000 + bonus.
    supply_cap, borrow_cap : int
        Whole tokens; 0 for none.
    total_supply, total_debt : int
        Smallest units, with interest.
    emode_category : int
        0 for none.
    own : Mapping[str, int]
        Parameters and totals exactly as the contract keeps them.
    """

    asset: str
    price: int
    liquidity_index: int
    variable_borrow_index: int
    liquidity_rate: int
    variable_borrow_rate: int
    ltv: int
    liquidation_threshold: int
    liquidation_bonus: int
    supply_cap: int
    borrow_cap: int
    total_supply: int
    total_debt: int
    emode_category: int = 0
    own: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class PositionLine:
    """What an account supplied and owes of one asset, in its smallest unit, with interest."""

    asset: str
    supplied: int
    owed: int
    used_as_collateral: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountLine:
    """One account: values in the base currency with 8 decimals, thresholds in basis points, health factor in wad.

    Attributes
    ----------
    address : str
        Checksummed.
    health_factor : int
        ``2**256 - 1`` without debt.
    emode : int
        0 for none.
    positions : tuple of PositionLine
        None of them empty.
    own : Mapping[str, int]
        What the contract's view functions say of the account, by the names of `Protocol.account_checks`.
    """

    address: str
    collateral_base: int
    debt_base: int
    ltv: int
    liquidation_threshold: int
    health_factor: int
    positions: tuple[PositionLine, ...]
    emode: int = 0
    own: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Statement:
    """A book at ``timestamp``: reserves in the order of their listing, accounts by address."""

    timestamp: int
    reserves: tuple[ReserveLine, ...]
    accounts: tuple[AccountLine, ...]


def of_book(book: Book) -> Statement:
    """Return an Aave book as a statement."""
    market = book.market
    reserves = tuple(
        ReserveLine(
            asset=asset,
            price=state.price,
            liquidity_index=state.income_index(market.timestamp),
            variable_borrow_index=state.debt_index(market.timestamp),
            liquidity_rate=state.liquidity_rate,
            variable_borrow_rate=state.variable_borrow_rate,
            ltv=state.parameters["ltv"],
            liquidation_threshold=state.parameters["liquidation_threshold"],
            liquidation_bonus=state.parameters["liquidation_bonus"],
            supply_cap=state.parameters["supply_cap"],
            borrow_cap=state.parameters["borrow_cap"],
            total_supply=state.total_supply(market.timestamp),
            total_debt=state.total_debt(market.timestamp),
            emode_category=state.emode_category,
            own=_stored(state, market.timestamp),
        )
        for asset, state in market.reserves.items()
    )
    return Statement(
        timestamp=market.timestamp,
        reserves=reserves,
        accounts=tuple(_account(account, book) for account in book.accounts.values()),
    )


def _stored(state: ReserveState, timestamp: int) -> dict[str, int]:
    """Return a reserve's numbers, as its contracts say each of them."""
    return {
        **state.parameters,
        "total_supply": state.total_supply(timestamp),
        "total_stable_debt": state.total_stable_debt(timestamp),
        "total_variable_debt": state.total_debt(timestamp) - state.total_stable_debt(timestamp),
        "liquidity_rate": state.liquidity_rate,
        "variable_borrow_rate": state.variable_borrow_rate,
        "stored_liquidity_index": state.liquidity_index,
        "stored_variable_borrow_index": state.variable_borrow_index,
        "frozen": state.terms.get("frozen", 0),
    }


def _account(account: Account, book: Book) -> AccountLine:
    found = health(account, book.market)
    own = asdict(found) | {"emode": account.emode}
    positions = []
    for asset, holding in account.holdings.items():
        state = book.market.reserves[asset]
        supplied = holding.supplied(state, book.market.timestamp)
        owed = holding.owed(state, book.market.timestamp)
        own |= {
            f"supplied:{asset}": supplied,
            f"scaled_debt:{asset}": holding.scaled_debt,
            f"stable_debt:{asset}": holding.stable_debt,
            f"used_as_collateral:{asset}": int(holding.used_as_collateral),
        }
        if supplied or owed:
            line = PositionLine(
                asset=asset, supplied=supplied, owed=owed, used_as_collateral=holding.used_as_collateral
            )
            positions.append(line)
    return AccountLine(
        address=account.address,
        collateral_base=found.collateral_base,
        debt_base=found.debt_base,
        ltv=found.ltv,
        liquidation_threshold=found.liquidation_threshold,
        health_factor=found.health_factor,
        positions=tuple(positions),
        emode=account.emode,
        own=own,
    )
