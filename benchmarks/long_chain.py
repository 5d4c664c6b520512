"""A long chain on a node of its own: every block holds one call of a contract that emits ten transfers.

The contract is assembled here, so that no compiler is needed. The node mines on demand; a block's gas limit lets one
call in, and so a batch of calls and a batch of "mine" make as many blocks.
"""

from __future__ import annotations

import http.client
import json
import socket
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from governance.services.node import program

LOGS = 10  # of one block
TOPIC = "ddf252ad1be2c89b69c2b068fc378daa952ba7f163c4a11628f55a4df523b3ef"  # Transfer(address,address,uint256)
SENDER = "0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266"  # the node's first account
CHAIN_ID = 31337
GAS = 200_000  # of one call, and of one block
BATCH = 500  # calls in one request
MINED = 50  # blocks in one request: more take the node longer than in several
STARTING = 20.0  # seconds

# n = first word of the call data; while n: emit Transfer(caller, second word + n), 32 bytes of data; n = n - 1
_LOOP = (
    "5f35"  # n
    "5b8015603d57"  # loop: leave when n is 0
    "806020350180"  # second word + n, twice
    "5f52"  # one of them is the data
    "33"  # caller
    f"7f{TOPIC}"
    "60205fa3"  # LOG3 of 32 bytes
    "60019003"  # n - 1
    "600256"  # around again
    "5b00"  # stop
)


class Node:
    """A node that keeps one connection."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.url = f"http://127.0.0.1:{port}"
        self._line = http.client.HTTPConnection("127.0.0.1", port, timeout=300)

    def batch(self, requests: Sequence[tuple[str, Sequence[object]]]) -> list[Any]:
        """Send a batch and return its results in order."""
        body = [
            {"jsonrpc": "2.0", "id": at, "method": method, "params": params}
            for at, (method, params) in enumerate(requests)
        ]
        self._line.request("POST", "/", json.dumps(body), {"Content-Type": "application/json"})
        answers = json.loads(self._line.getresponse().read())
        failed = [answer["error"] for answer in answers if "error" in answer]
        if failed:
            raise RuntimeError(f"the node refused: {failed[0]}")
        return [answer["result"] for answer in sorted(answers, key=lambda answer: int(answer["id"]))]

    def call(self, method: str, *params: object) -> Any:  # noqa: ANN401 - JSON is what it is
        """Send one request and return its result."""
        return self.batch([(method, params)])[0]

    def head(self) -> int:
        """Return the newest block's number."""
        return int(str(self.call("eth_blockNumber")), 16)


@contextmanager
def running() -> Iterator[Node]:
    """Yield a fresh node, and end it."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    flags = ["--silent", "--port", str(port), "--chain-id", str(CHAIN_ID), "--hardfork", "cancun"]
    flags += ["--prune-history", "64", "--no-mining", "--gas-limit", str(GAS), "--base-fee", "0"]
    quiet = subprocess.DEVNULL
    with subprocess.Popen([str(program()), *flags], stdout=quiet, stderr=quiet) as process:
        try:
            _await(port)
            yield Node(port)
        finally:
            process.terminate()


def build(node: Node, *, blocks: int) -> str:
    """Bring the chain to ``blocks`` blocks with `LOGS` logs each but the first, and return the contract's address."""
    node.call("anvil_setBlockTimestampInterval", 12)
    size = len(_LOOP) // 2
    creation = f"0x60{size:02x}600c60003960{size:02x}6000f3{_LOOP}"
    sent = node.call("eth_sendTransaction", {"from": SENDER, "data": creation, "gas": hex(GAS), "gasPrice": "0x0"})
    node.call("evm_mine")
    contract = str(node.call("eth_getTransactionReceipt", sent)["contractAddress"])
    for first in range(2, blocks + 1, BATCH):
        numbers = range(first, min(first + BATCH, blocks + 1))
        node.batch([("eth_sendTransaction", [_call(contract, number)]) for number in numbers])
        for _ in numbers[::MINED]:
            node.call("anvil_mine", hex(min(MINED, blocks - node.head())))
    if node.head() != blocks:
        raise RuntimeError(f"the chain stands at block {node.head()}, not {blocks}")
    return contract


def _call(contract: str, number: int) -> dict[str, str]:
    data = f"0x{LOGS:064x}{number * LOGS * 10**18:064x}"
    return {
        "from": SENDER,
        "to": contract,
        "data": data,
        "gas": hex(GAS),
        "gasPrice": "0x0",
        "nonce": hex(number - 1),
    }


def _await(port: int) -> None:
    deadline = time.monotonic() + STARTING
    while True:
        try:
            with socket.create_connection(("127.0.0.1", port), timeout=1):
                return
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.02)
