"""A stronger look at a few blocks: their headers hashed, and all their receipts up to the header's receipts root.

A bloom filter shows that a block without logs of ours is truly empty, but not that a block with some has all of them.
The receipts do: the root of their trie is part of the header, so of the block's hash, which is computed anew: otherwise
root, bloom and time would be the node's word only, beside a hash that is right. Receipts are asked of another provider
where there is one. Which blocks are looked at, nobody can foretell (`governance.chain.sampling`).

References
----------
Ethereum yellow paper, 4.3 (the block), 4.3.1 (receipts), appendices B (RLP) and D (the trie); EIP-2718 and EIP-1559
(typed receipts); EIP-1559, 4895, 4844, 4788 and 7685 (the header's later fields).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec

from governance.chain import abi, answers, trie
from governance.chain.encoding import RawHeader, RawLog, log_rows
from governance.errors import ChainError, ChainUnavailable, DishonestAnswer

if TYPE_CHECKING:
    from collections.abc import Sequence

    from governance.chain.client import Client, Request
    from governance.chain.transport import Body

KNOWN_TYPES = frozenset({0, 1, 2, 3, 4})
"""Transaction types whose receipts have the four fields; some rollups have others, whose roots we cannot compute."""

_QUANTITIES = frozenset(
    {"difficulty", "number", "gas_limit", "gas_used", "timestamp", "base_fee_per_gas", "blob_gas_used"}
    | {"excess_blob_gas"}
)
_FIELDS = (
    *("parent_hash", "sha3_uncles", "miner", "state_root", "transactions_root", "receipts_root", "logs_bloom"),
    *("difficulty", "number", "gas_limit", "gas_used", "timestamp", "extra_data", "mix_hash", "nonce"),
    *("base_fee_per_gas", "withdrawals_root", "blob_gas_used", "excess_blob_gas", "parent_beacon_block_root"),
    "requests_hash",
)
"""A header's fields in the order in which they are hashed; one that a chain or an older block has not is None."""

_hashing: set[int] = set()  # chains whose headers were seen to hash to their hashes: whose do not, are forged
_strange: set[int] = set()  # chains whose headers do not, whoever gives them


class RawReceipt(msgspec.Struct, rename="camel", gc=False):
    """A receipt as the node gives it. Before Byzantium it has a state root in place of a status."""

    cumulative_gas_used: str
    logs_bloom: str
    logs: list[RawLog]
    type: str = "0x0"
    status: str | None = None
    root: str | None = None


class Proven(NamedTuple):
    """How many blocks were compared, whether all up to the receipts root, and whether with another provider."""

    blocks: int = 0
    rooted: bool = False
    second: bool = False


class _Answer(msgspec.Struct, gc=False):
    id: int
    result: list[RawReceipt] | None = None
    error: Any = None


_ANSWERS = msgspec.json.Decoder(list[_Answer])


def is_its_hash(header: RawHeader) -> bool:
    """Return whether a header's fields hash to the hash that it is given with."""
    found: list[trie.Item] = []
    try:
        for name in _FIELDS:
            value = getattr(header, name)
            if value is not None:
                found.append(_field(name, value))
    except DishonestAnswer:  # of another form, or malformed
        return False
    return f"0x{abi.keccak(trie.encode(found)).hex()}" == header.hash


def _field(name: str, value: object) -> bytes:
    return trie.integer(answers.quantity(value, name)) if name in _QUANTITIES else answers.octets(value, name)


def check_headers(client: Client, looked: Sequence[RawHeader], *, chain_id: int, host: str) -> None:
    """Hash some headers.

    Some rollups' headers have fields that we do not know. So they must be their hashes only where any of them is, or
    was before in this process; the first time, another provider's header is looked at as well.

    Raises
    ------
    DishonestAnswer
        When a header is not what was hashed; the fact ``host`` says who gave it.
    """
    false = [header for header in looked if not is_its_hash(header)]
    if len(false) < len(looked):
        _hashing.add(chain_id)
    if false and (chain_id in _hashing or _hashes_elsewhere(client, false[0], chain_id, host)):
        number = int(false[0].number, 16)
        message = f"The header of block {number} that the node at {host} gave does not hash to the block's hash."
        raise DishonestAnswer(message, host=host, kind="contradiction", block=number)


def _hashes_elsewhere(client: Client, header: RawHeader, chain_id: int, host: str) -> bool:
    """Return whether another provider gives a header of the same hash, which does hash to it."""
    other = None if chain_id in _strange else client.without(host)
    if other is None:
        return False
    try:
        given = other.call("eth_getBlockByNumber", [header.number, False])
        found = msgspec.convert(given, RawHeader)
    except (ChainError, msgspec.ValidationError):
        return False
    if found.hash != header.hash:
        return False
    (_hashing if is_its_hash(found) else _strange).add(chain_id)
    return chain_id in _hashing


