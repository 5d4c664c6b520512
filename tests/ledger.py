"""Small chains that no node has mined: headers, logs, and the ranges that a collector would make of them."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from governance.chain import store
from governance.chain.encoding import RawHeader, RawLog, Topics, header_rows, log_rows
from governance.chain.ranges import Range
from governance.models import Chain, Deployment, Stream

if TYPE_CHECKING:
    from collections.abc import Sequence

CHAIN = 4242
PLAIN = [1, 0, 2, 3, 0, 0, 1, 2, 0, 1]  # logs of the blocks of a small chain
CONTRACT = "0x" + "c0" * 20
NO_BLOOM = "0x" + "00" * 256


def digest(*parts: object) -> str:
    return "0x" + hashlib.sha256(repr(parts).encode()).hexdigest()


@dataclass
class FakeChain:
    """A chain whose block ``n`` has ``counts[n]`` logs; ``forks`` makes other blocks from a height on."""

    counts: Sequence[int]
    forks: Sequence[int] = ()
    contract: str = CONTRACT
    headers: list[RawHeader] = field(init=False)
    logs: list[list[RawLog]] = field(init=False)

    def __post_init__(self) -> None:
        self.headers, self.logs = [], []
        parent = "0x" + "00" * 32
        for number, count in enumerate(self.counts):
            own = digest("block", number, sum(number >= height for height in self.forks), parent)
            self.headers.append(
                RawHeader(
                    number=hex(number), hash=own, parent_hash=parent, timestamp=hex(1_000 + number), logs_bloom=NO_BLOOM
                )
            )
            self.logs.append([self.log(number, index, own) for index in range(count)])
            parent = own

    def log(self, number: int, index: int, block_hash: str) -> RawLog:
        topics = [digest("topic", number, index, at) for at in range((number + index) % 5)]
        return RawLog(
            block_number=hex(number),
            log_index=hex(index),
            block_hash=block_hash,
            transaction_hash=digest("transaction", number, index),
            address=self.contract,
            topics=Topics(*topics),
            data="0x" + "ab" * (index % 3 * 16),
        )

    def range(self, first: int, last: int) -> Range:
        headers = self.headers[first : last + 1]
        given = [log for block in self.logs[first : last + 1] for log in block]
        found = log_rows(CHAIN, given, headers, [self.contract])
        return Range(
            first=first,
            last=last,
            first_parent=headers[0].parent_hash,
            last_hash=headers[-1].hash,
            headers=header_rows(CHAIN, headers),
            logs=found.rows,
            n_logs=found.n_logs,
            content=found.content,
            proof="bloom",
        )


def watched(slug: str = "fake", *, first_block: int = 0, contract: str = CONTRACT) -> Stream:
    """Return the stream of a deployment of one contract."""
    chain, _ = Chain.objects.get_or_create(chain_id=CHAIN, defaults={"name": "Fake", "genesis_hash": ""})
    deployment = Deployment.objects.create(
        chain=chain, slug=slug, name=slug, kind="protocol", flavour="none", first_block=first_block
    )
    return Stream.objects.create(deployment=deployment, addresses=[contract], first_block=first_block)


def land_all(stream, chain, pieces) -> None:
    """Land pieces of ``chain``, each of which must be new."""
    for first, last in pieces:
        assert store.land(stream, chain.range(first, last), provider="one")
