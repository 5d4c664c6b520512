"""The dishonest node as a program: it is steered, it counts, and it lies in the same way however often it is asked."""

from __future__ import annotations

import http.client
import json
import subprocess
import sys
from urllib.parse import urlsplit

import pytest

from governance.env import ROOT, child_environment


def control(url: str, order: dict[str, object] | None = None) -> dict[str, dict[str, int]]:
    connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=10)
    body = None if order is None else json.dumps(order)
    connection.request("GET" if body is None else "POST", "/chaos", body)
    found: dict[str, dict[str, int]] = json.loads(connection.getresponse().read())
    connection.close()
    return found


@pytest.fixture
def program(still_chain):
    argv = [sys.executable, "-m", "tests.chaos.proxy", still_chain.url, "--plant", "drop-block:rate=0.1"]
    with subprocess.Popen(argv, cwd=ROOT, env=child_environment(), stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        yield process.stdout.readline().strip()
        process.terminate()


def test_the_program_plants_counts_and_is_steered(program, still_chain, ask):
    client = ask(program)
    question = {"fromBlock": "0x1", "toBlock": "0x190", "address": still_chain.watched}
    whole = still_chain.client.call("eth_getLogs", [question])
    spoilt = client.call("eth_getLogs", [question])
    lost = {log["blockNumber"] for log in whole} - {log["blockNumber"] for log in spoilt}
    assert control(program)["blocks"] == {"drop-block": len(lost)}
    assert client.call("eth_getLogs", [question]) == spoilt
    assert control(program, {"calm": True})["planted"] == {"drop-block": 2}
    assert client.call("eth_getLogs", [question]) == whole
    control(program, {"plant": {"kind": "result-cap", "amount": 10, "times": 1}})
    assert client.batch([("eth_blockNumber", [])])
    assert control(program)["planted"] == {"drop-block": 2}


def test_a_fault_that_nobody_knows_is_refused(chaos):
    with pytest.raises(ValueError, match="is none of"):
        chaos("gremlins")


def test_the_node_that_has_come_furthest_leads_and_who_contradicts_it_is_left_alone(still_chain, chaos, ask):
    stale = chaos("branch", amount=300).plant("lag", amount=350)
    client = ask(stale.url, still_chain.url)
    leader = client.leader(at=320)
    assert leader.block_hash(320) == still_chain.client.block_hash(320)
    assert client.block_hash(320) == leader.block_hash(320)  # the other one rests now
    assert {fault.kind for fault in client.faults()} == {"lagging", "contradiction"}
