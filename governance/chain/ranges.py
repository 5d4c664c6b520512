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

import re
import threading
import time
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import msgspec

from governance.chain import abi, answers, proofs
from governance.chain.encoding import RawHeader, RawLog, log_rows
from governance.env import env
from governance.errors import ChainError, DishonestAnswer
from governance.models import Coverage

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from governance.chain.client import Client, Request
    from governance.chain.proofs import Proven

MOST_ASKED_AGAIN = 128
"""Blocks of one range that are asked again. More are in doubt where blooms are too full to prove anything, as on busy
main networks."""

MOST_PROVEN = 16
"""Blocks of one range whose receipts are looked at because their blooms and their logs do not fit together."""

_HEADER_SHAPE = re.compile(r"0x[0-9a-f]{64},0x[0-9a-f]{64}")
_READING = threading.Lock()
"""Only one thread reads an answer at a time: they would not be faster together, but need the memory of all."""


class _Answer(msgspec.Struct, gc=False):
    id: int
    result: list[RawLog] | RawHeader | None = None
    error: Any = None


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


_ANSWERS = msgspec.json.Decoder(list[_Answer])


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
    question: Request = ("eth_getLogs", [{"fromBlock": hex(first), "toBlock": hex(last), "address": wanted}])
    blocks: list[Request] = [("eth_getBlockByNumber", [hex(n), False]) for n in range(first, last + 1)]
    asked = [question, *blocks]
    began = time.perf_counter()
    found, size = _read(client, asked)
    seconds = time.perf_counter() - began
    host = client.host
    with _answer_of(host):
        with _READING:
            headers = _linked(found[1:], first)
            logs = log_rows(chain_id, _logs(found[0]), headers, wanted)
            doubtful = _doubtful(wanted, headers, logs.seen)
        _ask_again(client, wanted, doubtful, logs.counts)
        in_doubt = frozenset(proofs.some(doubtful, MOST_PROVEN))
        sampled = proofs.sample(headers, env().proof_sample, in_doubt=in_doubt)
        proofs.check_headers(client, headers, sampled, chain_id=chain_id, host=host)
        proven = proofs.compare(client, sampled, _logs(found[0]), chain_id=chain_id, wanted=wanted, host=host)
        return Range(
            first=first,
            last=last,
            first_parent=headers[0].parent_hash,
            last_hash=headers[-1].hash,
            headers=logs.headers,
            logs=logs.rows,
            n_logs=logs.n_logs,
            content=logs.content,
            proof=_proof(proven, sampled, doubtful, blocks=len(headers)),
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


def _proof(proven: Proven, sampled: Sequence[RawHeader], doubtful: Sequence[str], *, blocks: int) -> str:
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


def _read(client: Client, asked: Sequence[Request]) -> tuple[list[Any], int]:
    """Return the results of a batch in the order of its requests, and the bytes of the answer."""
    found: list[Any] = []

    def read(raw: bytes) -> None:
        with _READING:
            found[:] = _results(raw, asked)

    return found, len(client.batch_raw(asked, read=read))


def _results(raw: bytes, asked: Sequence[Request]) -> list[Any]:
    """Return the results of a batch in the order of its requests; raises what the node's refusals say."""
    try:
        answered = _ANSWERS.decode(raw)
    except msgspec.DecodeError as error:
        message = f"The node's answer does not have the shape of logs and headers: {error}."
        raise DishonestAnswer(message, kind="truncated") from error
    answered.sort(key=_id)
    if [answer.id for answer in answered] != list(range(len(asked))):
        message = "The node's batch answer has other ids than were asked for."
        raise DishonestAnswer(message, kind="truncated")
    for number, answer in enumerate(answered):
        if answer.error is not None:
            answers.result({"id": number, "error": answer.error}, number=number, method=asked[number][0])
        if answer.result is None:
            raise _missing(*asked[number])
    return [answer.result for answer in answered]


def _missing(method: str, params: Sequence[object]) -> ChainError:
    """Return the error that a node has nothing to say on what was asked."""
    if method == "eth_getBlockByNumber":
        block = int(str(params[0]), 16)
        return ChainError(f"The node does not hold block {block} (yet).", block=block, kind="lagging")
    return DishonestAnswer(f"The node answers {method} with nothing.", method=method, kind="truncated")


def _id(answer: _Answer) -> int:
    return answer.id


def _logs(found: object) -> list[RawLog]:
    if not isinstance(found, list):
        answers.nonsense("eth_getLogs", found)
    return found


def _linked(found: Sequence[object], first: int) -> list[RawHeader]:
    headers: list[RawHeader] = []
    parent, before = "", 0
    for number, header in enumerate(found, start=first):
        if not isinstance(header, RawHeader) or _HEADER_SHAPE.fullmatch(f"{header.hash},{header.parent_hash}") is None:
            raise DishonestAnswer(f"Block {number}'s header is malformed.", block=number, kind="truncated")
        if answers.quantity(header.number, "a block number") != number:
            raise DishonestAnswer(f"Block {number}'s header is another block's.", block=number, kind="unlinked")
        time = answers.quantity(header.timestamp, "a block's time")
        if time < before or (parent and header.parent_hash != parent):
            message = f"Block {number} does not follow the block {number - 1} that the same answer gave."
            raise DishonestAnswer(message, block=number, kind="unlinked")
        headers.append(header)
        parent, before = header.hash, time
    return headers


def bloom_mask(value: bytes) -> int:
    """Return the three bits that ``value`` sets in a 2048-bit bloom filter."""
    digest = abi.keccak(value)
    return sum({1 << (int.from_bytes(digest[at : at + 2], "big") & 2047) for at in (0, 2, 4)})


def _doubtful(wanted: Sequence[str], headers: Sequence[RawHeader], seen: set[tuple[str, str]]) -> list[str]:
    """Return the hashes of the blocks whose bloom may hold an address that gave no log."""
    masks = {address: bloom_mask(bytes.fromhex(address[2:])) for address in wanted}
    found = []
    for header in headers:
        bloom = answers.quantity(header.logs_bloom, "a block's bloom")
        if any(bloom & mask == mask and (header.hash, address) not in seen for address, mask in masks.items()):
            found.append(header.hash)
    return found


def _ask_again(client: Client, wanted: Sequence[str], doubtful: Sequence[str], held: Mapping[str, int]) -> None:
    """Ask for blocks in doubt by their hash, of very many for some, and raise when the answer is another one."""
    sample = proofs.some(doubtful, MOST_ASKED_AGAIN)
    asked: list[Request] = [("eth_getLogs", [{"blockHash": block, "address": list(wanted)}]) for block in sample]
    again = _read(client, asked)[0] if asked else []
    for block, found in zip(sample, again, strict=True):
        if len(_logs(found)) != held.get(block, 0):
            said = held.get(block, 0)
            message = f"The node gave {said} logs of block {block} for a range, and another number for its hash."
            raise DishonestAnswer(message, block_hash=block, kind="missing-logs")
