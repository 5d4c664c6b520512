"""What would happen if: calls run on top of the newest block, and what is read after them, without a trace.

The node does the work with ``eth_simulateV1``, which takes the state as it is and keeps nothing.

References
----------
Ethereum execution API, ``eth_simulateV1``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from governance.chain import answers, reverts
from governance.chain.client import Client, Header, call_object
from governance.domain.action import Call
from governance.errors import CallReverted, ChainError

_BLOCK_SECONDS = 12
_METHOD_UNKNOWN = -32601


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What became of one simulated call: ``reason`` is empty when it succeeded."""

    ok: bool
    data: bytes
    gas_used: int
    reason: str
    log_count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SimulationResult:
    """A simulation on top of block ``base``: the calls' outcomes and the reads' answers, in order."""

    base: Header
    calls: tuple[Outcome, ...]
    reads: tuple[bytes, ...]

    @property
    def ok(self) -> bool:
        """Whether every call succeeded."""
        return all(outcome.ok for outcome in self.calls)


def simulate(client: Client, calls: Sequence[tuple[str, Call]], reads: Sequence[Call] = ()) -> SimulationResult:
    """Run ``calls`` of ``(sender, call)`` in order, then ``reads``, on top of the newest block.

    A call that reverts is reported, not raised, and does not stop those after it.

    Raises
    ------
    CallReverted
        When a read is refused; the facts name its ``index``.
    ChainError
        When the node does not offer ``eth_simulateV1``.
    """
    base = client.head()
    sent = [{"from": sender} | call_object(call) for sender, call in calls] + [call_object(call) for call in reads]
    block = {"blockOverrides": {"time": hex(base.timestamp + _BLOCK_SECONDS)}, "calls": sent}
    try:
        answer = client.call("eth_simulateV1", [{"blockStateCalls": [block]}, hex(base.number)])
    except ChainError as error:
        if error.facts.get("rpc_code") == _METHOD_UNKNOWN:
            raise ChainError(
                f"The node at {client.host} does not offer eth_simulateV1; add one that does to RPC_URLS."
            ) from error
        raise
    outcomes = _outcomes(answer, len(sent))
    for index, outcome in enumerate(outcomes[len(calls) :]):
        if not outcome.ok:
            raise CallReverted(
                f"Read {index} of {reads[index].target} was refused in the simulation: {outcome.reason}.", index=index
            )
    return SimulationResult(
        base=base,
        calls=tuple(outcomes[: len(calls)]),
        reads=tuple(outcome.data for outcome in outcomes[len(calls) :]),
    )


def _outcomes(answer: object, count: int) -> list[Outcome]:
    found = answer[0].get("calls") if isinstance(answer, list) and answer and isinstance(answer[0], dict) else None
    if not isinstance(found, list) or len(found) != count:
        answers.nonsense("eth_simulateV1", answer)
    return [_outcome(item) for item in found]


def _outcome(item: dict[str, Any]) -> Outcome:
    data = answers.octets(item.get("returnData") or "0x", "eth_simulateV1")
    ok = answers.quantity(item.get("status"), "eth_simulateV1") == 1
    return Outcome(
        ok=ok,
        data=data,
        gas_used=answers.quantity(item.get("gasUsed"), "eth_simulateV1"),
        reason="" if ok else _reason(data, item.get("error")),
        log_count=len(item.get("logs") or ()),
    )


def _reason(data: bytes, error: object) -> str:
    if data:
        return reverts.reason(data)
    details = error if isinstance(error, dict) else {}
    nested = details.get("data")
    if isinstance(nested, str) and len(nested) > 2:
        return reverts.reason(answers.octets(nested, "eth_simulateV1"))
    return str(details.get("message") or "no reason given")
