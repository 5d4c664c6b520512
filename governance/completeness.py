"""What pages and metrics say about completeness: what is covered and how that is proven, what is wrong, and who serves.

Only reads, and of a size that does not grow with the history: coverage is summed up by the database.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from django.db import connection
from django.db.models import Count, F, Max, Sum
from django.utils import timezone

from governance.models import Chain, Coverage, Incident, Provider

if TYPE_CHECKING:
    from collections.abc import Mapping

    from django.db.models import QuerySet

MINUTES = 5  # over which the rate of collection is averaged
STOPPING = (Incident.Kind.GAP, Incident.Kind.DEEP_REORG)
"""Faults that leave history incomplete, so that nothing may be concluded from what comes after them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamCoverage:
    """How completely the logs of one stream's contracts are collected, in blocks and logs.

    Attributes
    ----------
    first, last : int
        Where collection begins, and the highest block that was landed (below ``first``: none yet).
    complete_to : int
        Every block from ``first`` up to this one is covered; below ``first``: none is.
    blocks, logs, ranges : int
        Covered so far, and in how many landings.
    proofs : Mapping[str, int]
        Kind of proof -> blocks that it holds for; their sum is ``blocks``.
    sampled : int
        Blocks that were compared with a stronger source besides.
    providers : tuple of str
        Nodes that served them.
    """

    chain_id: int
    deployment: str
    slug: str
    stream: int
    contracts: int
    first: int
    last: int
    complete_to: int
    blocks: int
    logs: int
    ranges: int
    proofs: Mapping[str, int]
    sampled: int
    providers: tuple[str, ...]

    @property
    def sampled_share(self) -> float:
        """The share of covered blocks that were sampled, 0 to 1."""
        return self.sampled / self.blocks if self.blocks else 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Hole:
    """Blocks of a stream that are wrong in the ledger: missing between covered ones, or covered twice."""

    chain_id: int
    deployment: str
    stream: int
    first: int
    last: int

    @property
    def blocks(self) -> int:
        """How many they are."""
        return self.last - self.first + 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Orphan:
    """Rows that hang in the air: ``what`` is wrong with how many ``rows``, in which blocks."""

    chain_id: int
    what: str
    first: int
    last: int
    rows: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """Where the collection of one chain stands and how fast it goes.

    Attributes
    ----------
    head : int or None
        Newest block that one of its nodes has shown; None: none was asked yet.
    complete_to : int or None
        Newest block up to which every stream is complete; None: nothing is watched there.
    logs_per_second, blocks_per_second : float
        Landed over the last `MINUTES` minutes; blocks count once for each stream.
    """

    chain_id: int
    chain: str
    head: int | None
    complete_to: int | None
    logs_per_second: float
    blocks_per_second: float

    @property
    def lag(self) -> int | None:
        """Blocks that are on chain and not collected; None: not known."""
        return None if self.head is None or self.complete_to is None else max(self.head - self.complete_to, 0)


