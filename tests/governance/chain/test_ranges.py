"""What makes a range of blocks believable, and how much is said of it."""

from __future__ import annotations

import msgspec
import pytest

from governance.chain import ranges, reading
from governance.chain.proofs import Proven
from governance.errors import DishonestAnswer
from tests.ledger import FakeChain

HEADERS = FakeChain([0] * 4).headers


def test_time_does_not_run_backwards():
    before = int(HEADERS[1].timestamp, 16)
    same = [*HEADERS[:2], msgspec.structs.replace(HEADERS[2], timestamp=hex(before))]
    assert reading.linked(same, 0) == same
    earlier = [*HEADERS[:2], msgspec.structs.replace(HEADERS[2], timestamp=hex(before - 1))]
    with pytest.raises(DishonestAnswer, match="Block 2 does not follow") as caught:
        reading.linked(earlier, 0)
    assert caught.value.facts["kind"] == "unlinked"


def test_a_header_names_its_parent():
    with pytest.raises(DishonestAnswer, match="Block 2 does not follow"):
        reading.linked([HEADERS[0], HEADERS[1], msgspec.structs.replace(HEADERS[2], parent_hash="0x" + "ab" * 32)], 0)


@pytest.mark.parametrize(
    ("proven", "looked", "doubtful", "proof"),
    [
        (Proven(), [], [], "bloom"),
        (Proven(), [], [1], "linked"),
        (Proven(), [1], [1], "linked"),  # no node offers receipts
        (Proven(blocks=1), [1], [1], "linked"),  # the same node's word, and of a header that proves nothing
        (Proven(blocks=1, rooted=True), [1], [1], "bloom"),
        (Proven(blocks=1, second=True), [1], [1], "bloom"),
        (Proven(blocks=1, rooted=True), [1], [1, 2], "linked"),
        (Proven(blocks=1, rooted=True), [1], [], "bloom"),
        (Proven(blocks=4, rooted=True), [0, 1, 2, 3], [1], "receipts"),
        (Proven(blocks=4, second=True), [0, 1, 2, 3], [1], "second"),
        (Proven(blocks=4), [0, 1, 2, 3], [1], "linked"),
    ],
)
def test_a_range_is_called_what_each_of_its_blocks_was_proven_by(proven, looked, doubtful, proof):
    sampled = [HEADERS[number] for number in looked]
    assert ranges._proof(proven, sampled, [HEADERS[number].hash for number in doubtful], blocks=4) == proof
