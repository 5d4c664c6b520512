"""What goes on chain, as data: calls, expectations, and the bundle that holds both.

An executor can carry out and verify a bundle without knowing any protocol: an `Expectation` is a read
call and the value that one word of its answer must have after execution.
"""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One contract call.

    Attributes
    ----------
    target : str
        Checksummed address of the contract.
    data : bytes
        Selector and ABI-encoded arguments.
    value : int
        Wei sent along.
    """

    target: str
    data: bytes
    value: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Expectation:
    """What one 32-byte word of a read call's answer must be once a bundle was executed.

    Attributes
    ----------
    call : Call
        The read call.
    word : int
        Index of the 32-byte word in the answer, from 0.
    before, after : int
        The word's value when the bundle was drafted, and the one it must have afterwards.
    label : str
        What is read, in the field's words, e.g. ``"WETH liquidation threshold"``.
    unit : str
        Unit of the word, a key of `governance.domain.units.UNITS`.
    """

    call: Call
    word: int
    before: int
    after: int
    label: str
    unit: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Bundle:
    """Calls in order, the proposal's text, and what must hold afterwards."""

    calls: tuple[Call, ...]
    description: str
    expectations: tuple[Expectation, ...] = field(default=())
