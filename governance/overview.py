"""What the pages read about collection itself: how far it is, what is proven, and what a chain took back."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from governance.models import Block, Chain, Coverage, Reorg

if TYPE_CHECKING:
    from django.db.models import QuerySet


@dataclass(frozen=True, slots=True, kw_only=True)
class Collected:
    """The last block that was collected, with its chain time."""

    chain: str
    block: int
    timestamp: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Range:
    """Blocks of which every log of some contracts is collected; ``digest`` runs over all logs up to the last block."""

    deployment: str
    contracts: int
    first: int
    last: int
    logs: int
    digest: str
    proofs: tuple[str, ...]
    nodes: tuple[str, ...]


def collected() -> Collected | None:
    """Return how far collection has come, or None before the first block."""
    block = Block.objects.order_by("-number").first()
    if block is None:
        return None
    chain = Chain.objects.get(chain_id=block.chain_id)
    return Collected(chain=chain.name, block=block.number, timestamp=block.timestamp)


def coverage() -> list[Range]:
    """Return what is proven to be complete, neighbouring ranges of a stream as one."""
    found: list[Range] = []
    streams: list[int] = []
    for row in Coverage.objects.select_related("stream__deployment").order_by("stream__deployment", "stream", "first"):
        piece = _range(row)
        if streams and streams[-1] == row.stream_id and found[-1].last + 1 == row.first:
            found[-1] = _joined(found[-1], piece)
        else:
            found.append(piece)
            streams.append(row.stream_id)
    return found


def _range(row: Coverage) -> Range:
    return Range(
        deployment=row.stream.deployment.name,
        contracts=len(row.stream.addresses),
        first=row.first,
        last=row.last,
        logs=row.n_logs,
        digest=row.digest,
        proofs=(row.get_proof_display(),),
        nodes=(row.provider,),
    )


def _joined(one: Range, following: Range) -> Range:
    return replace(
        following,
        first=one.first,
        logs=one.logs + following.logs,
        proofs=tuple(sorted({*one.proofs, *following.proofs})),
        nodes=tuple(sorted({*one.nodes, *following.nodes})),
    )


def reorgs() -> QuerySet[Reorg]:
    """Return the reorganisations that were seen, the newest first."""
    return Reorg.objects.order_by("-pk")


def proposal_title(description: str) -> str:
    """Return the first line of a proposal's text without Markdown's signs."""
    lines = (line.strip("#*_ \t\r") for line in description.splitlines())
    return next((line[:160] for line in lines if line), "Proposal without a text")
