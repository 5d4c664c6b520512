"""Many rows at once, by PostgreSQL's COPY."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.db import connection
from psycopg import sql

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from django.db import models

_BLOCK = 5_000


def copy_rows(model: type[models.Model], columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    """Insert ``rows``, whose values are in the order of ``columns`` (database column names)."""
    with connection.cursor() as cursor, cursor.copy(_statement(model, columns)) as copy:
        for row in rows:
            copy.write_row(row)


def copy_text(model: type[models.Model], columns: Sequence[str], lines: Iterable[str]) -> None:
    """Insert rows that are already lines of COPY's text format, without their line ends.

    For values that cannot hold a tab, a backslash or a line end, such as numbers and checked hexadecimal.
    """
    with connection.cursor() as cursor, cursor.copy(_statement(model, columns)) as copy:
        block: list[str] = []
        for line in lines:
            block.append(line)
            if len(block) >= _BLOCK:
                copy.write("\n".join(block) + "\n")
                block.clear()
        if block:
            copy.write("\n".join(block) + "\n")


def analyze(*tables: type[models.Model]) -> None:
    """Let the database count these tables now: right after a bulk load it would plan for empty ones."""
    names = sql.SQL(", ").join(sql.Identifier(table._meta.db_table) for table in tables)  # noqa: SLF001 - documented
    with connection.cursor() as cursor:
        cursor.execute(sql.SQL("ANALYZE {}").format(names))


def _statement(model: type[models.Model], columns: Sequence[str]) -> sql.Composed:
    table = sql.Identifier(model._meta.db_table)  # noqa: SLF001 - Django's documented interface
    return sql.SQL("COPY {} ({}) FROM STDIN").format(table, sql.SQL(", ").join(map(sql.Identifier, columns)))
