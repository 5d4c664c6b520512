"""JSON-RPC with EVM nodes: batches, failover over several addresses, and retries.

Retries are ours alone: `ChainUnavailable` is tried again with growing pauses, at the next address first. Nothing
that changes a test node's clock or pool (``evm_*``, ``anvil_*``, ``eth_sendTransaction``) is sent twice.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import msgspec
import stamina
from stamina.instrumentation import set_on_retry_hooks

from governance.chain import answers
from governance.chain.answers import Header, Receipt
from governance.chain.transport import Endpoint
from governance.domain.action import Call
from governance.env import env
from governance.errors import ChainUnavailable, InputError, WrongChain
from governance.services.addresses import rpc_urls

__all__ = ["Client", "Header", "Receipt", "Request", "default_client"]

Request = tuple[str, Sequence[object]]
Check = Callable[[bytes, int, str], None]

TIMEOUT = 120.0  # seconds; a local node may need that long to save or load a year of state
ATTEMPTS = 4
_NOT_REPEATED = ("evm_", "anvil_", "eth_sendTransaction")

set_on_retry_hooks(())  # what finally failed is raised in plain words; a log line for each try would mix into reports


class Client:
    """A conversation with one chain over one or more nodes.

    Parameters
    ----------
    urls : sequence of str
        Addresses of the nodes, best first. They may hold keys, and are never shown.
    chain_id : int or None
        The chain that every node must serve, asked at first use; None accepts any.
    timeout : float
        Seconds to wait for one answer.
    attempts : int
        How often all addresses are tried before `ChainUnavailable` is raised.
    """

    def __init__(
        self, urls: Sequence[str], *, chain_id: int | None, timeout: float = TIMEOUT, attempts: int = ATTEMPTS
    ) -> None:
        if not urls:
            raise InputError("No RPC address is given; set RPC_URLS.", field="RPC_URLS")
        self.chain_id = chain_id
        self._endpoints = [Endpoint(url, timeout=timeout) for url in urls]
        self._attempts = attempts
        self._trusted: set[int] = set()

    @property
    def host(self) -> str:
        """The first node's host, the only part of its address that may be shown."""
        return self._endpoints[0].host

    def call(self, method: str, params: Sequence[object] = ()) -> Any:  # noqa: ANN401 - JSON is what it is
        """Return the result of one request.

        Raises
        ------
        ChainUnavailable, WrongChain, DishonestAnswer
            When no node answers, one serves another chain, or what it says is not JSON-RPC.
        CallReverted
            When a contract refused, with its reason.
        ChainError
            When the node refused; its own code and words are in the facts ``rpc_code`` and ``rpc_message``.
        """
        found: list[Any] = []

        def check(raw: bytes, status: int, host: str) -> None:
            found[:] = [answers.result(answers.parse(raw, status=status, host=host), number=0, method=method)]

        body = msgspec.json.encode(_request(0, method, params))
        self._transfer(body, check, once=method.startswith(_NOT_REPEATED))
        return found[0]

    def batch(self, requests: Sequence[Request]) -> list[Any]:
        """Return the results of several requests, in order; raises what `call` does, for the first that failed."""
        if not requests:
            return []
        found: list[Any] = []
        methods = [method for method, _ in requests]

        def check(raw: bytes, status: int, host: str) -> None:
            found[:] = answers.results(answers.parse(raw, status=status, host=host), methods=methods)

        self._transfer(_body(requests), check, once=any(method.startswith(_NOT_REPEATED) for method in methods))
        return found

    def batch_raw(self, requests: Sequence[Request]) -> bytes:
        """Return the undecoded body of a batch, for bulk readers; the ids are the positions, the order is any."""

        def check(raw: bytes, status: int, host: str) -> None:
            if raw.lstrip()[:1] != b"[":
                answers.results(answers.parse(raw, status=status, host=host), methods=[])

        return self._transfer(_body(requests), check, once=False)

    def head(self) -> Header:
        """Return the newest block's header."""
        return self.header("latest")

    def header(self, number: int | str) -> Header:
        """Return the header of block ``number``, or of ``"latest"``, ``"safe"`` or ``"finalized"``."""
        return self.headers([number])[0]

    def headers(self, numbers: Sequence[int | str]) -> list[Header]:
        """Return several blocks' headers, in order; raises `ChainError` when the node does not know one of them."""
        asked: list[Request] = [("eth_getBlockByNumber", [_tag(number), False]) for number in numbers]
        return [answers.header(found, number=number) for found, number in zip(self.batch(asked), numbers, strict=True)]

    def eth_call(self, call: Call, *, block: int | None = None) -> bytes:
        """Return what a read call answers at ``block`` (None: the newest)."""
        return self.eth_calls([call], block=block)[0]

    def eth_calls(self, calls: Sequence[Call], *, block: int | None = None) -> list[bytes]:
        """Return what several read calls answer at ``block`` (None: the newest), in order."""
        where = "latest" if block is None else hex(block)
        found = self.batch([("eth_call", [call_object(call), where]) for call in calls])
        return [answers.octets(answer, "eth_call") for answer in found]

    def send_raw(self, transaction: bytes) -> str:
        """Hand a signed transaction to the first node that takes it and return its hash."""
        method = "eth_sendRawTransaction"
        return answers.digest(self.call(method, [f"0x{transaction.hex()}"]), method)

    def receipt(self, tx_hash: str) -> Receipt | None:
        """Return a transaction's receipt; None says that it is not mined, which is no failure."""
        found = self.call("eth_getTransactionReceipt", [tx_hash])
        return None if found is None else answers.receipt(found)

    def close(self) -> None:
        """Close this thread's connections."""
        for endpoint in self._endpoints:
            endpoint.close()

    def _transfer(self, body: bytes, check: Check, *, once: bool) -> bytes:
        """Return the first usable answer's body; ``check`` raises `ChainUnavailable` where it asks for another try."""
        if once:
            return self._failover(body, check)
        for attempt in stamina.retry_context(
            on=ChainUnavailable, attempts=self._attempts, timeout=None, wait_initial=0.1, wait_max=5.0, wait_jitter=0.1
        ):
            with attempt:
                return self._failover(body, check)
        raise AssertionError("unreachable: the last attempt raises")

    def _failover(self, body: bytes, check: Check) -> bytes:
        failure: ChainUnavailable | None = None
        for index, endpoint in enumerate(self._endpoints):
            try:
                self._trust(index)
                status, raw = endpoint.post(body)
                check(raw, status, endpoint.host)
            except ChainUnavailable as error:
                failure = failure or error
            else:
                return raw
        raise failure or ChainUnavailable("No node was asked.")

    def _trust(self, index: int) -> None:
        """Ask a node once which chain it serves."""
        if self.chain_id is None or index in self._trusted:
            return
        endpoint, method = self._endpoints[index], "eth_chainId"
        status, raw = endpoint.post(msgspec.json.encode(_request(0, method, ())))
        answer = answers.parse(raw, status=status, host=endpoint.host)
        served = answers.quantity(answers.result(answer, number=0, method=method), method)
        if served != self.chain_id:
            raise WrongChain(
                f"The node at {endpoint.host} serves chain {served}, not {self.chain_id}; correct RPC_URLS.",
                host=endpoint.host,
                served=served,
                expected=self.chain_id,
            )
        self._trusted.add(index)


def default_client() -> Client:
    """Return a client of the nodes in RPC_URLS, or of the embedded local node."""
    return Client(rpc_urls(), chain_id=env().chain_id)


def call_object(call: Call) -> dict[str, str]:
    """Return ``call`` as the object that ``eth_call`` and its kin take."""
    shape = {"to": call.target, "data": f"0x{call.data.hex()}"}
    return shape | {"value": hex(call.value)} if call.value else shape


def _request(number: int, method: str, params: Sequence[object]) -> dict[str, object]:
    return {"jsonrpc": "2.0", "id": number, "method": method, "params": params}


def _body(requests: Sequence[Request]) -> bytes:
    return msgspec.json.encode([_request(number, *request) for number, request in enumerate(requests)])


def _tag(number: int | str) -> str:
    return number if isinstance(number, str) else hex(number)
