"""Archived logs and readings as the database keeps them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from governance.archive.entries import ArchivedLog
from governance.models import ArchiveLog

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from governance.models import Archive, ArchiveFile

_WORD = 32

type Readings = dict[tuple[int, str], dict[int, Mapping[str, Any]]]
"""(chain, contract) -> id -> what the contract was read to say of that proposal or payload."""


def log_of(log: ArchivedLog, *, archive: Archive, file: ArchiveFile) -> ArchiveLog:
    """Return the row of ``log``."""
    return ArchiveLog(
        archive=archive,
        file=file,
        chain_id=log.chain_id,
        tx_hash=log.tx_hash,
        log_index=log.log_index,
        address=log.address,
        block_number=log.block_number,
        block_hash=log.block_hash,
        topics=b"".join(log.topics),
        data=log.data,
        timestamp=log.timestamp,
        encoded=log.encoded,
    )


def logs_of(archive: Archive) -> Iterator[ArchivedLog]:
    """Yield the logs of ``archive``, in the order of their chains."""
    names = [name for name in ArchivedLog.__slots__ if name != "topics"]
    order = ("chain_id", "block_number", "log_index", "tx_hash")
    for row in archive.logs.order_by(*order).values("topics", *names):
        topics = bytes(row.pop("topics"))
        octets = {name: bytes(row[name]) for name in ("tx_hash", "block_hash", "data")}
        split = tuple(topics[at : at + _WORD] for at in range(0, len(topics), _WORD))
        yield ArchivedLog(**(row | octets), topics=split)


def readings_of(archive: Archive, *, kind: str) -> Readings:
    """Return the readings of ``kind`` (proposals or payloads) in ``archive``."""
    found: Readings = {}
    rows = archive.records.filter(kind=kind).order_by("chain_id", "contract", "number")
    for chain_id, contract, number, body in rows.values_list("chain_id", "contract", "number", "body"):
        found.setdefault((chain_id, contract), {})[number] = body
    return found
