"""The pace at which a node is asked, on a clock of our own."""

from __future__ import annotations

import math

from hypothesis import given
from hypothesis import strategies as st

from governance.chain.pacing import SLOWEST, Pace


def test_a_node_that_never_said_no_is_not_held_back():
    pace = Pace()
    assert [pace.reserve(0.0) for _ in range(100)] == [0.0] * 100


def test_a_ceiling_spreads_requests_evenly():
    pace = Pace(ceiling=4)
    assert [pace.reserve(10.0) for _ in range(4)] == [0.0, 0.25, 0.5, 0.75]
    assert pace.reserve(20.0) == 0.0


def test_what_the_node_asks_to_wait_is_waited():
    pace = Pace()
    pace.reserve(0.0)
    assert pace.refused(0.0, 7.0) == 7.0
    assert pace.wait(0.0) == 7.0
    assert pace.wait(7.0) == 0.0


def test_refusals_that_say_no_time_are_answered_with_longer_and_longer_pauses():
    pace = Pace()
    assert [pace.refused(10.0 * turn, 0) for turn in range(1, 9)] == [0.5, 1, 2, 4, 8, 16, 30, 30]
    pace.accepted(100.0)
    assert pace.refused(110.0, 0) == 0.5


def test_requests_that_were_under_way_together_lower_the_rate_once():
    pace = Pace()
    for turn in range(20):
        pace.reserve(turn / 10)
    pace.refused(2.0, 0)
    once = pace.rate
    pace.refused(2.1, 0)
    assert pace.rate == once == 5.0


def test_the_rate_comes_back_until_there_is_no_limit_any_more():
    pace = Pace()
    for turn in range(20):
        pace.reserve(turn / 10)
    pace.refused(2.0, 0)
    low = pace.rate
    for turn in range(200):
        pace.accepted(4.0 + turn)
    assert low < pace.rate < math.inf
    for turn in range(2_000):
        pace.accepted(300.0 + turn)
    assert pace.rate == math.inf


@given(st.lists(st.tuples(st.floats(0, 5), st.booleans()), max_size=60))
def test_however_a_node_answers_it_is_asked_now_and_then_and_never_above_the_ceiling(story):
    pace, now = Pace(ceiling=50), 0.0
    for step, good in story:
        now += step + pace.reserve(now)
        if good:
            pace.accepted(now)
        else:
            pace.refused(now, 0)
        assert SLOWEST <= pace.rate <= 50
        assert pace.wait(now) <= 32
