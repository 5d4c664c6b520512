"""Many read calls in one, over a contract with ``aggregate3``.

Public chains carry such a contract at `CANONICAL`; the local world deploys its own. The encoding is written out here,
because a general encoder takes longer over some hundred calls than the node takes to answer them.
"""

from __future__ import annotations

from collections.abc import Sequence

from governance.chain import abi, reverts
from governance.chain.client import Client
from governance.domain.action import Call
from governance.errors import CallReverted, DishonestAnswer

CANONICAL = "0xcA11bde05977b3631167028862bE2a173976CA11"
CHUNK = 250  # calls in one; at about 150,000 gas each well below what nodes grant a read call
_WORD = 32
_SIGNATURE = "aggregate3((address,bool,bytes)[])"


def aggregate(
    client: Client,
    calls: Sequence[Call],
    *,
    address: str = CANONICAL,
    block: int | str | None = None,
    chunk: int = CHUNK,
) -> list[bytes]:
    """Return what each of ``calls`` answers at ``block`` (None: the newest), in order.

    Raises
    ------
    CallReverted
        When one of the calls failed; the facts name its ``index`` and ``target``.
    DishonestAnswer
        When the answer is not one of a multicall contract.
    """
    parts = [calls[at : at + chunk] for at in range(0, len(calls), chunk)]
    raw = client.eth_calls([Call(target=address, data=_encode(part)) for part in parts], block=block)
    results: list[bytes] = []
    for part, answer in zip(parts, raw, strict=True):
        results += _decode(answer, part, first=len(results))
    return results


def _encode(calls: Sequence[Call]) -> bytes:
    bodies = [_encode_call(call) for call in calls]
    offsets, at = [], _WORD * len(bodies)
    for body in bodies:
        offsets.append(_uint(at))
        at += len(body)
    return b"".join([abi.selector(_SIGNATURE), _uint(_WORD), _uint(len(calls)), *offsets, *bodies])


def _encode_call(call: Call) -> bytes:
    padding = bytes(-len(call.data) % _WORD)
    head = bytes(12) + bytes.fromhex(call.target[2:]) + _uint(1) + _uint(3 * _WORD)
    return head + _uint(len(call.data)) + call.data + padding


def _decode(answer: bytes, calls: Sequence[Call], *, first: int) -> list[bytes]:
    start = 2 * _WORD
    if len(answer) < start or _int(answer, _WORD) != len(calls):
        raise DishonestAnswer("The multicall contract's answer has another length than its question.", calls=len(calls))
    results = []
    for index, call in enumerate(calls):
        at = start + _int(answer, start + index * _WORD)
        ok, size = _int(answer, at), _int(answer, at + 2 * _WORD)
        data = answer[at + 3 * _WORD : at + 3 * _WORD + size]
        if len(data) != size:
            raise DishonestAnswer("The multicall contract's answer ends too early.", calls=len(calls))
        if not ok:
            raise CallReverted(
                f"Call {first + index} of {call.target} (0x{call.data[:4].hex()}) was refused: {reverts.reason(data)}.",
                index=first + index,
                target=call.target,
                reason=reverts.reason(data),
            )
        results.append(data)
    return results


def _uint(value: int) -> bytes:
    return value.to_bytes(_WORD, "big")


def _int(data: bytes, at: int) -> int:
    return int.from_bytes(data[at : at + _WORD], "big")
