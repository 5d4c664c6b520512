"""The size of a question: it grows while that is good, minds refusals, and comes back."""

from __future__ import annotations

import pytest

from governance.chain import sizing
from governance.chain.sizing import Sizing

SMALL, QUICK = 1_000, 0.1


def answer(size: Sizing, *, octets: int = SMALL, seconds: float = QUICK) -> int:
    size.answered(size.size, octets=octets, seconds=seconds)
    return size.size


def test_it_grows_to_the_largest():
    size = Sizing()
    assert size.size == sizing.FIRST
    assert [answer(size) for _ in range(5)] == [200, 400, 800, 999, 999]


def test_it_starts_with_what_is_known_to_work():
    assert Sizing(640).size == 640
    assert Sizing(10**6).size == sizing.LARGEST


@pytest.mark.parametrize(("octets", "seconds"), [(4 * sizing.ENOUGH, QUICK), (SMALL, 4 * sizing.PATIENT)])
def test_a_heavy_or_slow_answer_makes_it_smaller(octets, seconds):
    size = Sizing(800)
    assert answer(size, octets=octets, seconds=seconds) == 200


def test_one_block_is_the_least():
    size = Sizing(1)
    assert answer(size, octets=100 * sizing.ENOUGH) == 1
    size.refused(1)
    assert size.size == 1


def test_a_hint_is_taken_and_a_useless_one_is_not():
    size = Sizing(800)
    size.refused(800, hint=500)
    assert size.size == 500
    size.refused(500, hint=5_000)
    assert size.size == 250


def test_refusals_of_questions_that_were_under_way_together_count_once():
    size = Sizing(800)
    for _ in range(4):
        size.refused(800)
    assert size.size == 400


def test_it_does_not_stay_small_for_good():
    size = Sizing(800)
    for _ in range(20):
        size.refused(size.size)
    assert size.size == 1
    for _ in range(40 * sizing.CONFIDENT):
        answer(size)
    assert size.size == sizing.LARGEST


def test_the_short_piece_at_the_end_says_nothing_about_long_ones():
    size = Sizing(400)
    size.answered(3, octets=SMALL, seconds=QUICK)
    assert size.size == 400


def test_blocks_that_are_not_to_be_had_leave_no_limit():
    sizing = Sizing()
    sizing.refused(100, hint=64)
    for size in (64, 32, 16, 8, 4, 2):
        sizing.refused(size, sure=False)
    assert sizing.size == 1
    sizing.skip(1)
    assert sizing.size == 2
    sizing.halve(8)
    assert sizing.size == 4
    sizing.skip(200)
    assert sizing.size == 64  # which a node did say
