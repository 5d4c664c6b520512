"""What nodes answer, checked before it is believed: JSON-RPC results, refusals, headers and receipts.

References
----------
JSON-RPC 2.0 (batch answers may come in any order, ids tie them to their requests); Ethereum execution API.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NoReturn

import msgspec

from governance.chain import limits, reverts
from governance.chain.quantities import nonsense, octets, quantity
from governance.chain.transport import Body
from governance.errors import CallReverted, ChainError, ChainUnavailable, DishonestAnswer, RangeTooLarge, RateLimited

__all__ = ["Header", "Receipt", "digest", "header", "nonsense", "not_json", "octets", "parse", "quantity"]
__all__ += ["receipt", "result", "results", "whole"]

_SECRETIVE = re.compile(r"\w+://\S+|/[\w./-]{12,}|\b(?!0x)(?=[\w-]*\d)[\w-]{24,}")
_EXECUTION_REVERTED = 3
_OK = 200
_TOO_LARGE = 413
_NO_NODE = (404, 405, 501)  # what servers say that know no POST, or nothing at this path
_TOO_MANY_REQUESTS = 429
_SERVER_ERROR = 500
_HASH_LENGTH = 66


@dataclass(frozen=True, slots=True, kw_only=True)
class Header:
    """A block header: number, ``0x…`` hashes of it and of its parent, unix seconds, wei that each gas unit burns."""

    number: int
    hash: str
    parent_hash: str
    timestamp: int
    base_fee: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipt:
    """What became of a mined transaction. ``logs`` are as the node gave them; ``contract`` is ``""`` if none arose."""

    tx_hash: str
    block_number: int
    block_hash: str
    ok: bool
    gas_used: int
    contract: str
    logs: tuple[Mapping[str, Any], ...]


class _Item(msgspec.Struct):
    id: int
    result: msgspec.Raw = msgspec.Raw(b"null")
    error: Any = None


_ITEMS = msgspec.json.Decoder(list[_Item])


def parse(raw: Body, *, status: int, host: str) -> Any:  # noqa: ANN401 - JSON is what it is
    """Return the JSON of an answer.

    Raises
    ------
    DishonestAnswer
        When it is not JSON although the node says that all is well; of the kind ``truncated`` when it began as JSON.
    ChainUnavailable, RangeTooLarge
        What the HTTP status says, or the words that came with it.
    """
    try:
        answer = msgspec.json.decode(raw)
    except msgspec.DecodeError as error:
        if status != _OK:
            raise _failed(status, host) from error
        raise not_json(raw, host) from error
    if status == _TOO_MANY_REQUESTS:
        raise _failed(status, host)
    if status == _TOO_LARGE or status >= _SERVER_ERROR:
        raise _worded(answer) or _failed(status, host)
    return answer


def not_json(raw: Body, host: str) -> DishonestAnswer:
    """Return what an answer that is no JSON is, although the node says that all is well."""
    if raw[:64].lstrip().startswith((b"{", b"[")):
        return DishonestAnswer(f"The answer of the node at {host} is cut off or damaged.", host=host, kind="truncated")
    return DishonestAnswer(f"What answers at {host} speaks no JSON; is it an EVM node? Correct RPC_URLS.", host=host)


def result(answer: object, *, number: int, method: str) -> Any:  # noqa: ANN401 - JSON is what it is
    """Return the result in the answer to request ``number``.

    Raises
    ------
    CallReverted, ChainUnavailable, ChainError
        What the node's error says.
    DishonestAnswer
        When it is no answer to that request.
    """
    if not isinstance(answer, dict):
        nonsense(method, answer)
    if answer.get("error") is not None:
        _refuse(answer["error"], method)
    if answer.get("id") != number or "result" not in answer:
        nonsense(method, answer)
    return answer["result"]


def results(answer: object, *, methods: list[str]) -> list[Any]:
    """Return a batch's results in the order of its requests; raises what `result` does, for the first that failed."""
    if isinstance(answer, dict) and "error" in answer:
        _refuse(answer["error"], limits.BATCH)
    if not isinstance(answer, list):
        nonsense("batch", answer)
    found = {item.get("id"): item for item in answer if isinstance(item, dict)}
    if len(answer) != len(methods) or set(found) != set(range(len(methods))):
        raise DishonestAnswer(f"The node gave {len(answer)} answers to {len(methods)} requests, or others' answers.")
    return [result(found[number], number=number, method=method) for number, method in enumerate(methods)]


