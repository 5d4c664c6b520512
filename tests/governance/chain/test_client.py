from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from governance.chain import abi, transport
from governance.chain.client import Client
from governance.domain.action import Call
from governance.env import env
from governance.errors import (
    CallReverted,
    ChainError,
    ChainUnavailable,
    DishonestAnswer,
    InputError,
    WrongChain,
)

HASH = "0x" + "ab" * 32
Reply = Callable[[Any], Any]


class FakeNode(ThreadingHTTPServer):
    """A node that answers what the test says; it counts the requests it was sent."""

    daemon_threads = True

    def __init__(self, reply: Reply, status: int = 200) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.reply, self.status, self.seen = reply, status, []
        self.callers: list[tuple[str, int]] = []
        self.promised, self.pause = 0, 0.0  # bytes that are announced and do not come, seconds between two that do

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/v2/secret-key"


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: FakeNode

    def do_POST(self) -> None:
        question = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.seen.append(question)
        self.server.callers.append(self.client_address)
        answer = self.server.reply(question)
        body = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
        self.send_response(self.server.status)
        self.send_header("Content-Length", str(len(body) + self.server.promised))
        self.end_headers()
        with suppress(OSError):  # who does not wait for the end
            self._write(body)
        self.close_connection = bool(self.server.promised)

    def _write(self, body: bytes) -> None:
        step = 1 if self.server.pause else len(body) or 1
        for at in range(0, len(body), step):
            self.wfile.write(body[at : at + step])
            time.sleep(self.server.pause)

    def log_message(self, *_: object) -> None:
        """Keep the test's output clean."""


