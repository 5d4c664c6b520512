"""One verified range of blocks: headers and logs from a single JSON-RPC batch, believed only when they fit together.

Nodes lose logs silently: a lagging backend answers ``[]``, a pruned one a part. What is checked here:

1. headers and logs come in one batch, so from one backend, and every header of the range must be there;
2. each header's parent is the header before it, and time does not run backwards;
3. each log lies in the range, carries the hash of its block's header, and is of an address that was asked for;
4. a block whose bloom filter may hold one of our addresses, but which gave no log of it, is asked again by its hash;
5. some headers are hashed: their bloom filters and times are the block's, not the node's (`governance.chain.proofs`);
6. of a sample of the blocks, and of some of those in 4, all receipts are compared (likewise).

References
----------
Execution API ``eth_getLogs``; Ethereum yellow paper 4.3.1 (the bloom filter: three 11-bit positions of the hash).
"""

from __future__ import annotations

import time
from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from governance.chain import abi, answers, proofs, reading
from governance.chain.reading import Content, Question, Refusal, read_in_turn
from governance.chain.sampling import some
from governance.domain import lattice
from governance.env import env
from governance.errors import ChainError, DishonestAnswer
from governance.models import Coverage

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence

    from governance.chain.client import Client, Request
    from governance.chain.encoding import RawHeader
    from governance.chain.proofs import Proven
    from governance.chain.transport import Body

MOST_ASKED_AGAIN = 128
"""Blocks of one range that are asked again. More are in doubt where blooms are too full to prove anything, as on busy
main networks."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Range:
    """A range of blocks as it goes into the database.

    Attributes
    ----------
    first, last : int
        Its blocks.
    first_parent, last_hash : str
        What it links to, ``0x…``.
    headers, logs : bytes
        Rows in COPY's binary format (`governance.chain.encoding`).
    n_logs : int
        How many logs.
    content : bytes
        Sum of the hashes of the blocks' logs (`governance.domain.lattice`).
    proof : str
        How a silently empty answer was ruled out (`Coverage.Proof`).
    sampled : int
        Blocks that were compared with a stronger source.
    size, seconds : int, float
        Bytes of the node's answer, and how long it took.
    provider : str
        Whose answer it is.
    """

    first: int
    last: int
    first_parent: str
    last_hash: str
    headers: bytes
    logs: bytes
    n_logs: int
    content: bytes
    proof: str
    sampled: int = 0
    size: int = 0
    seconds: float = 0.0
    provider: str = ""


def joined(parts: Sequence[Range]) -> Range:
    """Return ranges that follow each other as one, to be landed together; what tells how each came is the first's."""
    first, last = parts[0], parts[-1]
    if any((part.first, part.first_parent) != (before.last + 1, before.last_hash) for before, part in pairwise(parts)):
        raise ValueError("ranges that do not follow each other are not one")
    if first is last:
        return first
    return replace(
        first,
        last=last.last,
        last_hash=last.last_hash,
        headers=b"".join([part.headers for part in parts]),
        logs=b"".join([part.logs for part in parts]),
        n_logs=sum(part.n_logs for part in parts),
        content=lattice.total(lattice.EMPTY, *(part.content for part in parts)),
    )


