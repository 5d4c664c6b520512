"""`manage.py health`: one account as the newest snapshot has it."""

from __future__ import annotations

from typing import Any

from django.core.management.base import CommandParser

from forecasting import selectors
from forecasting.models import AccountState, Position
from governance import deployments
from governance.chain.abi import checksum
from governance.domain.units import MAX_UINT256, render, to_decimal
from governance.errors import InputError, StaleData
from governance.management.base import BreakwaterCommand
from governance.models import Deployment


class Command(BreakwaterCommand):
    """Show an account's health."""

    help = "Show what one account holds and owes, and its health factor, as of the newest snapshot."
    needs = ("database",)
    reports = True

    def add_arguments(self, parser: CommandParser) -> None:
        """Add the account and where to look."""
        parser.add_argument("account", help="the account's address")
        parser.add_argument("--deployment", default="", metavar="SLUG", help="protocol (default: the only one)")

    def handle(self, *, account: str, deployment: str, **_: Any) -> None:  # noqa: ANN401
        """Look the account up and print it.

        Raises
        ------
        InputError, StaleData
            When the account never touched the protocol, or nothing was collected yet.
        """
        address = checksum(account)
        found = deployments.select([deployment] if deployment else [], kind=Deployment.Kind.PROTOCOL)
        if len(found) != 1:
            raise InputError("Name the protocol with --deployment; see manage.py collect.", field="deployment")
        taken = selectors.latest_snapshot(found[0])
        if taken is None:
            raise StaleData(f"There is no snapshot of {found[0].name} yet; run manage.py collect.")
        state = selectors.account_state(taken, address)
        if state is None:
            raise InputError(f"{address} never touched {found[0].name}.", field="account", value=address)
        rows = list(selectors.positions(taken, address))
        lines = [_summary(state, taken.block_number), *map(_line, rows)]
        self.answer(_data(state, rows) | {"block_number": taken.block_number}, "\n".join(lines))


def _summary(state: AccountState, block: int) -> str:
    factor = int(state.health_factor)
    shown = "no debt" if factor == MAX_UINT256 else f"health factor {to_decimal(factor, 18):.4f}"
    collateral, debt = render(int(state.collateral_base), "usd8"), render(int(state.debt_base), "usd8")
    return f"{state.account} at block {block:,}: {shown}, collateral {collateral}, debt {debt}"


def _line(row: Position) -> str:
    decimals = row.reserve.decimals
    held, owed = to_decimal(int(row.collateral), decimals), to_decimal(int(row.debt), decimals)
    note = "" if row.used_as_collateral or not held else " (not used as collateral)"
    return f"  {row.reserve.symbol:8} supplied {held:,f}{note}, borrowed {owed:,f}"


def _data(state: AccountState, rows: list[Position]) -> dict[str, object]:
    return {
        "account": state.account,
        "collateral_base": int(state.collateral_base),
        "debt_base": int(state.debt_base),
        "health_factor": int(state.health_factor),
        "ltv": state.ltv,
        "liquidation_threshold": state.liquidation_threshold,
        "positions": [
            {
                "asset": row.reserve.symbol,
                "collateral": int(row.collateral),
                "debt": int(row.debt),
                "used_as_collateral": row.used_as_collateral,
            }
            for row in rows
        ],
    }
