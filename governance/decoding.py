"""Calldata in words: which function, which arguments, in which units, with the names of the addresses that we know."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

from governance.chain.abi import decode_call, selector
from governance.domain.units import render
from governance.errors import DishonestAnswer

if TYPE_CHECKING:
    from collections.abc import Mapping

    from governance.domain.action import Call

FUNCTIONS: tuple[str, ...] = (
    "configureReserveAsCollateral(address asset,uint256 ltv,uint256 liquidationThreshold,uint256 liquidationBonus)",
    "setSupplyCap(address asset,uint256 newSupplyCap)",
    "setBorrowCap(address asset,uint256 newBorrowCap)",
    "setReserveFactor(address asset,uint256 newReserveFactor)",
    "setReservePause(address asset,bool paused)",
    "setReserveFreeze(address asset,bool freeze)",
    "setReserveBorrowing(address asset,bool enabled)",
    "setLiquidationProtocolFee(address asset,uint256 newFee)",
    "setReserveInterestRateStrategyAddress(address asset,address newRateStrategyAddress)",
    "transfer(address to,uint256 amount)",
    "approve(address spender,uint256 amount)",
    "grantRole(bytes32 role,address account)",
    "revokeRole(bytes32 role,address account)",
    "transferOwnership(address newOwner)",
    "upgradeTo(address newImplementation)",
)
UNITS_OF: dict[str, str] = {
    "ltv": "bps",
    "liquidationThreshold": "bps",
    "liquidationBonus": "bonus_bps",
    "newSupplyCap": "tokens",
    "newBorrowCap": "tokens",
    "newReserveFactor": "bps",
    "newFee": "bps",
}
_ARGUMENT = re.compile(r"(\w+(?:\[\])?) (\w+)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Argument:
    """One argument: what it is called, the value in words, and the raw value."""

    name: str
    text: str
    raw: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Action:
    """One call of a proposal.

    Attributes
    ----------
    function : str
        Name and types, e.g. ``setSupplyCap(address,uint256)``; empty when we do not know the selector.
    """

    target: str
    target_name: str
    value: int
    data: str
    function: str
    arguments: tuple[Argument, ...]

    @property
    def name(self) -> str:
        """The function's bare name."""
        return self.function.partition("(")[0]

    @property
    def selector(self) -> str:
        """The first four bytes of the calldata."""
        return self.data[:10]


def action(call: Call, *, names: Mapping[str, str]) -> Action:
    """Return ``call`` in words.

    Parameters
    ----------
    call : Call
        The call.
    names : Mapping
        Address (checksummed) -> the name that people know.
    """
    function, arguments = _decode(call.data, names)
    return Action(
        target=call.target,
        target_name=names.get(call.target, ""),
        value=call.value,
        data=f"0x{call.data.hex()}",
        function=function,
        arguments=arguments,
    )


@cache
def _known() -> dict[bytes, tuple[str, tuple[str, ...]]]:
    """Return selector -> (signature without names, names of the arguments)."""
    found = {}
    for text in FUNCTIONS:
        signature = _ARGUMENT.sub(r"\1", text)
        found[selector(signature)] = (signature, tuple(name for _, name in _ARGUMENT.findall(text)))
    return found


def _decode(data: bytes, names: Mapping[str, str]) -> tuple[str, tuple[Argument, ...]]:
    signature, labels = _known().get(data[:4], ("", ()))
    if not signature:
        return "", ()
    try:
        values = decode_call(signature, data)
    except DishonestAnswer:
        return "", ()  # a selector alone proves nothing: the page shows the raw bytes instead
    return signature, tuple(_argument(label, value, names) for label, value in zip(labels, values, strict=True))


def _argument(label: str, value: object, names: Mapping[str, str]) -> Argument:
    raw = f"0x{value.hex()}" if isinstance(value, bytes) else str(value)
    if label in UNITS_OF and isinstance(value, int):
        return Argument(name=label, text=render(value, UNITS_OF[label]), raw=raw)
    return Argument(name=label, text=names.get(raw, raw), raw=raw)