def fetch(client: Client, addresses: Sequence[str], *, chain_id: int, first: int, last: int) -> Range:
    """Return the blocks from ``first`` to ``last`` with the logs of ``addresses``.

    Raises
    ------
    ChainError
        When the node refuses the range or does not hold it yet.
    DishonestAnswer
        When the parts do not fit together, even for a chain that was reorganised meanwhile: ask again.
    """
    wanted = [address.lower() for address in addresses]
    asked: list[Request] = [("eth_getLogs", [{"fromBlock": hex(first), "toBlock": hex(last), "address": wanted}])]
    asked += [("eth_getBlockByNumber", [hex(n), False]) for n in range(first, last + 1)]
    masks = {address: bloom_mask(bytes.fromhex(address[2:])) for address in wanted}
    question = Question(chain_id, first, last, masks, env().proof_sample)
    began = time.perf_counter()
    found: list[Content | DishonestAnswer] = []

    def check(raw: Body) -> None:
        outcome = read_in_turn(raw, question)
        if isinstance(outcome, Refusal):
            raise _refused(outcome, asked)
        found[:] = [outcome]

    size = len(client.batch_raw(asked, read=check))
    seconds = time.perf_counter() - began
    host = client.host
    with _answer_of(host):
        said = found[0]
        if isinstance(said, DishonestAnswer):
            raise said
        _ask_again(client, wanted, said.doubtful)
        proofs.check_headers(client, said.hashed, chain_id=chain_id, host=host)
        proven = proofs.compare(client, said.sampled, said.sampled_logs, chain_id=chain_id, wanted=wanted, host=host)
        return Range(
            first=first,
            last=last,
            first_parent=said.first_parent,
            last_hash=said.last_hash,
            headers=said.headers,
            logs=said.logs,
            n_logs=said.n_logs,
            content=said.content,
            proof=_proof(proven, said.sampled, said.doubtful, blocks=last - first + 1),
            sampled=proven.blocks,
            size=size,
            seconds=seconds,
            provider=host,
        )


@contextmanager
def _answer_of(host: str) -> Iterator[None]:
    """Let the node that gave the range answer for what is wrong with it, whoever was asked since."""
    try:
        yield
    except DishonestAnswer as error:
        error.facts.setdefault("host", host)
        raise


def _proof(proven: Proven, sampled: Sequence[RawHeader], doubtful: Collection[str], *, blocks: int) -> str:
    """Return the strongest way in which every block of the range was proven complete.

    Blooms prove a range when each block that they leave in doubt was proven in a stronger way: a node that repeats
    itself proves nothing.
    """
    if proven.blocks == blocks and proven.rooted:
        return Coverage.Proof.RECEIPTS
    if proven.blocks == blocks and proven.second:
        return Coverage.Proof.SECOND
    looked = {header.hash for header in sampled} if proven.rooted or proven.second else set()
    return Coverage.Proof.BLOOM if looked.issuperset(doubtful) else Coverage.Proof.LINKED


def _results(raw: Body, asked: Sequence[Request]) -> list[Any]:
    """Return the results of a batch in the order of its requests; raises what the node's refusals say."""
    found = reading.results(raw, len(asked))
    if isinstance(found, Refusal):
        raise _refused(found, asked)
    return found


def _refused(refusal: Refusal, asked: Sequence[Request]) -> ChainError:
    """Return what a refusal says: in the node's words, or that it has nothing to say on what was asked."""
    method, params = asked[refusal.number]
    if refusal.error is not None:
        answers.result({"id": refusal.number, "error": refusal.error}, number=refusal.number, method=method)
    if method == "eth_getBlockByNumber":
        block = int(str(params[0]), 16)
        return ChainError(f"The node does not hold block {block} (yet).", block=block, kind="lagging")
    return DishonestAnswer(f"The node answers {method} with nothing.", method=method, kind="truncated")


def bloom_mask(value: bytes) -> int:
    """Return the three bits that ``value`` sets in a 2048-bit bloom filter."""
    digest = abi.keccak(value)
    return sum({1 << (int.from_bytes(digest[at : at + 2], "big") & 2047) for at in (0, 2, 4)})


def _ask_again(client: Client, wanted: Sequence[str], doubtful: Mapping[str, int]) -> None:
    """Ask for blocks in doubt by their hash, of very many for some, and raise when the answer is another one."""
    blocks = some(list(doubtful), MOST_ASKED_AGAIN)
    if not blocks:
        return
    asked: list[Request] = [("eth_getLogs", [{"blockHash": block, "address": list(wanted)}]) for block in blocks]
    again: list[Any] = []

    def check(raw: Body) -> None:
        again[:] = _results(raw, asked)

    client.batch_raw(asked, read=check)
    for block, found in zip(blocks, again, strict=True):
        if len(reading.as_logs(found)) != doubtful[block]:
            said = doubtful[block]
            message = f"The node gave {said} logs of block {block} for a range, and another number for its hash."
            raise DishonestAnswer(message, block_hash=block, kind="missing-logs")
