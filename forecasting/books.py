"""The book at a block: the newest checkpoint at or below it, and the logs since.

Of events whose next one replaces all that they said (a feed's price, a reserve's rates), only the newest is read: what
was said in between, no later state depends on.
"""

from __future__ import annotations

from heapq import merge
from typing import TYPE_CHECKING, Any

from django.db import connection, transaction

from forecasting import checkpoints
from forecasting.models import Checkpoint, Reserve
from governance.chain import coverage, store
from governance.chain.abi import checksum
from governance.chain.store import LogRow
from governance.deployments import protocol_of
from governance.errors import GapInData
from governance.models import Block

if TYPE_CHECKING:
    from collections.abc import Collection

    from governance.models import Deployment
    from governance.protocols.base import Ledger, Protocol

WORTHWHILE = 5_000  # logs that a rebuild goes through from which its end is kept as a checkpoint
_NEWEST = """
    SELECT max(ARRAY[block_number, log_index]), count(*)
    FROM governance_log
    WHERE chain_id = %(chain)s AND block_number BETWEEN %(first)s AND %(last)s
      AND topic0 = ANY(%(topics)s) AND (address = ANY(%(contracts)s)) IS TRUE
    GROUP BY address, topic0, CASE WHEN topic0 = ANY(%(by_topic)s) THEN topic1 END
"""
_LOGS = """
    SELECT l.block_number, l.log_index, b.timestamp, l.tx_hash, l.address,
           l.topic0, l.topic1, l.topic2, l.topic3, l.data
    FROM unnest(%s::bigint[], %s::int[]) AS at (block_number, log_index)
    JOIN governance_log l ON l.chain_id = %s AND l.block_number = at.block_number AND l.log_index = at.log_index
    JOIN governance_block b ON b.chain_id = l.chain_id AND b.number = l.block_number
    ORDER BY l.block_number, l.log_index
"""


def rebuild(deployment: Deployment, *, block: int) -> Any:  # noqa: ANN401 - each protocol's ledger has its own book
    """Return the book at the end of ``block``, rebuilt from the collected logs.

    Raises
    ------
    GapInData
        When the logs up to ``block`` are not complete.
    """
    ledger = ledger_at(deployment, block=block)
    decimals = dict(Reserve.objects.filter(deployment=deployment).values_list("address", "decimals"))
    timestamp = Block.objects.get(chain=deployment.chain_id, number=block).timestamp
    return ledger.book(timestamp=timestamp, decimals=decimals)


def ledger_at(deployment: Deployment, *, block: int, kind: str = Checkpoint.Kind.BOOK) -> Ledger:
    """Return what a ledger knows at the end of ``block``; when that took long, keep it as a checkpoint.

    Parameters
    ----------
    deployment : Deployment
    block : int
    kind : str
        A `Checkpoint.Kind`: the whole book, or listings, feeds, prices and parameters alone.

    Raises
    ------
    GapInData
        When the logs up to ``block`` are not complete.
    """
    require_collected(deployment, block=block)
    protocol = protocol_of(deployment)
    ledger, start = checkpoints.nearest(deployment, protocol, kind=kind, block=block)
    read = replay(deployment, protocol, ledger, first=start + 1, last=block, topics=_topics(protocol, kind))
    if read >= WORTHWHILE:
        checkpoints.save(deployment, ledger, kind=kind, block=block)
    return ledger


def replay(
    deployment: Deployment, protocol: Protocol, ledger: Ledger, *, first: int, last: int, topics: Collection[bytes]
) -> int:
    """Give ``ledger`` what the logs from block ``first`` to ``last`` say; return how many logs there were."""
    by_topic = protocol.settled_topics & frozenset(topics)
    settled = by_topic | (protocol.price_words.keys() & frozenset(topics))
    single = frozenset(topics) - settled
    count, newest = _newest(deployment, settled, by_topic, first=first, last=last)
    for log in merge(store.read_logs(deployment, first=first, last=last, topics=single), newest):
        count += 1
        for said in protocol.decode(log):
            for event in protocol.expand(ledger, said):
                ledger.apply(event, log.timestamp)
    return count - len(newest)


def require_collected(deployment: Deployment, *, block: int) -> None:
    """Check that every log up to ``block`` is collected.

    Raises
    ------
    GapInData
        When a range below is missing (it is named), or the block was not reached yet.
    """
    if block < deployment.first_block:
        message = f"Block {block} is before the first one of {deployment.name}, which is {deployment.first_block}."
        raise GapInData(message, block=block, first=deployment.first_block)
    covered = coverage.covered_to(deployment)
    if block <= covered:
        return
    message = f"Block {block} is not collected: {deployment.name} is complete up to block {covered}."
    holes = [hole for stream in deployment.streams.all() for hole in coverage.missing(stream, block)]
    first, last = min(holes, default=(covered + 1, block))
    raise GapInData(
        f"{message} Blocks {first} to {last} are missing. Run collect.",
        block=block,
        covered=covered,
        first=first,
        last=last,
    )


def _topics(protocol: Protocol, kind: str) -> frozenset[bytes]:
    if kind == Checkpoint.Kind.BOOK:
        return protocol.book_topics
    return protocol.config_topics | protocol.price_topics


def _newest(
    deployment: Deployment, topics: Collection[bytes], by_topic: Collection[bytes], *, first: int, last: int
) -> tuple[int, list[LogRow]]:
    """Return how many logs have one of ``topics``, and the newest of each contract (and first argument)."""
    if not topics:
        return 0, []
    values: dict[str, Any] = {
        "chain": deployment.chain_id,
        "first": first,
        "last": last,
        "contracts": coverage.octets(store.all_addresses(deployment)),
        "topics": list(topics),
        "by_topic": list(by_topic),
    }
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET LOCAL work_mem = '64MB'")  # so that groups are counted in memory, not sorted on disk
        cursor.execute(_NEWEST, values)
        found = cursor.fetchall()
        blocks, indexes = [at[0] for at, _ in found], [at[1] for at, _ in found]
        cursor.execute(_LOGS, [blocks, indexes, deployment.chain_id])
        rows = [LogRow._make((*row[:4], checksum(row[4]), *row[5:])) for row in cursor.fetchall()]
    return sum(count for _, count in found), rows
