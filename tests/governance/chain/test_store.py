"""Landing: the same tables in any order and any cut; nothing twice; nothing that does not link."""

from __future__ import annotations

import threading
from unittest.mock import patch

import pytest
from django.db import connection
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.django import TestCase

from governance.chain import coverage, ranges, store
from governance.errors import DishonestAnswer, GapInData
from governance.models import Block, Coverage, Log, Reorg, Stream
from tests.ledger import CONTRACT, PLAIN, FakeChain, land_all, watched

LENGTH = 12
counts = st.lists(st.integers(0, 3), min_size=LENGTH, max_size=LENGTH)


@st.composite
def cuts(draw):
    """Draw ranges that make up the whole chain, in any order."""
    ends = sorted({*draw(st.sets(st.integers(0, LENGTH - 2))), LENGTH - 1})
    starts = [0, *(end + 1 for end in ends[:-1])]
    return draw(st.permutations(list(zip(starts, ends, strict=True))))


def rows() -> tuple[list[tuple[str, ...]], list[tuple[str, ...]]]:
    return (
        [tuple(map(str, row)) for row in Log.objects.order_by("block_number", "log_index").values_list()],
        [tuple(map(str, row)) for row in Block.objects.order_by("number").values_list()],
    )


def test_ranges_that_do_not_follow_each_other_are_not_one():
    chain = FakeChain([0] * 6)
    with pytest.raises(ValueError, match="do not follow each other"):
        ranges.joined([chain.range(0, 1), chain.range(3, 4)])


class Landing(TestCase):
    """Hypothesis runs each example in a transaction of its own."""

    @settings(max_examples=15)
    @given(counts=counts, one=cuts(), other=cuts())
    def test_neither_order_nor_cut_matters(self, counts, one, other):
        chain, stream = FakeChain(counts), watched()
        land_all(stream, chain, one)
        first, digest = rows(), store.digest(stream.deployment, LENGTH - 1)
        assert len(first[0]) == sum(counts)
        assert coverage.verify(stream.deployment) == []
        for table in (Coverage, Log, Block):
            table.objects.all().delete()
        land_all(stream, chain, other)
        assert rows() == first
        assert store.digest(stream.deployment, LENGTH - 1) == digest

    @settings(max_examples=15)
    @given(counts=counts, pieces=cuts())
    def test_ranges_that_follow_each_other_land_together_as_they_do_alone(self, counts, pieces):
        chain, stream = FakeChain(counts), watched()
        parts = [chain.range(first, last) for first, last in sorted(pieces)]
        assert store.land(stream, *parts, provider="one")
        together = rows(), store.digest(stream.deployment, LENGTH - 1)
        assert list(Coverage.objects.order_by("first").values_list("first", "last")) == sorted(pieces)
        assert coverage.verify(stream.deployment) == []
        for table in (Coverage, Log, Block):
            table.objects.all().delete()
        land_all(stream, chain, pieces)
        assert (rows(), store.digest(stream.deployment, LENGTH - 1)) == together

    @settings(max_examples=15)
    @given(counts=counts, pieces=cuts(), again=cuts(), ancestor=st.integers(-1, LENGTH - 1))
    def test_a_rewound_chain_is_as_if_it_had_never_gone_further(self, counts, pieces, again, ancestor):
        chain, stream = FakeChain(counts), watched()
        land_all(stream, chain, pieces)
        store.rewind(stream.deployment.chain, ancestor=ancestor)
        assert Log.objects.count() == sum(counts[: ancestor + 1])
        assert Block.objects.count() == ancestor + 1
        assert coverage.verify(stream.deployment) == []
        assert store.covered_to(stream.deployment) == ancestor
        assert coverage.orphans(stream.deployment.chain) == []
        fork = FakeChain(counts, forks=[ancestor + 1])
        for first, last in again:
            for low, high in coverage.missing(stream, last):
                if low <= last and high >= first:
                    assert store.land(stream, fork.range(max(low, first), high), provider="one")
        forked, digest = rows(), store.digest(stream.deployment, LENGTH - 1)
        for table in (Coverage, Log, Block):
            table.objects.all().delete()
        land_all(stream, fork, [(0, LENGTH - 1)])
        assert rows() == forked
        assert store.digest(stream.deployment, LENGTH - 1) == digest

    @settings(max_examples=15)
    @given(counts=counts, pieces=cuts(), block=st.integers(0, LENGTH - 1))
    def test_the_digest_of_a_block_is_that_of_having_stopped_there(self, counts, pieces, block):
        chain, stream = FakeChain(counts), watched()
        land_all(stream, chain, pieces)
        digest = store.digest(stream.deployment, block)
        for table in (Coverage, Log, Block):
            table.objects.all().delete()
        land_all(stream, chain, [(0, block)])
        assert store.digest(stream.deployment, block) == digest


