"""`manage.py health`: one account as the newest snapshot has it, or all accounts of imported books."""

from __future__ import annotations

from typing import Any

from django.core.management.base import CommandParser

from forecasting import selectors
from forecasting.imports import catalogue
from forecasting.imports import health as imported
from forecasting.imports.times import MICRO
from forecasting.models import AccountState, ImportedDataset, Position
from governance import deployments
from governance.chain.abi import checksum
from governance.domain.units import MAX_UINT256, render, to_decimal
from governance.errors import InputError, StaleData
from governance.management.base import BreakwaterCommand
from governance.models import Deployment


class Command(BreakwaterCommand):
    """Show an account's health."""

    help = "Show an account's health factor as of the newest snapshot, or those of all accounts of imported books."
    needs = ("database",)
    reports = True

    def add_arguments(self, parser: CommandParser) -> None:
        """Add the account and where to look."""
        parser.add_argument("account", nargs="?", default="", help="the account's address (default: imported books)")
        parser.add_argument("--dataset", default="", metavar="NAME", help="imported positions (default: all of them)")
        parser.add_argument("--deployment", default="", metavar="SLUG", help="protocol (default: the only one)")

    def handle(self, *, account: str, dataset: str, deployment: str, **_: Any) -> None:  # noqa: ANN401
        """Look one account up, or compute all of the imported books."""
        if account and not dataset:
            self._account(account, deployment)
        else:
            self._imported(dataset, account)

    def _imported(self, name: str, account: str) -> None:
        """Compute the health factors of imported books and compare them with the published ones.

        Raises
        ------
        InputError
            When nothing of the kind is imported.
        """
        kind = ImportedDataset.Kind.POSITIONS
        known, _, _ = name.rpartition("/")
        if known and known != kind:
            raise InputError(
                f"{name} is no dataset of positions, which alone have health factors; name one as positions/SOURCE.",
                field="dataset",
                value=name,
            )
        datasets = [catalogue.find(name, kind=kind)] if name else list(ImportedDataset.objects.filter(kind=kind))
        if not datasets:
            raise InputError(
                "Name an account, or import a book: manage.py import positions FILE --source NAME.", field="account"
            )
        rows = [row for dataset in datasets for row in imported.health(dataset)]
        rows = [row for row in rows if not account or row.account.lower() == account.lower()]
        if not rows:
            said = (
                f"{account} is in no book of {name}." if account else f"{name or 'What is imported'} holds no account."
            )
            raise InputError(said, field="account", value=account)
        worst = imported.worst(rows)
        computed = [row for row in rows if row.health_factor is not None]
        published = [row for row in rows if row.published is not None]
        data = {
            "datasets": [dataset.name for dataset in datasets],
            "accounts": len(rows),
            "distinct_accounts": len({(row.book, row.account.lower()) for row in rows}),
            "computed": len(computed),
            "compared": sum(row.error is not None for row in rows),
            "below_one": sum(row.health_factor < 1 for row in computed if row.health_factor is not None),
            "published": len(published),
            "published_below_one": sum(row.published < 1 for row in published if row.published is not None),
            "max_abs_error": float(worst.error or 0) if worst else None,
            "error_of": "difference / max(1, published health factor)",
            "worst": _imported_data(worst) if worst else None,
        }
        self.answer(data | {"health_factors": [_imported_data(row) for row in rows]}, _imported_text(data))

    def _account(self, account: str, deployment: str) -> None:
        """Look one account up in the newest snapshot and print it.

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


def _imported_text(data: dict[str, Any]) -> str:
    """Return what was computed of imported books, and what could not be, in one paragraph."""
    states, computed = data["accounts"], data["computed"]
    said = [f"{data['distinct_accounts']:,} accounts in {states:,} states: {computed:,} health factors computed"]
    if computed:
        said.append(f", {data['below_one']:,} of {computed:,} below 1")
    if data["compared"]:
        said.append(f", at most {data['max_abs_error']:.3g} from the published ones ({data['compared']:,} compared)")
    said.append(".")
    if computed < states:
        said.append(
            f" {states - computed:,} could not be computed: no debt, or the file lacks a price or a liquidation"
            " threshold."
        )
    if data["published"]:
        said.append(f" Of {data['published']:,} published ones {data['published_below_one']:,} are below 1.")
    return "".join(said)


def _imported_data(row: imported.Health) -> dict[str, object]:
    return {
        "book": row.book,
        "account": row.account,
        "timestamp": row.timestamp // MICRO,
        "health_factor": None if row.health_factor is None else f"{row.health_factor:.18g}",
        "published": None if row.published is None else f"{row.published:f}",
        "error": None if row.error is None else float(row.error),
    }


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
