"""What was collected, compared with its source: books and votes with the contracts, the ledger with its rows."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

from forecasting import collect as verbs
from forecasting import rounds
from governance import completeness, votes
from governance.chain import coverage, incidents
from governance.errors import BreakwaterError, GapInData
from governance.models import Chain, Deployment, Incident

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from forecasting.rounds import Show
    from forecasting.snapshots import Mismatch, ReconcileReport
    from governance.chain.client import Client
    from governance.votes import IndexReport

SHOWN = 5  # differences that an incident's text names


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One line of the table: what was compared, how often, and how often it was wrong."""

    subject: str
    what: str
    compared: int
    wrong: int


@dataclass(slots=True, kw_only=True)
class Reconciliation:
    """What was compared and what was found.

    Attributes
    ----------
    books : dict of str to list of ReconcileReport
        Protocol -> one report for each block.
    tallies : dict of str to IndexReport
        Governor -> its votes beside the contract's own count.
    ledger : list of Check
        Gaps, overlaps, orphans and altered ranges, of everything that was selected.
    failed : dict of str to BreakwaterError
        Deployment -> why it could not be compared.
    """

    books: dict[str, list[ReconcileReport]] = field(default_factory=dict)
    tallies: dict[str, IndexReport] = field(default_factory=dict)
    ledger: list[Check] = field(default_factory=list)
    failed: dict[str, BreakwaterError] = field(default_factory=dict)

    @property
    def findings(self) -> list[tuple[str, Mismatch]]:
        """Every number that differs, with the protocol that it belongs to."""
        return [(slug, found) for slug, reports in self.books.items() for one in reports for found in one.findings]

    @property
    def checks(self) -> list[Check]:
        """The table, line by line."""
        lines = [
            Check(subject=slug, what=f"{name} at block {report.block_number:,}", compared=compared, wrong=wrong)
            for slug, reports in self.books.items()
            for report in reports
            for name, (compared, wrong) in report.fields.items()
        ]
        lines += [
            Check(subject=slug, what="tallies of proposals", compared=report.proposals, wrong=len(report.mismatches))
            for slug, report in self.tallies.items()
        ]
        return lines + self.ledger

    @property
    def sound(self) -> bool:
        """Whether everything could be compared and nothing is wrong."""
        return not self.failed and not any(check.wrong for check in self.checks)

    @property
    def empty(self) -> tuple[int, ...]:
        """The blocks at which books were rebuilt and held nothing that could be compared."""
        reports = [report for found in self.books.values() for report in found]
        compared = {report.block_number for report in reports if report.numbers_compared}
        return tuple(sorted({report.block_number for report in reports} - compared))

    def as_dict(self) -> dict[str, Any]:
        """Return the whole as JSON-ready data."""
        reports = [report for found in self.books.values() for report in found]
        return {
            "accounts": sum(report.accounts_compared for report in reports),
            "numbers": sum(report.numbers_compared for report in reports),
            "mismatches": len(self.findings),
            **{check.what: check.wrong for check in self.ledger},
            "protocols": {slug: _protocol(found) for slug, found in self.books.items()},
            "votes": {slug: asdict(report) for slug, report in self.tallies.items()},
            "failed": {slug: error.as_dict() for slug, error in self.failed.items()},
            "sound": self.sound,
        }


def run(
    selected: Sequence[Deployment], *, client: Client, blocks: Sequence[int] = (), show: Show = rounds.unseen
) -> Reconciliation:
    """Collect what is new, then compare everything of ``selected`` with its source; write what differs as incidents.

    Parameters
    ----------
    selected : sequence of Deployment
        Whose books, votes and ledger are compared.
    client : Client
        Of their chain; it must hold the state of the compared blocks.
    blocks : sequence of int
        Blocks at which books are compared; none: the newest settled one that is collected.
    show : Show
        Shows the progress of collection.

    Raises
    ------
    ChainError
        When no node says where the head is.
    """
    found = Reconciliation()
    for outcome in rounds.run(selected, client=client, plan=rounds.Plan(snapshots="never"), show=show):
        deployment = outcome.deployment
        if outcome.error is not None:
            found.failed[deployment.slug] = outcome.error
            continue
        try:
            _compare(found, deployment, client=client, blocks=blocks)
        except BreakwaterError as error:
            found.failed[deployment.slug] = error
    found.ledger = ledger(selected)
    _note(found, selected)
    return found


