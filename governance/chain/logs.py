"""Collection of logs: resumable, gap-free, and proof against reorganisations.

Every stream grows by verified ranges, in any order, and each range is one database transaction of blocks, logs and the
ledger row that proves them. A killed collector leaves whole ranges only; several may run at once.
"""

from __future__ import annotations

import time
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from governance.bulk import FEW, analyze
from governance.chain import coverage, crew, incidents, merging, partitions, providers
from governance.chain.collector import Tally, collect_stream
from governance.chain.reorgs import block_hash, require_settled, settle
from governance.chain.store import LogRow, covered_to, digest, read_logs
from governance.env import env
from governance.errors import ChainError, WrongChain
from governance.models import Block, Coverage, Reorg

if TYPE_CHECKING:
    from collections.abc import Iterator

    from governance.chain.client import Client
    from governance.chain.collector import Progress
    from governance.models import Chain, Deployment, Stream

__all__ = ["CollectReport", "LogRow", "block_hash", "collect", "collect_range", "covered_to", "digest", "read_logs"]

MANY_LOGS = 1_000  # new rows from which the database's statistics are renewed at once
ROUNDS = 3  # how often a chain may be reorganised while it is collected


@dataclass(frozen=True, slots=True, kw_only=True)
class CollectReport:
    """What one collection did.

    Attributes
    ----------
    first, last : int
        The deployment is complete from its first block to ``last``.
    blocks, logs, ranges : int
        Newly landed (each counted once for each stream).
    reorgs : int
        Reorganisations that were met and repaired.
    gaps : int
        Ranges of blocks below the highest one collected that are missing; ``last`` is below the first of them.
    incidents : int
        Faults in what nodes answered that are still open on this chain.
    digest : str
        Of everything collected up to ``last``.
    seconds : float
        How long it took.
    """

    deployment: str
    first: int
    last: int
    blocks: int
    logs: int
    ranges: int
    reorgs: int
    gaps: int
    incidents: int
    digest: str
    seconds: float


def quiet(_done: int, _total: int, _text: str) -> None:
    """Show no progress."""


def collect(client: Client, deployment: Deployment, *, to_block: int, progress: Progress = quiet) -> CollectReport:
    """Collect every stream of ``deployment`` up to ``to_block`` and return what was done.

    A hole that no provider fills is an open incident: what comes after it is collected all the same, and the report's
    ``last`` stays below it.

    Raises
    ------
    WrongChain
        When the node serves another chain of the same id.
    DeepReorg
        When the chain was reorganised deeper than REORG_LIMIT, and nobody has accepted that yet.
    ChainUnavailable, DishonestAnswer, ChainError
        When the nodes give no usable answer up to ``to_block``; what was collected until then stays.
    """
    began = time.perf_counter()
    chain = deployment.chain
    reorgs = Reorg.objects.filter(chain=chain).count()
    try:
        with _conversation(client, chain, deployment.first_block, to_block):
            tally = _collect(client, deployment, to_block=to_block, progress=progress)
    except ChainError:
        partitions.index(chain.chain_id)  # of what was landed until then
        raise
    partitions.index(chain.chain_id)
    if tally.logs >= MANY_LOGS:
        partitions.refresh(chain.chain_id, first=tally.lowest, last=tally.highest)
        analyze(Block, Coverage, target=FEW)
    if tally.ranges:
        for stream in deployment.streams.select_related("deployment"):
            merging.merge(stream, settled=to_block - env().reorg_limit)
    incidents.resolve_covered(chain_id=chain.chain_id)
    for _, last, error in tally.failures:
        if last >= to_block:
            raise error
    last = covered_to(deployment)
    return CollectReport(
        deployment=deployment.slug,
        first=deployment.first_block,
        last=last,
        blocks=tally.blocks,
        logs=tally.logs,
        ranges=tally.ranges,
        reorgs=Reorg.objects.filter(chain=chain).count() - reorgs,
        gaps=sum(len(coverage.gaps(stream)) for stream in deployment.streams.all()),
        incidents=incidents.open_incidents(chain.chain_id).count(),
        digest=digest(deployment, last),
        seconds=time.perf_counter() - began,
    )


def collect_range(client: Client, stream: Stream, *, first: int, last: int) -> None:
    """Land what ``stream`` lacks from block ``first`` to ``last``, as one of several workers.

    Raises
    ------
    WrongChain, DeepReorg, ChainUnavailable
        As `collect`; what was landed until then stays. Other faults are left as open incidents.
    """
    with _conversation(client, stream.deployment.chain, first, last):
        tally = collect_stream(client, stream, first=first, to_block=last, progress=quiet)
    partitions.index(stream.deployment.chain_id, above=partitions.LOADING)  # others are still at work
    if tally.logs >= MANY_LOGS:
        partitions.refresh(stream.deployment.chain_id, first=tally.lowest, last=tally.highest)


@contextmanager
def _conversation(client: Client, chain: Chain, first: int, last: int) -> Iterator[None]:
    """Share what is known of the nodes before and after asking them, and refuse what must not be collected."""
    providers.recall(client, chain_id=chain.chain_id)
    require_settled(chain)
    try:
        _check_genesis(client, chain)
        yield
    finally:
        incidents.drain(client, chain_id=chain.chain_id, first=first, last=last)
        providers.save(client, chain_id=chain.chain_id)


def _collect(client: Client, deployment: Deployment, *, to_block: int, progress: Progress) -> Tally:
    """Collect until the newest block that is held is still the node's: a chain may change while it is read."""
    whole = Tally()
    settle(client, deployment.chain)
    for _ in range(ROUNDS):
        whole.failures.clear()
        for stream in deployment.streams.select_related("deployment__chain").order_by("pk"):
            whole.add(_collect_stream(client, stream, to_block=to_block, progress=progress))
        if not settle(client, deployment.chain):
            break
    return whole


def _collect_stream(client: Client, stream: Stream, *, to_block: int, progress: Progress) -> Tally:
    """Collect a stream, together with a copy of this process while it lacks much."""
    tally, share = Tally(), crew.share(coverage.missing(stream, to_block))
    if share is not None:

        def help_out() -> Tally:
            for said in (client.faults, client.seen):
                said()  # what came before the copy was made is the original's to tell
            with _conversation(client, stream.deployment.chain, stream.first_block, to_block):
                found = collect_stream(client, stream, to_block=to_block, progress=quiet, share=share)
            found.failures.clear()
            return found

        with crew.copied(help_out) as copy:
            tally.add(collect_stream(client, stream, to_block=to_block, progress=progress, share=share))
            tally.add(copy() or Tally())
        tally.failures.clear()  # they are tried once more now, with all that was left
    tally.add(collect_stream(client, stream, to_block=to_block, progress=progress))
    return tally


def _check_genesis(client: Client, chain: Chain) -> None:
    genesis = block_hash(client, 0)
    if genesis != chain.genesis_hash:
        message = (
            f"The node serves another chain {chain.chain_id} than the one that was collected (its first block is"
            f" {genesis or 'missing'}, not {chain.genesis_hash}). Point RPC_URLS at the right one, or use another"
            " DATABASE_URL (or data folder) for this one."
        )
        raise WrongChain(message, genesis=genesis, expected=chain.genesis_hash)