def whole(raw: Body, requests: Sequence[tuple[str, Sequence[object]]], host: str) -> None:
    """Check that a batch's undecoded answer has no refusal in it, and every block that was asked for by its number.

    Raises
    ------
    ChainError
        What the first refusal says; with the fact ``kind`` = ``lagging`` when the node does not hold a block.
    DishonestAnswer
        When it is no batch's answer.
    """
    try:
        items = _ITEMS.decode(raw)
    except msgspec.DecodeError as error:
        raise not_json(raw, host) from error
    asked = dict(enumerate(requests))
    for item in items:
        if item.error is not None:
            _refuse(item.error, asked.get(item.id, (limits.BATCH,))[0])
    null = (asked[item.id] for item in items if item.id in asked and bytes(item.result) == b"null")
    missing = [int(str(params[0]), 16) for method, params in null if method == "eth_getBlockByNumber"]
    if missing:
        block = min(missing)
        raise ChainError(f"The node does not hold block {block} (yet).", block=block, kind="lagging")


def digest(value: object, what: str) -> str:
    """Return a 32-byte hash as lower-case ``0x…`` text; raises `DishonestAnswer` for anything else."""
    if not isinstance(value, str) or len(value) != _HASH_LENGTH:
        nonsense(what, value)
    octets(value, what)
    return value.lower()


def header(found: object, *, number: int | str) -> Header:
    """Return the header in the answer to ``eth_getBlockByNumber``.

    Raises
    ------
    ChainError
        When the node does not know the block.
    DishonestAnswer
        When it is another block, or fields are missing.
    """
    if found is None:
        raise ChainError(f"The node does not know block {number}.", block=number)
    if not isinstance(found, dict):
        nonsense("eth_getBlockByNumber", found)
    made = Header(
        number=quantity(found.get("number"), "block number"),
        hash=digest(found.get("hash"), "block hash"),
        parent_hash=digest(found.get("parentHash"), "parent hash"),
        timestamp=quantity(found.get("timestamp"), "block timestamp"),
        base_fee=quantity(found.get("baseFeePerGas", "0x0"), "base fee"),
    )
    if isinstance(number, int) and made.number != number:
        raise DishonestAnswer(f"Block {number} was asked for, block {made.number} was given.", block=number)
    return made


def receipt(found: object) -> Receipt:
    """Return the receipt in the answer to ``eth_getTransactionReceipt``; raises `DishonestAnswer` if it is none."""
    if not isinstance(found, dict) or not isinstance(found.get("logs"), list):
        nonsense("eth_getTransactionReceipt", found)
    return Receipt(
        tx_hash=digest(found.get("transactionHash"), "transaction hash"),
        block_number=quantity(found.get("blockNumber"), "block number"),
        block_hash=digest(found.get("blockHash"), "block hash"),
        ok=quantity(found.get("status"), "status") == 1,
        gas_used=quantity(found.get("gasUsed"), "gas used"),
        contract=str(found.get("contractAddress") or ""),
        logs=tuple(found["logs"]),
    )


def _refuse(error: object, method: str) -> NoReturn:
    if not isinstance(error, dict):
        nonsense(method, error)
    code, said = error.get("code"), _quotable(str(error.get("message", "")))
    if code == _EXECUTION_REVERTED or "revert" in said.lower():
        raw = _revert_data(error.get("data"))
        why = reverts.reason(raw) if raw else reverts.explain(said.rpartition(": ")[2] or said)
        raise CallReverted(f"The contract refused: {why}.", method=method, reason=why, data=f"0x{raw.hex()}")
    limit = limits.recognise(said, code=code, method=method, more=str(error.get("data", ""))[:500])
    if limit is not None:
        limit.facts.update(method=method, rpc_code=code, rpc_message=said)
        raise limit
    raise ChainError(f"The node refused {method}: {said}.", method=method, rpc_code=code, rpc_message=said)


def _failed(status: int, host: str) -> ChainError:
    said = f"The node at {host} answered HTTP {status}."
    if status in _NO_NODE:
        said = f"{said[:-1]}; is it an EVM node? Correct RPC_URLS."
    if status == _TOO_LARGE:
        return RangeTooLarge(said, host=host, status=status, hint=0)
    family = RateLimited if status == _TOO_MANY_REQUESTS else ChainUnavailable
    return family(said, host=host, status=status, retry_after=0)


def _worded(answer: object) -> ChainError | None:
    """Return the limit that the words of a failed request name, if they do: they say more than its HTTP status."""
    item = answer[0] if isinstance(answer, list) and answer else answer
    error = item.get("error") if isinstance(item, dict) else None
    if not isinstance(error, dict):
        return None
    said = _quotable(str(error.get("message", "")))
    found = limits.recognise(said, code=error.get("code"), method=limits.BATCH, more=str(error.get("data", ""))[:500])
    return found if isinstance(found, RangeTooLarge) else None


def _quotable(said: str) -> str:
    """Return a node's words without what may be a key: addresses, paths, and long tokens that are no chain data."""
    return _SECRETIVE.sub("…", said)[:500]


def _revert_data(data: object) -> bytes:
    try:
        return bytes.fromhex(data.removeprefix("0x")) if isinstance(data, str) else b""
    except ValueError:
        return b""
