"""Several nodes: the best one is asked, a bad one is left alone, and no answer is lost that any of them can give."""

from __future__ import annotations

import os
import threading
import time
from typing import Any

import pytest

from governance.chain import failover, transport
from governance.chain.client import Client
from governance.chain.health import Pool, Span
from governance.errors import (
    ChainError,
    ChainUnavailable,
    DishonestAnswer,
    RangeTooLarge,
    RateLimited,
    WrongChain,
)
from tests.governance.chain.test_client import FakeNode, ok, refused, serving

HEADER = {"hash": "0x" + "ab" * 32, "parentHash": "0x" + "cd" * 32, "timestamp": "0x64", "baseFeePerGas": "0x7"}


def node(head: int, *, names: int | None = None, chain: str = "0x7a69") -> Any:
    """Return the replies of a node that stands at ``head`` and names ``names`` as its newest block."""

    def one(question: dict[str, Any]) -> dict[str, Any]:
        result: object = chain
        if question["method"] == "eth_getBlockByNumber":
            asked = question["params"][0]
            number = (head if names is None else names) if asked == "latest" else int(asked, 16)
            result = HEADER | {"number": hex(number)} if asked == "latest" or number <= head else None
        elif question["method"] == "eth_getLogs":
            result = []
        return {"jsonrpc": "2.0", "id": question["id"], "result": result}

    return lambda asked: [one(question) for question in asked] if isinstance(asked, list) else one(asked)


def bulk(first: int, last: int) -> list[tuple[str, list[object]]]:
    logs: tuple[str, list[object]] = ("eth_getLogs", [{"fromBlock": hex(first), "toBlock": hex(last)}])
    return [logs, *(("eth_getBlockByNumber", [hex(number), False]) for number in range(first, last + 1))]


def each(answer: dict[str, Any]) -> Any:
    return lambda asked: [{"jsonrpc": "2.0", "id": question["id"], **answer} for question in asked]


@pytest.fixture
def ask():
    made = []

    def client(*nodes: FakeNode, chain_id: int | None = None, **options: Any) -> Client:
        made.append(
            Client([each.url for each in nodes], chain_id=chain_id, **({"timeout": 5, "attempts": 2} | options))
        )
        return made[-1]

    yield client
    for client_ in made:
        client_.close()


def test_the_node_that_answered_is_named(ask):
    with serving(ok("0x1"), 503) as broken, serving(ok("0x2")) as good:
        client = ask(broken, good)
        assert client.host == f"127.0.0.1:{broken.server_port}"
        client.call("eth_blockNumber")
        assert client.host == f"127.0.0.1:{good.server_port}"


def test_each_thread_knows_who_answered_it(ask):
    with serving(ok("0x1")) as first, serving(ok("0x2")) as second:
        client, told = ask(first, second), []
        client.without(client.host).call("eth_blockNumber")
        client.call("eth_blockNumber")
        thread = threading.Thread(target=lambda: told.append(client.host))
        thread.start()
        thread.join()
        assert told == [client.hosts[0]]


def test_two_addresses_of_one_host_are_told_apart_without_their_keys():
    client = Client(["https://node.example/key-one", "https://node.example/key-two"], chain_id=None)
    assert client.hosts == ("node.example", "node.example #2")


def test_a_truncated_answer_is_taken_from_another_node_and_noted(ask):
    with serving(lambda _: b'[{"jsonrpc": "2.0", "id": 0, "result": ["0x') as liar, serving(node(9)) as good:
        client = ask(liar, good)
        assert client.batch_raw(bulk(1, 3)).endswith(b"]")
        fault = client.faults()[0]
        assert (fault.kind, fault.provider, fault.blocks) == ("truncated", client.hosts[0], (1, 3))
        assert client.faults() == []
        client.batch_raw(bulk(4, 6))
        assert len(liar.seen) == 1  # it is left alone


def test_a_node_that_is_the_only_one_is_asked_again_however_bad_it_is(ask):
    replies = iter([b'[{"id": 0', b'[{"id": 0', None])
    with serving(lambda asked: next(replies) or node(9)(asked)) as only:
        assert ask(only, attempts=3).batch_raw(bulk(1, 2))
    with serving(lambda _: b'[{"id": 0') as only, pytest.raises(DishonestAnswer):
        ask(only).batch_raw(bulk(1, 2))


