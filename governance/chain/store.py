"""Raw facts into and out of the database: landing a range, taking back a reorganised one, and reading logs.

Ranges land in any order, and several workers land at once: they share the chain's lock, which only a reorganisation
takes for itself. Of two that land the same blocks, the second finds them covered, or its rows taken, and leaves them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import psycopg
from django.db import IntegrityError, connection, transaction
from django.db.models import Max, Min

from governance.bulk import committed_later, copy_binary
from governance.chain import partitions, sharing
from governance.chain.abi import checksum
from governance.chain.coverage import content, covered_to, digest, octets
from governance.chain.encoding import BLOCK_COLUMNS, HASH_AT, HEADER_WIDTH, LOG_COLUMNS
from governance.chain.ranges import Range, joined
from governance.errors import DishonestAnswer
from governance.locks import hold, share
from governance.models import Block, Chain, Coverage, Log, Reorg, Stream

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence

    from governance.models import Deployment

__all__ = ["LogRow", "Orphaned", "covered_to", "digest", "held_blocks", "land", "read_logs", "rewind"]

_PAGE = 20_000
_COLLISIONS = 3  # how often a range is landed anew because another worker landed a part of it meanwhile


class Orphaned(Exception):
    """What the node says now and what was collected before are two different chains; ``block`` is held otherwise."""

    def __init__(self, block: int) -> None:
        super().__init__(f"block {block} is held with another hash")
        self.block = block


class LogRow(NamedTuple):
    """A collected log. Topics that it does not have are empty; ``address`` is checksummed."""

    block_number: int
    log_index: int
    timestamp: int
    tx_hash: bytes
    address: str
    topic0: bytes
    topic1: bytes
    topic2: bytes
    topic3: bytes
    data: bytes


def land(stream: Stream, *parts: Range, provider: str) -> bool:
    """Store ranges of ``stream`` in one transaction; return False when another collector has landed a part of them.

    Parameters
    ----------
    stream : Stream
        Whose they are.
    parts : Range
        One or more that follow each other. Each gets a row in the ledger.
    provider : str
        Who gave them.

    Raises
    ------
    DishonestAnswer
        When its logs contradict those that were landed for other streams; nothing is stored then.
    Orphaned
        When the range does not continue the blocks that are held on either side, or contradicts one of them.
    """
    found = joined(parts)
    partitions.ensure(stream.deployment.chain_id, first=found.first, last=found.last)
    collision = IntegrityError()
    for _ in range(_COLLISIONS):
        try:
            with committed_later():
                return _land(stream, found, parts, provider)
        except _Taken:
            return False
        except IntegrityError as error:  # another worker's rows, which were not to be seen before it committed
            collision = error
    if _overlaps(stream, found):
        return False
    table = _table_of(collision)
    if table.startswith(Log._meta.db_table):  # noqa: SLF001 - documented
        raise _contradiction(found, "stand where logs of other contracts were collected") from collision
    if table == Block._meta.db_table:  # noqa: SLF001 - documented
        return False  # workers of other streams are busy there: what is missing is planned anew
    raise collision


class _Taken(Exception):
    """Another worker landed a part of the range while this one's rows were copied."""


def _table_of(error: IntegrityError) -> str:
    """Return the table whose key was taken."""
    return str(error.__cause__.diag.table_name) if isinstance(error.__cause__, psycopg.Error) else ""


def _contradiction(found: Range, why: str) -> DishonestAnswer:
    message = f"Logs of blocks {found.first} to {found.last} {why}."
    return DishonestAnswer(message, kind="contradiction", host=found.provider)


def _land(stream: Stream, found: Range, parts: Sequence[Range], provider: str) -> bool:
    chain_id = stream.deployment.chain_id
    share(f"collect-{chain_id}")
    if _overlaps(stream, found):
        return False
    _land_headers(chain_id, found)
    others = sharing.others(stream, first=found.first, last=found.last)
    Log.objects.filter(
        chain_id=chain_id, block_number__range=(found.first, found.last), address__in=octets(stream.addresses)
    ).delete()
    if found.logs:
        copy_binary(Log, LOG_COLUMNS, found.logs)
    spoilt = sharing.spoilt(others)
    if spoilt is not None:
        raise _contradiction(found, f"differ from those of the same contracts that were collected for {spoilt}")
    hold(f"ledger-{stream.pk}")
    if _overlaps(stream, found):
        raise _Taken
    Coverage.objects.bulk_create([_proof(stream, part, provider) for part in parts])
    return True


def _proof(stream: Stream, part: Range, provider: str) -> Coverage:
    return Coverage(
        stream=stream,
        first=part.first,
        last=part.last,
        first_parent=part.first_parent,
        last_hash=part.last_hash,
        n_logs=part.n_logs,
        content=part.content,
        provider=provider,
        proof=part.proof,
        sampled=part.sampled,
    )


def _overlaps(stream: Stream, found: Range) -> bool:
    query = "SELECT EXISTS (SELECT FROM governance_coverage WHERE stream_id = %s AND first <= %s AND last >= %s)"
    with connection.cursor() as cursor:
        cursor.execute(query, [stream.pk, found.last, found.first])
        return bool(cursor.fetchone()[0])