@contextmanager
def serving(reply: Reply, status: int = 200) -> Iterator[FakeNode]:
    node = FakeNode(reply, status)
    thread = threading.Thread(target=node.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield node
    finally:
        node.shutdown()
        node.server_close()
        thread.join()


def ask(reply: Reply, method: str = "eth_blockNumber", *, status: int = 200, attempts: int = 1) -> Any:
    with serving(reply, status) as node:
        client = Client([node.url], chain_id=None, timeout=5, attempts=attempts)
        try:
            return client.call(method)
        finally:
            client.close()


def ok(result: object) -> Reply:
    return lambda question: {"jsonrpc": "2.0", "id": question["id"], "result": result}


def refused(code: int, message: str, data: object = None) -> Reply:
    error = {"code": code, "message": message} | ({} if data is None else {"data": data})
    return lambda question: {"jsonrpc": "2.0", "id": question["id"], "error": error}


def test_a_result_comes_back():
    assert ask(ok("0x10")) == "0x10"


@pytest.mark.parametrize(
    "reply",
    [
        lambda _: b"<html>Welcome</html>",
        lambda _: b"[1, 2]",
        lambda _: b'"yes"',
        lambda _: {"jsonrpc": "2.0", "id": 5, "result": "0x1"},
        lambda question: {"jsonrpc": "2.0", "id": question["id"]},
        lambda question: {"jsonrpc": "2.0", "id": question["id"], "error": "broken"},
        lambda _: b'{"jsonrpc": "2.0", "id": 0, "resu',
    ],
)
def test_nonsense_is_dishonest(reply):
    with pytest.raises(DishonestAnswer):
        ask(reply)


@pytest.mark.parametrize("status", [429, 500, 503])
def test_a_busy_node_is_asked_again(status):
    with serving(ok("0x1"), status) as node:
        client = Client([node.url], chain_id=None, timeout=5, attempts=3)
        with pytest.raises(ChainUnavailable, match=str(status)):
            client.call("eth_blockNumber")
        client.close()
        assert len(node.seen) == 3


def test_what_changes_a_test_nodes_clock_is_never_sent_twice():
    with serving(ok("0x1"), 503) as node:
        client = Client([node.url], chain_id=None, timeout=5, attempts=3)
        with pytest.raises(ChainUnavailable):
            client.call("evm_mine", [12])
        client.close()
        assert len(node.seen) == 1


def test_a_page_that_refuses_without_json_counts_as_unavailable():
    with pytest.raises(ChainUnavailable, match="HTTP 401"):
        ask(lambda _: b"no key", status=401)


def test_what_is_no_node_at_all_is_asked_after():
    with pytest.raises(ChainUnavailable, match=r"HTTP 405; is it an EVM node\? Correct RPC_URLS"):
        ask(lambda _: b"<html>", status=405)
    with pytest.raises(DishonestAnswer, match=r"speaks no JSON; is it an EVM node\? Correct RPC_URLS"):
        ask(lambda _: b"<html>")
    with socket.create_server(("127.0.0.1", 0)) as server:
        thread = threading.Thread(target=_greet, args=(server,))
        thread.start()
        client = Client([f"http://127.0.0.1:{server.getsockname()[1]}"], chain_id=None, timeout=5, attempts=1)
        with pytest.raises(ChainUnavailable, match=r"does not speak HTTP \(is it an EVM node\?\)"):
            client.call("eth_blockNumber")
        thread.join()


def _greet(server: socket.socket) -> None:
    """Be a server of mail, which speaks first."""
    line, _ = server.accept()
    with line:
        line.sendall(b"220 mail.example\r\n")
        line.recv(65_536)


@pytest.mark.parametrize(
    ("urls", "wrong"), [("", "correct CHAIN_ID"), ("http://x.example", "correct RPC_URLS or CHAIN_ID")]
)
def test_who_has_set_the_wrong_chain_is_told_which_setting_it_is(monkeypatch, urls, wrong):
    with serving(ok("0x1")) as node, monkeypatch.context() as patch:
        patch.setenv("RPC_URLS", urls)
        env.cache_clear()
        client = Client([node.url], chain_id=31337, timeout=5)
        with pytest.raises(WrongChain, match=f"not 31337; {wrong}."):
            client.call("eth_blockNumber")
        client.close()
    env.cache_clear()


def test_a_node_that_is_down_is_named_without_its_key():
    with serving(ok("0x1")) as node:
        url = node.url
    with pytest.raises(ChainUnavailable) as caught:
        Client([url], chain_id=None, timeout=5, attempts=1).call("eth_blockNumber")
    assert "127.0.0.1" in caught.value.message
    assert "secret-key" not in f"{caught.value.message} {caught.value.facts}"


def test_another_chain_is_refused_before_anything_is_asked():
    with serving(ok("0x1")) as node:
        client = Client([node.url], chain_id=31337, timeout=5)
        with pytest.raises(WrongChain, match="serves chain 1, not 31337"):
            client.call("eth_blockNumber")
        client.close()
        assert [question["method"] for question in node.seen] == ["eth_chainId"]


def test_the_next_node_answers_when_the_first_is_broken():
    with serving(ok("0x1"), 503) as broken, serving(ok("0x2")) as good:
        client = Client([broken.url, good.url], chain_id=None, timeout=5)
        assert client.call("eth_blockNumber") == "0x2"
        client.close()


def test_a_long_answer_comes_whole_and_the_connection_stays(monkeypatch):
    monkeypatch.setattr(transport, "_AT_ONCE", 1000)  # so that the room for it has to grow several times
    long = "0x" + "".join(f"{n:08x}" for n in range(20_000))
    with serving(lambda asked: {"id": asked["id"], "result": long}) as node:
        client = Client([node.url], chain_id=None)
        assert [client.call("eth_call", []) for _ in range(2)] == [long, long]
        assert len({*node.callers}) == 1


def test_an_answer_that_ends_early_is_no_answer():
    with serving(lambda asked: {"id": asked["id"], "result": "0x1"}) as node:
        node.promised = 10
        with pytest.raises(ChainUnavailable, match="cannot be reached"):
            Client([node.url], chain_id=None, attempts=1).call("eth_blockNumber", [])


def test_a_dripping_answer_is_not_waited_for_byte_by_byte():
    with serving(lambda asked: {"id": asked["id"], "result": "0x" + "00" * 100}) as node:
        node.pause = 0.05
        began = time.monotonic()
        with pytest.raises(ChainUnavailable, match="in time"):
            transport.Endpoint(node.url, timeout=0.3).post(b'{"id": 1}')
        assert time.monotonic() - began < 2  # all of it would take ten seconds


def test_an_idle_connection_that_the_node_closed_is_opened_again():
    with serving(ok("0x1")) as node:
        client = Client([node.url], chain_id=None, timeout=5, attempts=1)
        client.call("eth_blockNumber")
        client._nodes.endpoints[0]._local.line.connection.sock.shutdown(2)
        assert client.call("eth_blockNumber") == "0x1"
        client.close()


@pytest.mark.parametrize("url", ["ws://node:8545", "localhost:8545", "http://"])
def test_an_address_that_cannot_be_used_is_refused(url):
    with pytest.raises(InputError):
        Client([url], chain_id=None)


def test_no_address_is_refused():
    with pytest.raises(InputError, match="RPC_URLS"):
        Client([], chain_id=None)


def test_a_batch_comes_back_in_the_order_it_was_asked():
    def shuffled(questions: list[dict[str, Any]]) -> object:
        return [{"jsonrpc": "2.0", "id": q["id"], "result": q["params"][0]} for q in reversed(questions)]

    with serving(shuffled) as node:
        client = Client([node.url], chain_id=None, timeout=5)
        assert client.batch([("echo", [number]) for number in range(5)]) == list(range(5))
        assert client.batch([]) == []
        client.close()


@pytest.mark.parametrize(
    "reply",
    [
        lambda questions: [{"id": 0, "result": 1} for _ in questions],
        lambda _: [{"id": 0, "result": 1}],
        lambda _: [],
        lambda _: {"id": 0, "result": 1},
    ],
)
def test_a_batch_with_missing_answers_is_dishonest(reply):
    with serving(reply) as node:
        client = Client([node.url], chain_id=None, timeout=5, attempts=1)
        with pytest.raises(DishonestAnswer):
            client.batch([("a", []), ("b", [])])
        client.close()


def test_a_contracts_refusal_says_why():
    data = "0x" + abi.encode("Error(string)", "45").hex()
    with pytest.raises(CallReverted, match=r"45 \(HEALTH_FACTOR_NOT_BELOW_THRESHOLD\)") as caught:
        ask(refused(3, "execution reverted: 45", data), "eth_call")
    assert caught.value.facts["data"] == data


def test_a_nodes_refusal_keeps_its_code_and_words():
    with pytest.raises(ChainError) as caught:
        ask(refused(-32602, "query returned more than 10000 results"), "eth_getLogs")
    assert caught.value.facts["rpc_code"] == -32602
    assert "10000" in str(caught.value.facts["rpc_message"])


def test_a_rate_limit_is_tried_again():
    answers = iter([refused(-32005, "daily request count exceeded"), ok("0x7")])

    def reply(question: Any) -> Any:
        return next(answers)(question)

    assert ask(reply, attempts=3) == "0x7"


BLOCK = {"number": "0x5", "hash": HASH, "parentHash": HASH, "timestamp": "0x64", "baseFeePerGas": "0x7"}


def header_of(block: object) -> Any:
    with serving(lambda questions: [{"id": 0, "result": block} for _ in questions]) as node:
        client = Client([node.url], chain_id=None, timeout=5, attempts=1)
        try:
            return client.header(5)
        finally:
            client.close()


def test_a_header_is_read():
    header = header_of(BLOCK)
    assert (header.number, header.hash, header.timestamp, header.base_fee) == (5, HASH, 100, 7)


@pytest.mark.parametrize(
    "wrong",
    [{"number": "0x6"}, {"hash": "0x12"}, {"timestamp": 100}, {"parentHash": None}, {"hash": "0x" + "zz" * 32}],
)
def test_a_header_that_cannot_be_is_dishonest(wrong):
    with pytest.raises(DishonestAnswer):
        header_of(BLOCK | wrong)


def test_an_unknown_block_is_said_so():
    with pytest.raises(ChainError, match="does not know block 5"):
        header_of(None)


def test_what_is_not_bytes_is_no_answer_of_a_call():
    with serving(lambda questions: [{"id": 0, "result": "0xzz"} for _ in questions]) as node:
        client = Client([node.url], chain_id=None, timeout=5, attempts=1)
        with pytest.raises(DishonestAnswer):
            client.eth_call(Call(target="0x" + "11" * 20, data=b""))
        client.close()
