"""What a sender of transactions asks its node, by web3.py over our own transport.

Failover, retries, time-outs and errors stay those of `governance.chain.client`; web3 shapes questions and answers. Bulk
work (logs, books, the local world) speaks with the client itself, which is several times faster.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from eth_utils.address import to_checksum_address
from web3 import Web3
from web3.providers.base import BaseProvider

if TYPE_CHECKING:
    from web3.eth import Eth
    from web3.types import RPCEndpoint, RPCResponse

    from governance.chain.client import Client
    from governance.domain.action import Call


class ClientProvider(BaseProvider):
    """A web3 provider that asks through a `Client`; what that raises, web3 passes on."""

    def __init__(self, client: Client) -> None:
        super().__init__()
        self._client = client

    def make_request(self, method: RPCEndpoint, params: Any) -> RPCResponse:  # noqa: ANN401 - web3's own signature
        """Return the answer to one request."""
        return {"jsonrpc": "2.0", "id": 0, "result": self._client.call(method, params)}


def priority_fee(client: Client) -> int:
    """Return the tip that the node suggests, in wei for a unit of gas."""
    return _eth(client).max_priority_fee


def estimate_gas(client: Client, call: Call, *, sender: str) -> int:
    """Simulate ``call`` as ``sender`` now and return the gas that it takes.

    Raises
    ------
    CallReverted
        When the contract refuses it.
    """
    return _eth(client).estimate_gas(
        {
            "from": to_checksum_address(sender),
            "to": to_checksum_address(call.target),
            "data": call.data,
            "value": Web3.to_wei(call.value, "wei"),
        }
    )


def balance(client: Client, address: str) -> int:
    """Return the wei that ``address`` holds."""
    return _eth(client).get_balance(to_checksum_address(address))


def transaction_count(client: Client, address: str) -> int:
    """Return how many transactions of ``address`` are mined, which is its next nonce."""
    return _eth(client).get_transaction_count(to_checksum_address(address), "latest")


def _eth(client: Client) -> Eth:
    return Web3(ClientProvider(client), middleware=[]).eth
