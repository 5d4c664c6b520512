"""The votes that were indexed, added up and held against the governors' own tallies."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.db.models import Count, Sum

from governance.bundles import governor_of
from governance.models import Deployment, OnchainProposal, Vote

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any


def mismatches(deployment: Deployment) -> Iterator[str]:
    """Yield the proposals of a governor whose votes do not add up to its own tally.

    A governor whose votes are cast on other chains has none here to add up.
    """
    if not governor_of(deployment).votes_here:
        return
    found = list(deployment.proposals.order_by("created_block", "pk"))
    rows = (
        Vote.objects.filter(proposal__in=found).values("proposal", "support").annotate(total=Sum("weight")).order_by()
    )
    sums = {(row["proposal"], row["support"]): int(row["total"]) for row in rows}
    for proposal in found:
        contract = (proposal.against_votes, proposal.for_votes, proposal.abstain_votes)
        if tuple(int(part) for part in contract) != tuple(sums.get((proposal.pk, support), 0) for support in range(3)):
            yield str(proposal.proposal_id)


def told() -> dict[str, dict[str, Any]]:
    """Return every watched governor by its slug: what it is, its proposals, and whether the votes add up."""
    found: dict[str, dict[str, Any]] = {}
    for deployment in Deployment.objects.filter(kind=Deployment.Kind.GOVERNOR).order_by("slug"):
        proposals = deployment.proposals.annotate(cast=Count("votes")).order_by("created_block", "pk")
        wrong = list(mismatches(deployment))
        found[deployment.slug] = {
            "name": deployment.name,
            "flavour": deployment.flavour,
            "chain_id": deployment.chain_id,
            "facts": deployment.facts,
            "proposals": {str(row.proposal_id): _told(row) for row in proposals},
            "votes": sum(row.cast for row in proposals),
            "mismatches": wrong,
            "tally_equal": not wrong if governor_of(deployment).votes_here else None,  # None: cast on other chains
        }
    return found


def _told(row: OnchainProposal) -> dict[str, Any]:
    return {
        "state": row.state,
        "eta": row.eta,
        "forVotes": str(row.for_votes),
        "againstVotes": str(row.against_votes),
        "abstainVotes": str(row.abstain_votes),
        "quorum": None if row.quorum is None else str(row.quorum),
        "block": row.read_block,
    }
