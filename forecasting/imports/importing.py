"""The verb: bring a file in."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from types import ModuleType

from django.utils.text import slugify

from forecasting.imports import checking, funding, history, liquidations, positions, prices, quotes, sheets, tables
from forecasting.imports.landing import Provenance, land
from forecasting.imports.rows import Intent, Rows
from forecasting.models import ImportedFile
from governance.errors import ConflictError, InputError
from governance.version import code_version

KINDS: dict[str, ModuleType] = {
    "prices": prices,
    "liquidations": liquidations,
    "positions": positions,
    "quotes": quotes,
    "funding": funding,
}
IMPORTED = "imported"
ALREADY = "already imported"
LONGEST = 64  # characters of a source's name

type Progress = Callable[[int, int, str], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What became of a file.

    Attributes
    ----------
    file : ImportedFile
        Its provenance.
    status : str
        `IMPORTED` or `ALREADY`.
    seconds : float
    """

    file: ImportedFile
    status: str
    seconds: float


def bring(path: Path, *, kind: str, intent: Intent, progress: Progress) -> Report:
    """Read a file, check it and land it; one that is there already changes nothing.

    Raises
    ------
    InputError
        When the file or what is said about it cannot be used.
    DataError
        When the data must not be computed on; nothing is written.
    ConflictError
        When the file contradicts what was imported earlier, or what was said about it then.
    """
    if slugify(intent.source) != intent.source.lower() or not 0 < len(intent.source) <= LONGEST:
        raise InputError(
            f"--source {intent.source!r} is no name; use at most {LONGEST} letters, digits and hyphens.",
            field="source",
            value=intent.source,
        )
    started = time.monotonic()
    known = _known(tables.sha256(path), kind=kind, intent=intent)
    if known is not None:
        return Report(file=known, status=ALREADY, seconds=time.monotonic() - started)
    progress(0, 4, f"reading {path.name}")
    table = tables.read(path)
    rows: Rows = replace(KINDS[kind].read(table, intent), known=history.known)
    progress(1, 4, f"checking {table.rows:,} rows")
    flags = checking.check(rows, file=table.name)
    progress(2, 4, "looking for duplicates")
    made = []
    for sheet in _sheets(kind, rows, file=table.name):
        kept, again, first = sheets.unique(sheet, file=table.name)
        made.append(kept)
        if again:
            flags.append(
                {"code": "duplicates", "rows": again, "row": first, "sentence": "rows that say the same twice"}
            )
    progress(3, 4, f"landing {table.rows:,} rows")
    file = land(
        kind,
        intent.source,
        made,
        Provenance(
            name=table.name,
            sha256=table.sha256,
            rows=table.rows,
            first=int(rows.micros.min()),
            last=int(rows.micros.max()),
            intent=_said(intent),
            reading=rows.reading,
            flags=flags,
            importer=code_version(),
        ),
    )
    progress(4, 4, "done")
    return Report(file=file, status=IMPORTED, seconds=time.monotonic() - started)


def _sheets(kind: str, rows: Rows, *, file: str) -> list[sheets.Sheet]:
    try:
        found: list[sheets.Sheet] = KINDS[kind].sheets(rows)
    except sheets.Unfit as error:
        raise InputError(f"{file}, row {error.row}: {error}.", field=error.column, value=error.value) from error
    return found


def _said(intent: Intent) -> dict[str, object]:
    """Return what a person said, without what was left to the file."""
    return {name: value for name, value in asdict(intent).items() if value and name != "source"}


def _known(sha256: str, *, kind: str, intent: Intent) -> ImportedFile | None:
    found = ImportedFile.objects.filter(dataset__kind=kind, dataset__source=intent.source, sha256=sha256).first()
    if found is None:
        return None
    then, now = ({**said, "allow": []} for said in (found.intent, _said(intent)))
    differing = sorted(name for name in then.keys() | now.keys() if str(then.get(name)) != str(now.get(name)))
    if differing:
        name = differing[0]
        raise ConflictError(
            f"{found.name} is in {kind}/{intent.source} already, with {name} {then.get(name) or 'not stated'}; now it"
            f" is {now.get(name) or 'not stated'}. Import it under another --source.",
            field=name,
            value=now.get(name),
        )
    return found