_COMPLETE_TO = """
    SELECT d.chain_id, min(coalesce(known.last, s.first_block - 1)), max(coalesce(known.last, s.first_block - 1))
    FROM governance_stream s
    JOIN governance_deployment d ON d.id = s.deployment_id
    CROSS JOIN LATERAL (
        SELECT (SELECT upper(part) - 1 FROM unnest(range_agg(int8range(first, last, '[]'))) AS part
                WHERE part @> s.first_block) AS last
        FROM governance_coverage WHERE stream_id = s.id
    ) known
    GROUP BY d.chain_id
"""
_COVERAGE = """
    SELECT d.chain_id, d.name, s.id, jsonb_array_length(s.addresses), s.first_block,
           known.last, (SELECT upper(part) - 1 FROM unnest(known.held) AS part WHERE part @> s.first_block),
           known.ranges, known.blocks, known.logs, known.sampled, known.providers, d.slug, {proofs}
    FROM governance_stream s
    JOIN governance_deployment d ON d.id = s.deployment_id
    CROSS JOIN LATERAL (
        SELECT max(last) AS last, range_agg(int8range(first, last, '[]')) AS held, count(*) AS ranges,
               coalesce(sum(last - first + 1), 0) AS blocks, coalesce(sum(n_logs), 0) AS logs,
               coalesce(sum(sampled), 0) AS sampled, array_agg(DISTINCT provider) AS providers, {sums}
        FROM governance_coverage WHERE stream_id = s.id
    ) known
    ORDER BY d.name, s.id
"""
_GAPS = """
    SELECT d.chain_id, d.name, s.id, lower(hole), upper(hole) - 1
    FROM governance_stream s
    JOIN governance_deployment d ON d.id = s.deployment_id
    CROSS JOIN LATERAL (
        SELECT range_agg(int8range(c.first, c.last, '[]')) AS held, max(c.last) AS last
        FROM governance_coverage c WHERE c.stream_id = s.id
    ) known
    CROSS JOIN LATERAL unnest(int8multirange(int8range(s.first_block, known.last, '[]')) - known.held) AS hole
    WHERE known.last >= s.first_block ORDER BY d.name, s.id, lower(hole)
"""
_OVERLAPS = """
    SELECT d.chain_id, d.name, c.stream_id, c.first, least(c.last, c.before)
    FROM (
        SELECT stream_id, first, last, max(last) OVER (
            PARTITION BY stream_id ORDER BY first, id ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS before
        FROM governance_coverage
    ) c
    JOIN governance_stream s ON s.id = c.stream_id
    JOIN governance_deployment d ON d.id = s.deployment_id
    WHERE c.before >= c.first ORDER BY d.name, c.stream_id, c.first
"""
_ORPHANS = """
    WITH ledger AS (
        SELECT d.chain_id, c.first, c.last, c.first_parent, c.last_hash
        FROM governance_coverage c
        JOIN governance_stream s ON s.id = c.stream_id
        JOIN governance_deployment d ON d.id = s.deployment_id
    ), outside AS (
        SELECT chain.chain_id, unnest(int8multirange(int8range(0, NULL)) - coalesce(
            (SELECT range_agg(int8range(l.first, l.last, '[]')) FROM ledger l WHERE l.chain_id = chain.chain_id),
            '{}'::int8multirange)) AS blocks
        FROM governance_chain chain
    ), found AS (
        SELECT ledger.chain_id, 'ledger rows that the held headers do not continue' AS what, first, last
        FROM ledger
        LEFT JOIN governance_block low ON low.chain_id = ledger.chain_id AND low.number = first
        LEFT JOIN governance_block high ON high.chain_id = ledger.chain_id AND high.number = last
        WHERE '0x' || encode(low.parent_hash, 'hex') IS DISTINCT FROM first_parent
           OR '0x' || encode(high.hash, 'hex') IS DISTINCT FROM last_hash
        UNION ALL
        SELECT o.chain_id, 'logs that no ledger row covers', l.block_number, l.block_number
        FROM outside o
        JOIN governance_log l ON l.chain_id = o.chain_id
            AND l.block_number >= lower(blocks) AND l.block_number < coalesce(upper(blocks), 9223372036854775807)
    )
    SELECT chain_id, what, min(first), max(last), count(*) FROM found GROUP BY chain_id, what ORDER BY chain_id, what
"""


def complete_to() -> dict[int, tuple[int, int]]:
    """Return chain -> blocks up to which every stream, and the one that is furthest, is complete."""
    with connection.cursor() as cursor:
        cursor.execute(_COMPLETE_TO)
        return {chain: (every, furthest) for chain, every, furthest in cursor.fetchall()}


def coverage() -> list[StreamCoverage]:
    """Return how completely each stream is collected, by deployment."""
    kinds = [str(kind) for kind in Coverage.Proof]
    one = "coalesce(sum(last - first + 1) FILTER (WHERE proof = %s), 0)"
    query = _COVERAGE.format(
        proofs=", ".join(f"known.proof_{number}" for number in range(len(kinds))),
        sums=", ".join(f"{one} AS proof_{number}" for number in range(len(kinds))),
    )
    with connection.cursor() as cursor:
        cursor.execute(query, kinds)
        rows = cursor.fetchall()
    return [
        StreamCoverage(
            chain_id=row[0],
            deployment=row[1],
            slug=row[12],
            stream=row[2],
            contracts=row[3],
            first=row[4],
            last=row[4] - 1 if row[5] is None else row[5],
            complete_to=row[4] - 1 if row[6] is None else row[6],
            ranges=row[7],
            blocks=int(row[8]),
            logs=int(row[9]),
            sampled=int(row[10]),
            providers=tuple(sorted(row[11] or ())),
            proofs={kind: int(blocks) for kind, blocks in zip(kinds, row[13:], strict=True)},
        )
        for row in rows
    ]


