"""Bring a folder of archived governance into the database, all or nothing, each log once."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from django.db import transaction

from governance.archive import files
from governance.archive.entries import first_seen
from governance.archive.signatures import CORE
from governance.archive.stored import log_of, logs_of
from governance.errors import InputError
from governance.locks import hold
from governance.models import Archive, ArchiveFile, ArchiveLog, ArchiveRecord

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from governance.archive.entries import ArchivedLog
    from governance.archive.files import ArchivedFile

_BATCH = 2_000
_LONGEST = 64  # letters of a name


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportReport:
    """What an import found and kept.

    Attributes
    ----------
    source : str
        Name of the archive.
    files, repeated_files : int
        How many files were read, and how many of them said what an earlier one had said.
    entries, removed, logs, new_logs : int
        Entries of the event files; those that a reorganisation had removed; distinct logs among the rest; those of them
        that were not in the archive yet.
    records : int
        Proposals and payloads in the state dumps.
    chains : tuple of int
        Chains that were found.
    findings : tuple of str
        What is odd about single entries.
    """

    source: str
    files: int
    repeated_files: int
    entries: int
    removed: int
    logs: int
    new_logs: int
    records: int
    chains: tuple[int, ...]
    findings: tuple[str, ...]

    def as_dict(self) -> dict[str, Any]:
        """Return the report as JSON-ready data."""
        return {**asdict(self), "chains": list(self.chains), "findings": list(self.findings)}

    @property
    def text(self) -> str:
        """The report in one sentence, and what is odd about single entries."""
        chains = ", ".join(map(str, self.chains))
        told = (
            f"{self.source}: {self.files} files of the chains {chains}, {self.repeated_files} of them known already;"
            f" {self.entries} entries, {self.logs} logs, {self.new_logs} of them new, {self.records} readings."
        )
        return "\n".join([told, *self.findings])


def import_folder(
    folder: Path, *, source: str, progress: Callable[[int, int, str], None] = lambda _done, _total, _text: None
) -> ImportReport:
    """Add the archive in ``folder`` to the source ``source``; the same files again change nothing.

    Parameters
    ----------
    folder : Path
        With a folder for each chain, see `governance.archive.files.paths`.
    source : str
        Name under which it is kept.
    progress : callable
        Called with files done, files in all, and the newest file's name.

    Raises
    ------
    InputError
        When a file is not what its place promises, or the source would describe two governances.
    ImplausibleData
        When two entries of the same log contradict each other.
    """
    if not source.strip() or len(source) > _LONGEST:
        raise InputError(f"The source {source!r} is no name of 1 to 64 characters.", field="source", value=source)
    paths = files.paths(folder)
    found = []
    for number, path in enumerate(paths, 1):
        found.append(files.read(path, folder=folder))
        progress(number, len(paths), path.name)
    with transaction.atomic():
        hold(f"archive {source}")
        archive, _ = Archive.objects.get_or_create(source=source)
        archive.save()  # notes the time
        known = {log.key: log for log in logs_of(archive)}
        fresh = [(made, _row(archive, made)) for made in found]
        merged = first_seen([*known.values(), *(log for made in found for log in made.logs)])
        _require_one_governance(merged.values())
        new = _store_logs(archive, fresh, known, merged)
        for made, row in fresh:
            _store_records(archive, row, made)
    return ImportReport(
        source=source,
        files=len(found),
        repeated_files=sum(row is None for _, row in fresh),
        entries=sum(made.entries for made in found if made.kind == files.EVENTS),
        removed=sum(made.removed for made in found),
        logs=len({log.key for made in found for log in made.logs}),
        new_logs=new,
        records=sum(len(made.records) for made in found),
        chains=tuple(sorted({made.chain_id for made in found})),
        findings=tuple(sorted({finding for made in found for finding in made.findings})),
    )


def _row(archive: Archive, made: ArchivedFile) -> ArchiveFile | None:
    """Store a file's provenance; return None for one whose content the archive has."""
    row, is_new = ArchiveFile.objects.get_or_create(
        archive=archive,
        chain_id=made.chain_id,
        kind=made.kind,
        contract=made.contract,
        content=made.content,
        defaults={
            "path": made.path,
            "entries": made.entries,
            "removed": made.removed,
            "findings": list(made.findings),
        },
    )
    return row if is_new else None


def _require_one_governance(logs: Iterable[ArchivedLog]) -> None:
    cores = sorted({(log.chain_id, log.address) for log in logs if log.event is not None and log.event.role == CORE})
    if len(cores) > 1:
        shown = " and ".join(f"{address} on chain {chain}" for chain, address in cores[:2])
        message = f"The source would describe two governances, {shown}; give each a source of its own."
        raise InputError(message, field="source", value=len(cores))


def _store_logs(
    archive: Archive,
    fresh: list[tuple[ArchivedFile, ArchiveFile | None]],
    known: dict[tuple[int, bytes, int], ArchivedLog],
    merged: dict[tuple[int, bytes, int], ArchivedLog],
) -> int:
    """Make the stored logs equal to ``merged``; return how many are new."""
    homes: dict[tuple[int, bytes, int], ArchiveFile] = {}
    for made, row in fresh:
        if row is not None:
            for log in made.logs:
                homes.setdefault(log.key, row)
    richer = {key for key, log in known.items() if merged[key] != log}  # a file told a time that was not known
    for chain_id, tx_hash, log_index in richer:
        archive.logs.filter(chain_id=chain_id, tx_hash=tx_hash, log_index=log_index).delete()
    rows = [
        log_of(merged[key], archive=archive, file=home)
        for key, home in homes.items()
        if key not in known or key in richer
    ]
    ArchiveLog.objects.bulk_create(rows, batch_size=_BATCH)
    return len(rows) - len(richer)


def _store_records(archive: Archive, row: ArchiveFile | None, made: ArchivedFile) -> None:
    """Keep what the contracts were read to say; a later reading takes the place of an earlier one."""
    if row is None or not made.records:
        return
    place = {"archive": archive, "kind": made.kind, "chain_id": made.chain_id, "contract": made.contract}
    ArchiveRecord.objects.filter(**place, number__in=list(made.records)).delete()
    ArchiveRecord.objects.bulk_create(
        [ArchiveRecord(file=row, **place, number=number, body=body) for number, body in made.records.items()],
        batch_size=_BATCH,
    )
