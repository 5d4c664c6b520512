"""A bench for contracts of a test's own, on any test node: deploy, send, let time pass."""

from __future__ import annotations

import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from governance.chain import abi
from governance.chain.client import Client, call_object
from governance.domain.action import Call
from governance.env import ROOT, env
from governance.errors import CallReverted
from governance.lab import contracts
from governance.lab.actors import address
from governance.lab.outbox import Outbox
from governance.services.node import program

if TYPE_CHECKING:
    from collections.abc import Sequence

    from governance.chain.answers import Receipt

BUILDER = address(7, "builder")
GAS = 12_000_000


@contextmanager
def own_node() -> Iterator[Client]:
    """Run a node that keeps the state of all its blocks, until the block ends; yield a client of it."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    flags = ["--silent", f"--port={port}", "--hardfork=cancun", "--prune-history=4096", "--gas-limit=60000000"]
    with subprocess.Popen([str(program()), *flags], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        client = Client([f"http://127.0.0.1:{port}"], chain_id=31337, attempts=8)
        try:
            client.head()
            yield client
        finally:
            client.close()
            process.terminate()


@dataclass
class Workshop:
    """Sends as anybody, one block a transaction, so that every block has a time of its own."""

    client: Client
    outbox: Outbox = field(init=False)

    def __post_init__(self) -> None:
        self.client.call("anvil_autoImpersonateAccount", [True])
        self.client.call("evm_setAutomine", [False])
        self.outbox = Outbox(self.client)
        self._ours = contracts.load(modules=ROOT / "node_modules", cache=env().breakwater_data / "contracts").ours

    def deploy(self, code: str, types: Sequence[str] = (), *args: object) -> str:
        """Deploy creation bytecode (hexadecimal) and return its address."""
        self._ready(BUILDER)
        where = self.outbox.deploy(BUILDER, bytes.fromhex(code) + abi.encode_args(types, args))
        self.outbox.mine_strictly(self.now() + 1)
        return where

    def ours(self, name: str, types: Sequence[str] = (), *args: object) -> str:
        """Deploy one of `governance/contracts`."""
        return self.deploy(self._ours[name].bytecode, types, *args)

    def token(self, symbol: str, decimals: int, spender: str) -> str:
        """Deploy a token that ``spender`` may take, and that is made where it is missing."""
        kinds = ("string", "string", "uint8", "address")
        return self.ours("TestToken", kinds, symbol, symbol, decimals, spender)

    def send(self, who: str, target: str, signature: str, *args: object, after: int = 12) -> Receipt:
        """Send a call that must succeed, in a block ``after`` seconds later.

        Raises
        ------
        CallReverted
            When the contract refuses it; nothing is sent then.
        """
        call = Call(target=target, data=abi.encode(signature, *args))
        return self.send_all([(who, call)], after=after)[0]

    def send_all(self, calls: Sequence[tuple[str, Call]], *, after: int = 12) -> list[Receipt]:
        """Send several calls in one block; each must succeed."""
        if len(calls) == 1:  # later ones may need what earlier ones do
            self.client.call("eth_call", [{"from": calls[0][0]} | call_object(calls[0][1]), "latest"])
        for who in dict.fromkeys(who for who, _ in calls):
            self._ready(who)
        for who, call in calls:
            self.outbox.send(who, call, gas=GAS)
        found = [self.client.receipt(tx_hash) for tx_hash in self.outbox.mine_strictly(self.now() + after)]
        return [receipt for receipt in found if receipt is not None]

    def tries(self, who: str, target: str, signature: str, *args: object, after: int = 12) -> bool:
        """Send a call that the contract may refuse; return whether it took it."""
        try:
            self.send(who, target, signature, *args, after=after)
        except CallReverted:
            return False
        return True

    def ask(self, target: str, signature: str, kinds: Sequence[str], *args: object) -> tuple[object, ...]:
        """Return what a view function answers now."""
        return abi.decode(kinds, self.client.eth_call(Call(target=target, data=abi.encode(signature, *args))))

    def now(self) -> int:
        """Return the newest block's time."""
        return self.client.head().timestamp

    def wait(self, seconds: int) -> None:
        """Mine an empty block that much later."""
        self.client.call("evm_mine", [self.now() + seconds])

    def _ready(self, who: str) -> None:
        self.outbox.fund([who])
        self.outbox.enroll([who])
