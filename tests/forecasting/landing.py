"""Logs in the database as a collection would have left them, without a chain: blocks, rows and the ledger's proof."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from governance.bulk import copy_rows
from governance.chain import abi, coverage, partitions, store
from governance.models import Block, Chain, Coverage, Deployment, Log, Stream

BLOCK_SECONDS = 12
START = 1_700_000_000
COLUMNS = (
    "chain_id",
    "block_number",
    "log_index",
    "block_hash",
    "tx_hash",
    "address",
    "topic0",
    "topic1",
    "topic2",
    "topic3",
    "data",
)


def word(value: int | str) -> bytes:
    """Return a number, or an address, as 32 bytes."""
    number = int(value, 16) if isinstance(value, str) else value
    return (number % 2**256).to_bytes(32)


def contract(number: int) -> str:
    return abi.checksum(number.to_bytes(20))


ROLES = {role: contract(1 + at) for at, role in enumerate(("pool", "configurator", "oracle", "addresses_provider"))}


@dataclass(frozen=True, kw_only=True)
class Said:
    """A log in the making: who says what in which block."""

    block: int
    address: str
    signature: str
    topics: tuple[int | str, ...] = ()
    data: tuple[int | str, ...] = ()


@dataclass(kw_only=True)
class Landing:
    """A deployment whose logs are put into the database directly."""

    deployment: Deployment
    fork: int = 0
    index: dict[int, int] = field(default_factory=dict)

    @classmethod
    def start(cls, watched: Iterable[str], *, slug: str = "lab", first_block: int = 1, **made) -> Landing:
        chain, _ = Chain.objects.get_or_create(
            chain_id=31337, defaults={"name": "local", "genesis_hash": "0x" + "0" * 64}
        )
        made = {"slug": slug, "name": "Lab", "kind": "protocol", "flavour": "aave_v3", "addresses": ROLES} | made
        deployment = Deployment.objects.create(chain=chain, first_block=first_block, **made)
        Stream.objects.create(deployment=deployment, addresses=sorted(watched), first_block=first_block)
        return cls(deployment=deployment)

    def hash(self, number: int, fork: int) -> bytes:
        return hashlib.sha256(f"{fork} {number}".encode()).digest()

    def land(self, logs: Sequence[Said], *, last: int) -> None:
        """Land the blocks after what is covered, up to ``last``, with ``logs`` in the order in which they were said."""
        first = coverage.covered_to(self.deployment) + 1
        self.put(logs, first=first, last=last)
        for stream in self.deployment.streams.all():
            self.cover(stream, first=first, last=last)

    def put(self, logs: Sequence[Said], *, first: int, last: int) -> None:
        """Store blocks and logs alone."""
        chain_id = self.deployment.chain_id
        held = Block.objects.filter(chain=chain_id, number=first - 1).first()
        parent = bytes(held.hash) if held else bytes(32)
        blocks, hashes = [], {}
        for number in range(first, last + 1):
            hashes[number] = self.hash(number, self.fork)
            blocks.append((chain_id, number, hashes[number], parent, START + number * BLOCK_SECONDS))
            parent = hashes[number]
        copy_rows(Block, ("chain_id", "number", "hash", "parent_hash", "timestamp"), blocks)
        partitions.ensure(chain_id, first=first, last=last)
        counted = dict.fromkeys(range(first, last + 1), 0)
        rows = []
        for said in logs:
            index, counted[said.block] = counted[said.block], counted[said.block] + 1
            topics = [*map(word, said.topics), b"", b"", b""][:3]
            tx_hash = hashlib.sha256(hashes[said.block] + bytes([index // 2 % 256])).digest()
            rows.append(
                (
                    *(chain_id, said.block, index, hashes[said.block], tx_hash, bytes.fromhex(said.address[2:])),
                    *(abi.topic(said.signature), *topics, b"".join(map(word, said.data))),
                )
            )
        copy_rows(Log, COLUMNS, rows)

    def cover(self, stream: Stream, *, first: int, last: int) -> None:
        """Write the ledger's row of what is stored."""
        chain_id = self.deployment.chain_id
        count, content = coverage.content(chain_id, stream.addresses, first=first, last=last)
        blocks = Block.objects.filter(chain=chain_id)
        Coverage.objects.create(
            stream=stream,
            first=first,
            last=last,
            first_parent=f"0x{bytes(blocks.get(number=first).parent_hash).hex()}",
            last_hash=f"0x{bytes(blocks.get(number=last).hash).hex()}",
            n_logs=count,
            content=content,
            provider="test",
            proof="linked",
        )

    def rewind(self, ancestor: int) -> None:
        """Take back every block above ``ancestor``; those that come next have other hashes."""
        store.rewind(self.deployment.chain, ancestor=ancestor)
        self.fork += 1
