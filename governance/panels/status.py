"""The exhibits of what is collected: coverage and its proofs, what is wrong in it, who serves it, and who did what."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.utils import timezone

from governance.exhibits import Badge, Column, Table
from governance.formatting import percent
from governance.models import Coverage, Incident

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence
    from datetime import datetime

    from governance.completeness import Hole, Orphan, StreamCoverage
    from governance.models import AuditEntry, Provider, Reorg
    from governance.services.base import ServiceStatus

PROOFS: dict[str, str] = {
    Coverage.Proof.LINKED: "linked headers alone",
    Coverage.Proof.BLOOM: "bloom filters",
    Coverage.Proof.SECOND: "a second provider",
    Coverage.Proof.RECEIPTS: "receipts",
}
FAULTS: dict[str, str] = {
    Incident.Kind.GAP: "Gap",
    Incident.Kind.MISSING_LOGS: "Logs left out",
    Incident.Kind.DUPLICATE: "Logs given twice",
    Incident.Kind.OUT_OF_RANGE: "Logs of other blocks",
    Incident.Kind.TRUNCATED: "Answer cut off",
    Incident.Kind.UNLINKED: "Headers that do not link",
    Incident.Kind.LAGGING: "Node behind",
    Incident.Kind.WRONG_CHAIN: "Other chain",
    Incident.Kind.CONTRADICTION: "Contradiction",
    Incident.Kind.DEEP_REORG: "Reorganisation too deep",
    Incident.Kind.MISMATCH: "Differs from the contract",
}
FOLDED = 100  # rows that a page shows of a list that may be long


def coverage(rows: Sequence[StreamCoverage]) -> Table:
    """Return how completely each set of contracts is collected, and how that is proven."""
    return Table(
        slug="coverage",
        caption="Coverage, by the set of contracts that is collected together",
        columns=(
            Column(label="Deployment", value=lambda row: row.deployment),
            Column(label="Contracts", value=lambda row: row.contracts, kind="integer"),
            Column(label="From block", value=lambda row: row.first, kind="block"),
            Column(label="Complete to", value=_complete_to, kind="block"),
            Column(label="Logs", value=lambda row: row.logs, kind="integer"),
            Column(label="Landings", value=lambda row: row.ranges, kind="integer"),
            Column(label="Proof of completeness", value=_proofs),
            Column(label="Sampled", value=lambda row: row.sampled_share if row.blocks else None, kind="percent"),
            Column(label="Served by", value=lambda row: ", ".join(row.providers) or None),
        ),
        rows=rows,
        empty="Nothing is collected yet.",
        unit_note="Sampled: the share of blocks that were compared with a stronger source besides.",
    )


def gaps(rows: Sequence[Hole]) -> Table:
    """Return the blocks that are missing below the highest covered one."""
    return _holes(rows, slug="gaps", caption="Gaps", empty="No block is missing.")


def overlaps(rows: Sequence[Hole]) -> Table:
    """Return the blocks that are covered twice."""
    return _holes(rows, slug="overlaps", caption="Overlaps", empty="No block is covered twice.")


def _holes(rows: Sequence[Hole], *, slug: str, caption: str, empty: str) -> Table:
    return Table(
        slug=slug,
        caption=caption,
        columns=(
            Column(label="Deployment", value=lambda row: row.deployment),
            Column(label="Stream", value=lambda row: row.stream, kind="integer"),
            Column(label="From block", value=lambda row: row.first, kind="block"),
            Column(label="To block", value=lambda row: row.last, kind="block"),
            Column(label="Blocks", value=lambda row: row.blocks, kind="integer"),
        ),
        rows=rows,
        shown=FOLDED,
        empty=empty,
    )


def orphans(rows: Sequence[Orphan]) -> Table:
    """Return rows that the ledger does not account for."""
    return Table(
        slug="orphans",
        caption="Orphans",
        columns=(
            Column(label="What", value=lambda row: row.what.capitalize()),
            Column(label="Chain", value=lambda row: str(row.chain_id)),
            Column(label="From block", value=lambda row: row.first, kind="block"),
            Column(label="To block", value=lambda row: row.last, kind="block"),
            Column(label="Rows", value=lambda row: row.rows, kind="integer"),
        ),
        rows=rows,
        shown=FOLDED,
        empty="Every range of the ledger ends at a header that is held, and every log lies within one.",
        unit_note="The command reconcile compares every single log as well.",
    )


def faults(rows: Sequence[Incident]) -> Table:
    """Return the open faults in what nodes answered."""
    return Table(
        slug="faults",
        caption="Open faults, the newest first",
        columns=_incident(Column(label="Times", value=lambda row: row.times, kind="integer")),
        rows=rows,
        empty="No fault is open.",
    )


def past_faults(rows: Sequence[Incident]) -> Table:
    """Return the faults that are over."""
    return Table(
        slug="past-faults",
        caption="Faults that are over, the newest first",
        columns=_incident(Column(label="Over", value=lambda row: _moment(row.resolved_at), kind="time")),
        rows=rows,
        shown=10,
        empty="No fault was found and overcome yet.",
    )


def _incident(last: Column) -> tuple[Column, ...]:
    return (
        Column(label="Fault", value=_fault, kind="badge"),
        Column(label="Node", value=lambda row: row.provider or None),
        Column(label="From block", value=lambda row: row.first, kind="block"),
        Column(label="To block", value=lambda row: row.last, kind="block"),
        Column(label="Detail", value=lambda row: row.detail, kind="shortened"),
        Column(label="Seen", value=lambda row: _moment(row.seen_at), kind="time"),
        last,
    )


def providers(rows: Sequence[Provider], *, configured: Collection[tuple[int, str]]) -> Table:
    """Return how each node serves; ``configured`` are the chain and the name of those that are asked at present."""
    heads: dict[int, int] = {}
    for row in rows:
        heads[row.chain_id] = max(row.head, heads.get(row.chain_id, 0))
    return Table(
        slug="providers",
        caption="Nodes",
        columns=(
            Column(label="Node", value=lambda row: row.name),
            *((Column(label="Chain", value=lambda row: row.chain.name),) if len(heads) > 1 else ()),
            Column(label="State", value=lambda row: serving(row, configured=configured), kind="badge"),
            Column(label="Latency, ms", value=lambda row: row.latency_ms or None, kind="number"),
            Column(label="Requests", value=lambda row: row.requests, kind="integer"),
            Column(label="Failed", value=lambda row: row.failures, kind="integer"),
            Column(
                label="Largest range",
                value=lambda row: row.largest_range or None,
                kind="integer",
                help="Blocks that it answers for at once, as far as was tried",
            ),
            Column(label="Head", value=lambda row: row.head or None, kind="block"),
            Column(
                label="Behind",
                value=lambda row: heads[row.chain_id] - row.head if row.head else None,
                kind="integer",
                help="Blocks behind the best of the chain's nodes",
            ),
            Column(label="Last error", value=lambda row: row.last_error or None, kind="shortened"),
        ),
        rows=rows,
        empty="No node was asked yet.",
    )


def reorgs(rows: Sequence[Reorg]) -> Table:
    """Return the reorganisations that were seen."""
    return Table(
        slug="reorgs",
        caption="Reorganisations, the newest first",
        columns=(
            Column(label="Seen", value=lambda row: _moment(row.seen_at), kind="time"),
            Column(label="Chain", value=lambda row: row.chain.name),
            Column(label="Depth, blocks", value=lambda row: row.depth or None, kind="integer"),
            Column(label="Back to block", value=lambda row: row.ancestor, kind="block"),
            Column(label="First orphan", value=lambda row: row.orphan_number, kind="block"),
            Column(label="Its hash", value=lambda row: row.orphan_hash, kind="hash"),
        ),
        rows=rows,
        empty="The chain never took a collected block back.",
    )


def services(rows: Sequence[ServiceStatus]) -> Table:
    """Return what runs."""
    return Table(
        slug="services",
        caption="Services",
        columns=(
            Column(label="Service", value=lambda row: row.name.capitalize()),
            Column(label="State", value=_running, kind="badge"),
            Column(label="Whose", value=lambda row: "external" if row.external else "embedded"),
            Column(label="Version", value=lambda row: row.version or None),
            Column(label="Says", value=lambda row: row.detail or None),
        ),
        rows=rows,
    )


def audit(rows: Sequence[AuditEntry]) -> Table:
    """Return the latest acts."""
    return Table(
        slug="audit",
        caption="Audit log, the newest first",
        columns=(
            Column(label="№", value=lambda row: row.sequence, kind="integer"),
            Column(label="When", value=lambda row: int(row.at.timestamp()), kind="time"),
            Column(label="Who", value=lambda row: row.actor, kind="shortened"),
            Column(label="What", value=lambda row: row.action),
            Column(label="On", value=lambda row: row.subject, kind="shortened"),
            Column(label="Seal", value=lambda row: row.hash, kind="hash"),
        ),
        rows=rows,
        empty="Nobody has acted yet.",
    )


def _running(row: ServiceStatus) -> Badge:
    return Badge(text="Running", tone="good") if row.running else Badge(text="Not running", tone="bad")


def _complete_to(row: StreamCoverage) -> int | None:
    return row.complete_to if row.complete_to >= row.first else None


def _proofs(row: StreamCoverage) -> str | None:
    """Return the kinds of proof with their share of the covered blocks."""
    parts = [
        PROOFS[kind] if blocks == row.blocks else f"{PROOFS[kind]} {percent(blocks / row.blocks)}"
        for kind, blocks in row.proofs.items()
        if blocks
    ]
    return ", ".join(parts) or None


def _fault(row: Incident) -> Badge:
    text = FAULTS.get(row.kind, row.kind)
    return Badge(text=text, tone="bad" if row.resolved_at is None else "quiet")


def serving(row: Provider, *, configured: Collection[tuple[int, str]]) -> Badge:
    """Return what is to be expected of a node, the gravest first."""
    until = row.quarantined_until
    if (row.chain_id, row.name) not in configured:
        return Badge(text="Not configured any more", tone="quiet")
    if until is not None and until > timezone.now():
        return Badge(text=f"Quarantined until {until:%H:%M}", tone="bad")
    if row.failures >= row.requests:
        return Badge(text="Never answered", tone="bad")
    if until is not None or 2 * row.failures > row.requests:  # a good answer would have ended the quarantine
        return Badge(text="Failing", tone="bad")
    return Badge(text="Answers", tone="good")


def _moment(at: datetime | None) -> int | None:
    return None if at is None else int(at.timestamp())
