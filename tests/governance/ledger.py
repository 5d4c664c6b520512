"""A chain and its ledger, made of plain rows."""

from __future__ import annotations

from governance.chain import partitions
from governance.models import Block, Chain, Coverage, Deployment, Log, Stream

TOKEN = "0x" + "11" * 20


def hash_of(number: int) -> bytes:
    return number.to_bytes(32)


def make_chain() -> Chain:
    made = Chain.objects.create(chain_id=1, name="One", genesis_hash="0x" + "00" * 32)
    for number in range(31):
        Block.objects.create(
            chain=made,
            number=number,
            hash=hash_of(number + 1),
            parent_hash=hash_of(number),
            timestamp=1_000 + 12 * number,
        )
    return made


def stream_of(chain: Chain, slug: str, first: int = 0) -> Stream:
    deployment = Deployment.objects.create(
        chain=chain, slug=slug, name=slug.upper(), kind="protocol", flavour="aave_v3", first_block=first
    )
    return Stream.objects.create(deployment=deployment, addresses=[TOKEN], first_block=first)


def cover(stream: Stream, first: int, last: int, **facts: object) -> Coverage:
    row = {"n_logs": 1, "content": bytes(512), "provider": "node", "proof": "bloom"} | facts
    ends = {"first_parent": f"0x{hash_of(first).hex()}", "last_hash": f"0x{hash_of(last + 1).hex()}"}
    return Coverage.objects.create(stream=stream, first=first, last=last, **(ends | row))


def log(chain: Chain, number: int, address: str = TOKEN) -> None:
    partitions.ensure(chain.chain_id, first=number, last=number)
    empty = dict.fromkeys(("topic0", "topic1", "topic2", "topic3", "data"), b"")
    Log.objects.create(
        chain=chain,
        block_number=number,
        log_index=0,
        block_hash=hash_of(number + 1),
        tx_hash=hash_of(7),
        address=bytes.fromhex(address[2:]),
        **empty,
    )
