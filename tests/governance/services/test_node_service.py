from __future__ import annotations

import http.server
import threading
from pathlib import Path

import pytest

from governance.chain.client import default_client
from governance.env import env
from governance.errors import MissingTool, PortTaken, ServiceError
from governance.services import addresses, node
from governance.services.node import Node


@pytest.fixture
def data(tmp_path, monkeypatch):
    """A data folder of this test's own; whatever node runs in it is ended."""
    monkeypatch.setenv("BREAKWATER_DATA", str(tmp_path))
    env.cache_clear()
    yield tmp_path
    Node().process.end()
    monkeypatch.undo()
    env.cache_clear()


def test_a_node_is_started_found_again_and_stopped_with_its_chain(data):
    assert not Node().status().running
    started = Node().start()
    assert (started.running, started.external) == (True, False)
    assert "chain 31337 at block 0" in started.detail
    assert Node().start().pid == started.pid
    client = default_client()
    client.call("anvil_setBalance", ["0x" + "11" * 20, "0x7"])
    client.call("evm_mine")
    head = client.head()
    assert head.timestamp == node.GENESIS + node.BLOCK_SECONDS
    assert not Node().stop().running
    assert (data / "node" / "state.json").exists()
    Node().start()
    assert default_client().head() == head
    assert default_client().call("eth_getBalance", ["0x" + "11" * 20, "latest"]) == "0x7"


def test_a_node_that_is_told_to_forget_starts_at_the_given_time(data):
    Node().start()
    default_client().call("evm_mine")
    Node().stop()
    node.forget(genesis=1_600_000_000)
    Node().start()
    assert (default_client().head().number, default_client().head().timestamp) == (0, 1_600_000_000)


def test_half_a_saved_chain_is_dropped_and_a_whole_one_kept(data):
    folder = data / "node"
    folder.mkdir()
    (folder / "state.json").write_text('{"old": 1}')
    (folder / "state.next.json").write_text('{"new": ')
    node._keep_saved()
    assert (folder / "state.json").read_text() == '{"old": 1}'
    (folder / "state.next.json").write_text('{"new": 1}\n')
    node._keep_saved()
    assert (folder / "state.json").read_text() == '{"new": 1}\n'
    assert not (folder / "state.next.json").exists()


def test_a_node_that_cannot_start_says_why(data):
    (data / "node").mkdir()
    (data / "node" / "state.json").write_text("no chain at all")
    with pytest.raises(ServiceError, match="ended while it started"):
        Node().start()


def test_a_port_that_was_asked_for_and_is_taken_is_named(data, monkeypatch):
    with http.server.HTTPServer(("127.0.0.1", 0), http.server.BaseHTTPRequestHandler) as other:
        monkeypatch.setenv("NODE_PORT", str(other.server_port))
        env.cache_clear()
        with pytest.raises(PortTaken, match="set NODE_PORT"):
            Node().start()


def test_a_remembered_port_that_somebody_took_is_given_up(data):
    taken = addresses.node_port()
    with http.server.HTTPServer(("127.0.0.1", taken), http.server.BaseHTTPRequestHandler):
        Node().start()
        assert addresses.node_port() != taken
        assert default_client().head().number == 0


def test_a_missing_package_says_how_to_get_it(data, monkeypatch):
    monkeypatch.setattr(node, "ROOT", Path("/nowhere"))
    with pytest.raises(MissingTool, match="make setup"):
        Node().start()


class Silent(http.server.BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"hello")

    def log_message(self, *_: object) -> None:
        """Keep the test's output clean."""


def test_an_external_node_is_never_started_or_stopped_and_must_make_sense(data, monkeypatch):
    with http.server.HTTPServer(("127.0.0.1", 0), Silent) as other:
        thread = threading.Thread(target=other.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        monkeypatch.setenv("RPC_URLS", f"http://127.0.0.1:{other.server_port}/secret")
        env.cache_clear()
        status = Node().status()
        assert (status.running, status.external, status.pid) == (False, True, 0)
        assert "secret" not in str(status)
        with pytest.raises(ServiceError, match="no JSON"):
            Node().start()
        Node().stop()
        other.shutdown()
        thread.join()
    assert not (data / "node").exists()
