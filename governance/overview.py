"""What the pages read about collection itself: how far it is, what is proven, and what a chain took back."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.core.cache import cache
from django.utils import timezone

from governance import audit, completeness
from governance.models import Block, Chain, Reorg

if TYPE_CHECKING:
    from django.db.models import QuerySet

    from governance.audit import AuditReport

AUDIT_SECONDS = 60  # for how long a check of the audit log stands
_AUDIT = "audit-state"


@dataclass(frozen=True, slots=True, kw_only=True)
class Collected:
    """The last block that was collected, with its chain time."""

    chain: str
    block: int
    timestamp: int


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditState:
    """What the last check of the whole audit log found, and when that was (unix seconds)."""

    report: AuditReport
    checked_at: int


def collected() -> Collected | None:
    """Return how far collection has come on the chain where that is newest, or None before the first block."""
    ends = completeness.complete_to().items()
    blocks = [Block.objects.filter(chain=chain, number=furthest).first() for chain, (_, furthest) in ends]
    newest = max((block for block in blocks if block), key=lambda block: block.timestamp, default=None)
    if newest is None:
        return None
    chain = Chain.objects.get(chain_id=newest.chain_id)
    return Collected(chain=chain.name, block=newest.number, timestamp=newest.timestamp)


def audit_state() -> AuditState:
    """Return whether the audit log is intact, as of at most `AUDIT_SECONDS` ago: a check reads every entry."""
    known: AuditState | None = cache.get(_AUDIT)
    if known is None:
        known = AuditState(report=audit.verify(), checked_at=int(timezone.now().timestamp()))
        cache.set(_AUDIT, known, timeout=AUDIT_SECONDS)
    return known


def reorgs() -> QuerySet[Reorg]:
    """Return the reorganisations that were seen, the newest first."""
    return Reorg.objects.select_related("chain").order_by("-pk")


def proposal_title(description: str) -> str:
    """Return the first line of a proposal's text without Markdown's signs."""
    lines = (line.strip("#*_ \t\r") for line in description.splitlines())
    return next((line[:160] for line in lines if line), "Proposal without a text")
