"""The partitions of the log table: one for each million blocks of a chain, made when the first range of it lands.

A partition is made as a table of its own and attached afterwards, which asks the parent for a lock that neither
readers nor other writers wait for. Whoever comes second waits for the first, and finds it made.

Rare events are found by a block-range index. Kept with every row, it would cost a load more than the key does; made of
all rows at once it costs a fifth of that. So partitions get it after their first load, or when searching without it
takes too long.
"""

from __future__ import annotations

from typing import NamedTuple

from django.db import OperationalError, connection, transaction
from psycopg import sql
from psycopg.errors import LockNotAvailable

from governance.bulk import FEW, committed_later
from governance.locks import hold

BLOCKS = 1_000_000
"""Blocks of one partition. Its rows stay in the millions even where every block has ten logs of ours."""

PARENT = "governance_log"
SEARCHED = ("chain_id", "block_number", "address", "topic0")

SMALL = 8 * 1024 * 1024
"""Bytes of a chain's logs up to which they are searched without an index."""

LOADING = 512 * 1024 * 1024
"""Bytes up to which they are while they are loaded."""

PATIENCE = "2s"
"""How long others wait at most while an index waits for somebody: the next collection tries again."""

_INDEX = """
    CREATE INDEX {index} ON {table}
    USING brin (topic0 bytea_bloom_ops (n_distinct_per_range = 64)) WITH (pages_per_range = 16)
"""
_TABLES = """
    SELECT t.relname, coalesce(pg_relation_size(t.oid), 0), (
        SELECT c.oid::regclass::text
        FROM pg_index i
        JOIN pg_class c ON c.oid = i.indexrelid AND c.relname = t.relname || '_event'
        WHERE i.indrelid = t.oid
    )
    FROM pg_inherits h
    JOIN pg_class t ON t.oid = h.inhrelid AND h.inhparent = %s::regclass AND t.relname ~ %s
"""


def ensure(chain_id: int, *, first: int, last: int) -> None:
    """Make the partitions for blocks ``first`` to ``last`` of a chain that are not there yet.

    Call it before the transaction that fills them, which others would otherwise have to wait for.
    """
    for number in _numbers(first, last):
        if not _exists(_name(chain_id, number)):
            _make(chain_id, number)


def index(chain_id: int, *, above: int = SMALL) -> None:
    """Give a chain's partitions their block-range indexes, if those without one are larger than ``above`` bytes.

    Those who write to a partition wait meanwhile: a second for some million rows. Call it outside of a transaction.
    """
    lacking = [table for table in _tables(chain_id) if table.made is None and table.octets]
    if sum(table.octets for table in lacking) > above:
        for table in lacking:
            try:
                _make_index(chain_id, table.name)
            except OperationalError as error:
                if not isinstance(error.__cause__, LockNotAvailable):
                    raise


def _make_index(chain_id: int, table: str) -> None:
    names = {"index": sql.Identifier(f"{table}_event"), "table": sql.Identifier(table)}
    with committed_later(), connection.cursor() as cursor:
        cursor.execute(sql.SQL("SET LOCAL lock_timeout = {}").format(sql.Literal(PATIENCE)))
        hold(f"partition-{table}")
        if any(found.made is None for found in _tables(chain_id) if found.name == table):
            cursor.execute(sql.SQL(_INDEX).format(**names))


def refresh(chain_id: int, *, first: int, last: int) -> None:
    """Let the database look at what landed in blocks ``first`` to ``last``: right after a bulk load it plans for none.

    Statistics are made of the columns that are searched alone: of all of them, they would take longer than the landing.
    """
    summarize(chain_id, first=first, last=last)
    columns = sql.SQL(", ").join(map(sql.Identifier, SEARCHED))
    with committed_later(), connection.cursor() as cursor:
        cursor.execute(sql.SQL("SET LOCAL default_statistics_target = {}").format(sql.Literal(FEW)))
        for table in _tables(chain_id, _numbers(first, last)):
            cursor.execute(sql.SQL("ANALYZE {} ({})").format(sql.Identifier(table.name), columns))


def summarize(chain_id: int, *, first: int, last: int) -> None:
    """Let the block-range indexes learn of the pages with blocks ``first`` to ``last``: every search reads new ones.

    Call it outside of a transaction: nobody else can do it, or vacuum the table, until that ends.
    """
    with connection.cursor() as cursor:
        for table in _tables(chain_id, _numbers(first, last)):
            if table.made is not None:
                cursor.execute("SELECT brin_summarize_new_values(%s::regclass)", [table.made])


class _Table(NamedTuple):
    name: str
    octets: int
    made: str | None


def _tables(chain_id: int, numbers: range | None = None) -> list[_Table]:
    """Return a chain's partitions of these numbers, or all of them, each with its block-range index or None."""
    which = "[0-9]+" if numbers is None else "|".join(map(str, numbers))
    pattern = f"^{PARENT}_{chain_id}_({which})$"
    with connection.cursor() as cursor:
        cursor.execute(_TABLES, [PARENT, pattern])
        return list(map(_Table._make, cursor.fetchall()))


def _numbers(first: int, last: int) -> range:
    return range(first // BLOCKS, last // BLOCKS + 1)


def _exists(name: str) -> bool:
    """Return whether the partition is there; read from the catalogue's table, whose cache may be behind."""
    query = """
        SELECT EXISTS (SELECT FROM pg_inherits JOIN pg_class ON oid = inhrelid
                       WHERE inhparent = %s::regclass AND relname = %s)
    """
    with connection.cursor() as cursor:
        cursor.execute(query, [PARENT, name])
        return bool(cursor.fetchone()[0])


def _make(chain_id: int, number: int) -> None:
    name = _name(chain_id, number)
    values = {
        "parent": sql.Identifier(PARENT),
        "name": sql.Identifier(name),
        "chain": sql.Literal(chain_id),
        "low": sql.Literal(number * BLOCKS),
        "high": sql.Literal((number + 1) * BLOCKS),
    }
    make = "CREATE TABLE {name} (LIKE {parent} INCLUDING ALL)"
    attach = "ALTER TABLE {parent} ATTACH PARTITION {name} FOR VALUES FROM ({chain}, {low}) TO ({chain}, {high})"
    with transaction.atomic():
        hold(f"partition-{name}")
        if _exists(name):
            return
        with connection.cursor() as cursor:
            for statement in (make, attach):
                cursor.execute(sql.SQL(statement).format(**values))


def _name(chain_id: int, number: int) -> str:
    return f"{PARENT}_{chain_id}_{number}"
