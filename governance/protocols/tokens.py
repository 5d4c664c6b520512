"""What tokens say of themselves."""

from __future__ import annotations

from typing import TYPE_CHECKING

from governance.chain import abi
from governance.domain.action import Call
from governance.protocols.base import ReserveFacts

if TYPE_CHECKING:
    from collections.abc import Sequence

    from governance.chain.client import Client


def describe(client: Client, assets: Sequence[str]) -> dict[str, ReserveFacts]:
    """Return symbol and decimals of each asset."""
    symbols = client.eth_calls([Call(target=asset, data=abi.encode("symbol()")) for asset in assets])
    decimals = client.eth_calls([Call(target=asset, data=abi.encode("decimals()")) for asset in assets])
    return {
        asset: ReserveFacts(symbol=symbol_text(symbol), decimals=abi.decode(("uint8",), places)[0])
        for asset, symbol, places in zip(assets, symbols, decimals, strict=True)
    }


def symbol_text(answer: bytes) -> str:
    """Return a token's symbol; some old tokens answer ``bytes32`` instead of a string."""
    if len(answer) == abi.WORD:
        return answer.rstrip(b"\0").decode("utf-8", "replace")
    return str(abi.decode(("string",), answer)[0])
