"""The root hash of a list of values, as block headers commit to their receipts.

References
----------
Ethereum yellow paper, appendix B (recursive length prefix), appendix C (hex-prefix encoding), appendix D (the modified
Merkle Patricia trie).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import takewhile
from operator import eq

from governance.chain.abi import keccak

Item = bytes | Sequence["Item"]

_SHORT = 55  # bytes whose length fits into the prefix
_HASH = 32  # bytes from which a node is represented by its hash
_NIBBLES = 16


def integer(value: int) -> bytes:
    """Return a number as its shortest big-endian bytes; 0 is none."""
    return value.to_bytes((value.bit_length() + 7) // 8)


def encode(item: Item) -> bytes:
    """Return the recursive length prefix encoding of bytes, or of a list of items."""
    if isinstance(item, bytes):
        single = len(item) == 1 and item[0] < 0x80
        return item if single else _prefix(len(item), 0x80) + item
    body = b"".join(map(encode, item))
    return _prefix(len(body), 0xC0) + body


def root(values: Sequence[bytes]) -> bytes:
    """Return the root of the trie that holds ``values`` under their encoded positions."""
    if not values:
        return keccak(encode(b""))
    leaves = {encode(integer(at)).hex(): value for at, value in enumerate(values)}
    return keccak(encode(_node(leaves, 0)))


def _node(leaves: Mapping[str, bytes], depth: int) -> Sequence[Item]:
    """Return the node that holds the leaves, whose keys (in hexadecimal digits) are alike up to ``depth``."""
    if len(leaves) == 1:
        ((key, value),) = leaves.items()
        return [_path(key[depth:], leaf=True), value]
    shared = sum(takewhile(bool, map(eq, min(leaves), max(leaves))))  # what the outermost share, all do
    if shared > depth:
        key = next(iter(leaves))
        return [_path(key[depth:shared], leaf=False), _reference(_node(leaves, shared))]
    branches: list[dict[str, bytes]] = [{} for _ in range(_NIBBLES)]
    for key, value in leaves.items():  # no key ends here: none is the beginning of another
        branches[int(key[depth], 16)][key] = value
    return [*(_reference(_node(branch, depth + 1)) if branch else b"" for branch in branches), b""]


def _reference(node: Sequence[Item]) -> Item:
    body = encode(node)
    return node if len(body) < _HASH else keccak(body)


def _path(digits: str, *, leaf: bool) -> bytes:
    odd = len(digits) % 2
    return bytes.fromhex(f"{2 * leaf + odd:x}{'' if odd else '0'}{digits}")


def _prefix(length: int, offset: int) -> bytes:
    if length <= _SHORT:
        return bytes([offset + length])
    size = integer(length)
    return bytes([offset + _SHORT + len(size)]) + size
