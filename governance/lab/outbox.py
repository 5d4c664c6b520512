"""Transactions of the local world: explicit nonces, explicit order inside a block, explicit time.

The node neither chooses a nonce nor an order nor a time, so that the same world has the same block hashes. Inside a
block, transactions stand in the order in which they were queued: each offers a little less for gas than the one before.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from governance.chain import abi, answers, reverts
from governance.chain.client import Client, Request
from governance.domain.action import Call
from governance.errors import CallReverted

GWEI = 10**9
GAS = 1_500_000  # ample for every call of a user; what is not used costs nothing
DEPLOY_GAS = 8_000_000
FEE = 100 * GWEI
BATCH = 400
RICH = 10**24  # wei that each account of the world is given for gas


class Outbox:
    """Queues transactions and mines them.

    Parameters
    ----------
    client : Client
        Of a node that lets everybody send for everybody (``--auto-impersonate``).
    """

    def __init__(self, client: Client) -> None:
        self._client = client
        self._queue: list[dict[str, str]] = []
        self._nonces: dict[str, int] = {}

    def enroll(self, addresses: Iterable[str]) -> None:
        """Learn the addresses' next nonces."""
        wanted = list(addresses)
        for part in _chunks(wanted):
            asked: list[Request] = [("eth_getTransactionCount", [address, "latest"]) for address in part]
            found = (answers.quantity(count, "nonce") for count in self._client.batch(asked))
            self._nonces.update(zip(part, found, strict=True))

    def fund(self, addresses: Iterable[str]) -> None:
        """Give the addresses ether for gas."""
        for part in _chunks(list(addresses)):
            self._client.batch([("anvil_setBalance", [address, hex(RICH)]) for address in part])

    def send(self, sender: str, call: Call, *, gas: int = GAS) -> None:
        """Queue a call of ``sender``."""
        self._add({"from": sender, "to": call.target, "data": f"0x{call.data.hex()}", "gas": hex(gas)})

    def deploy(self, sender: str, code: bytes) -> str:
        """Queue a creation and return the address that the contract will have."""
        address = self.next_address(sender)
        self._add({"from": sender, "data": f"0x{code.hex()}", "gas": hex(DEPLOY_GAS)})
        return address

    def next_address(self, sender: str, *, skip: int = 0) -> str:
        """Return the address of the contract that ``sender`` creates after ``skip`` more transactions."""
        return abi.created_address(sender, self._nonce(sender) + skip)

    def mine(self, timestamp: int) -> list[str]:
        """Send what is queued, mine one block at ``timestamp`` (unix seconds) and return the transactions' hashes."""
        queue, self._queue = self._queue, []
        hashes = []
        for part in _chunks(queue):
            hashes += self._client.batch([("eth_sendTransaction", [transaction]) for transaction in part])
        self._client.call("evm_mine", [timestamp])
        return hashes

    def mine_strictly(self, timestamp: int) -> list[str]:
        """Mine like `mine` one block in which every transaction must succeed.

        Raises
        ------
        CallReverted
            When a transaction of the block failed.
        """
        hashes = self.mine(timestamp)
        for part in _chunks(hashes):
            found = self._client.batch([("eth_getTransactionReceipt", [tx_hash]) for tx_hash in part])
            for tx_hash, receipt in zip(part, found, strict=True):
                if receipt is None or not answers.receipt(receipt).ok:
                    raise CallReverted(f"The local world's transaction {tx_hash} failed: {self._why(tx_hash)}.")
        return hashes

    def _why(self, tx_hash: str) -> str:
        """Return why a transaction failed, by the same call at the head."""
        sent = self._client.call("eth_getTransactionByHash", [tx_hash]) or {}
        try:
            self._client.call(
                "eth_call", [{"from": sent["from"], "to": sent.get("to"), "data": sent["input"]}, "latest"]
            )
        except (CallReverted, KeyError) as error:
            return reverts.explain(str(error))
        return "it needed more gas, or another state"

    def _add(self, transaction: dict[str, str]) -> None:
        sender = transaction["from"]
        nonce = self._nonce(sender)
        self._nonces[sender] = nonce + 1
        self._queue.append(transaction | {"nonce": hex(nonce), "gasPrice": hex(FEE - len(self._queue))})

    def _nonce(self, sender: str) -> int:
        if sender not in self._nonces:
            self.enroll([sender])
        return self._nonces[sender]


def _chunks[T](items: list[T]) -> list[list[T]]:
    return [items[at : at + BATCH] for at in range(0, len(items), BATCH)]


def words(*pairs: tuple[str, Any]) -> bytes:
    """Return constructor arguments encoded from ``(type, value)`` pairs."""
    return abi.encode_args([name for name, _ in pairs], [value for _, value in pairs])