pytestmark = pytest.mark.django_db


def test_what_is_covered_is_left_alone():
    chain, stream = FakeChain(PLAIN), watched()
    assert store.land(stream, chain.range(2, 6), provider="one")
    before = rows()
    for first, last in ((2, 6), (0, 2), (6, 9), (3, 4), (0, 9)):
        assert not store.land(stream, chain.range(first, last), provider="two")
    assert rows() == before
    assert Coverage.objects.get().provider == "one"


@pytest.mark.parametrize(("first", "last", "held"), [(5, 9, 4), (0, 1, 2)])
def test_a_range_that_does_not_link_is_refused_on_either_side(first, last, held):
    chain, stream = FakeChain(PLAIN), watched()
    store.land(stream, chain.range(2, 4), provider="one")
    other = FakeChain(PLAIN, forks=[0])
    with pytest.raises(store.Orphaned) as caught:
        store.land(stream, other.range(first, last), provider="two")
    assert caught.value.block == held
    assert Block.objects.count() == 3


def test_a_second_stream_with_the_same_contract_lands_it_as_well():
    chain, one, two = FakeChain(PLAIN), watched("one"), watched("two")
    assert store.land(one, chain.range(0, 9), provider="one")
    before = rows()
    assert store.land(two, chain.range(0, 9), provider="one")
    assert rows() == before
    assert coverage.verify(one.deployment) == coverage.verify(two.deployment) == []


def lacking(chain: FakeChain, block: int, first: int, last: int):
    """Return the range that a node gives which loses a block's last log."""
    lost = chain.logs[block].pop()
    found = chain.range(first, last)
    chain.logs[block].append(lost)
    return found


@pytest.mark.parametrize("pieces", [[(0, 9)], [(0, 3), (4, 9)], [(0, 4), (7, 9)]])
def test_what_another_stream_has_proven_of_a_contract_is_not_replaced(pieces):
    chain, one, two = FakeChain(PLAIN), watched("one"), watched("two")
    land_all(one, chain, pieces)
    before = rows()
    with pytest.raises(DishonestAnswer, match=r"blocks 2 to 8 differ from those of the same contracts .* for one"):
        store.land(two, lacking(chain, 3, 2, 8), provider="liar")
    assert rows() == before
    assert coverage.verify(one.deployment) == []
    assert not two.coverage.exists()


def test_what_another_stream_has_lost_may_be_mended():
    chain, one, two = FakeChain(PLAIN), watched("one"), watched("two")
    store.land(one, chain.range(0, 9), provider="one")
    Log.objects.filter(block_number=3).delete()
    assert coverage.verify(one.deployment)
    assert store.land(two, chain.range(0, 9), provider="one")
    assert coverage.verify(one.deployment) == []


def test_logs_that_stand_where_another_contracts_do_are_a_contradiction():
    one, two = watched("one"), watched("two", contract="0x" + "d0" * 20)
    store.land(one, FakeChain(PLAIN).range(0, 9), provider="one")
    before = rows()
    other = FakeChain(PLAIN, contract="0x" + "d0" * 20)
    with pytest.raises(DishonestAnswer, match="blocks 2 to 8 stand where logs of other contracts") as caught:
        store.land(two, other.range(2, 8), provider="liar")
    assert caught.value.facts["kind"] == "contradiction"
    assert rows() == before


def test_a_range_that_was_landed_while_its_rows_were_copied_is_left_alone():
    chain, stream = FakeChain(PLAIN), watched()
    store.land(stream, chain.range(2, 6), provider="one")
    before, look, answers = rows(), store._overlaps, [False]
    with patch.object(store, "_overlaps", lambda *asked: answers.pop() if answers else look(*asked)):
        assert not store.land(stream, chain.range(3, 4), provider="two")
    assert answers == []
    assert rows() == before
    assert Coverage.objects.get().provider == "one"


