"""Named advisory locks of PostgreSQL: one holder in the whole installation, freed by the server when it dies."""

from __future__ import annotations

import hashlib
import time
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING

from django.db import connection

from governance.errors import ConflictError

if TYPE_CHECKING:
    from collections.abc import Iterator

PATIENCE = 900.0  # seconds to wait for somebody who does the same; longer than a derivation from the first block takes
_LOOK = 0.2


def lock_key(name: str) -> int:
    """Return the signed 64-bit key under which ``name`` is locked."""
    return int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], "big", signed=True)


@contextmanager
def turn(name: str, *, patience: float = PATIENCE) -> Iterator[None]:
    """Wait until nobody else holds the lock ``name``, at most ``patience`` seconds, and hold it while the block runs.

    Raises
    ------
    ConflictError
        When another database session holds it for longer.
    """
    deadline = time.monotonic() + patience
    with ExitStack() as stack:
        while True:
            try:
                stack.enter_context(exclusive(name))
            except ConflictError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(_LOOK)
            else:
                break
        yield


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


def share(name: str) -> None:
    """Wait until nobody holds the lock ``name``, and keep them from it, not each other, until the transaction ends."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock_shared(%s)", [lock_key(name)])
