"""Archived logs and readings as the database keeps them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from psycopg.types.json import Jsonb

from governance.archive.entries import ArchivedLog
from governance.bulk import copy_rows
from governance.models import ArchiveLog, ArchiveRecord

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from collections.abc import Set as AbstractSet

    from governance.archive.history import Contract, Readings
    from governance.models import Archive, ArchiveFile

_WORD = 32
_NAMES = tuple(name for name in ArchivedLog.__slots__ if name != "topics")

type Key = tuple[int, bytes, int]
"""Chain, transaction and index of a log."""


def add_logs(archive: Archive, logs: Iterable[tuple[ArchivedLog, ArchiveFile]]) -> None:
    """Store ``logs``, each with the first file that held it."""
    rows = ((archive.pk, file.pk, b"".join(log.topics), *(getattr(log, name) for name in _NAMES)) for log, file in logs)
    copy_rows(ArchiveLog, ("archive_id", "file_id", "topics", *_NAMES), rows)


def homes_of(archive: Archive, keys: AbstractSet[Key]) -> dict[Key, tuple[int, ArchiveFile]]:
    """Return the primary key and the file of each stored log among ``keys``."""
    rows = archive.logs.filter(tx_hash__in={tx_hash for _, tx_hash, _ in keys}).select_related("file")
    found = {(row.chain_id, bytes(row.tx_hash), row.log_index): (row.pk, row.file) for row in rows}
    return {key: home for key, home in found.items() if key in keys}


def drop_logs(archive: Archive, stored: Iterable[int]) -> None:
    """Delete logs by their primary keys."""
    archive.logs.filter(pk__in=list(stored)).delete()


def replace_records(
    file: ArchiveFile, records: Mapping[int, Mapping[str, Any]], *, stored: Mapping[int, Mapping[str, Any]]
) -> None:
    """Keep ``records`` of ``file``, in the place of what is ``stored`` under the same ids."""
    place = {"archive_id": file.archive_id, "kind": file.kind, "chain_id": file.chain_id, "contract": file.contract}
    ArchiveRecord.objects.filter(**place, number__in=[number for number in records if number in stored]).delete()
    rows = ((file.pk, *place.values(), number, Jsonb(body)) for number, body in records.items())
    copy_rows(ArchiveRecord, ("file_id", *place, "number", "body"), rows)


def logs_of(archive: Archive) -> Iterator[ArchivedLog]:
    """Yield the logs of ``archive``, in the order of their chains."""
    order = ("chain_id", "block_number", "log_index", "tx_hash")
    for row in archive.logs.order_by(*order).values("topics", *_NAMES):
        topics = bytes(row.pop("topics"))
        octets = {name: bytes(row[name]) for name in ("tx_hash", "block_hash", "data")}
        split = tuple(topics[at : at + _WORD] for at in range(0, len(topics), _WORD))
        yield ArchivedLog(**(row | octets), topics=split)


def readings_of(archive: Archive, *, kind: str) -> Readings:
    """Return the readings of ``kind`` (proposals or payloads) in ``archive``."""
    found: dict[Contract, dict[int, Mapping[str, Any]]] = {}
    rows = archive.records.filter(kind=kind).order_by("chain_id", "contract", "number")
    for chain_id, contract, number, body in rows.values_list("chain_id", "contract", "number", "body"):
        found.setdefault((chain_id, contract), {})[number] = body
    return found