def test_a_lie_that_was_found_later_sends_the_next_question_elsewhere(ask):
    with serving(node(9)) as liar, serving(node(9)) as good:
        client = ask(liar, good)
        client.batch_raw(bulk(1, 3))
        client.distrust(DishonestAnswer("a log is missing", kind="missing-logs", host=client.host), first=1, last=3)
        client.batch_raw(bulk(1, 3))
        assert client.host == client.hosts[1]
        assert [(fault.kind, fault.blocks) for fault in client.faults()] == [("missing-logs", (1, 3))]


def test_another_chain_at_one_of_several_nodes_is_left_alone(ask):
    with serving(node(9, chain="0x1")) as other, serving(node(9)) as good:
        client = ask(other, good, chain_id=31337)
        assert client.head().number == 9
        assert [fault.kind for fault in client.faults()] == ["wrong-chain"]
        client.head()
        assert len(other.seen) == 1
        with pytest.raises(WrongChain):
            ask(other, other, chain_id=31337).head()


def test_a_block_that_one_node_lacks_is_taken_from_another(ask):
    with serving(node(5)) as behind, serving(node(9)) as good:
        client = ask(behind, good)
        client.batch_raw(bulk(4, 7))
        assert client.host == client.hosts[1]
        assert [fault.kind for fault in client.faults()] == ["lagging"]
        client.batch_raw(bulk(8, 9))
        assert len(behind.seen) == 1
        client.batch_raw(bulk(1, 5))
        assert client.host == client.hosts[0]  # what it has, it is asked for


def test_a_block_that_nobody_has_is_nobodys_fault(ask):
    with serving(node(5)) as one, serving(node(5)) as two:
        client = ask(one, two)
        with pytest.raises(ChainError, match="does not hold block 6") as caught:
            client.batch_raw(bulk(4, 7))
        assert (caught.value.facts["kind"], caught.value.facts["block"]) == ("lagging", 6)
        assert client.faults() == []


def test_the_newest_block_is_one_that_is_held(ask):
    with serving(node(9, names=900)) as liar, serving(node(9)) as good, serving(ok("0x1"), 503) as broken:
        client = ask(broken, liar, good)
        assert client.newest() == 9
        assert [(fault.kind, fault.provider) for fault in client.faults()] == [("contradiction", client.hosts[1])]
        with pytest.raises(DishonestAnswer, match="900, that it does not hold"):
            ask(liar).newest()
        with pytest.raises(ChainUnavailable):
            ask(broken).newest()


def test_a_node_far_behind_is_noted_and_not_asked_for_what_it_cannot_have(ask):
    with serving(node(100)) as behind, serving(node(200)) as good:
        client = ask(behind, good)
        assert client.newest() == 200
        assert [(fault.kind, fault.blocks) for fault in client.faults()] == [("lagging", (101, 200))]
        client.batch_raw(bulk(150, 151))
        assert client.host == client.hosts[1]


def test_a_rate_limit_of_one_node_is_another_ones_chance(ask):
    with serving(ok("0x1"), 429) as limited, serving(ok("0x2")) as good:
        client = ask(limited, good)
        assert [client.call("eth_blockNumber") for _ in range(3)] == ["0x2"] * 3
        assert len(limited.seen) == 1


def test_a_limit_that_lasts_longer_than_our_patience_is_an_error_at_once(ask, monkeypatch):
    monkeypatch.setattr(failover, "PATIENCE", 0.2)
    with serving(ok("0x1"), 429) as limited:
        with pytest.raises(RateLimited, match="limits us for another"):
            ask(limited, attempts=2).call("eth_blockNumber")
        assert len(limited.seen) == 1


