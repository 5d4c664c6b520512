"""Which blocks are looked at more closely: it follows from their hashes and a secret of this process.

A node knows the hashes before it answers, so without the secret it could lie about the other blocks only.
"""

from __future__ import annotations

import hashlib
import secrets
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from governance.chain.encoding import RawHeader

MOST_HASHED = 16
"""Headers of one range that are hashed besides those of the sampled blocks."""

_SCALE = 2**32
_SALT = secrets.token_bytes(16)


def sample(headers: Sequence[RawHeader], share: float, *, in_doubt: frozenset[str] = frozenset()) -> list[RawHeader]:
    """Return the headers whose hash says that their blocks are looked at; ``share`` is how many of all, 0 to 1.

    Blocks ``in_doubt`` (hashes) are always looked at, unless none is: a node that hides a block's logs may do so twice.
    """
    bar = round(share * _SCALE)
    return [header for header in headers if bar and (_draw(header.hash) < bar or header.hash in in_doubt)]


def hashed(headers: Sequence[RawHeader], sampled: Sequence[RawHeader]) -> list[RawHeader]:
    """Return the headers that are hashed: those of the sampled blocks, and a few others."""
    few = some([header.hash for header in headers], MOST_HASHED)
    chosen = {*few, *(header.hash for header in sampled)}
    return [header for header in headers if header.hash in chosen]


def some(hashes: Sequence[str], most: int) -> list[str]:
    """Return at most ``most`` of the hashes, which nobody can foretell."""
    return sorted(hashes, key=_draw)[:most] if len(hashes) > most else list(hashes)


def _draw(block_hash: str) -> int:
    return int.from_bytes(hashlib.sha256(_SALT + block_hash.encode()).digest()[:4])
