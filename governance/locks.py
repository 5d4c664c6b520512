"""Named advisory locks of PostgreSQL: one holder in the whole installation, freed by the server when it dies."""

from __future__ import annotations

import hashlib
from contextlib import contextmanager
from typing import TYPE_CHECKING

from django.db import connection

from governance.errors import ConflictError

if TYPE_CHECKING:
    from collections.abc import Iterator


def lock_key(name: str) -> int:
    """Return the signed 64-bit key under which ``name`` is locked."""
    return int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], "big", signed=True)


@contextmanager
def exclusive(name: str) -> Iterator[None]:
    """Hold the lock ``name`` for as long as the block runs.

    Raises
    ------
    ConflictError
        At once, when another database session holds it.
    """
    key = lock_key(name)
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_lock(%s)", [key])
        if not cursor.fetchone()[0]:
            raise ConflictError(f"Another process is doing this already ({name}); nothing was done.", lock=name)
    try:
        yield
    finally:
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_unlock(%s)", [key])


def hold(name: str) -> None:
    """Wait for the lock ``name`` and hold it until the surrounding transaction ends."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [lock_key(name)])
