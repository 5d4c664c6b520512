"""Collection of logs: resumable, gap-free, and proof against reorganisations.

Every stream grows by one verified range at a time, and each range is one database transaction of blocks, logs and
the coverage row that proves them. A killed collector leaves whole ranges only; several may run at once.
"""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

from governance.bulk import analyze
from governance.chain import ranges, store
from governance.chain.store import LogRow, covered_to, digest, read_logs
from governance.errors import ChainError, ChainUnavailable, DishonestAnswer, WrongChain
from governance.models import Block, Log, Reorg

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from concurrent.futures import Future

    from governance.chain.client import Client
    from governance.chain.ranges import Range
    from governance.models import Chain, Deployment, Stream

    Progress = Callable[[int, int, str], None]

__all__ = ["CollectReport", "LogRow", "collect", "covered_to", "digest", "read_logs"]

LARGEST_RANGE = 1_000  # blocks
SMALLEST_STEP = 1
COMFORTABLE = 1.0  # seconds for one answer; slower than three times that, and the range is halved
MANY_LOGS = 1_000  # new rows from which the database's statistics are renewed at once
PATIENCE = 3  # how often a chain may change while a range of it is read


@dataclass(frozen=True, slots=True, kw_only=True)
class CollectReport:
    """What one collection did.

    Attributes
    ----------
    first, last : int
        The deployment is complete from its first block to ``last``.
    blocks, logs : int
        Newly landed (blocks counted once for each stream).
    reorgs : int
        Reorganisations that were met and repaired.
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
    reorgs: int
    digest: str
    seconds: float


def quiet(_done: int, _total: int, _text: str) -> None:
    """Show no progress."""


def collect(client: Client, deployment: Deployment, *, to_block: int, progress: Progress = quiet) -> CollectReport:
    """Collect every stream of ``deployment`` up to ``to_block`` and return what was done.

    Raises
    ------
    WrongChain
        When the node serves another chain of the same id.
    ChainUnavailable, DishonestAnswer, ChainError
        When the node gives no usable answer; what was collected until then stays.
    """
    began = time.perf_counter()
    chain = deployment.chain
    reorgs = Reorg.objects.filter(chain=chain).count()
    _check_genesis(client, chain)
    settle(client, chain)
    blocks = logs = 0
    for stream in deployment.streams.select_related("deployment").order_by("pk"):
        new_blocks, new_logs = _collect_stream(client, stream, to_block=to_block, progress=progress)
        blocks, logs = blocks + new_blocks, logs + new_logs
    if logs >= MANY_LOGS:
        analyze(Block, Log)
    last = covered_to(deployment)
    return CollectReport(
        deployment=deployment.slug,
        first=deployment.first_block,
        last=last,
        blocks=blocks,
        logs=logs,
        reorgs=Reorg.objects.filter(chain=chain).count() - reorgs,
        digest=digest(deployment, last),
        seconds=time.perf_counter() - began,
    )


def settle(client: Client, chain: Chain) -> None:
    """Take back what the node no longer holds: find the newest block on which both agree and rewind to it."""
    held = store.held_blocks(chain)
    if held is None or _agrees(client, chain, held[1]):
        return
    head = client.head().number
    if head < held[1]:
        message = f"The node is behind: it stands at block {head:,}, and block {held[1]:,} was collected already."
        raise ChainUnavailable(f"{message} Wait until it has caught up, or use another one.", head=head, held=held[1])
    low, high = held
    step, bad = 1, high
    while (number := max(bad - step, low - 1)) >= low and not _agrees(client, chain, number):
        bad, step = number, step * 2
    good = number
    while bad - good > 1:
        middle = (good + bad) // 2
        good, bad = (middle, bad) if _agrees(client, chain, middle) else (good, middle)
    store.rewind(chain, ancestor=good)


def _agrees(client: Client, chain: Chain, number: int) -> bool:
    """Return whether the node has the block that is held; False also for one that is not held."""
    held = Block.objects.filter(chain=chain, number=number).first()
    return held is not None and block_hash(client, number) == f"0x{bytes(held.hash).hex()}"


def block_hash(client: Client, number: int) -> str:
    """Return the hash of block ``number``; empty when the node does not hold it."""
    found = client.call("eth_getBlockByNumber", [hex(number), False])
    return str(found["hash"]).lower() if isinstance(found, dict) and "hash" in found else ""


def _check_genesis(client: Client, chain: Chain) -> None:
    genesis = block_hash(client, 0)
    if genesis != chain.genesis_hash:
        message = (
            f"The node serves another chain {chain.chain_id} than the one that was collected (its first block is"
            f" {genesis or 'missing'}, not {chain.genesis_hash}). Point RPC_URLS at the right one, or use another"
            " DATABASE_URL (or data folder) for this one."
        )
        raise WrongChain(message, genesis=genesis, expected=chain.genesis_hash)


def _collect_stream(client: Client, stream: Stream, *, to_block: int, progress: Progress) -> tuple[int, int]:
    blocks = logs = disappointments = 0
    size = LARGEST_RANGE
    start = store.next_block(stream)
    with _Reader(client, stream.addresses) as reader:
        while (first := store.next_block(stream)) <= to_block:
            last = min(first + size - 1, to_block)
            try:
                found = reader.read(first, last)
                reader.ahead(last + 1, min(last + size, to_block))
                landed = store.land(stream, found, provider=client.host)
            except (DishonestAnswer, store.Orphaned) as error:
                disappointments += 1
                if disappointments > PATIENCE:
                    raise _give_up(error, first, last) from error
                reader.forget()
                settle(client, stream.deployment.chain)
                continue
            except ChainError as error:
                size = _smaller(min(size, last - first + 1), error)
                continue
            disappointments = 0
            blocks, logs = blocks + last - first + 1, logs + landed
            size = _next_size(size, reader.seconds)
            progress(last - start + 1, to_block - start + 1, f"block {last:,}, {logs:,} logs")
    return blocks, logs


class _Reader:
    """Reads ranges in a thread, so that the next one is on its way while the last one is landed.

    Attributes
    ----------
    seconds : float
        How long the last answer took.
    """

    def __init__(self, client: Client, addresses: Sequence[str]) -> None:
        self.seconds = 0.0
        self._client = client
        self._addresses = addresses
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="collect")
        self._pending: tuple[int, int, Future[tuple[Range, float]]] | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.forget()
        self._thread.submit(self._client.close).result()  # each thread has connections of its own
        self._thread.shutdown()

    def read(self, first: int, last: int) -> Range:
        """Return the range, which may be on its way already."""
        if self._pending is None or self._pending[:2] != (first, last):
            self.ahead(first, last)
        assert self._pending is not None  # noqa: S101 - for the type checker
        future, self._pending = self._pending[2], None
        found, self.seconds = future.result()
        return found

    def ahead(self, first: int, last: int) -> None:
        """Begin to read a range."""
        self.forget()
        if first <= last:
            self._pending = (first, last, self._thread.submit(self._fetch, first, last))

    def forget(self) -> None:
        """Drop what is on its way."""
        if self._pending is not None:
            self._pending[2].cancel()
            self._pending = None

    def _fetch(self, first: int, last: int) -> tuple[Range, float]:
        began = time.perf_counter()
        found = ranges.fetch(self._client, self._addresses, first=first, last=last)
        return found, time.perf_counter() - began


def _smaller(size: int, error: ChainError) -> int:
    """Return half the size after a refusal that a smaller range may cure; raise the error when it cannot."""
    if size <= SMALLEST_STEP or isinstance(error, (ChainUnavailable, WrongChain)):
        raise error
    return size // 2


def _next_size(size: int, seconds: float) -> int:
    if seconds < COMFORTABLE:
        return min(size * 2, LARGEST_RANGE)
    return max(size // 2, SMALLEST_STEP) if seconds > 3 * COMFORTABLE else size


def _give_up(error: Exception, first: int, last: int) -> ChainError:
    if isinstance(error, DishonestAnswer):
        return error
    message = f"Blocks {first} to {last} do not continue what was collected, however often they are asked for."
    return DishonestAnswer(message, first=first, last=last)
