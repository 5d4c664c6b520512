"""`manage.py reconcile`: compare everything that was collected with its source."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.core.management.base import CommandParser
from rich import box
from rich.console import Console
from rich.table import Table

from forecasting import reconciling
from forecasting.reconciling import Reconciliation
from governance import deployments
from governance.chain.client import default_client
from governance.management.base import Advance, BreakwaterCommand, Meter
from governance.models import Deployment

MOST = 20  # differences that the text lists; the JSON has all
WIDTH = 110


class Command(BreakwaterCommand):
    """Prove what was collected."""

    help = "Compare every account and every tally with the contracts, digit by digit, and the ledger with its rows."
    needs = ("database", "node")
    reports = True

    def add_arguments(self, parser: CommandParser) -> None:
        """Add what to compare, and when."""
        parser.add_argument("slugs", nargs="*", metavar="SLUG", help="deployments to compare (default: all)")
        parser.add_argument(
            "--block",
            type=int,
            action="append",
            default=[],
            metavar="N",
            help="compare the books at this block, which needs a node that keeps its state (default: the newest"
            " settled one that is collected); repeat it for more",
        )

    def handle(self, *, slugs: list[str], block: list[int], **_: Any) -> None:  # noqa: ANN401
        """Collect, compare, and print a table of checks; the exit status is 1 when one fails, or BLOCK has nothing."""
        selected = deployments.select(slugs)
        found = reconciling.run(selected, client=default_client(), blocks=block, show=self._show)
        nothing = "Nothing is watched yet; see manage.py watch --help."
        self.answer(found.as_dict(), _text(found) if selected else nothing)
        if not found.sound or set(found.empty) & set(block):
            raise SystemExit(1)  # what is wrong, or was asked for and could not be proven, was just said

    @contextmanager
    def _show(self, deployment: Deployment, target: int) -> Iterator[Advance]:
        with self.progress(f"{deployment.name} to block {target:,}") as advance:
            yield Meter(advance)


def _text(found: Reconciliation) -> str:
    console = Console(width=WIDTH, force_terminal=False, highlight=False)
    with console.capture() as capture:
        console.print(_table(found))
        for slug, one in found.findings[:MOST]:
            console.print(
                f"{slug}: {one.account} at block {one.block_number:,}: {one.field} {one.collected},"
                f" contract {one.contract}",
                soft_wrap=True,
                markup=False,
            )
        if len(found.findings) > MOST:
            console.print(f"… and {len(found.findings) - MOST:,} more; --json lists them all.")
        for slug, error in found.failed.items():
            console.print(f"{slug}: {error.message}", soft_wrap=True, markup=False)
        console.print(_verdict(found), soft_wrap=True)
    return capture.get().rstrip()


def _table(found: Reconciliation) -> Table:
    table = Table(box=box.SIMPLE)
    for label in ("", "check"):
        table.add_column(label)
    for label in ("compared", "wrong"):
        table.add_column(label, justify="right")
    table.add_column("verdict")
    for check in found.checks:
        verdict = "WRONG" if check.wrong else "holds"
        table.add_row(check.subject, check.what, f"{check.compared:,}", f"{check.wrong:,}", verdict)
    return table


def _verdict(found: Reconciliation) -> str:
    whole = found.as_dict()
    if not found.sound:
        return (
            f"NOT SOUND: numbers that differ: {whole['mismatches']:,}, not comparable: {len(found.failed)}; see above."
        )
    nothing = ", ".join(f"{block:,}" for block in found.empty)
    lines = [f"There is nothing to compare at block {nothing}: no book held anything there."] if nothing else []
    if proposals := sum(report.proposals for report in found.tallies.values() if report.votes_here):
        lines.append(f"All tallies are the contracts' own (proposals: {proposals:,}).")
    if whole["numbers"]:
        lines.append(_equal(whole["numbers"], whole["accounts"]))
    return " ".join(lines) or "There is nothing to compare."


def _equal(numbers: int, accounts: int) -> str:
    return f"All {numbers:,} numbers of {accounts:,} accounts equal the contracts' to the last digit."
