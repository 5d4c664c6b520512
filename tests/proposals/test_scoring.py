"""Scoring a forecast distribution against what happened."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from proposals.core.scoring import LEVELS, inside, pit, quantiles


def test_losses_that_are_mostly_zero_give_a_pit_in_the_middle_of_the_zeros():
    values = quantiles(np.concatenate([np.zeros(900), np.linspace(10, 1_000, 100)]))
    assert pit(0.0, values) == pytest.approx(0.45)
    assert pit(0.5, values) == pytest.approx(0.45)  # dust
    assert pit(2_000.0, values) == 1.0
    assert inside(0.0, values)
    assert not inside(2_000.0, values)


@settings(deadline=None)
@given(st.lists(st.floats(0, 1e9), min_size=2, max_size=50), st.floats(0, 1e9), st.floats(0, 1e9))
def test_a_larger_outcome_never_has_a_smaller_pit(sample, first, second):
    values = quantiles(np.array(sample))
    low, high = sorted((first, second))
    assert 0 <= pit(low, values) <= pit(high, values) <= 1


def test_quantiles_are_draws_of_the_sample_in_order():
    sample = np.random.default_rng(3).exponential(1e4, 500)
    values = quantiles(sample)
    assert len(values) == len(LEVELS)
    assert values == sorted(values)
    assert set(values) <= set(sample)
