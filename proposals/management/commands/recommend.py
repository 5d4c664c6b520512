"""`manage.py recommend`: search a better setting of one reserve."""

from __future__ import annotations

from typing import Any

from django.core.management.base import CommandParser

from governance.errors import InputError
from governance.management.base import BreakwaterCommand
from proposals import policy
from proposals.evidence import build
from proposals.models import Recommendation
from proposals.recommend import SEED, recommend
from proposals.selectors import find_reserve, newest_snapshot


class Command(BreakwaterCommand):
    """Recommend, or say that nothing should change."""

    help = "Search a better setting of one reserve over simulated futures, within the active policy."
    needs = ("database",)
    reports = True

    def add_arguments(self, parser: CommandParser) -> None:
        """Add which reserve, and the seed."""
        parser.add_argument("symbol", help="the reserve, e.g. WETH")
        parser.add_argument("--market", default="", metavar="SLUG", help="the protocol, where several are watched")
        parser.add_argument(
            "--seed", type=int, default=SEED, help="seed of the simulated futures (default: %(default)s)"
        )

    def handle(self, *, symbol: str, market: str, seed: int, **_: Any) -> None:  # noqa: ANN401
        """Search and report.

        Raises
        ------
        InputError
            For a seed below zero.
        """
        if seed < 0:
            raise InputError(f"The seed is {seed}; it must not be negative.", field="seed", value=seed)
        reserve = find_reserve(symbol, market=market)
        with self.progress(f"Searching settings of {reserve.symbol}") as progress:
            found = recommend(
                reserve,
                snapshot=newest_snapshot(reserve.deployment),
                policy=policy.ensure(),
                progress=progress,
                seed=seed,
            )
        abstained = found.status == Recommendation.Status.ABSTAINED
        report = "" if abstained else build(found).hash
        self.answer(
            {
                "recommendation": found.pk,
                "status": found.status,
                "block": found.snapshot.block_number,
                "candidates": len(found.candidates),
                "chosen": found.chosen,
                "findings": found.findings,
                "evidence_hash": report,
            },
            _text(found, report),
        )


def _text(found: Recommendation, report: str) -> str:
    lines = [f"{found.get_status_display()} (recommendation {found.pk}, block {found.snapshot.block_number:,})."]
    if found.chosen:
        lines.append(found.chosen["why"])
        lines += [f"  {row['label']}: {row['before_text']} → {row['after_text']}" for row in found.chosen["changes"]]
    lines += [f"  {row['level']:5} {row['code']}: {row['message']}" for row in found.findings]
    if report:
        lines.append(f"Evidence report: {report}")
    return "\n".join(lines)