def compare(
    client: Client,
    headers: Sequence[RawHeader],
    found: Sequence[RawLog],
    *,
    chain_id: int,
    wanted: Sequence[str],
    host: str,
) -> Proven:
    """Compare the logs of some blocks with those in their receipts.

    Parameters
    ----------
    client : Client
        Another of its providers than ``host`` is asked if it has one.
    headers : sequence of RawHeader
        Of the blocks that are looked at.
    found : sequence of RawLog
        The logs that were given for the whole range.
    chain_id : int
        The chain.
    wanted : sequence of str
        Addresses, in lower case.
    host : str
        Who gave the logs.

    Raises
    ------
    DishonestAnswer
        When they differ; the fact ``host`` says whose answer is wrong.
    """
    if not headers:
        return Proven()
    try:
        receipts, rooted, second = _from_whoever(client, headers, host)
    except (DishonestAnswer, ChainUnavailable):
        raise
    except ChainError:
        return Proven()  # many nodes do not offer it
    numbers = {header.number for header in headers}
    known = frozenset(wanted)
    said = [log for log in found if log.block_number in numbers]
    true = [log for each in receipts for receipt in each for log in receipt.logs if log.address in known]
    if log_rows(chain_id, said, headers, wanted).rows != log_rows(chain_id, true, headers, wanted).rows:
        message = f"The node at {host} gave other logs than the receipts of {len(headers)} sampled blocks hold."
        raise DishonestAnswer(message, host=host, kind="missing-logs", block=int(headers[0].number, 16))
    return Proven(blocks=len(headers), rooted=rooted, second=second)


def _from_whoever(client: Client, headers: Sequence[RawHeader], host: str) -> tuple[list[list[RawReceipt]], bool, bool]:
    """Return the blocks' receipts, whether they all hash to the roots, and whether another provider gave them.

    The root proves them whoever gives them. So when the other provider has none, or false ones, any will do.
    """
    other = client.without(host)
    if other is not None:
        try:
            return (*_rooted_receipts(other, headers), True)
        except DishonestAnswer as error:
            numbers = [int(header.number, 16) for header in headers]
            client.distrust(error, first=min(numbers), last=max(numbers))
        except ChainUnavailable:
            pass
    return (*_rooted_receipts(client, headers), False)


def _rooted_receipts(client: Client, headers: Sequence[RawHeader]) -> tuple[list[list[RawReceipt]], bool]:
    receipts = _receipts(client, [("eth_getBlockReceipts", [header.number]) for header in headers])
    rooted = [_rooted(header, each, client.host) for header, each in zip(headers, receipts, strict=True)]
    return receipts, all(rooted)


def _receipts(client: Client, asked: Sequence[Request]) -> list[list[RawReceipt]]:
    found: dict[int, list[RawReceipt]] = {}

    def read(raw: Body) -> None:
        found.clear()
        for answer in _ANSWERS.decode(raw):
            if answer.error is not None:
                answers.result(
                    {"id": answer.id, "error": answer.error}, number=answer.id, method="eth_getBlockReceipts"
                )
            if answer.result is None:
                raise ChainError("The node does not hold the receipts of a block (yet).")
            found[answer.id] = answer.result

    try:
        client.batch_raw(asked, read=read)
    except msgspec.DecodeError as error:
        raise DishonestAnswer(f"The node's receipts do not have their shape: {error}.", kind="truncated") from error
    if sorted(found) != list(range(len(asked))):
        raise DishonestAnswer("The node's batch answer has other ids than were asked for.", kind="truncated")
    return [found[number] for number in range(len(asked))]


def _rooted(header: RawHeader, receipts: Sequence[RawReceipt], host: str) -> bool:
    """Return whether the receipts hash to the root of a header that is its block's.

    False when some are of a type that we do not know, or the header is of a form that we do not know: its root is no
    more than the word of who gave it then, and nobody else's answer is to be measured by it.
    """
    if not is_its_hash(header):
        return False
    if not all(answers.quantity(receipt.type, "a receipt's type") in KNOWN_TYPES for receipt in receipts):
        return False
    if f"0x{trie.root([_encoded(receipt) for receipt in receipts]).hex()}" != header.receipts_root:
        message = f"The receipts of block {int(header.number, 16)} do not hash to its header's receipts root."
        raise DishonestAnswer(message, host=host, kind="contradiction", block=int(header.number, 16))
    return True


def _encoded(receipt: RawReceipt) -> bytes:
    """Return a receipt as it stands in the trie."""
    if receipt.status is None:
        outcome = answers.octets(receipt.root, "a receipt's state root")
    else:
        outcome = trie.integer(answers.quantity(receipt.status, "a receipt's status"))
    gas = trie.integer(answers.quantity(receipt.cumulative_gas_used, "a receipt's gas"))
    bloom = answers.octets(receipt.logs_bloom, "a receipt's bloom")
    body = trie.encode([outcome, gas, bloom, [_log(log) for log in receipt.logs]])
    kind = answers.quantity(receipt.type, "a receipt's type")
    return bytes([kind]) + body if kind else body


def _log(log: RawLog) -> trie.Item:
    topics = [log.topics.a, log.topics.b, log.topics.c, log.topics.d]
    return [
        answers.octets(log.address, "a log's address"),
        [answers.octets(topic, "a log's topic") for topic in topics if topic != "0x"],
        answers.octets(log.data, "a log's data"),
    ]
