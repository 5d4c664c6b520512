"""Many rows at once, by PostgreSQL's COPY."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from django.db import connection, transaction
from psycopg import sql

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from django.db import models
    from psycopg import Copy

FEW = 20
"""Statistics target of an ANALYZE right after a long load: 6,000 rows are enough to plan with until autovacuum looks at
more."""

_BLOCK = 5_000
_PIECE = 256 * 1024  # bytes: the server begins with the first ones while the last ones are on their way
_SIGNATURE = b"PGCOPY\n\xff\r\n\x00" + bytes(8)  # no flags, no extension
_TRAILER = b"\xff\xff"


def copy_rows(model: type[models.Model], columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    """Insert ``rows``, whose values are in the order of ``columns`` (database column names)."""
    with copying(_statement(model, columns)) as copy:
        for row in rows:
            copy.write_row(row)


def copy_text(model: type[models.Model], columns: Sequence[str], lines: Iterable[str]) -> None:
    """Insert rows that are already lines of COPY's text format, without their line ends.

    For values that cannot hold a tab, a backslash or a line end, such as numbers and checked hexadecimal.
    """
    with copying(_statement(model, columns)) as copy:
        block: list[str] = []
        for line in lines:
            block.append(line)
            if len(block) >= _BLOCK:
                copy.write("\n".join(block) + "\n")
                block.clear()
        if block:
            copy.write("\n".join(block) + "\n")


def copy_binary(model: type[models.Model], columns: Sequence[str], rows: bytes) -> None:
    """Insert rows that are already in COPY's binary format, without its signature and trailer."""
    with copying(_statement(model, columns) + sql.SQL(" (FORMAT BINARY)")) as copy:
        copy.write(_SIGNATURE)
        with memoryview(rows) as whole:
            for at in range(0, len(rows), _PIECE):
                copy.write(whole[at : at + _PIECE])
        copy.write(_TRAILER)


def read_binary(query: str, values: Sequence[object]) -> Iterator[bytes]:
    """Yield the rows of ``query`` in COPY's binary format, one by one, as `copy_binary` takes them."""
    with copying(f"COPY ({query}) TO STDOUT (FORMAT BINARY)", values) as copy:
        for number, message in enumerate(copy):
            row = bytes(message)
            row = row.removeprefix(_SIGNATURE) if number == 0 else row
            if row not in {b"", _TRAILER}:
                yield row


@contextmanager
def committed_later() -> Iterator[None]:
    """Open a transaction whose commit returns before it is on disk: after a crash it is there whole, or done again.

    Within another transaction it commits as that one does.
    """
    outermost = not connection.in_atomic_block
    with transaction.atomic():
        if outermost:
            with connection.cursor() as cursor:
                cursor.execute("SET LOCAL synchronous_commit = off")
        yield


def analyze(*tables: type[models.Model], target: int = 100) -> None:
    """Let the database count these tables now: right after a bulk load it would plan for empty ones.

    Parameters
    ----------
    tables : model classes
        The tables.
    target : int
        It looks at 300 times as many rows.
    """
    names = sql.SQL(", ").join(sql.Identifier(table._meta.db_table) for table in tables)  # noqa: SLF001 - documented
    with committed_later(), connection.cursor() as cursor:
        cursor.execute(sql.SQL("SET LOCAL default_statistics_target = {}").format(sql.Literal(target)))
        cursor.execute(sql.SQL("ANALYZE {}").format(names))


@contextmanager
def copying(statement: str | sql.Composed, values: Sequence[object] | Mapping[str, object] = ()) -> Iterator[Copy]:
    """Run a COPY; what goes wrong is one of Django's database errors, as everywhere else."""
    with connection.wrap_database_errors, connection.cursor() as cursor, cursor.copy(statement, values) as copy:
        yield copy


def _statement(model: type[models.Model], columns: Sequence[str]) -> sql.Composed:
    table = sql.Identifier(model._meta.db_table)  # noqa: SLF001 - Django's documented interface
    return sql.SQL("COPY {} ({}) FROM STDIN").format(table, sql.SQL(", ").join(map(sql.Identifier, columns)))
