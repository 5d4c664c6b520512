"""`manage.py reconcile`: compare every collected account with the contract."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from django.core.management.base import CommandParser

from forecasting.collect import collect, reconcile, snapshot
from governance import deployments
from governance.chain.client import default_client
from governance.errors import ImplausibleData
from governance.management.base import BreakwaterCommand
from governance.models import Deployment


class Command(BreakwaterCommand):
    """Prove the collected books."""

    help = "Compare collateral, debt and health factor of every account with the contract's own, digit by digit."
    needs = ("database", "node")
    reports = True

    def add_arguments(self, parser: CommandParser) -> None:
        """Add what to compare."""
        parser.add_argument("slugs", nargs="*", metavar="SLUG", help="protocols to compare (default: all)")

    def handle(self, *, slugs: list[str], **_: Any) -> None:  # noqa: ANN401
        """Collect, snapshot, compare; a difference ends with an error.

        Raises
        ------
        ImplausibleData
            When a collected number differs from the contract's.
        """
        client = default_client()
        reports = {}
        for deployment in deployments.select(slugs, kind=Deployment.Kind.PROTOCOL):
            with self.progress(deployment.name) as progress:
                collect(deployment, client=client, progress=progress)
            report = reconcile(snapshot(deployment), client=client)
            if report.health_mismatches:
                worst = report.findings[0]
                raise ImplausibleData(
                    f"{report.health_mismatches} of {report.accounts_compared} accounts differ from the contract at"
                    f" block {report.block_number}; the first is {worst.account}: {worst.field} {worst.collected},"
                    f" contract {worst.contract}.",
                    findings=[asdict(finding) for finding in report.findings],
                )
            reports[deployment.slug] = asdict(report)
            self.say(
                f"{deployment.name}: {report.accounts_compared} accounts at block {report.block_number:,} equal the"
                " contract's own numbers to the last digit."
            )
        self.answer(
            {"reconciled": reports}, "" if reports else "No protocol is watched yet; see manage.py watch --help."
        )
