"""Receipts: their root is the header's, and they hold what the node gave, or it is said whose word is wrong."""

from __future__ import annotations

import re

import msgspec
import pytest

from governance.chain import proofs, ranges, sampling, trie
from governance.chain.abi import keccak
from governance.chain.client import Client
from governance.errors import DishonestAnswer
from tests.ledger import FakeChain

FIRST, LAST = 1, 60


@pytest.fixture
def asked(world, chain_client):
    """Return the pool's address, and the headers and the pool's logs of some blocks."""
    pool = world.addresses["pool"].lower()
    question = {"fromBlock": hex(FIRST), "toBlock": hex(LAST), "address": [pool]}
    requests = [("eth_getLogs", [question])]
    requests += [("eth_getBlockByNumber", [hex(number), False]) for number in range(FIRST, LAST + 1)]
    logs, *headers = ranges._results(chain_client.batch_raw(requests), requests)
    return pool, headers, logs


def compare(client, asked, *, headers=None, logs=None):
    pool, all_headers, all_logs = asked
    return proofs.compare(
        client,
        all_headers if headers is None else headers,
        all_logs if logs is None else logs,
        chain_id=31337,
        wanted=[pool],
        host=client.host,
    )


def test_every_block_of_the_world_is_proven_up_to_its_receipts_root(chain_client, asked):
    assert compare(chain_client, asked) == proofs.Proven(blocks=LAST - FIRST + 1, rooted=True, second=False)


def test_a_single_lost_log_is_found(chain_client, asked):
    _, _, logs = asked
    assert len(logs) > 1
    with pytest.raises(DishonestAnswer, match="other logs than the receipts") as caught:
        compare(chain_client, asked, logs=logs[:-1])
    assert caught.value.facts["kind"] == "missing-logs"
    assert caught.value.facts["host"] == chain_client.host


def test_receipts_that_do_not_hash_to_the_root_are_refused(chain_client, asked):
    client = Stubborn([f"http://{chain_client.host}"], chain_id=31337, attempts=1)
    client.change = lambda raw: re.sub(rb'"cumulativeGasUsed":"0x.', b'"cumulativeGasUsed":"0x9', raw)
    with pytest.raises(DishonestAnswer, match="do not hash to") as caught:
        compare(client, asked)
    client.close()
    assert caught.value.facts["kind"] == "contradiction"


def test_headers_are_their_hashes_and_no_field_may_be_another(asked):
    _, headers, _ = asked
    assert all(map(proofs.is_its_hash, headers))
    for name, value in (
        ("receipts_root", "0x" + "ab" * 32),
        ("logs_bloom", "0x" + "ff" * 256),
        ("timestamp", hex(int(headers[5].timestamp, 16) + 1)),
        ("miner", None),
        ("nonce", "0x0"),
        ("gas_used", 7),
    ):
        assert not proofs.is_its_hash(msgspec.structs.replace(headers[5], **{name: value})), name


def test_a_header_that_proves_nothing_does_not_accuse_who_gives_the_receipts(chain_client, asked):
    forged = [msgspec.structs.replace(header, receipts_root="0x" + "ab" * 32) for header in asked[1]]
    assert compare(chain_client, asked, headers=forged) == proofs.Proven(blocks=LAST - FIRST + 1)


def test_headers_may_be_of_an_unknown_form_only_where_none_was_ever_known(chain_client, asked, monkeypatch):
    monkeypatch.setattr(proofs, "_hashing", set())
    _, headers, _ = asked
    forged = [msgspec.structs.replace(header, timestamp="0x1") for header in headers]

    def check(given, *, chain_id=31337):
        proofs.check_headers(chain_client, given, chain_id=chain_id, host=chain_client.host)

    check(forged)
    with pytest.raises(DishonestAnswer, match="does not hash to the block's hash") as caught:
        check([*headers[:5], forged[5], *headers[6:]])
    assert (caught.value.facts["host"], caught.value.facts["block"]) == (chain_client.host, FIRST + 5)
    with pytest.raises(DishonestAnswer, match="does not hash to the block's hash"):
        check(forged)
    check(forged, chain_id=5)


class Stubborn(Client):
    """A client whose nodes do not offer receipts, or change them."""

    change = None

    def batch_raw(self, requests, *, read):
        raw = super().batch_raw(requests) if self.change else b'[{"id": 0, "error": {"code": -32601, "message": "no"}}]'
        read(self.change(raw) if self.change else raw)
        return raw


def test_a_node_that_does_not_offer_receipts_proves_nothing(chain_client, asked):
    client = Stubborn([f"http://{chain_client.host}"], chain_id=31337, attempts=1)
    assert compare(client, asked, headers=asked[1][:1]) == proofs.Proven()
    client.close()


def test_unknown_kinds_of_transactions_are_compared_but_not_proven(chain_client, asked):
    client = Stubborn([f"http://{chain_client.host}"], chain_id=31337, attempts=1)
    client.change = lambda raw: re.sub(rb'"type":"0x[02]"', b'"type":"0x7e"', raw)
    found = compare(client, asked)
    client.close()
    assert (found.blocks, found.rooted) == (LAST - FIRST + 1, False)


def test_nobody_can_foretell_the_sample(monkeypatch):
    headers = FakeChain([0] * 400).headers
    hashes = [header.hash for header in headers]
    drawn = []
    for salt in (b"one", b"two"):
        monkeypatch.setattr(sampling, "_SALT", salt)
        drawn.append((sampling.sample(headers, 0.1)[0], sampling.some(hashes, 16)))
    assert drawn[0][0] != drawn[1][0]
    assert drawn[0][1] != drawn[1][1]
    assert len(set(drawn[0][1]) & set(hashes)) == 16
    assert sampling.some(hashes[:16], 16) == hashes[:16]


def test_the_sample_is_the_same_in_one_process_whatever_the_order():
    headers = FakeChain([0] * 400).headers
    chosen, also = sampling.sample(headers, 0.1)
    assert 10 < len(chosen) < 90
    assert sampling.sample(headers[::-1], 0.1)[0] == chosen[::-1]
    assert set(map(id, chosen)) <= set(map(id, sampling.sample(headers, 0.2)[0]))
    assert set(map(id, chosen)) <= set(map(id, also))
    none, few = sampling.sample(headers, 0)
    assert (none, len(few)) == ([], sampling.MOST_HASHED)
    assert sampling.sample(headers, 1) == (headers, headers)


def test_the_root_of_nothing_is_the_known_one():
    assert trie.root([]).hex() == "56e81f171bcc55a6ff8345e692c0f86e5b48e01b996cadc001622fb5e363b421"


@pytest.mark.parametrize(
    ("item", "expected"),
    [
        (b"dog", "83646f67"),
        ([b"cat", b"dog"], "c88363617483646f67"),
        (b"", "80"),
        ([], "c0"),
        (b"\x0f", "0f"),
        (b"\x04\x00", "820400"),
        ([[], [[]], [[], [[]]]], "c7c0c1c0c3c0c1c0"),
        (b"x" * 56, "b838" + "78" * 56),
        ([b"x" * 60], "f83e" + "b83c" + "78" * 60),
    ],
)
def test_items_are_encoded_as_the_specification_shows(item, expected):
    assert trie.encode(item).hex() == expected


def test_a_list_of_one_is_a_leaf():
    assert trie.root([b"receipt"]) == keccak(trie.encode([b"\x20\x80", b"receipt"]))
