"""Logs of blocks that cannot all be part of one chain: reorganised copies, and blocks that are told in two ways."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from governance.archive.entries import ArchivedLog

type _Block = tuple[int, bytes]
"""Number and hash; the hash is empty where no log tells it."""


def settled(logs: Iterable[ArchivedLog]) -> tuple[list[ArchivedLog], list[dict[str, Any]]]:
    """Return ``logs`` in the order of their chains with each transaction in one block, and what contradicts that.

    A transaction is in one block. Where an archive has it in two, one of them was reorganised away, and nothing here
    tells which: the copy in the higher block counts, because a transaction that lost its block comes back later, and
    the contradiction is told.
    """
    ordered = sorted(logs, key=lambda log: (log.chain_id, log.block_number, log.log_index, log.tx_hash))
    differences = list(_two_ways(ordered))
    homes: dict[tuple[int, bytes], set[_Block]] = defaultdict(set)
    for log in ordered:
        homes[log.chain_id, log.tx_hash].add((log.block_number, log.block_hash))
    chosen: dict[tuple[int, bytes], _Block] = {}
    for (chain_id, tx_hash), blocks in homes.items():
        told = _distinct(blocks)
        if len(told) > 1:
            chosen[chain_id, tx_hash] = max(told)
            shown = [_shown(block) for block in sorted(told)]
            differences.append(_difference(chain_id, max(told)[0], f"transaction 0x{tx_hash.hex()}", shown))
    kept = [log for log in ordered if _is_in(log, chosen.get((log.chain_id, log.tx_hash)))]
    return kept, differences


def _is_in(log: ArchivedLog, block: _Block | None) -> bool:
    return block is None or (log.block_number == block[0] and log.block_hash in {b"", block[1]})


def _distinct(blocks: set[_Block]) -> set[_Block]:
    """Return ``blocks`` without those that only lack the hash that another one of the same number has."""
    hashed = {number for number, block_hash in blocks if block_hash}
    return {block for block in blocks if block[1] or block[0] not in hashed}


def _two_ways(logs: list[ArchivedLog]) -> Iterator[dict[str, Any]]:
    """Yield the blocks that have two hashes or two times."""
    hashes: dict[tuple[int, int], set[str]] = defaultdict(set)
    times: dict[tuple[int, int], set[int]] = defaultdict(set)
    for log in logs:
        place = log.chain_id, log.block_number
        if log.block_hash:
            hashes[place].add(f"0x{log.block_hash.hex()}")
        if log.timestamp is not None:
            times[place].add(log.timestamp)
    for place, told in sorted(hashes.items()):
        if len(told) > 1:
            yield _difference(*place, "blockHash", sorted(told))
    for place, seconds in sorted(times.items()):
        if len(seconds) > 1:
            yield _difference(*place, "timestamp", sorted(seconds))


def _difference(chain_id: int, block: int, name: str, told: list[Any]) -> dict[str, Any]:
    return {"chain": chain_id, "contract": "", "kind": "block", "id": block, "field": name, "logs": told, "dump": None}


def _shown(block: _Block) -> str:
    return f"block {block[0]}" + (f" 0x{block[1].hex()}" if block[1] else "")