def _land_headers(chain_id: int, found: Range) -> None:
    around = Block.objects.filter(chain_id=chain_id, number__range=(found.first - 1, found.last + 1))
    held = {
        number: (bytes(own), bytes(parent), time)
        for number, own, parent, time in around.values_list("number", "hash", "parent_hash", "timestamp")
    }
    before, after = held.pop(found.first - 1, None), held.pop(found.last + 1, None)
    if before is not None and f"0x{before[0].hex()}" != found.first_parent:
        raise Orphaned(found.first - 1)
    if after is not None and f"0x{after[1].hex()}" != found.last_hash:
        raise Orphaned(found.last + 1)
    rows = range(0, len(found.headers), HEADER_WIDTH)
    for number, (own, _, _) in held.items():
        at = rows[number - found.first]
        if found.headers[at : at + HEADER_WIDTH][HASH_AT] != own:
            raise Orphaned(number)
    fresh = found.headers
    if held:
        lacking = [at for number, at in enumerate(rows, start=found.first) if number not in held]
        fresh = b"".join([found.headers[at : at + HEADER_WIDTH] for at in lacking])
    if fresh:
        copy_binary(Block, BLOCK_COLUMNS, fresh)


def rewind(chain: Chain, *, ancestor: int) -> None:
    """Take back every block, log and proof above ``ancestor``, in one transaction, and note the reorganisation."""
    with transaction.atomic():
        hold(f"collect-{chain.chain_id}")
        orphans = Block.objects.filter(chain=chain, number__gt=ancestor)
        orphan = orphans.order_by("number").first()
        if orphan is None:
            return
        Reorg.objects.create(
            chain=chain,
            ancestor=ancestor,
            orphan_number=orphan.number,
            orphan_hash=f"0x{bytes(orphan.hash).hex()}",
            depth=orphans.count(),
        )
        covered = Coverage.objects.filter(stream__deployment__chain=chain, last__gt=ancestor)
        covered.filter(first__gt=ancestor).delete()
        for row in covered.select_related("stream"):
            _shorten(row, chain, ancestor)
        Log.objects.filter(chain=chain, block_number__gt=ancestor).delete()
        orphans.delete()


def _shorten(row: Coverage, chain: Chain, last: int) -> None:
    """Let a coverage row end at ``last``, which lies within it and is held."""
    count, summed = content(chain.chain_id, row.stream.addresses, first=row.first, last=last)
    row.last, row.n_logs, row.content = last, count, summed
    row.last_hash = f"0x{bytes(Block.objects.get(chain=chain, number=last).hash).hex()}"
    row.save()


def held_blocks(chain: Chain) -> tuple[int, int] | None:
    """Return the lowest and the highest block number that is held; None says that there is none yet."""
    found = Block.objects.filter(chain=chain).aggregate(low=Min("number"), high=Max("number"))
    return None if found["low"] is None else (found["low"], found["high"])


def read_logs(
    deployment: Deployment,
    *,
    first: int,
    last: int,
    topics: Collection[bytes],
    addresses: Sequence[str] | None = None,
) -> Iterator[LogRow]:
    """Yield the collected logs of ``deployment`` from block ``first`` to ``last`` in the chain's order.

    They are those of one moment, and only a few thousand are held in memory at once.

    Parameters
    ----------
    deployment : Deployment
        Whose streams are read.
    first, last : int
        Blocks, both included.
    topics : collection of bytes
        First topics (event signatures) that are wanted.
    addresses : sequence of str or None
        Only logs of these contracts; None for all of the deployment's.
    """
    wanted = octets(addresses or all_addresses(deployment))
    query = """
        SELECT l.block_number, l.log_index, b.timestamp, l.tx_hash, l.address,
               l.topic0, l.topic1, l.topic2, l.topic3, l.data
        FROM governance_log l
        JOIN governance_block b ON b.chain_id = l.chain_id AND b.number = l.block_number
        WHERE l.chain_id = %s AND l.block_number BETWEEN %s AND %s AND l.topic0 = ANY(%s)
          AND (l.address = ANY(%s)) IS TRUE  -- a filter only: the index would be searched for each pair of both lists
        ORDER BY l.block_number, l.log_index
    """
    with connection.cursor() as cursor:  # all rows are wanted: a plan for the first few would be a slow one
        cursor.execute("SELECT set_config('cursor_tuple_fraction', '1', false)")
    with connection.chunked_cursor() as cursor:  # the server keeps what was not asked for yet
        cursor.execute(query, [deployment.chain_id, first, last, list(topics), wanted])
        while page := cursor.fetchmany(_PAGE):
            yield from map(_row, page)


def all_addresses(deployment: Deployment) -> list[str]:
    """Return the addresses of all streams of ``deployment``, sorted."""
    return sorted({address for stream in deployment.streams.all() for address in stream.addresses})


def _row(row: tuple[Any, ...]) -> LogRow:
    return LogRow._make((*row[:4], checksum(row[4]), *row[5:]))
