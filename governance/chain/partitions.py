"""The partitions of the log table: one for each million blocks of a chain, made when the first range of it lands.

A partition is made as a table of its own and attached afterwards, which asks the parent for a lock that neither
readers nor other writers wait for. Whoever comes second waits for the first, and finds it made.
"""

from __future__ import annotations

from django.db import connection, transaction
from psycopg import sql

from governance.bulk import FEW, commit_without_waiting
from governance.locks import hold

BLOCKS = 1_000_000
"""Blocks of one partition. Its rows stay in the millions even where every block has ten logs of ours."""

PARENT = "governance_log"
SEARCHED = ("chain_id", "block_number", "address", "topic0")

_RANGE_INDEXES = """
    SELECT t.relname, i.indexrelid::regclass::text
    FROM pg_inherits h
    JOIN pg_class t ON t.oid = h.inhrelid AND h.inhparent = %s::regclass AND t.relname = ANY(%s)
    JOIN pg_index i ON i.indrelid = t.oid
    JOIN pg_class c ON c.oid = i.indexrelid
    JOIN pg_am a ON a.oid = c.relam AND a.amname = 'brin'
"""


def ensure(chain_id: int, *, first: int, last: int) -> None:
    """Make the partitions for blocks ``first`` to ``last`` of a chain that are not there yet.

    Call it before the transaction that fills them, which others would otherwise have to wait for.
    """
    for number in range(first // BLOCKS, last // BLOCKS + 1):
        if not _exists(_name(chain_id, number)):
            _make(chain_id, number)


def refresh(chain_id: int, *, first: int, last: int) -> None:
    """Let the database look at what landed in blocks ``first`` to ``last``: right after a bulk load it plans for none.

    Statistics are made of the columns that are searched alone: of all of them, they would take longer than the landing.
    """
    summarize(chain_id, first=first, last=last)
    columns = sql.SQL(", ").join(map(sql.Identifier, SEARCHED))
    with transaction.atomic(), connection.cursor() as cursor:
        commit_without_waiting()
        cursor.execute(sql.SQL("SET LOCAL default_statistics_target = {}").format(sql.Literal(FEW)))
        for table, _ in _range_indexes(chain_id, first, last):
            cursor.execute(sql.SQL("ANALYZE {} ({})").format(sql.Identifier(table), columns))


def summarize(chain_id: int, *, first: int, last: int) -> None:
    """Let the block-range indexes learn of the pages with blocks ``first`` to ``last``: every search reads new ones.

    Call it outside of a transaction: nobody else can do it, or vacuum the table, until that ends.
    """
    with connection.cursor() as cursor:
        for _, index in _range_indexes(chain_id, first, last):
            cursor.execute("SELECT brin_summarize_new_values(%s::regclass)", [index])


def _range_indexes(chain_id: int, first: int, last: int) -> list[tuple[str, str]]:
    """Return the partitions of blocks ``first`` to ``last``, each with one of its block-range indexes."""
    names = [_name(chain_id, number) for number in range(first // BLOCKS, last // BLOCKS + 1)]
    with connection.cursor() as cursor:
        cursor.execute(_RANGE_INDEXES, [PARENT, names])
        return list(cursor.fetchall())


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
