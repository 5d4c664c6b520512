"""Which blocks are looked at more closely: it follows from their hashes and a secret of this process.

A node knows the hashes before it answers, so without the secret it could lie about the other blocks only.
"""

from __future__ import annotations

import hashlib
import secrets
from itertools import compress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from governance.chain.encoding import RawHeader

MOST_HASHED = 16
"""Headers of one range that are hashed besides those of the sampled blocks."""

_SCALE = 2**32
_SALT = secrets.token_bytes(16)


def sample(
    headers: Sequence[RawHeader], share: float, *, in_doubt: frozenset[str] = frozenset()
) -> tuple[list[RawHeader], list[RawHeader]]:
    """Return the headers whose hash says that their blocks are looked at, and those that are hashed: a few others too.

    Parameters
    ----------
    headers : sequence of RawHeader
        Of a range.
    share : float
        Of all blocks that are looked at, 0 to 1.
    in_doubt : frozenset of str
        Hashes of blocks that are always looked at, unless none is: a node that hides a block's logs may do so twice.
    """
    bar, draws = round(share * _SCALE), [_draw(header.hash) for header in headers]
    few = sorted(draws)[:MOST_HASHED][-1]
    looked = [bar > 0 and (draw < bar or header.hash in in_doubt) for draw, header in zip(draws, headers, strict=True)]
    also = [look or draw <= few for look, draw in zip(looked, draws, strict=True)]
    return list(compress(headers, looked)), list(compress(headers, also))


def some(hashes: Sequence[str], most: int) -> list[str]:
    """Return at most ``most`` of the hashes, which nobody can foretell."""
    return sorted(hashes, key=_draw)[:most] if len(hashes) > most else list(hashes)


def _draw(block_hash: str) -> int:
    return int.from_bytes(hashlib.sha256(_SALT + block_hash.encode()).digest()[:4])
