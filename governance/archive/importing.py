"""Bring a folder of archived governance into the database, all or nothing, each log once."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from django.db import transaction

from governance.archive import files
from governance.archive.entries import first_seen
from governance.archive.readings import later
from governance.archive.signatures import CORE
from governance.archive.stored import add_logs, drop_logs, homes_of, logs_of, readings_of, replace_records
from governance.errors import InputError
from governance.locks import hold
from governance.models import Archive, ArchiveFile

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from governance.archive.entries import ArchivedLog
    from governance.archive.files import ArchivedFile

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
        What is odd about single entries, which logs were taken back, and which readings others replaced.
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
        removals = [removal for made in found for removal in made.removals]
        standing, taken = files.without(merged.values(), removals)
        _require_one_governance(standing)
        new = _store_logs(archive, fresh, known, {log.key: log for log in standing})
        stale = {_store_records(row, made) for made, row in fresh if row is not None and made.records}
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
        findings=tuple(sorted({finding for made in found for finding in made.findings} | taken | stale - {""})),
    )


def _row(archive: Archive, made: ArchivedFile) -> ArchiveFile | None:
    """Store a file's provenance; return None for one whose content the archive has.

    Two files with the same logs may name their arguments differently: what is odd about either is kept.
    """
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
    if is_new:
        return row
    if set(made.findings) - set(row.findings):
        row.findings = sorted({*row.findings, *made.findings})
        row.save(update_fields=["findings"])
    return None


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
    changed = {key for key, log in known.items() if merged.get(key) != log}  # a file told more of it, or took it back
    before = homes_of(archive, changed) if changed else {}
    drop_logs(archive, (number for number, _ in before.values()))
    kept = {key: file for key, (_, file) in before.items() if key in merged}
    new = {key: file for key, file in homes.items() if key not in known and key in merged}
    add_logs(archive, ((merged[key], file) for key, file in (kept | new).items()))
    return len(new)


def _store_records(row: ArchiveFile, made: ArchivedFile) -> str:
    """Keep what the contracts were read to say, of two readings the later one; tell of those that were not."""
    before = readings_of(row.archive, kind=made.kind).get((made.chain_id, made.contract), {})
    newer = {
        number: body
        for number, body in made.records.items()
        if number not in before or later(made.kind, body) > later(made.kind, before[number])
    }
    replace_records(row, newer, stored=before)
    older = sum(number not in newer and body != before[number] for number, body in made.records.items())
    return f"{made.path}: {older} readings are older than those that are there, which stay." if older else ""