def _compare(found: Reconciliation, deployment: Deployment, *, client: Client, blocks: Sequence[int]) -> None:
    if deployment.kind == Deployment.Kind.GOVERNOR:
        found.tallies[deployment.slug] = votes.index(deployment, client=client)
        return
    newest = coverage.covered_to(deployment)
    for block in blocks or [verbs.settled(deployment, client=client, collected_to=newest)]:
        if not deployment.first_block <= block <= newest:
            message = (
                f"Block {block:,} of {deployment.name} cannot be compared; it is complete from block"
                f" {deployment.first_block:,} to {newest:,}."
            )
            raise GapInData(message, block=block)
        taken = verbs.snapshot(deployment, block=block, client=client)
        report = verbs.reconcile(taken, client=client)
        found.books.setdefault(deployment.slug, []).append(report)


def ledger(selected: Sequence[Deployment]) -> list[Check]:
    """Return what is wrong with the ledger of ``selected``, by reading every row that it stands for."""
    streams = {stream.pk for deployment in selected for stream in deployment.streams.all()}
    chains = Chain.objects.filter(deployments__in=selected).distinct()
    ranges = sum(stream.ranges for stream in completeness.coverage() if stream.stream in streams)
    wrong = {
        "gaps": sum(hole.stream in streams for hole in completeness.gaps()),
        "overlaps": sum(hole.stream in streams for hole in completeness.overlaps()),
        "orphans": sum(orphan.count for chain in chains for orphan in coverage.orphans(chain)),
        "altered": sum(len(coverage.verify(deployment)) for deployment in selected),
    }
    return [Check(subject="ledger", what=what, compared=ranges, wrong=count) for what, count in wrong.items()]


def _note(found: Reconciliation, selected: Sequence[Deployment]) -> None:
    """Write each protocol's differences as an incident, and close those of chains on which nothing differs any more."""
    by_slug = {deployment.slug: deployment for deployment in selected}
    for slug, reports in found.books.items():
        for report in reports:
            if report.findings:
                incidents.record(
                    chain_id=by_slug[slug].chain_id,
                    kind=Incident.Kind.MISMATCH,
                    provider="",
                    first=report.block_number,
                    last=report.block_number,
                    detail=_detail(slug, report),
                )
    dirty = {by_slug[slug].chain_id for slug, _ in found.findings} | {by_slug[slug].chain_id for slug in found.failed}
    for chain_id in {deployment.chain_id for deployment in selected} - dirty:
        everyone = Deployment.objects.filter(chain=chain_id, kind=Deployment.Kind.PROTOCOL)
        compared = [found.books[row.slug][-1].block_number for row in everyone if row.slug in found.books]
        if len(compared) == everyone.count() and compared:
            incidents.resolve(chain_id=chain_id, kind=Incident.Kind.MISMATCH, first=0, last=max(compared))


def _detail(slug: str, report: ReconcileReport) -> str:
    named = "; ".join(
        f"{found.account} {found.field} {found.collected}, contract {found.contract}"
        for found in report.findings[:SHOWN]
    )
    more = f"; and {len(report.findings) - SHOWN} more" if len(report.findings) > SHOWN else ""
    return f"{slug}: {named}{more}"


def _protocol(reports: Sequence[ReconcileReport]) -> Mapping[str, object]:
    return {
        "block": reports[-1].block_number,
        "blocks": [report.block_number for report in reports],
        "accounts": sum(report.accounts_compared for report in reports),
        "mismatches": sum(len(report.findings) for report in reports),
        "fields": {
            name: {"compared": compared, "wrong": wrong} for name, (compared, wrong) in _fields(reports).items()
        },
        "findings": [asdict(found) | {"block": found.block_number} for one in reports for found in one.findings],
    }


def _fields(reports: Sequence[ReconcileReport]) -> dict[str, tuple[int, int]]:
    sums: dict[str, tuple[int, int]] = {}
    for report in reports:
        for name, (compared, wrong) in report.fields.items():
            before = sums.get(name, (0, 0))
            sums[name] = (before[0] + compared, before[1] + wrong)
    return sums
