"""Rows for COPY: what the database gives back is what the node said, and nothing malformed gets that far."""

from __future__ import annotations

import copy

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from governance.bulk import copy_binary
from governance.chain import partitions
from governance.chain.encoding import BLOCK_COLUMNS, LOG_COLUMNS, header_rows, log_rows
from governance.errors import DishonestAnswer
from governance.models import Block, Log
from tests.ledger import CHAIN, CONTRACT, FakeChain

COUNTS = [3, 0, 5, 4]
HASH = "0x" + "ab" * 32


def octets(text: str) -> bytes:
    return bytes.fromhex(text[2:])


@pytest.mark.django_db
def test_rows_come_back_as_the_node_said_them():
    chain = FakeChain(COUNTS)
    found = chain.range(0, 3)
    partitions.ensure(CHAIN, first=0, last=3)
    copy_binary(Log, LOG_COLUMNS, found.logs)
    copy_binary(Block, BLOCK_COLUMNS, found.headers)
    said = [log for block in chain.logs for log in block]
    for log, row in zip(said, Log.objects.order_by("block_number", "log_index"), strict=True):
        assert (row.chain_id, row.block_number, row.log_index) == (
            CHAIN,
            int(log.block_number, 16),
            int(log.log_index, 16),
        )
        texts = (log.block_hash, log.transaction_hash, log.address, *msgspec.structs.astuple(log.topics), log.data)
        stored = (row.block_hash, row.tx_hash, row.address, row.topic0, row.topic1, row.topic2, row.topic3, row.data)
        assert [bytes(value) for value in stored] == [octets(text) for text in texts]
    for header, row in zip(chain.headers, Block.objects.order_by("number"), strict=True):
        assert (bytes(row.hash), bytes(row.parent_hash)) == (octets(header.hash), octets(header.parent_hash))
        assert (row.number, row.timestamp) == (int(header.number, 16), int(header.timestamp, 16))


@given(st.permutations(range(sum(COUNTS))))
def test_the_order_in_which_a_node_gives_logs_does_not_matter(order):
    chain = FakeChain(COUNTS)
    logs = [log for block in chain.logs for log in block]
    shuffled = log_rows(CHAIN, [logs[at] for at in order], chain.headers, [CONTRACT])
    assert shuffled == log_rows(CHAIN, logs, chain.headers, [CONTRACT])


@pytest.mark.parametrize(
    ("field", "value", "kind"),
    [
        ("transaction_hash", HASH[:-1], "truncated"),
        ("transaction_hash", HASH + "00", "truncated"),
        ("transaction_hash", "0x" + "zz" * 32, "truncated"),
        ("data", "0x123", "truncated"),
        ("data", "", "truncated"),
        ("data", "0x12 4", "truncated"),
        ("data", "0x1\t2", "truncated"),
        ("data", "0xé1", "truncated"),
        ("log_index", "0x80000000", "contradiction"),
        ("log_index", "-0x1", "contradiction"),
        ("log_index", "7", "contradiction"),
        ("block_hash", HASH, "contradiction"),
        ("removed", True, "contradiction"),
        ("block_number", "0x9", "out-of-range"),
        ("address", "0x" + "ab" * 20, "out-of-range"),
    ],
)
def test_a_malformed_log_is_refused(field, value, kind):
    chain = FakeChain(COUNTS)
    log = copy.copy(chain.logs[2][1])
    setattr(log, field, value)
    with pytest.raises(DishonestAnswer) as caught:
        log_rows(CHAIN, [chain.logs[2][0], log], chain.headers, [CONTRACT])
    assert caught.value.facts.get("kind", "contradiction") == kind


@pytest.mark.parametrize("at", range(4))
@pytest.mark.parametrize("topic", [HASH[:-2], HASH + "00", HASH[2:], "0x" + "é" * 64, "0x" + " " * 64])
def test_a_topic_of_another_width_cannot_shift_the_columns(at, topic):
    chain = FakeChain(COUNTS)
    log = copy.deepcopy(chain.logs[2][2])
    setattr(log.topics, "abcd"[at], topic)
    with pytest.raises(DishonestAnswer):
        log_rows(CHAIN, [log], chain.headers, [CONTRACT])


def test_a_log_that_is_given_twice_is_refused():
    chain = FakeChain(COUNTS)
    other = copy.copy(chain.logs[2][1])
    other.data = "0x77"
    for twice in (chain.logs[2][1], other):
        with pytest.raises(DishonestAnswer) as caught:
            log_rows(CHAIN, [*chain.logs[2], twice], chain.headers, [CONTRACT])
        assert caught.value.facts["kind"] == "duplicate"


@pytest.mark.parametrize(("field", "value"), [("timestamp", "0x" + "f" * 16), ("timestamp", "-0x1"), ("number", "12")])
def test_a_header_whose_numbers_do_not_fit_is_refused(field, value):
    header = copy.copy(FakeChain(COUNTS).headers[1])
    setattr(header, field, value)
    with pytest.raises(DishonestAnswer):
        header_rows(CHAIN, [header])
