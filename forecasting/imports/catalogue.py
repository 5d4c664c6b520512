"""What is imported: found by name, read again, and proven to be what it was."""

from __future__ import annotations

from collections.abc import Iterator

from django.db import models
from psycopg import sql

from forecasting.imports.landing import content_hash
from forecasting.imports.sheets import summand
from forecasting.imports.times import show
from forecasting.models import (
    ImportedAccount,
    ImportedDataset,
    ImportedFile,
    ImportedFunding,
    ImportedLeg,
    ImportedLiquidation,
    ImportedPrice,
    ImportedQuote,
)
from governance.bulk import copying
from governance.domain import lattice
from governance.errors import InputError, StaleData

TABLES: dict[str, tuple[type[models.Model], ...]] = {
    "prices": (ImportedPrice,),
    "liquidations": (ImportedLiquidation,),
    "positions": (ImportedAccount, ImportedLeg),
    "quotes": (ImportedQuote,),
    "funding": (ImportedFunding,),
}
ASIDE = frozenset({"dataset_id", "version", "origin"})  # columns that are no content


def find(name: str, *, kind: str = "") -> ImportedDataset:
    """Return a dataset by ``kind/source``, or by its source where ``kind`` or the names there are leave no doubt.

    Raises
    ------
    InputError
        When there is none, or several; names those that there are.
    """
    known, _, source = name.rpartition("/")
    found = ImportedDataset.objects.filter(source=source)
    found = found.filter(kind=known or kind) if known or kind else found
    rows = list(found)
    if len(rows) == 1:
        return rows[0]
    others = ImportedDataset.objects.filter(kind=kind) if kind and not rows else (rows or ImportedDataset.objects.all())
    names = ", ".join(dataset.name for dataset in others) or "none; see manage.py import --help"
    problem = f"Several datasets are called {name}" if rows else f"There is no imported dataset {name}"
    raise InputError(f"{problem}; there are: {names}.", field="dataset", value=name)


def newest(dataset: ImportedDataset, *, version: int = 0) -> ImportedFile:
    """Return the file that made ``version`` (0: the newest) what it is.

    Raises
    ------
    InputError
        When there is no such version.
    """
    files = dataset.files.select_related("result").order_by("-number")
    found = (files.filter(version=version) if version else files).first()
    if found is None:
        raise InputError(f"{dataset.name} has no version {version}.", field="version", value=version)
    return found


def verify(dataset: ImportedDataset, *, version: int = 0) -> str:
    """Read a version again and return its hash.

    Raises
    ------
    StaleData
        When the rows are not those that were imported.
    """
    file = newest(dataset, version=version)
    parts = (summand(*row) for row in _lines(dataset, file.version))
    found = content_hash(dataset.name, lattice.total(0, *parts))
    if found != file.result.hash:
        raise StaleData(
            f"The rows of {dataset.name}, version {file.version}, are not those that were imported: their hash is"
            f" {found[:12]}, not {file.result.hash[:12]}. Import the files again under another name.",
            dataset=dataset.name,
        )
    return found


def describe(file: ImportedFile) -> dict[str, object]:
    """Return a file's provenance as JSON-ready data."""
    told = ("number", "version", "name", "sha256", "rows", "added", "merged", "intent", "reading", "flags", "importer")
    return {name: getattr(file, name) for name in told} | {
        "first": show(file.first_time) if file.first_time else "",
        "last": show(file.last_time) if file.last_time else "",
        "hash": file.result.hash,
        "imported_at": file.imported_at.isoformat(),
    }


def listing() -> list[dict[str, object]]:
    """Return every dataset with its newest version, as JSON-ready data."""
    files = ImportedFile.objects.select_related("dataset", "result").order_by("dataset_id", "-number")
    found = sorted(files.distinct("dataset_id"), key=lambda file: file.dataset.name)
    return [
        {
            "name": file.dataset.name,
            "version": file.version,
            "hash": file.result.hash,
            "files": file.number,
            "rows": file.result.rows,
            "first_timestamp": file.result.first_timestamp,
            "last_timestamp": file.result.last_timestamp,
        }
        for file in found
    ]


def _lines(dataset: ImportedDataset, version: int) -> Iterator[tuple[str, str]]:
    """Yield table and COPY line of each row of a version, as they were hashed."""
    for model in TABLES[dataset.kind]:
        table = model._meta.db_table  # noqa: SLF001 - documented
        columns = [str(field.column) for field in model._meta.concrete_fields if field.column not in ASIDE]  # noqa: SLF001
        query = sql.SQL("COPY (SELECT {} FROM {} WHERE dataset_id = {} AND version <= {}) TO STDOUT").format(
            sql.SQL(", ").join(sql.Identifier(name) for name in columns), sql.Identifier(table), dataset.pk, version
        )
        with copying(query) as copy:
            rest = b""
            for block in copy:
                *whole, rest = (rest + bytes(block)).split(b"\n")
                yield from ((table, line.decode()) for line in whole)
