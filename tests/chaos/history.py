"""What was collected of a small chain, as it stands in the tables, to be compared row for row."""

from __future__ import annotations

from typing import NamedTuple

from governance.chain import logs
from governance.chain.abi import checksum
from governance.chain.client import Client
from governance.chain.coverage import gaps
from governance.models import Block, Chain, Coverage, Deployment, Incident, Log, Provider, Reorg
from tests.chaos.chain import SmallChain


class History(NamedTuple):
    """The rows of blocks and logs, the ledger's digest, and what is missing."""

    blocks: list[tuple[object, ...]]
    logs: list[tuple[object, ...]]
    digest: str
    last: int
    gaps: list[tuple[int, int]]


def watch(chain: SmallChain) -> Deployment:
    """Watch the small chain's contract."""
    genesis = chain.client.header(0).hash
    known, _ = Chain.objects.get_or_create(chain_id=31337, defaults={"name": "small", "genesis_hash": genesis})
    deployment = Deployment.objects.create(
        chain=known,
        slug="small",
        name="Small",
        kind=Deployment.Kind.PROTOCOL,
        flavour="aave_v3",
        addresses={"pool": checksum(bytes.fromhex(chain.watched[2:]))},
        first_block=1,
    )
    deployment.streams.create(addresses=list(deployment.addresses.values()), first_block=1)
    return deployment


def forget() -> None:
    """Forget everything that was collected, and that it was."""
    for model in (Coverage, Log, Block, Reorg, Incident, Provider):
        model.objects.all().delete()


def collect(client: Client, deployment: Deployment, *, to_block: int) -> History:
    """Collect, and return what stands in the tables then."""
    logs.collect(client, deployment, to_block=to_block)
    return history(deployment)


def history(deployment: Deployment) -> History:
    """Return what stands in the tables."""
    last = logs.covered_to(deployment)
    return History(
        blocks=_texts(Block.objects.order_by("number").values_list()),
        logs=_texts(Log.objects.order_by("block_number", "log_index").values_list()),
        digest=logs.digest(deployment, last),
        last=last,
        gaps=[gap for stream in deployment.streams.all() for gap in gaps(stream)],
    )


def _texts(rows: object) -> list[tuple[object, ...]]:
    return [tuple(bytes(v) if isinstance(v, memoryview) else v for v in row) for row in rows]  # type: ignore[attr-defined]
