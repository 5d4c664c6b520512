"""A small chain on a node of its own, whose two contracts log what they are sent: few blocks, every shape of them."""

from __future__ import annotations

import random
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from governance.chain.client import Client
from governance.errors import ChainUnavailable
from governance.services.node import program

SENDER = "0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266"
GAS_PRICE = hex(10**10)
# Copies its input to memory and logs it three times, with its first word as the topic.
RUNTIME = bytes.fromhex("365f5f37" + "5f35365fa1" * 3 + "00")
CREATION = bytes.fromhex(f"60{len(RUNTIME):02x}80600" + "95f395ff3") + RUNTIME


@dataclass(kw_only=True)
class SmallChain:
    """The node, and the contract that is watched.

    Attributes
    ----------
    client : Client
        Of the node itself, which is honest.
    watched, other : str
        Two contracts; what the other one logs is nobody's business.
    head : int
        Its newest block.
    """

    client: Client
    watched: str = ""
    other: str = ""
    head: int = 0
    nonce: int = 0

    @property
    def url(self) -> str:
        """Where the node listens."""
        return f"http://{self.client.host}"

    def grow(self, blocks: int, *, seed: int = 0) -> None:
        """Mine ``blocks`` more: some are empty, some have logs of one contract, some of both."""
        chosen = random.Random(f"{seed}/{self.head}")
        for _ in range(blocks):
            for _ in range(chosen.choice((0, 0, 1, 1, 2, 3))):
                target = self.watched if chosen.random() < 0.8 else self.other
                self._send({"to": target, "data": "0x" + chosen.randbytes(64).hex()})
            self.client.call("evm_mine", [])
        self.head += blocks

    def deploy(self) -> None:
        """Create the two contracts."""
        hashes = [self._send({"data": "0x" + CREATION.hex()}) for _ in range(2)]
        self.client.call("evm_mine", [])
        self.head += 1
        found = [self.client.receipt(tx_hash) for tx_hash in hashes]
        self.watched, self.other = (receipt.contract for receipt in found if receipt is not None)

    def _send(self, transaction: dict[str, str]) -> str:
        fixed = {"from": SENDER, "nonce": hex(self.nonce), "gas": hex(300_000), "gasPrice": GAS_PRICE}
        self.nonce += 1
        return str(self.client.call("eth_sendTransaction", [transaction | fixed]))


@contextmanager
def small_chain(*, blocks: int, seed: int = 0) -> Iterator[SmallChain]:
    """Run a node with a chain of ``blocks`` blocks until the block ends."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    flags = ["--silent", f"--port={port}", "--hardfork=cancun", "--prune-history=64", "--no-mining", "--order=fifo"]
    flags += ["--no-request-size-limit", "--gas-limit=60000000", "--timestamp=1735689600"]
    with subprocess.Popen([str(program()), *flags], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        client = Client([f"http://127.0.0.1:{port}"], chain_id=31337, attempts=1)
        try:
            _await(client)
            chain = SmallChain(client=client)
            client.call("anvil_setBlockTimestampInterval", [12])
            chain.deploy()
            chain.grow(blocks - chain.head, seed=seed)
            yield chain
        finally:
            client.close()
            process.terminate()


def _await(client: Client) -> None:
    deadline = time.monotonic() + 20
    while True:
        try:
            client.head()
        except ChainUnavailable:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.02)
        else:
            return