def test_a_refusal_inside_of_a_batch_is_what_it_says(ask):
    too_wide = {"error": {"code": -32614, "message": "eth_getLogs is limited to a 10,000 range"}}
    with serving(each(too_wide)) as small, pytest.raises(RangeTooLarge) as caught:
        ask(small).batch_raw(bulk(1, 3))
    assert caught.value.facts["hint"] == 10_000
    replies = iter([each({"error": {"code": -32029, "message": "Too Many Requests"}}), node(9)])
    with serving(lambda asked: (reply := next(replies)) and reply(asked)) as busy:
        assert b"error" not in ask(busy).batch_raw(bulk(1, 3))


def test_a_node_that_refuses_even_one_block_does_not_hold_up_the_others(ask):
    refusing = each({"error": {"code": -32600, "message": "block range is too wide"}})
    with serving(refusing) as useless, serving(node(9)) as good:
        client = ask(useless, good)
        with pytest.raises(RangeTooLarge):
            client.batch_raw(bulk(1, 3))
        assert client.batch_raw(bulk(1, 1))
        assert client.host == client.hosts[1]


def test_a_range_that_takes_too_long_is_to_be_asked_in_parts(ask, monkeypatch):
    monkeypatch.setattr(failover, "BULK_TIMEOUT", 0.2)
    stop = threading.Event()
    with serving(lambda asked: stop.wait(5) and node(9)(asked)) as slow:
        with pytest.raises(RangeTooLarge, match="ask for less at once"):
            ask(slow, attempts=1).batch_raw(bulk(1, 3))
        stop.set()


def test_an_answer_without_end_is_cut_off(ask, monkeypatch):
    monkeypatch.setattr(transport, "LARGEST_ANSWER", 1024**2)
    huge = b"[" + b" " * (2 * 1024**2) + b"]"
    with serving(lambda _: huge) as hostile, pytest.raises(RangeTooLarge, match="more than 1 MiB"):
        ask(hostile).batch_raw(bulk(1, 3))


def test_a_broken_node_rests_for_longer_and_longer():
    pool = Pool(["a", "b"])
    for failures, rest in ((2, 0), (3, 1), (5, 4), (20, 300)):
        while pool.nodes[0].failing < failures:
            pool.blame(0, ChainUnavailable("down"), Span())
        left = pool.nodes[0].rests_until - time.monotonic()
        assert rest - 1 < left <= rest or (rest == 0 and pool.nodes[0].rests_until == 0)
    assert pool.ranked(Span()) == [1]
    pool.blame(1, DishonestAnswer("lie"), Span())
    assert sorted(pool.ranked(Span())) == [0, 1]  # when all rest, somebody must be asked


def test_a_much_faster_node_is_preferred_and_a_little_faster_one_is_not():
    pool = Pool(["a", "b", "c"])
    pool.served(0, 1.0, Span())
    assert pool.ranked(Span()) == [0, 1, 2]  # of the others nothing better is known
    pool.served(1, 0.9, Span())
    assert pool.ranked(Span())[0] == 0
    pool.served(2, 0.01, Span())
    assert pool.ranked(Span())[0] == 2


def test_what_one_node_is_limited_to_spills_over_to_the_next():
    pool = Pool(["a", "b"], ceiling=1)
    pool.served(0, 0.01, Span())
    assert pool.ranked(Span())[0] == 0
    pool.reserve(0, patience=60)
    assert pool.ranked(Span())[0] == 1


def test_a_forked_child_asks_on_connections_and_locks_of_its_own(ask):
    with serving(ok("0x5")) as only:
        client = ask(only)
        client.call("eth_blockNumber")
        with client._nodes.pool._lock:  # as if another thread were in there when the process is forked
            child = os.fork()
            if child == 0:
                os._exit(0 if client.call("eth_blockNumber") == "0x5" else 1)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
        assert client.call("eth_blockNumber") == "0x5"


def test_nothing_that_is_kept_shows_a_key(ask):
    with serving(refused(-32000, "bad key https://node.example/v2/secret-key-0123456789abcdef")) as only:
        client = ask(only, attempts=1)
        with pytest.raises(ChainError) as caught:
            client.call("eth_blockNumber")
        kept = f"{caught.value} {caught.value.facts} {client.seen()} {client.faults()} {client.hosts}"
        assert "secret-key" not in kept
        assert "node.example" not in kept
