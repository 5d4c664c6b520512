"""`manage.py votes`: proposals and their votes, compared with the contract's own tally."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from governance import selectors
from governance.chain import finality
from governance.chain.client import default_client
from governance.chain.logs import collect
from governance.env import env
from governance.management.base import BreakwaterCommand
from governance.votes import IndexReport, index


class Command(BreakwaterCommand):
    """Index votes."""

    help = "Collect and index every governor's proposals and votes, and compare the sums with its own tally."
    needs = ("database", "node")
    reports = True

    def handle(self, **_: Any) -> None:  # noqa: ANN401
        """Index every governor that is watched on the chain that our nodes serve."""
        client = default_client()
        head = finality.head(client)
        found: dict[str, IndexReport] = {}
        for deployment in selectors.governors().filter(chain=env().chain_id):
            with self.progress(deployment.name) as advance:
                collect(client, deployment, to_block=head, progress=advance)
            found[deployment.slug] = index(deployment, client=client)
        equal = all(report.tally_equal is not False for report in found.values())
        data = {slug: {**asdict(report), "tally_equal": report.tally_equal} for slug, report in found.items()}
        lines = [_line(slug, report) for slug, report in found.items()] or ["No governor is watched yet."]
        self.answer({"governors": data, "tally_equal": equal}, "\n".join(lines))
        if not equal:
            raise SystemExit(1)  # what is unequal was just said


def _line(slug: str, report: IndexReport) -> str:
    verdict = {None: "cast on other chains", True: "equal to the contract's tally"}.get(
        report.tally_equal, f"unequal for {', '.join(report.mismatches)}"
    )
    return f"{slug}: {report.proposals} proposals, {report.votes} votes at block {report.block_number}, {verdict}"
