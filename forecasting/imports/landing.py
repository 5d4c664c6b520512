"""Lands a file's rows in one transaction: all of them and their provenance, or nothing."""

from __future__ import annotations

from dataclasses import dataclass

from django.db import connection, transaction
from psycopg import sql

from forecasting.imports.sheets import Sheet, summand, without
from forecasting.imports.times import MICRO
from forecasting.models import Dataset, ImportedDataset, ImportedFile
from governance import bulk
from governance.domain import canonical, lattice
from governance.errors import ConflictError

FORMAT = 1  # of the content hash
PREFIX = "imported-"


@dataclass(frozen=True, slots=True, kw_only=True)
class Provenance:
    """What is written down about a file.

    Attributes
    ----------
    name, sha256 : str
    rows : int
        In the file.
    first, last : int
        Time of its first and last row, unix microseconds.
    intent, reading : dict
    flags : list of dict
    importer : str
        Version of the code.
    """

    name: str
    sha256: str
    rows: int
    first: int
    last: int
    intent: dict[str, object]
    reading: dict[str, object]
    flags: list[dict[str, str | int]]
    importer: str


@transaction.atomic
def land(kind: str, source: str, sheets: list[Sheet], provenance: Provenance) -> ImportedFile:
    """Land the rows that the dataset does not have, as its next version.

    Raises
    ------
    ConflictError
        When a row is there already and says something else, naming both; or somebody was faster with the same file.
    """
    ImportedDataset.objects.get_or_create(kind=kind, source=source)
    dataset = ImportedDataset.objects.select_for_update().get(kind=kind, source=source)
    if dataset.files.filter(sha256=provenance.sha256).exists():
        raise ConflictError(f"{provenance.name} was imported by somebody else at this moment; nothing changed.")
    before = dataset.files.order_by("number").last()
    version = (before.version if before else 0) + 1
    parts = [_land(dataset, version, sheet, file=provenance.name, empty=before is None) for sheet in sheets]
    added, merged = sum(part.added for part in parts), sum(part.merged for part in parts)
    content = lattice.total(bytes(before.content) if before else 0, *(part.summand for part in parts))
    first, last = provenance.first, provenance.last
    if before:
        earlier = dataset.files.all()
        first, last = (
            min(first, *(file.first_time for file in earlier)),
            max(last, *(file.last_time for file in earlier)),
        )
    total = added + (before.result.rows if before else 0)
    return ImportedFile.objects.create(
        dataset=dataset,
        number=before.number + 1 if before else 1,
        version=version if added else version - 1,
        name=provenance.name,
        sha256=provenance.sha256,
        rows=provenance.rows,
        added=added,
        merged=merged,
        first_time=provenance.first,
        last_time=provenance.last,
        intent=provenance.intent,
        reading=provenance.reading,
        flags=provenance.flags,
        importer=provenance.importer,
        content=content,
        result=_register(dataset, version=version, content=content, rows=total, first=first, last=last),
    )


def content_hash(name: str, content: bytes) -> str:
    """Return the hash of a dataset's version: of its name and the homomorphic hash of its rows."""
    return canonical.digest({"dataset": name, "format": FORMAT, "content": lattice.digest(content)})


@dataclass(frozen=True, slots=True, kw_only=True)
class _Part:
    added: int
    merged: int
    summand: int


def _land(dataset: ImportedDataset, version: int, sheet: Sheet, *, file: str, empty: bool) -> _Part:
    there = set() if empty else _there(dataset, sheet, file=file)
    new = without(sheet, there)
    lead = f"{dataset.pk}\t{version}\t"
    columns = ("dataset_id", "version", *new.key, *new.content, *new.aside)
    tails = (f"\t{aside}" if new.aside else "" for aside in new.asides)
    bulk.copy_text(new.model, columns, (f"{lead}{line}{tail}" for line, tail in zip(new.lines, tails, strict=True)))
    return _Part(
        added=len(new.lines),
        merged=len(sheet.lines) - len(new.lines),
        summand=sum(summand(new.table, line) for line in new.lines),
    )


