"""Raw facts into and out of the database: landing a range, taking back a reorganised one, and reading logs."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any, NamedTuple

from django.db import connection, transaction
from django.db.models import Max, Min

from governance.bulk import copy_text
from governance.chain.abi import checksum
from governance.locks import hold
from governance.models import Block, Chain, Coverage, Log, Reorg, Stream

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence

    from governance.chain.ranges import Range, RawLog
    from governance.models import Deployment

BLOCK_COLUMNS = ("chain_id", "number", "hash", "parent_hash", "timestamp")
LOG_COLUMNS = (
    "chain_id",
    "block_number",
    "log_index",
    "block_hash",
    "tx_hash",
    "address",
    "topic0",
    "topic1",
    "topic2",
    "topic3",
    "data",
)
EMPTY_DIGEST = "0x" + hashlib.sha256(b"").hexdigest()
_PAGE = 20_000


class Orphaned(Exception):
    """What the node says now and what was collected before are two different chains."""


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


def next_block(stream: Stream) -> int:
    """Return the first block of ``stream`` that is not covered yet."""
    last = stream.coverage.aggregate(last=Max("last"))["last"]
    return stream.first_block if last is None else last + 1


def covered_to(deployment: Deployment) -> int:
    """Return the last block up to which every stream of ``deployment`` is complete (below its first block: none)."""
    streams = deployment.streams.all()
    return min((next_block(stream) - 1 for stream in streams), default=deployment.first_block - 1)


def land(stream: Stream, found: Range, *, provider: str) -> int:
    """Store a range of ``stream`` in one transaction and return its number of logs.

    A range that is not the stream's next one is left alone: another collector was faster.

    Raises
    ------
    Orphaned
        When the range does not continue the blocks that are held.
    """
    chain_id = stream.deployment.chain_id
    first, last = int(found.headers[0].number, 16), int(found.headers[-1].number, 16)
    with transaction.atomic():
        hold(f"collect-{chain_id}")
        if next_block(stream) != first:
            return 0
        _land_headers(chain_id, found)
        addresses = _octets(stream.addresses)
        Log.objects.filter(chain_id=chain_id, block_number__range=(first, last), address__in=addresses).delete()
        copy_text(Log, LOG_COLUMNS, (_log_line(chain_id, *entry) for entry in found.logs))
        Coverage.objects.create(
            stream=stream,
            first=first,
            last=last,
            first_parent=found.headers[0].parent_hash,
            last_hash=found.headers[-1].hash,
            n_logs=len(found.logs),
            digest=extend_digest(stream_digest(stream, first - 1), found),
            provider=provider,
            proof=Coverage.Proof.BLOOM if found.bloom_proven else Coverage.Proof.LINKED,
        )
    return len(found.logs)


def _land_headers(chain_id: int, found: Range) -> None:
    first, last = int(found.headers[0].number, 16), int(found.headers[-1].number, 16)
    around = Block.objects.filter(chain_id=chain_id, number__range=(first - 1, last + 1))
    held = {
        number: (bytes(own), bytes(parent))
        for number, own, parent in around.values_list("number", "hash", "parent_hash")
    }
    ends = {first - 1: found.headers[0].parent_hash}
    ends |= {int(header.number, 16): header.hash for header in found.headers}
    for number, block_hash in ends.items():
        if number in held and held[number][0].hex() != block_hash[2:]:
            raise Orphaned
    if last + 1 in held and held[last + 1][1].hex() != found.headers[-1].hash[2:]:
        raise Orphaned
    new = [header for header in found.headers if int(header.number, 16) not in held]
    copy_text(
        Block,
        BLOCK_COLUMNS,
        (
            f"{chain_id}\t{int(h.number, 16)}\t\\\\x{h.hash[2:]}\t\\\\x{h.parent_hash[2:]}\t{int(h.timestamp, 16)}"
            for h in new
        ),
    )


def _log_line(chain_id: int, number: int, index: int, log: RawLog) -> str:
    octets = [log.block_hash, log.transaction_hash, log.address, *log.topics, *["0x"] * (4 - len(log.topics)), log.data]
    return f"{chain_id}\t{number}\t{index}\t" + "\t".join([f"\\\\x{value[2:]}" for value in octets])


def extend_digest(digest: str, found: Range) -> str:
    """Return the running digest after the logs of ``found``: SHA-256 over the one before and each log in turn."""
    running = bytes.fromhex(digest[2:])
    for _, index, log in found.logs:
        body = "".join((log.block_hash, str(index), log.address, *log.topics, log.data))
        running = hashlib.sha256(running + body.encode("ascii")).digest()
    return f"0x{running.hex()}"


def stream_digest(stream: Stream, block: int) -> str:
    """Return the digest of all logs of ``stream`` up to ``block``, which must be covered."""
    row = stream.coverage.filter(last__lte=block).order_by("-last").first()
    digest, start = (row.digest, row.last + 1) if row else (EMPTY_DIGEST, stream.first_block)
    if start > block:
        return digest
    running = bytes.fromhex(digest[2:])
    logs = Log.objects.filter(
        chain_id=stream.deployment.chain_id, block_number__range=(start, block), address__in=_octets(stream.addresses)
    ).order_by("block_number", "log_index")
    for log in logs.iterator(chunk_size=_PAGE):
        topics = [_hex(topic) for topic in (log.topic0, log.topic1, log.topic2, log.topic3) if topic]
        body = "".join((_hex(log.block_hash), str(log.log_index), _hex(log.address), *topics, _hex(log.data)))
        running = hashlib.sha256(running + body.encode("ascii")).digest()
    return f"0x{running.hex()}"


def _hex(octets: bytes | memoryview) -> str:
    return f"0x{octets.hex()}"


def digest(deployment: Deployment, block: int) -> str:
    """Return the digest of everything that was collected of ``deployment`` up to ``block``, however it was cut."""
    parts = [stream_digest(stream, block) for stream in deployment.streams.order_by("pk")]
    return "0x" + hashlib.sha256("".join(parts).encode("ascii")).hexdigest()


def rewind(chain: Chain, *, ancestor: int) -> None:
    """Take back every block, log and proof above ``ancestor``, in one transaction, and note the reorganisation."""
    with transaction.atomic():
        hold(f"collect-{chain.chain_id}")
        orphan = Block.objects.filter(chain=chain, number__gt=ancestor).order_by("number").first()
        if orphan is None:
            return
        Reorg.objects.create(
            chain=chain,
            ancestor=ancestor,
            orphan_number=orphan.number,
            orphan_hash=f"0x{bytes(orphan.hash).hex()}",
        )
        Coverage.objects.filter(stream__deployment__chain=chain, last__gt=ancestor).delete()
        Log.objects.filter(chain=chain, block_number__gt=ancestor).delete()
        Block.objects.filter(chain=chain, number__gt=ancestor).delete()


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
    wanted = _octets(addresses or all_addresses(deployment))
    query = """
        SELECT l.block_number, l.log_index, b.timestamp, l.tx_hash, l.address,
               l.topic0, l.topic1, l.topic2, l.topic3, l.data
        FROM governance_log l
        JOIN governance_block b ON b.chain_id = l.chain_id AND b.number = l.block_number
        WHERE l.chain_id = %s AND l.block_number BETWEEN %s AND %s AND l.address = ANY(%s) AND l.topic0 = ANY(%s)
        ORDER BY l.block_number, l.log_index
    """
    with connection.cursor() as cursor:
        cursor.execute(query, [deployment.chain_id, first, last, wanted, list(topics)])
        while page := cursor.fetchmany(_PAGE):
            yield from map(_row, page)


def newest_logs(deployment: Deployment, *, topics: Collection[bytes], last: int) -> list[LogRow]:
    """Return each contract's newest log with one of ``topics`` up to block ``last``."""
    query = """
        SELECT l.block_number, l.log_index, b.timestamp, l.tx_hash, l.address,
               l.topic0, l.topic1, l.topic2, l.topic3, l.data
        FROM unnest(%s::bytea[]) AS wanted (address)
        CROSS JOIN LATERAL (
            SELECT * FROM governance_log
            WHERE chain_id = %s AND address = wanted.address AND topic0 = ANY(%s) AND block_number <= %s
            ORDER BY block_number DESC, log_index DESC LIMIT 1
        ) l
        JOIN governance_block b ON b.chain_id = l.chain_id AND b.number = l.block_number
        ORDER BY l.block_number, l.log_index
    """
    with connection.cursor() as cursor:
        cursor.execute(query, [_octets(all_addresses(deployment)), deployment.chain_id, list(topics), last])
        return [_row(row) for row in cursor.fetchall()]


def all_addresses(deployment: Deployment) -> list[str]:
    """Return the addresses of all streams of ``deployment``, sorted."""
    return sorted({address for stream in deployment.streams.all() for address in stream.addresses})


def _octets(addresses: Sequence[str]) -> list[bytes]:
    return [bytes.fromhex(address[2:]) for address in addresses]


def _row(row: tuple[Any, ...]) -> LogRow:
    return LogRow._make((*row[:4], checksum(row[4]), *row[5:]))
