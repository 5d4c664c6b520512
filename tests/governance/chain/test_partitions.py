"""The partitions of the log table, and the indexes that they get once there is something to find."""

from __future__ import annotations

import pytest
from django.db import connection, connections

from governance.chain import partitions, store
from governance.models import Log
from tests.ledger import CHAIN, PLAIN, FakeChain, land_all, watched

pytestmark = pytest.mark.django_db


def test_a_partition_is_made_when_its_first_block_lands(monkeypatch):
    monkeypatch.setattr(partitions, "BLOCKS", 4)
    chain, stream = FakeChain(PLAIN), watched()
    land_all(stream, chain, [(0, 9)])
    with connection.cursor() as cursor:
        cursor.execute("SELECT DISTINCT tableoid::regclass::text FROM governance_log ORDER BY 1")
        names = [name for (name,) in cursor.fetchall()]
    assert names == [f"governance_log_{CHAIN}_{number}" for number in range(3)]
    partitions.refresh(CHAIN, first=0, last=9)
    topic = bytes(Log.objects.exclude(topic0=b"").first().topic0)
    found = list(store.read_logs(stream.deployment, first=0, last=9, topics=[topic]))
    assert [row.topic0 for row in found] == [topic]


def block_range_indexes() -> dict[str, str]:
    query = """
        SELECT tablename, indexdef FROM pg_indexes
        WHERE tablename LIKE 'governance_log%' AND indexdef LIKE '%USING brin%'
    """
    with connection.cursor() as cursor:
        cursor.execute(query)
        return dict(cursor.fetchall())


def test_a_partition_gets_its_index_once_it_is_worth_one(monkeypatch):
    monkeypatch.setattr(partitions, "BLOCKS", 4)
    chain, stream = FakeChain(PLAIN), watched()
    land_all(stream, chain, [(0, 5)])
    partitions.index(CHAIN)
    assert block_range_indexes() == {}
    partitions.index(CHAIN + 1, above=-1)
    assert block_range_indexes() == {}
    for _ in range(2):
        partitions.index(CHAIN, above=-1)
        assert list(block_range_indexes()) == [f"governance_log_{CHAIN}_0"]  # the other one is empty
    land_all(stream, chain, [(6, 9)])
    partitions.summarize(CHAIN, first=0, last=9)
    partitions.index(CHAIN, above=-1)
    assert set(block_range_indexes()) == {table.name for table in partitions._tables(CHAIN) if table.octets}
    topic = bytes(Log.objects.exclude(topic0=b"").first().topic0)
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_seqscan = off")
        cursor.execute("EXPLAIN SELECT block_number, log_index FROM governance_log WHERE topic0 = %s", [topic])
        assert "_event" in str(cursor.fetchall())
        cursor.execute("SELECT block_number, log_index FROM governance_log WHERE topic0 = %s", [topic])
        found = sorted(cursor.fetchall())
    assert found == sorted((log.block_number, log.log_index) for log in Log.objects.all() if bytes(log.topic0) == topic)


def test_many_small_partitions_are_as_worth_an_index_as_a_large_one(monkeypatch):
    monkeypatch.setattr(partitions, "BLOCKS", 2)
    chain, stream = FakeChain(PLAIN), watched()
    land_all(stream, chain, [(0, 9)])
    sizes = [table.octets for table in partitions._tables(CHAIN) if table.octets]
    partitions.index(CHAIN, above=sum(sizes))
    assert block_range_indexes() == {}
    partitions.index(CHAIN, above=max(sizes))
    assert len(block_range_indexes()) == len(sizes) > 1


@pytest.mark.django_db(transaction=True)
def test_an_index_waits_for_nobody_for_long_and_is_made_the_next_time(monkeypatch):
    monkeypatch.setattr(partitions, "PATIENCE", "50ms")
    chain, stream = FakeChain(PLAIN), watched()
    land_all(stream, chain, [(0, 5)])
    other = connections.create_connection("default")
    with other.cursor() as cursor:
        cursor.execute("BEGIN")
        cursor.execute(f"LOCK TABLE governance_log_{CHAIN}_0 IN ROW EXCLUSIVE MODE")
    partitions.index(CHAIN, above=0)
    assert block_range_indexes() == {}
    other.close()
    partitions.index(CHAIN, above=0)
    assert list(block_range_indexes()) == [f"governance_log_{CHAIN}_0"]
    with connection.cursor() as cursor:
        cursor.execute(f"DROP INDEX governance_log_{CHAIN}_0_event")