def gaps() -> list[Hole]:
    """Return the blocks of each stream that are missing below its highest covered one."""
    return _holes(_GAPS)


def overlaps() -> list[Hole]:
    """Return the blocks of each stream that two ranges cover."""
    return _holes(_OVERLAPS)


def orphans() -> list[Orphan]:
    """Return what hangs in the air, as far as it is found without reading every log.

    `governance.chain.coverage` reads them all, and so does the command ``reconcile``.
    """
    with connection.cursor() as cursor:
        cursor.execute(_ORPHANS)
        return [
            Orphan(chain_id=chain, what=what, first=first, last=last, rows=rows)
            for chain, what, first, last, rows in cursor.fetchall()
        ]


def _holes(query: str) -> list[Hole]:
    with connection.cursor() as cursor:
        cursor.execute(query)
        return [
            Hole(chain_id=chain, deployment=name, stream=stream, first=first, last=last)
            for chain, name, stream, first, last in cursor.fetchall()
        ]


def open_incidents() -> QuerySet[Incident]:
    """Return the faults that are not resolved, the newest first."""
    return Incident.objects.filter(resolved_at=None).select_related("chain").order_by("-seen_at", "-pk")


def resolved_incidents() -> QuerySet[Incident]:
    """Return the faults that are over, the one that ended last first."""
    return Incident.objects.exclude(resolved_at=None).select_related("chain").order_by("-resolved_at", "-pk")


def stopping() -> Incident | None:
    """Return the oldest open fault that leaves history incomplete; None says that there is none."""
    return Incident.objects.filter(resolved_at=None, kind__in=STOPPING).order_by("seen_at", "pk").first()


def incidents_by_kind() -> dict[tuple[int, str], int]:
    """Return (chain, kind) -> number of open faults, 0 for kinds without one."""
    found = Incident.objects.filter(resolved_at=None).values_list("chain", "kind").annotate(n=Count("pk")).order_by()
    counts = {(chain, kind): n for chain, kind, n in found}
    chains = Chain.objects.values_list("chain_id", flat=True)
    return {(chain, str(kind)): counts.get((chain, kind), 0) for chain in chains for kind in Incident.Kind}


def providers() -> list[Provider]:
    """Return every node that was asked, by chain and name."""
    return list(Provider.objects.select_related("chain").order_by("chain", "name"))


def paces() -> list[Pace]:
    """Return where the collection of each chain stands."""
    ends, landed = complete_to(), _landed_lately()
    chains = Chain.objects.annotate(head=Max("providers__head")).order_by("chain_id")
    return [
        Pace(
            chain_id=chain.chain_id,
            chain=chain.name,
            head=chain.head or None,
            complete_to=ends[chain.chain_id][0] if chain.chain_id in ends else None,
            logs_per_second=landed.get(chain.chain_id, (0, 0))[0] / (60 * MINUTES),
            blocks_per_second=landed.get(chain.chain_id, (0, 0))[1] / (60 * MINUTES),
        )
        for chain in chains
    ]


def _landed_lately() -> dict[int, tuple[int, int]]:
    """Return chain -> logs and blocks that were landed in the last `MINUTES` minutes."""
    rows = (
        Coverage.objects.filter(landed_at__gt=timezone.now() - timedelta(minutes=MINUTES))
        .values_list("stream__deployment__chain")
        .annotate(logs=Sum("n_logs"), blocks=Sum(F("last") - F("first") + 1))
        .order_by()
    )
    return {chain: (logs, blocks) for chain, logs, blocks in rows}
