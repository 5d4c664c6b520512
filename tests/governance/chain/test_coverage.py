"""The ledger's own questions: what is missing, claimed twice, in the air, or no longer what landed."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from governance.chain import coverage, store
from governance.chain.fetchers import Work, subtract
from governance.models import Block, Coverage, Log
from tests.ledger import CONTRACT, FakeChain, watched

pytestmark = pytest.mark.django_db
COUNTS = [1, 0, 2, 3, 0, 0, 1, 2, 0, 1]


@pytest.fixture
def chain():
    return FakeChain(COUNTS)


@pytest.fixture
def stream():
    return watched()


def test_gaps_are_what_lies_between(chain, stream):
    assert coverage.gaps(stream) == []
    assert coverage.missing(stream, 9) == [(0, 9)]
    for first, last in ((2, 3), (6, 6)):
        store.land(stream, chain.range(first, last), provider="one")
    assert coverage.gaps(stream) == [(0, 1), (4, 5)]
    assert coverage.missing(stream, 9) == [(0, 1), (4, 5), (7, 9)]
    assert coverage.covered_to(stream.deployment) == -1
    store.land(stream, chain.range(0, 1), provider="one")
    assert coverage.covered_to(stream.deployment) == 3


def test_blocks_before_the_first_are_never_missing(chain):
    late = watched("late", first_block=4)
    assert coverage.missing(late, 3) == []
    assert coverage.covered_to(late.deployment) == 3
    store.land(late, chain.range(4, 9), provider="one")
    assert coverage.covered_to(late.deployment) == 9


def test_a_deployment_is_as_complete_as_its_least_complete_stream(chain, stream):
    store.land(stream, chain.range(0, 9), provider="one")
    stream.deployment.streams.create(addresses=["0x" + "d0" * 20], first_block=0)
    assert coverage.covered_to(stream.deployment) == -1


def test_an_overlap_is_found(chain, stream):
    store.land(stream, chain.range(0, 6), provider="one")
    assert coverage.overlaps(stream) == []
    row = Coverage.objects.get()
    row.pk, row.first, row.last = None, 4, 9
    row.save()
    assert coverage.overlaps(stream) == [(4, 6)]


def spoil_a_hash() -> None:
    Log.objects.filter(block_number=3).update(block_hash=b"\1" * 32)


def lose_a_header() -> None:
    Block.objects.filter(number=3).delete()


def forge_a_header() -> None:
    Block.objects.filter(number=5).update(hash=b"\1" * 32)


def forget_a_proof() -> None:
    Coverage.objects.all().delete()


def contradict_the_ledger() -> None:
    Coverage.objects.update(last_hash="0x" + "ab" * 32)


@pytest.mark.parametrize(
    ("damage", "expected"),
    [
        (spoil_a_hash, [("a log of an orphaned block", 3, 3, 3)]),
        (lose_a_header, [("a log of a block that is not held", 3, 3, 3)]),
        (forge_a_header, [("a header whose parent is not the one that is held", 6, 6, 1)]),
        (forget_a_proof, [("a log that no ledger row covers", 0, 9, 10)]),
        (contradict_the_ledger, [("a ledger row that the held headers do not continue", 0, 9, 1)]),
    ],
)
def test_what_hangs_in_the_air_is_found(chain, stream, damage, expected):
    store.land(stream, chain.range(0, 9), provider="one")
    assert coverage.orphans(stream.deployment.chain) == []
    damage()
    found = coverage.orphans(stream.deployment.chain)
    assert [(orphan.what, orphan.first, orphan.last, orphan.count) for orphan in found] == expected


@pytest.mark.parametrize(
    "damage",
    [
        lambda: Log.objects.filter(block_number=7, log_index=1).delete(),
        lambda: Log.objects.filter(block_number=7, log_index=1).update(data=b"\1"),
        lambda: Log.objects.filter(block_number=7, log_index=1).update(log_index=5),
        lambda: Coverage.objects.filter(first=5).update(n_logs=2),
        lambda: Block.objects.filter(number=7).update(timestamp=1),
        lambda: Block.objects.filter(number=8).update(timestamp=1),
    ],
)
def test_rows_that_are_no_longer_what_landed_are_found(chain, stream, damage):
    for first, last in ((0, 4), (5, 9)):
        store.land(stream, chain.range(first, last), provider="one")
    assert coverage.verify(stream.deployment) == []
    damage()
    assert [(row.first, row.last) for row in coverage.verify(stream.deployment)] == [(5, 9)]


def test_other_contracts_logs_are_not_counted(chain, stream):
    store.land(stream, chain.range(0, 9), provider="one")
    count, content = coverage.content(stream.deployment.chain_id, [CONTRACT], first=0, last=9)
    assert (count, content) == (10, bytes(Coverage.objects.get().content))
    assert coverage.content(stream.deployment.chain_id, ["0x" + "d0" * 20], first=0, last=9)[0] == 0


spans = st.lists(st.tuples(st.integers(0, 30), st.integers(0, 8)).map(lambda pair: (pair[0], pair[0] + pair[1])))


@given(spans, spans)
def test_subtracting_ranges_is_subtracting_their_blocks(some, others):
    expected = [block for first, last in some for block in range(first, last + 1)]
    taken = {block for first, last in others for block in range(first, last + 1)}
    left = [block for first, last in subtract(some, others) for block in range(first, last + 1)]
    assert sorted(left) == sorted(block for block in expected if block not in taken)


@given(st.integers(1, 9), st.integers(0, 40))
def test_work_is_cut_into_pieces_that_make_up_the_whole(size, length):
    work = Work([(5, 5 + length), (100, 103)])
    assert work.blocks == length + 5
    pieces = []
    while work:
        pieces.append(work.take(size))
    assert [block for first, last in pieces for block in range(first, last + 1)] == [
        *range(5, 6 + length),
        *range(100, 104),
    ]
    assert all(last - first < size for first, last in pieces)