def test_logs_are_read_as_they_are_asked_for(monkeypatch):
    chain, stream = FakeChain(PLAIN), watched()
    land_all(stream, chain, [(0, 9)])
    monkeypatch.setattr(store, "_PAGE", 2)
    topics = {bytes(topic) for topic in Log.objects.values_list("topic0", flat=True)}
    found = store.read_logs(stream.deployment, first=0, last=9, topics=topics)
    next(found)
    with connection.cursor() as cursor:
        cursor.execute("SELECT name FROM pg_cursors WHERE statement LIKE '%%governance_log%%governance_block%%'")
        (name,) = cursor.fetchone()
        cursor.execute(f'FETCH ALL FROM "{name}"')
        assert len(cursor.fetchall()) == sum(PLAIN) - 2
    assert len(list(found)) == 1


def test_the_digest_says_whose_logs_were_collected():
    chain, stream = FakeChain(PLAIN), watched()
    land_all(stream, chain, [(0, 9)])
    digests = {store.digest(stream.deployment, 9)}
    Stream.objects.update(addresses=[CONTRACT, "0x" + "d0" * 20])
    digests.add(store.digest(stream.deployment, 9))
    other = stream.deployment.streams.create(addresses=["0x" + "d1" * 20], first_block=6)
    early = store.digest(stream.deployment, 5)
    other.delete()
    assert store.digest(stream.deployment, 5) == early
    Coverage.objects.all().delete()
    Stream.objects.update(first_block=1)
    Coverage.objects.bulk_create([Coverage(stream=stream, first=1, last=9, n_logs=0, content=bytes(512))])
    digests.add(store.digest(stream.deployment, 9))
    assert len(digests) == 3


def test_an_orphaned_header_of_another_stream_is_found():
    one, two = watched("one"), watched("two")
    store.land(one, FakeChain(PLAIN).range(0, 9), provider="one")
    with pytest.raises(store.Orphaned) as caught:
        store.land(two, FakeChain(PLAIN, forks=[7]).range(0, 9), provider="one")
    assert caught.value.block == 7


def test_a_reorganisation_is_noted_with_its_depth():
    chain, stream = FakeChain(PLAIN), watched()
    land_all(stream, chain, [(0, 3), (4, 9)])
    store.rewind(stream.deployment.chain, ancestor=6)
    noted = Reorg.objects.get()
    assert (noted.ancestor, noted.orphan_number, noted.depth) == (6, 7, 3)
    assert noted.orphan_hash == chain.headers[7].hash
    kept = Coverage.objects.get(first=4)
    assert (kept.last, kept.last_hash, kept.n_logs) == (6, chain.headers[6].hash, 1)
    store.rewind(stream.deployment.chain, ancestor=6)
    assert Reorg.objects.count() == 1


def test_there_is_no_digest_of_what_is_not_complete():
    chain, stream = FakeChain(PLAIN), watched()
    land_all(stream, chain, [(0, 3), (5, 9)])
    assert store.digest(stream.deployment, 3)
    with pytest.raises(GapInData, match="complete up to block 3 only"):
        store.digest(stream.deployment, 4)


def in_threads(work, shares) -> list[Exception]:
    """Do ``work`` on each share in a thread of its own and return what went wrong."""
    failures = []

    def one(share):
        try:
            work(share)
        except Exception as error:  # noqa: BLE001 - told to the test
            failures.append(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=one, args=(share,)) for share in shares]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return failures


@pytest.mark.django_db(transaction=True)
def test_many_who_land_at_once_land_everything_once():
    chain, targets = FakeChain([2] * 40), [watched("one"), watched("two")]
    pieces = [(first, min(first + size - 1, 39)) for size in (3, 5, 8) for first in range(0, 40, size)]

    def work(share):
        for target in targets:
            for first, last in share:
                store.land(target, chain.range(first, last), provider="one")

    assert in_threads(work, [pieces[at::4] for at in range(4)]) == []
    for target in targets:
        land_all(target, chain, coverage.missing(target, 39))
        assert coverage.overlaps(target) == coverage.verify(target.deployment) == []
    assert Log.objects.count() == 80
    assert coverage.orphans(targets[0].deployment.chain) == []


@pytest.mark.django_db(transaction=True)
def test_logs_are_read_outside_of_a_transaction_as_well(monkeypatch):
    chain, stream = FakeChain(PLAIN), watched()
    land_all(stream, chain, [(0, 9)])
    monkeypatch.setattr(store, "_PAGE", 2)
    topics = {bytes(topic) for topic in Log.objects.values_list("topic0", flat=True)}
    found = store.read_logs(stream.deployment, first=0, last=9, topics=topics)
    rest = [next(found)]
    store.rewind(stream.deployment.chain, ancestor=-1)
    assert len([*rest, *found]) == sum(PLAIN)  # of the moment when it was asked
    assert list(store.read_logs(stream.deployment, first=0, last=9, topics=topics)) == []