def _there(dataset: ImportedDataset, sheet: Sheet, *, file: str) -> set[int]:
    """Return the numbers of the rows that the dataset has already, equal in everything."""
    columns = (*sheet.key, *sheet.content)
    arriving = sql.Identifier("arriving")
    with connection.cursor() as cursor:
        cursor.execute(
            sql.SQL("CREATE TEMPORARY TABLE {} AS SELECT {}, 0::bigint AS number FROM {} LIMIT 0").format(
                arriving, sql.SQL(", ").join(map(sql.Identifier, columns)), sql.Identifier(sheet.table)
            )
        )
        names = sql.SQL(", ").join(map(sql.Identifier, (*columns, "number")))
        with bulk.copying(sql.SQL("COPY {} ({}) FROM STDIN").format(arriving, names)) as copy:
            for line, number in zip(sheet.lines, sheet.numbers, strict=True):
                copy.write(f"{line}\t{number}\n")
        cursor.execute(sql.SQL("ANALYZE {}").format(arriving))
        cursor.execute(_compare(sheet), [dataset.pk])
        found = cursor.fetchall()
        cursor.execute(sql.SQL("DROP TABLE {}").format(arriving))
    differing = next((row for row in found if row[1]), None)
    if differing is not None:
        raise _disagreement(dataset, sheet, differing, file=file)
    return {row[0] for row in found}


def _compare(sheet: Sheet) -> sql.Composed:
    """Return the query for arriving rows whose key is there: number, whether they differ, both contents, the key."""

    def row(table: str) -> sql.Composed:
        return sql.SQL("ROW({})").format(sql.SQL(", ").join(sql.Identifier(table, name) for name in sheet.content))

    def texts(table: str, names: tuple[str, ...]) -> sql.Composed:
        cells = (sql.SQL("{}::text").format(sql.Identifier(table, name)) for name in names)
        return sql.SQL("ARRAY[{}]").format(sql.SQL(", ").join(cells))

    query = "SELECT number, {} IS DISTINCT FROM {}, {}, {}, {} FROM arriving JOIN {} USING ({}) WHERE {} = %s"
    return sql.SQL(query + " ORDER BY number").format(
        row("arriving"),
        row(sheet.table),
        texts("arriving", sheet.content),
        texts(sheet.table, sheet.content),
        texts("arriving", sheet.key),
        sql.Identifier(sheet.table),
        sql.SQL(", ").join(map(sql.Identifier, sheet.key)),
        sql.Identifier(sheet.table, "dataset_id"),
    )


def _disagreement(
    dataset: ImportedDataset, sheet: Sheet, found: tuple[int, bool, list[str], list[str], list[str]], *, file: str
) -> ConflictError:
    number, _, arriving, there, key = found
    name, new, old = next((n, a, b) for n, a, b in zip(sheet.content, arriving, there, strict=True) if a != b)
    what = ", ".join(f"{column} {value}" for column, value in zip(sheet.key, key, strict=True))
    return ConflictError(
        f"{file}, row {number} ({what}): {name} is {new}, but {dataset.name} has {old} already. Import what is right"
        " under another --source.",
        file=file,
        row=number,
        column=name,
        value=new,
        there=old,
    )


def _register(dataset: ImportedDataset, *, version: int, content: bytes, rows: int, first: int, last: int) -> Dataset:
    found, _ = Dataset.objects.get_or_create(
        hash=content_hash(dataset.name, content),
        defaults={
            "kind": f"{PREFIX}{dataset.kind}",
            "first_timestamp": first // MICRO,
            "last_timestamp": last // MICRO,
            "rows": rows,
            "block_number": 0,
            "facts": {"name": dataset.name, "version": version},
        },
    )
    return found
