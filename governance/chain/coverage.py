"""The ledger of what was collected: what is missing, what is doubtful, and whether the rows are still what landed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.db import connection
from django.db.models import Max

from governance.bulk import read_binary
from governance.chain.encoding import BLOCK_AT, BLOCK_COLUMNS, LOG_COLUMNS, NUMBER_AT
from governance.domain import canonical, lattice
from governance.errors import GapInData
from governance.models import Block, Coverage

if TYPE_CHECKING:
    from collections.abc import Sequence

    from governance.models import Chain, Deployment, Stream

_AT_ONCE = 10_000  # blocks whose rows are held in memory while their hashes are summed
_HEADER_ROWS = f"""
SELECT {", ".join(BLOCK_COLUMNS)} FROM governance_block WHERE chain_id = %s AND number BETWEEN %s AND %s
"""  # noqa: S608 - our own column names
_LOG_ROWS = f"""
SELECT {", ".join(LOG_COLUMNS)} FROM governance_log
WHERE chain_id = %s AND block_number BETWEEN %s AND %s AND address = ANY(%s)
ORDER BY block_number, log_index
"""  # noqa: S608 - our own column names
_MISSING = """
SELECT lower(part), upper(part) - 1 FROM unnest(
    int8multirange(int8range(%(first)s, %(last)s, '[]'))
    - (SELECT COALESCE(range_agg(int8range(first, last, '[]')), '{}'::int8multirange)
       FROM governance_coverage WHERE stream_id = %(stream)s)
) AS part ORDER BY 1
"""
_OVERLAPS = """
SELECT first, LEAST(last, before) FROM (
    SELECT first, last,
           max(last) OVER (ORDER BY first, last ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS before
    FROM governance_coverage WHERE stream_id = %(stream)s
) AS row WHERE first <= before ORDER BY 1
"""
_ORPHANS = """
WITH ledger AS (
    SELECT c.first, c.last, c.first_parent, c.last_hash
    FROM governance_coverage c
    JOIN governance_stream s ON s.id = c.stream_id
    JOIN governance_deployment d ON d.id = s.deployment_id
    WHERE d.chain_id = %(chain)s
), held AS (
    SELECT number, hash, parent_hash FROM governance_block WHERE chain_id = %(chain)s
), logs AS (
    SELECT l.block_number, b.hash = l.block_hash AS same
    FROM governance_log l LEFT JOIN held b ON b.number = l.block_number
    WHERE l.chain_id = %(chain)s
), found AS (
    SELECT 'a ledger row that the held headers do not continue' AS what, first, last
    FROM ledger
    LEFT JOIN held low ON low.number = first
    LEFT JOIN held high ON high.number = last
    WHERE '0x' || encode(low.parent_hash, 'hex') IS DISTINCT FROM first_parent
       OR '0x' || encode(high.hash, 'hex') IS DISTINCT FROM last_hash
    UNION ALL
    SELECT 'a header whose parent is not the one that is held', own.number, own.number
    FROM held own JOIN held parent ON parent.number = own.number - 1 WHERE own.parent_hash <> parent.hash
    UNION ALL
    SELECT 'a log of a block that is not held', block_number, block_number FROM logs WHERE same IS NULL
    UNION ALL
    SELECT 'a log of an orphaned block', block_number, block_number FROM logs WHERE NOT same
    UNION ALL
    SELECT 'a log that no ledger row covers', block_number, block_number FROM logs
    WHERE NOT block_number <@ (SELECT COALESCE(range_agg(int8range(first, last, '[]')), '{}') FROM ledger)
)
SELECT what, min(first), max(last), count(*) FROM found GROUP BY what ORDER BY what
"""


@dataclass(frozen=True, slots=True)
class Orphan:
    """Rows that do not belong to what is covered: what is wrong, in which blocks, and how many there are."""

    what: str
    first: int
    last: int
    count: int


def missing(stream: Stream, to_block: int) -> list[tuple[int, int]]:
    """Return the ranges of blocks up to ``to_block`` that ``stream`` does not have yet, in order."""
    if to_block < stream.first_block:
        return []
    with connection.cursor() as cursor:
        cursor.execute(_MISSING, {"first": stream.first_block, "last": to_block, "stream": stream.pk})
        return list(cursor.fetchall())


def gaps(stream: Stream) -> list[tuple[int, int]]:
    """Return the ranges of blocks that ``stream`` lacks below the highest one that it has."""
    highest = stream.coverage.aggregate(last=Max("last"))["last"]
    return [] if highest is None else missing(stream, highest)


def overlaps(stream: Stream) -> list[tuple[int, int]]:
    """Return the ranges of blocks that more than one ledger row of ``stream`` claims; landing never makes one."""
    with connection.cursor() as cursor:
        cursor.execute(_OVERLAPS, {"stream": stream.pk})
        return list(cursor.fetchall())


def orphans(chain: Chain) -> list[Orphan]:
    """Return the rows of ``chain`` that hang in the air: without their block, of another hash, or not covered."""
    with connection.cursor() as cursor:
        cursor.execute(_ORPHANS, {"chain": chain.chain_id})
        return [Orphan(*row) for row in cursor.fetchall()]


def covered_to(deployment: Deployment) -> int:
    """Return the last block up to which every stream of ``deployment`` is complete (below its first block: none)."""
    return min(map(_contiguous, deployment.streams.all()), default=deployment.first_block - 1)


def _contiguous(stream: Stream) -> int:
    highest = stream.coverage.aggregate(last=Max("last"))["last"]
    if highest is None:
        return stream.first_block - 1
    holes = missing(stream, highest)
    return holes[0][0] - 1 if holes else int(highest)


def digest(deployment: Deployment, block: int) -> str:
    """Return the digest of everything that was collected of ``deployment`` up to ``block``.

    It is made of the chain, the blocks' range, the last one's hash, whose logs were collected from which block on, and
    the sum of the hashes of all blocks' headers and logs, so it depends neither on how the range was cut nor on the
    order in which its parts landed. It is summed from the ledger, which says what landed: that the tables still hold
    it is what `verify` finds out, and the command ``reconcile``, which read every row.

    Raises
    ------
    GapInData
        When something up to ``block`` is missing.
    """
    whole = covered_to(deployment)
    if block > whole:
        message = f"{deployment.name} is complete up to block {whole} only; there is no digest up to block {block}."
        raise GapInData(message, deployment=deployment.slug, block=block, complete_to=whole)
    streams = deployment.streams.filter(first_block__lte=block).select_related("deployment")  # later ones say nothing
    parts = [_stream_content(stream, block) for stream in streams]
    last = Block.objects.filter(chain=deployment.chain_id, number=block).first()
    said = {
        "chain": deployment.chain_id,
        "streams": sorted([stream.first_block, *sorted(stream.addresses)] for stream in streams),
        "first": deployment.first_block,
        "last": block,
        "last_hash": f"0x{bytes(last.hash).hex()}" if last else "",
        "content": lattice.digest(lattice.total(lattice.EMPTY, *parts)),
    }
    return canonical.digest(said)


def _stream_content(stream: Stream, block: int) -> bytes:
    """Return the hash of all that ``stream`` has up to ``block``; a range that goes on above it is summed anew.

    One query, because rows may be merged meanwhile; and row by row, because they may be many.
    """
    summed = 0
    rows = stream.coverage.filter(first__lte=block).values_list("first", "last", "content")
    for first, last, known in rows.iterator():
        part = known if last <= block else _partly(stream, first, block)
        summed += int.from_bytes(part)
    return lattice.total(summed)


def _partly(stream: Stream, first: int, last: int) -> bytes:
    _, part = content(stream.deployment.chain_id, stream.addresses, first=first, last=last)
    return part


def content(chain_id: int, addresses: Sequence[str], *, first: int, last: int) -> tuple[int, bytes]:
    """Return how many logs of ``addresses`` are held in a range of blocks, and the hash of headers and logs."""
    count, summed = 0, 0
    for low in range(first, last + 1, _AT_ONCE):
        values = [chain_id, low, min(low + _AT_ONCE - 1, last)]
        blocks = {row[NUMBER_AT]: [row] for row in read_binary(_HEADER_ROWS, values)}
        for row in read_binary(_LOG_ROWS, [*values, octets(addresses)]):
            blocks.setdefault(row[BLOCK_AT], []).append(row)
            count += 1
        summed += sum(lattice.of_block(b"".join(rows)) for rows in blocks.values())
    return count, lattice.total(summed)


def intact(row: Coverage) -> bool:
    """Return whether the headers, their times and the logs that are held are still those that landed with ``row``."""
    chain_id, addresses = row.stream.deployment.chain_id, row.stream.addresses
    return content(chain_id, addresses, first=row.first, last=row.last) == (row.n_logs, bytes(row.content))


def verify(deployment: Deployment) -> list[Coverage]:
    """Return the ledger rows of ``deployment`` whose headers or logs, read anew, are no longer those that landed."""
    rows = Coverage.objects.filter(stream__deployment=deployment).select_related("stream__deployment")
    return [row for row in rows.order_by("stream", "first").iterator() if not intact(row)]


def octets(addresses: Sequence[str]) -> list[bytes]:
    """Return addresses as they are stored."""
    return [bytes.fromhex(address[2:]) for address in addresses]
