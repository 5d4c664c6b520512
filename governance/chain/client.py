"""JSON-RPC with EVM nodes: batches, retries, and failover over several nodes by how they serve.

Retries are ours alone: `ChainUnavailable` and `DishonestAnswer` are tried again with growing pauses, at the next best
node first (`governance.chain.health`). Nothing that changes a test node's clock or pool (``evm_*``, ``anvil_*``,
``eth_sendTransaction``) is sent twice.
"""

from __future__ import annotations

import copy
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Self

import msgspec

from governance.chain import answers
from governance.chain.answers import Header, Receipt
from governance.chain.failover import Nodes, weight
from governance.chain.health import Fault, Seen, Span
from governance.chain.transport import Body, Reply
from governance.domain.action import Call
from governance.env import env
from governance.errors import ChainError, DishonestAnswer, InputError
from governance.services.addresses import rpc_urls

__all__ = ["Client", "Header", "Receipt", "Request", "default_client"]

Request = tuple[str, Sequence[object]]

TIMEOUT = 120.0  # seconds; a local node may need that long to save or load a year of state
ATTEMPTS = 5
_NOT_REPEATED = ("evm_", "anvil_", "eth_sendTransaction")
_OK = 200
_HASH_LENGTH = 66
_MISSING = re.compile(rb'"result"\s*:\s*null')


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
        How often all nodes are tried before an error is raised.
    rps : int
        Most requests a second to each node; 0 for as many as it takes.
    """

    def __init__(
        self,
        urls: Sequence[str],
        *,
        chain_id: int | None,
        timeout: float = TIMEOUT,
        attempts: int = ATTEMPTS,
        rps: int = 0,
    ) -> None:
        if not urls:
            raise InputError("No RPC address is given; set RPC_URLS.", field="RPC_URLS")
        self.chain_id = chain_id
        self._nodes = Nodes(urls, chain_id=chain_id, timeout=timeout, attempts=attempts, rps=rps)

    @property
    def host(self) -> str:
        """The host of the node that answered this thread last, else of the first; its address may hold a key."""
        return self.hosts[self._nodes.answered]

    @property
    def hosts(self) -> tuple[str, ...]:
        """The hosts of all nodes, in the order in which they were given."""
        return self._nodes.hosts

    @property
    def silent(self) -> tuple[str, ...]:
        """The hosts of the nodes that did not answer when they were asked last."""
        return tuple(node.name for node in self._nodes.pool.nodes if node.failing)

    def seen(self) -> list[Seen]:
        """Return what was seen of each node since the last call, for `governance.chain.providers`."""
        return self._nodes.pool.seen()

    def rest(self, seconds: Mapping[str, float]) -> None:
        """Leave the nodes of these hosts alone for so many seconds, unless no other is left."""
        self._nodes.pool.rest(seconds)

    def faults(self) -> list[Fault]:
        """Return the faults that were found in answers since the last call."""
        return self._nodes.pool.faults()

    def distrust(self, error: ChainError, *, first: int, last: int) -> None:
        """Leave the node that gave a wrong answer alone for a while, so that the next try asks another one.

        Parameters
        ----------
        error : ChainError
            What was found. Its fact ``host`` names the node (else it is the one that answered this thread last), its
            fact ``kind`` the kind of fault (`governance.models.Incident.Kind`).
        first, last : int
            The blocks that were asked for.
        """
        named = str(error.facts.get("host", ""))
        at = self.hosts.index(named) if named in self.hosts else self._nodes.answered
        self._nodes.distrust(at, error, Span(blocks=(first, last)))

    def without(self, host: str) -> Self | None:
        """Return this client without the node ``host``, to ask another one the same; None when there is no other."""
        left = self._nodes.others(host)
        return self._of(left) if left else None

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

        def check(reply: Reply, host: str) -> None:
            answer = answers.parse(reply.body, status=reply.status, host=host)
            found[:] = [answers.result(answer, number=0, method=method)]

        body = msgspec.json.encode(_request(0, method, params))
        self._nodes.transfer(body, check, Span(), once=method.startswith(_NOT_REPEATED))
        return found[0]

    def batch(self, requests: Sequence[Request]) -> list[Any]:
        """Return the results of several requests, in order; raises what `call` does, for the first that failed."""
        if not requests:
            return []
        found: list[Any] = []
        methods = [method for method, _ in requests]

        def check(reply: Reply, host: str) -> None:
            found[:] = answers.results(answers.parse(reply.body, status=reply.status, host=host), methods=methods)

        once = any(method.startswith(_NOT_REPEATED) for method in methods)
        self._nodes.transfer(_body(requests), check, Span(), once=once)
        return found

    def batch_raw(self, requests: Sequence[Request], *, read: Callable[[Body], object] | None = None) -> Body:
        """Return the undecoded body of a batch of reads, for bulk readers; the ids are the positions, the order is any.

        Every request has a result in it, and every block that was asked for by its number is there.

        Parameters
        ----------
        requests : sequence of Request
            What is asked for.
        read : callable or None
            Reads the body, and raises for a refusal or a missing block what is raised here otherwise. It spares a
            large answer two searches; what it raises is the node's fault, and another one is asked.

        Raises
        ------
        RangeTooLarge
            When the nodes refuse so much at once.
        ChainError
            With the fact ``kind`` = ``lagging`` when no node holds one of the blocks; else what `call` raises.
        """

        def check(reply: Reply, host: str) -> None:
            raw = reply.body
            if reply.status != _OK or raw[:64].lstrip()[:1] != b"[":
                answers.results(answers.parse(raw, status=reply.status, host=host), methods=[])
            if raw[-64:].rstrip()[-1:] != b"]":
                raise answers.not_json(raw, host)
            if read is not None:
                read(raw)
            elif b'"error"' in raw or _MISSING.search(raw):
                answers.whole(raw, requests, host)

        return self._nodes.transfer(
            _body(requests), check, Span(blocks=_blocks(requests), parts=len(requests)), once=False
        )

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

    def eth_call(self, call: Call, *, block: int | str | None = None) -> bytes:
        """Return what a read call answers at ``block``, as in `eth_calls`."""
        return self.eth_calls([call], block=block)[0]

    def eth_calls(self, calls: Sequence[Call], *, block: int | str | None = None) -> list[bytes]:
        """Return what several read calls answer at ``block``, in order.

        Parameters
        ----------
        calls : sequence of Call
            What to ask.
        block : int, str or None
            A block's number; or its hash, which a node refuses that does not hold it as part of its chain (EIP-1898);
            None for the newest.
        """
        where = place(block)
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
        for endpoint in self._nodes.endpoints:
            endpoint.close()

    def newest(self) -> int:
        """Return the newest block that a node not only names, but also holds.

        A node that claims blocks that it cannot show is left alone for a while, and the next best claim counts.

        Raises
        ------
        DishonestAnswer
            When no node holds the block that it names.
        ChainUnavailable
            When none answers.
        """
        return self._foremost()[0]

    def leader(self, *, at: int) -> Self:
        """Return this client with that node alone which has come furthest: of two histories, its is the chain.

        The others are asked for block ``at``, and left alone for a while when they have another one there.

        Raises
        ------
        DishonestAnswer, ChainUnavailable
            As `newest` does.
        """
        if len(self.hosts) == 1:
            return self
        first = self._foremost()[1]
        leader = self._of(self._nodes.subset([first]))
        theirs = leader.block_hash(at)
        for other, node in self._nodes.each():
            if theirs and other != first:
                self._compare(other, self._of(node), at, theirs)
        return leader

    def block_hash(self, number: int) -> str:
        """Return the hash of block ``number``, in lower case; empty when the node does not hold it."""
        found = self.call("eth_getBlockByNumber", [hex(number), False])
        return str(found["hash"]).lower() if isinstance(found, dict) and "hash" in found else ""

    def holds(self, number: int) -> bool:
        """Return whether the node holds block ``number``."""
        return self.call("eth_getBlockByNumber", [hex(number), False]) is not None

    def _foremost(self) -> tuple[int, int]:
        """Return the newest block that a node holds, and the position of that node."""
        for attempt in self._nodes.patiently():
            with attempt:
                return self._compare_heads()
        raise AssertionError("unreachable: the last attempt raises")

    def _compare_heads(self) -> tuple[int, int]:
        failures: list[ChainError] = []
        claims: list[tuple[int, int]] = []
        for at, node in self._nodes.each():
            try:
                claims.append((self._of(node).header("latest").number, at))
            except ChainError as error:
                failures.append(error)
        claims.sort(key=lambda claim: (-claim[0], claim[1]))
        for place, (number, at) in enumerate(claims):
            if self._of(self._nodes.subset([at], attempts=1)).holds(number):
                self._nodes.pool.shown({node: head for head, node in claims[place:]})
                return number, at
            host = self.hosts[at]
            lie = DishonestAnswer(f"The node at {host} names a head, {number:,}, that it does not hold.", host=host)
            self._nodes.distrust(at, lie, Span())
            failures.append(lie)
        raise min(failures, key=weight)

    def _compare(self, at: int, node: Self, number: int, expected: str) -> None:
        try:
            found = node.block_hash(number)
        except ChainError:
            return  # noted already
        if found and found != expected:
            message = f"The node at {self.hosts[at]} has another block {number:,} than the one that has come furthest."
            self._nodes.distrust(at, DishonestAnswer(message, kind="contradiction"), Span(blocks=(number, number)))

    def _of(self, nodes: Nodes) -> Self:
        other = copy.copy(self)
        other._nodes = nodes  # noqa: SLF001 - a copy of its own kind
        return other


def default_client() -> Client:
    """Return a client of the nodes in RPC_URLS, or of the embedded local node."""
    return Client(rpc_urls(), chain_id=env().chain_id, rps=env().provider_rps)


def call_object(call: Call) -> dict[str, str]:
    """Return ``call`` as the object that ``eth_call`` and its kin take."""
    shape = {"to": call.target, "data": f"0x{call.data.hex()}"}
    return shape | {"value": hex(call.value)} if call.value else shape


def place(block: int | str | None) -> str | dict[str, object]:
    """Return a block's number or hash (None: the newest) as the parameter that read methods take."""
    if isinstance(block, str):
        return {"blockHash": block, "requireCanonical": True}
    return "latest" if block is None else hex(block)


def _request(number: int, method: str, params: Sequence[object]) -> dict[str, object]:
    return {"jsonrpc": "2.0", "id": number, "method": method, "params": params}


def _body(requests: Sequence[Request]) -> bytes:
    return msgspec.json.encode([_request(number, *request) for number, request in enumerate(requests)])


def _tag(number: int | str) -> str:
    return number if isinstance(number, str) else hex(number)


def _blocks(requests: Sequence[Request]) -> tuple[int, int] | None:
    """Return the first and the last block that a batch of reads in ascending order is about; None if there is none."""
    numbers = [int(tag, 16) for request in (requests[0], requests[-1]) for tag in _tags(request)]
    return (min(numbers), max(numbers)) if numbers else None


def _tags(request: Request) -> list[str]:
    method, params = request
    first = params[0] if params else None
    if isinstance(first, dict):
        found = [first.get("fromBlock"), first.get("toBlock")]
    else:
        found = [first] if method.startswith("eth_getBlock") else []
    return [tag for tag in found if isinstance(tag, str) and tag.startswith("0x") and len(tag) < _HASH_LENGTH]
