"""What ledgers knew at some blocks, so that the next book starts there; true, or not used.

A checkpoint is a shortcut and nothing more: from any of them the same book follows as from the first block. So each is
tied to everything that it depends on: its block's hash, the digest of the logs up to it (a contract whose history came
in later changes that), the code that reads them, and its own bytes.
"""

from __future__ import annotations

import hashlib
import json
import zlib
from functools import cache
from typing import TYPE_CHECKING

from forecasting.models import Checkpoint
from governance.chain import coverage
from governance.domain.canonical import canonical, digest
from governance.env import ROOT
from governance.models import Block

if TYPE_CHECKING:
    from collections.abc import Iterable

    from governance.models import Deployment
    from governance.protocols.base import Ledger, Protocol

_DECODERS = ("governance/domain", "governance/protocols", "governance/chain/abi.py", "forecasting/books.py")


def decoder(deployment: Deployment) -> str:
    """Return the SHA-256 of what makes ledgers from logs: the code, and what contracts told of themselves once."""
    return digest({"code": _code(), "addresses": deployment.addresses})


@cache
def _code() -> str:
    found = hashlib.sha256()
    for place in map(ROOT.joinpath, _DECODERS):
        for path in sorted(place.rglob("*.py")) if place.is_dir() else [place]:
            found.update(f"{path.relative_to(ROOT)}\n".encode() + path.read_bytes())
    return found.hexdigest()


def nearest(deployment: Deployment, protocol: Protocol, *, kind: str, block: int) -> tuple[Ledger, int]:
    """Return the newest ledger that is kept of ``block`` or an earlier one, and its block.

    Without any: an empty ledger, and the block before the deployment's first. Up to ``block`` the collection must be
    complete.
    """
    rows = Checkpoint.objects.filter(deployment=deployment, kind=kind, block_number__lte=block)
    for row in rows.filter(decoder=decoder(deployment)).order_by("-block_number").iterator(chunk_size=1):
        ledger = protocol.ledger()
        if holds(row) and _restore(row, ledger):
            return ledger, row.block_number
    return protocol.ledger(), deployment.first_block - 1


def holds(row: Checkpoint) -> bool:
    """Return whether a checkpoint fits the collected chain, its logs, the code, and its own hash."""
    return (
        row.decoder == decoder(row.deployment)
        and row.block_hash == _held_hash(row.deployment, row.block_number)
        and row.block_number <= coverage.covered_to(row.deployment)
        and row.coverage_digest == coverage.digest(row.deployment, row.block_number)
    )


def _restore(row: Checkpoint, ledger: Ledger) -> bool:
    """Give ``ledger`` the state of a checkpoint; return False for one whose bytes are not what was written."""
    try:
        text = zlib.decompress(row.state)
    except zlib.error:
        return False
    if _hash(text) != row.state_hash:
        return False
    ledger.restore(json.loads(text))
    return True


def save(deployment: Deployment, ledger: Ledger, *, kind: str, block: int) -> Checkpoint:
    """Keep what ``ledger`` knows at the end of ``block``, which must be collected, and drop what is superfluous."""
    text = canonical(ledger.freeze())
    row, _ = Checkpoint.objects.update_or_create(
        deployment=deployment,
        kind=kind,
        block_number=block,
        defaults={
            "block_hash": _held_hash(deployment, block),
            "coverage_digest": coverage.digest(deployment, block),
            "decoder": decoder(deployment),
            "state": zlib.compress(text),
            "state_hash": _hash(text),
        },
    )
    prune(deployment, kind=kind)
    return row


def prune(deployment: Deployment, *, kind: str) -> int:
    """Delete checkpoints of another code or an orphaned block, thin out the old ones, and return how many went."""
    rows = Checkpoint.objects.filter(deployment=deployment, kind=kind).defer("state")
    current = decoder(deployment)
    sound = {
        row.block_number
        for row in rows
        if row.decoder == current and row.block_hash == _held_hash(deployment, row.block_number)
    }
    count, _ = rows.exclude(block_number__in=spaced(sound)).delete()
    return count


def spaced(blocks: Iterable[int]) -> set[int]:
    """Return which of ``blocks`` are kept: the newest, and the oldest of each cell; cells are wider farther away.

    A cell is about a quarter as wide as it is far away. So their number grows with the logarithm of the history's
    length, and whatever block is asked for, one is kept that is not much farther from the newest than it.
    """
    numbers = set(blocks)
    newest = max(numbers, default=0)
    oldest = {}
    for number in sorted(numbers, reverse=True):
        doubling = (newest - number).bit_length()
        oldest[doubling, number >> max(doubling - 2, 0)] = number
    return set(oldest.values())


def _held_hash(deployment: Deployment, number: int) -> str:
    held = Block.objects.filter(chain=deployment.chain_id, number=number).first()
    return f"0x{bytes(held.hash).hex()}" if held else ""


def _hash(text: bytes) -> str:
    return f"0x{hashlib.sha256(text).hexdigest()}"
