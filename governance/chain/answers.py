"""What nodes answer, checked before it is believed: JSON-RPC results, refusals, headers and receipts.

References
----------
JSON-RPC 2.0 (batch answers may come in any order, ids tie them to their requests); Ethereum execution API.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NoReturn

import msgspec

from governance.chain import reverts
from governance.errors import CallReverted, ChainError, ChainUnavailable, DishonestAnswer

_LIMIT_EXCEEDED = -32005
_SECRETIVE = re.compile(r"\w+://\S+|/[\w./-]{12,}|\b(?!0x)(?=[\w-]*\d)[\w-]{24,}")
_EXECUTION_REVERTED = 3
_OK = 200
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


def parse(raw: bytes, *, status: int, host: str) -> Any:  # noqa: ANN401 - JSON is what it is
    """Return the JSON of an answer.

    Raises
    ------
    DishonestAnswer
        When it is not JSON although the node says that all is well.
    ChainUnavailable
        When it is not JSON and the HTTP status says that something is wrong.
    """
    try:
        return msgspec.json.decode(raw)
    except msgspec.DecodeError as error:
        if status != _OK:
            raise ChainUnavailable(f"The node at {host} answered HTTP {status}.", host=host, status=status) from error
        raise DishonestAnswer(
            f"What answers at {host} is no EVM node: its answer is not JSON. Correct RPC_URLS.", host=host
        ) from error


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
        _refuse(answer["error"], "batch")
    if not isinstance(answer, list):
        nonsense("batch", answer)
    found = {item.get("id"): item for item in answer if isinstance(item, dict)}
    if len(answer) != len(methods) or set(found) != set(range(len(methods))):
        raise DishonestAnswer(f"The node gave {len(answer)} answers to {len(methods)} requests, or others' answers.")
    return [result(found[number], number=number, method=method) for number, method in enumerate(methods)]


def quantity(value: object, what: str) -> int:
    """Return the integer that a ``0x…`` quantity says; raises `DishonestAnswer` for anything else."""
    if not isinstance(value, str) or not value.startswith("0x"):
        nonsense(what, value)
    try:
        return int(value, 16)
    except ValueError:
        nonsense(what, value)


def octets(value: object, what: str) -> bytes:
    """Return the bytes of ``0x…`` data; raises `DishonestAnswer` for anything else."""
    if not isinstance(value, str) or not value.startswith("0x"):
        nonsense(what, value)
    try:
        return bytes.fromhex(value[2:])
    except ValueError:
        nonsense(what, value)


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


def nonsense(what: str, value: object) -> NoReturn:
    """Raise `DishonestAnswer` for an answer that cannot be one."""
    raise DishonestAnswer(f"The node's answer to {what} makes no sense: {str(value)[:200]!r}.", method=what)


def _refuse(error: object, method: str) -> NoReturn:
    if not isinstance(error, dict):
        nonsense(method, error)
    code, said = error.get("code"), _quotable(str(error.get("message", "")))
    if code == _LIMIT_EXCEEDED:
        raise ChainUnavailable(f"The node asks to slow down: {said}.", method=method)
    if code == _EXECUTION_REVERTED or "revert" in said.lower():
        raw = _revert_data(error.get("data"))
        why = reverts.reason(raw) if raw else reverts.explain(said.rpartition(": ")[2] or said)
        raise CallReverted(f"The contract refused: {why}.", method=method, reason=why, data=f"0x{raw.hex()}")
    raise ChainError(f"The node refused {method}: {said}.", method=method, rpc_code=code, rpc_message=said)


def _quotable(said: str) -> str:
    """Return a node's words without what may be a key: addresses, paths, and long tokens that are no chain data."""
    return _SECRETIVE.sub("…", said)[:500]


def _revert_data(data: object) -> bytes:
    try:
        return bytes.fromhex(data.removeprefix("0x")) if isinstance(data, str) else b""
    except ValueError:
        return b""
