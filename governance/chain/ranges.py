"""One verified range of blocks: headers and logs from a single JSON-RPC batch, believed only when they fit together.

Nodes lose logs silently: a lagging backend answers ``[]``, a pruned one a part. What is checked here:

1. headers and logs come in one batch, so from one backend, and every header of the range must be there;
2. each header's parent is the header before it;
3. each log lies in the range, carries the hash of its block's header, and is of an address that was asked for;
4. a block whose bloom filter may hold one of our addresses, but which gave no log of it, is asked again by its hash.

References
----------
Execution API ``eth_getLogs``; Ethereum yellow paper 4.3.1 (the bloom filter: three 11-bit positions of the hash).
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from itertools import pairwise
from operator import itemgetter
from typing import TYPE_CHECKING, Any

import msgspec

from governance.chain import abi, answers
from governance.errors import ChainError, DishonestAnswer

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from governance.chain.client import Client, Request

MOST_ASKED_AGAIN = 128
"""Blocks of one range that are asked again. More are in doubt where blooms are too full to prove anything, as on busy
main networks."""

_HEADER_SHAPE = re.compile(r"0x[0-9a-f]{64},0x[0-9a-f]{64}")
_LOG_SHAPE = re.compile(r"0x[0-9a-f]{64},0x[0-9a-f]*(?:,0x[0-9a-f]{64}){0,4}")


class RawHeader(msgspec.Struct, rename="camel", gc=False):
    """A header as the node gives it."""

    number: str
    hash: str
    parent_hash: str
    timestamp: str
    logs_bloom: str


class RawLog(msgspec.Struct, rename="camel", gc=False):
    """A log as the node gives it."""

    block_number: str
    log_index: str
    block_hash: str
    transaction_hash: str
    address: str
    topics: list[str]
    data: str
    removed: bool = False


class _Answer(msgspec.Struct):
    id: int
    result: msgspec.Raw = msgspec.Raw(b"null")
    error: Any = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Range:
    """Headers in order, logs in order with their block number and index, and whether blooms prove completeness."""

    headers: tuple[RawHeader, ...]
    logs: tuple[tuple[int, int, RawLog], ...]
    bloom_proven: bool


_ANSWERS = msgspec.json.Decoder(list[_Answer])
_LOGS = msgspec.json.Decoder(list[RawLog])
_HEADER = msgspec.json.Decoder(RawHeader | None)


def fetch(client: Client, addresses: Sequence[str], *, first: int, last: int) -> Range:
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
    found = _batch(client, [question, *blocks])
    headers = _linked([_decode(_HEADER, raw) for raw in found[1:]], first)
    logs = _placed(_decode(_LOGS, found[0]), headers, wanted)
    return Range(headers=headers, logs=logs, bloom_proven=_proven(client, wanted, headers, logs))


def _batch(client: Client, requests: Sequence[Request]) -> list[msgspec.Raw]:
    answered: list[_Answer] = _decode(_ANSWERS, client.batch_raw(requests))
    if sorted(answer.id for answer in answered) != list(range(len(requests))):
        raise DishonestAnswer("The node's batch answer has other ids than were asked for.", host=client.host)
    by_id = {answer.id: answer for answer in answered}
    for number, (method, _) in enumerate(requests):
        if by_id[number].error is not None:
            answers.result({"id": number, "error": by_id[number].error}, number=number, method=method)
    return [by_id[number].result for number in range(len(requests))]


def _decode(decoder: msgspec.json.Decoder[Any], raw: bytes | msgspec.Raw) -> Any:  # noqa: ANN401 - typed by the decoder
    try:
        return decoder.decode(raw)
    except msgspec.DecodeError as error:
        message = f"The node's answer does not have the shape of logs and headers: {error}."
        raise DishonestAnswer(message) from error


def _linked(found: Sequence[RawHeader | None], first: int) -> tuple[RawHeader, ...]:
    headers: list[RawHeader] = []
    for number, header in enumerate(found, start=first):
        if header is None:
            message = f"The node does not hold block {number} (yet)."
            raise ChainError(message, block=number)
        shape = _HEADER_SHAPE.fullmatch(f"{header.hash},{header.parent_hash}")
        if shape is None or _number(header.number) != number:
            message = f"Block {number}'s header is malformed or another block's."
            raise DishonestAnswer(message, block=number)
        if headers and header.parent_hash != headers[-1].hash:
            message = f"Block {number} does not follow the block {number - 1} that the same answer gave."
            raise DishonestAnswer(message, block=number)
        headers.append(header)
    return tuple(headers)


def _placed(
    found: Iterable[RawLog], headers: Sequence[RawHeader], wanted: Sequence[str]
) -> tuple[tuple[int, int, RawLog], ...]:
    first = _number(headers[0].number)
    hashes = [header.hash for header in headers]
    known = frozenset(wanted)
    placed = []
    for log in found:
        number = _number(log.block_number)
        at = number - first
        if not 0 <= at < len(hashes) or log.block_hash != hashes[at] or log.removed or log.address not in known:
            message = f"A log of block {number} is outside of the range, of another address, or of an orphaned block."
            raise DishonestAnswer(message, block=number)
        # What fits the shape is lower-case hexadecimal, and goes into the database's bulk format as it is.
        shape = _LOG_SHAPE.fullmatch(",".join((log.transaction_hash, log.data, *log.topics)))
        if shape is None or len(log.data) % 2:
            message = f"A log of block {number} is malformed."
            raise DishonestAnswer(message, block=number)
        placed.append((number, _number(log.log_index), log))
    placed.sort(key=itemgetter(0, 1))
    for before, after in pairwise(placed):
        if before[:2] == after[:2]:
            message = f"Log {after[1]} of block {after[0]} was given twice."
            raise DishonestAnswer(message, block=after[0])
    return tuple(placed)


def _number(text: str) -> int:
    return answers.quantity(text, "a block or log number")


def bloom_mask(value: bytes) -> int:
    """Return the three bits that ``value`` sets in a 2048-bit bloom filter."""
    digest = abi.keccak(value)
    return sum({1 << (int.from_bytes(digest[at : at + 2], "big") & 2047) for at in (0, 2, 4)})


def _proven(
    client: Client, wanted: Sequence[str], headers: Sequence[RawHeader], logs: Sequence[tuple[int, int, RawLog]]
) -> bool:
    """Return whether blooms show that no block's logs are missing; blocks in doubt are asked again by their hash.

    Of very many in doubt a sample is asked, which finds an empty answer, but proves nothing.
    """
    doubtful = _doubtful(wanted, headers, logs)
    sample = doubtful[:: -(-len(doubtful) // MOST_ASKED_AGAIN) or 1]
    held = Counter(log.block_hash for _, _, log in logs)
    asked: list[Request] = [("eth_getLogs", [{"blockHash": block, "address": list(wanted)}]) for block in sample]
    again = _batch(client, asked) if asked else []
    for block, raw in zip(sample, again, strict=True):
        if len(_decode(_LOGS, raw)) != held[block]:
            message = f"The node gave {held[block]} logs of block {block} for a range, and another number for its hash."
            raise DishonestAnswer(message, block_hash=block)
    return len(sample) == len(doubtful)


def _doubtful(
    wanted: Sequence[str], headers: Sequence[RawHeader], logs: Sequence[tuple[int, int, RawLog]]
) -> list[str]:
    """Return the hashes of the blocks whose bloom may hold an address that gave no log."""
    masks = {address: bloom_mask(bytes.fromhex(address[2:])) for address in wanted}
    seen = {(log.block_hash, log.address) for _, _, log in logs}
    found = []
    for header in headers:
        bloom = _number(header.logs_bloom)
        if any(bloom & mask == mask and (header.hash, address) not in seen for address, mask in masks.items()):
            found.append(header.hash)
    return found
