"""`manage.py demo`: the whole loop, once around, on the local world."""

from __future__ import annotations

from dataclasses import asdict, replace
from typing import Any

from django.core.management.base import CommandParser
from django.urls import reverse

from forecasting import price_files
from governance.lab.candles import replayed
from governance.lab.spec import PRESETS, WorldSpec
from governance.management.base import BreakwaterCommand
from governance.services.web import Web, address, check_port
from proposals.local import Site
from proposals.models import Draft
from proposals.pipeline import Loop, LoopReport


class Command(BreakwaterCommand):
    """Go once around the loop."""

    help = "Go once around the loop on a local world of real contracts, then serve the web interface."
    reports = True

    def add_arguments(self, parser: CommandParser) -> None:
        """Add what the world is made of and what happens afterwards."""
        parser.add_argument("--no-serve", action="store_true", help="end after the loop instead of serving the pages")
        parser.add_argument("--fresh", action="store_true", help="forget the world and the records that are there")
        parser.add_argument("--preset", choices=sorted(PRESETS), default="year", help="the world to build")
        parser.add_argument("--seed", type=int, help="seed of every random draw in the world (default: the preset's)")
        parser.add_argument("--prices", action="append", metavar="[SYMBOL=]FILE", help=price_files.HELP)

    def handle(self, *, no_serve: bool, fresh: bool, **options: Any) -> None:  # noqa: ANN401
        """Run the loop, report, serve."""
        site = Site(specification(**options), fresh=fresh)
        if not no_serve:
            check_port()  # before minutes of work, not after them
        report = Loop(site, teller=self).run()
        self.say(f"\nPages worth opening (`manage.py serve` serves them):\n{pages()}")
        self.answer(asdict(report), summary(report))
        if not no_serve:
            self.say(f"Serving {address()} until Ctrl-C.")
            self.stdout.flush()
            Web().serve()


def specification(*, preset: str, seed: int | None, prices: list[str] | None, **_: object) -> WorldSpec:
    """Return the world that the options ask for."""
    spec = PRESETS[preset] if seed is None else replace(PRESETS[preset], seed=seed)
    return replayed(spec, price_files.read(prices)) if prices else spec


def summary(report: LoopReport) -> str:
    """Return the figures in one line."""
    return (
        f"\nOnce around in {sum(report.seconds.values()):.0f} s: {report.accounts_compared} accounts compared,"
        f" {report.health_mismatches} differ; {report.liquidations} liquidations; tally"
        f" {'equal' if report.tally_equal else 'NOT equal'}; {report.expectations_verified} of"
        f" {report.expectations_total} expectations verified; executed {report.executions} time; outcome"
        f" {'scored' if report.outcome_scored else 'NOT scored'}; evidence {report.evidence_hash}."
    )


def pages() -> str:
    """Return the pages worth opening, a line each."""
    draft = Draft.objects.select_related("onchain", "outcome", "recommendation__evidence").latest("pk")
    found = {
        "home": reverse("home"),
        "the market": reverse("market", args=[draft.recommendation.reserve_id]),
        "accounts at risk": reverse("accounts"),
        "forecasts": reverse("forecasts"),
        "the recommendation": reverse("recommendation", args=[draft.recommendation_id]),
        "the proposal": reverse("proposal", args=[draft.onchain_id]),
        "its evidence": reverse("evidence", args=[draft.recommendation.evidence.hash]),
        "the executor": reverse("executor"),
        "the outcome": reverse("outcome", args=[draft.outcome.pk]),
    }
    return "\n".join(f"  {name:20} {address().rstrip('/')}{path}" for name, path in found.items())
