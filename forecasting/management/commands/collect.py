"""`manage.py collect`: bring history up to date."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from django.core.management.base import CommandParser

from forecasting.collect import CollectReport, collect, snapshot
from governance import deployments
from governance.chain.client import default_client
from governance.management.base import BreakwaterCommand
from governance.models import Deployment


class Command(BreakwaterCommand):
    """Collect history."""

    help = "Collect blocks, logs, prices, parameter changes and liquidations, and take a snapshot of every book."
    needs = ("database", "node")
    reports = True

    def add_arguments(self, parser: CommandParser) -> None:
        """Add what to collect."""
        parser.add_argument("slugs", nargs="*", metavar="SLUG", help="deployments to collect (default: all)")
        parser.add_argument("--no-snapshot", action="store_true", help="do not rebuild the books")

    def handle(self, *, slugs: list[str], no_snapshot: bool, **_: Any) -> None:  # noqa: ANN401
        """Collect, snapshot and report."""
        client = default_client()
        reports = []
        for deployment in deployments.select(slugs):
            with self.progress(deployment.name) as progress:
                report = collect(deployment, client=client, progress=progress)
            taken = None
            if not no_snapshot and deployment.kind == Deployment.Kind.PROTOCOL:
                taken = snapshot(deployment)
            reports.append(asdict(report) | {"snapshot": taken.dataset_hash if taken else ""})
            self.say(_line(deployment, report))
        self.answer({"collected": reports}, "" if reports else "Nothing is watched yet; see manage.py watch --help.")


def _line(deployment: Deployment, report: CollectReport) -> str:
    again = f", {report.reorgs} reorganisations repaired" if report.reorgs else ""
    return (
        f"{deployment.name}: complete from block {report.first:,} to {report.last:,}; {report.blocks:,} blocks and"
        f" {report.logs:,} logs are new{again} ({report.seconds:.1f} s)."
    )
