"""A homomorphic hash of collected logs: the sum over any parts equals the hash of the whole, in any order.

A running hash would tie the evidence to one order of collection; with this one, workers on disjoint ranges, another
cut into ranges, or a repaired gap all end at the same digest. The header and the logs of each block are hashed by
SHA-256, which processors know by heart, the hash is expanded to `BITS` bits by SHAKE-256 and added modulo ``2**BITS``;
at this width the best known attack (generalised birthday) costs about 2**128, and a collision of SHA-256 as much.

References
----------
Bellare and Micciancio (1997), "A new paradigm for collision-free hashing: incrementality at reduced cost" (AdHash);
Wagner (2002), "A generalized birthday problem", for the width.
"""

from __future__ import annotations

import hashlib

BITS = 4_096
WIDTH = BITS // 8
_MASK = (1 << BITS) - 1
EMPTY = bytes(WIDTH)


def of_block(content: bytes) -> int:
    """Return the summand of one block; ``content`` is the canonical encoding of its header and logs."""
    return int.from_bytes(hashlib.shake_256(hashlib.sha256(content).digest()).digest(WIDTH))


def total(parts: bytes | int, *others: bytes | int) -> bytes:
    """Return the sum of summands and sums, in `WIDTH` bytes."""
    found = sum(part if isinstance(part, int) else int.from_bytes(part) for part in (parts, *others))
    return (found & _MASK).to_bytes(WIDTH)


def digest(content: bytes) -> str:
    """Return the short name of a sum, for people and evidence: its SHA-256 as ``0x…``."""
    return f"0x{hashlib.sha256(content).hexdigest()}"
