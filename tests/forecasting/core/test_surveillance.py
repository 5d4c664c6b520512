"""A bet against value at risk: fair when it holds, ruinous for it when it does not, however often one looks."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from scipy.stats import norm

from forecasting.core.surveillance import BETS, ODDS, RESTART, fortune

SHARE = 0.01
LIMIT = 100.0


def test_what_one_hit_wins_is_the_mean_of_the_odds():
    assert fortune(np.ones((1, 1)), share=SHARE) == pytest.approx((np.mean(ODDS) + BETS - 1) / BETS)


def test_without_days_or_without_knowing_them_nothing_is_won():
    assert fortune(np.ones((0, 3)), share=SHARE) == 1.0
    assert fortune(np.ones((4, 0)), share=SHARE) == 1.0
    assert fortune(np.full((40, 2), np.nan), share=SHARE) == pytest.approx(1.0)


def test_a_day_that_was_not_known_changes_nothing():
    hits = np.zeros((20, 2))
    hits[3, 0] = 1.0
    more = np.insert(hits, 5, np.nan, axis=0)
    assert fortune(more, share=SHARE) == pytest.approx(fortune(hits, share=SHARE))


@pytest.mark.parametrize("share", [0.01, 0.03])
def test_the_bet_is_fair_whatever_the_hits_of_one_day_have_to_do_with_each_other(share):
    expected = 0.0
    for days in product([0.0, 1.0], repeat=6):
        both = np.array([[hit, hit, 1 - hit] for hit in days])[:, :2]
        expected += float(np.prod([share if hit else 1 - share for hit in days])) * fortune(both, share=share)
    assert expected == pytest.approx(1.0)


def seen(rng: np.random.Generator, *, share: float, days: int) -> bool:
    """Return whether five assets that fall together, looked at every tenth day, are ever found out."""
    moves = np.sqrt(0.7) * rng.standard_normal((days, 1)) + np.sqrt(0.3) * rng.standard_normal((days, 5))
    limit = norm.ppf(1 - share)
    hits = np.concatenate([moves > limit, moves < -limit], axis=1).astype(float)
    return any(fortune(hits[:day], share=SHARE) >= LIMIT for day in range(10, days + 1, 10))


def test_a_model_that_keeps_its_promise_is_hardly_ever_blamed_and_one_that_breaks_it_is():
    rng = np.random.Generator(np.random.Philox(5))
    assert sum(seen(rng, share=0.01, days=250) for _ in range(100)) <= 3
    assert sum(seen(rng, share=0.05, days=250) for _ in range(20)) >= 18


def test_good_years_do_not_hide_a_bad_month():
    hits = np.zeros((1000 + RESTART, 4))
    hits[-RESTART::4, 0] = 1.0
    assert fortune(hits[:-RESTART], share=SHARE) < 1.0
    assert fortune(hits, share=SHARE) > LIMIT
