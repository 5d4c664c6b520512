"""Tests of coverage: against published tables, independent computation, and by simulation."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import chi2
from statsmodels.regression.linear_model import OLS
from statsmodels.tools.tools import add_constant

from forecasting.core.scoring import christoffersen, dynamic_quantile, kupiec, pit
from governance.errors import InputError


def hits(count: int, days: int) -> np.ndarray:
    found = np.zeros(days, dtype=bool)
    found[np.linspace(0, days - 1, count).astype(int)] = True
    return found


@pytest.mark.parametrize(
    ("days", "share", "least", "most"),
    [
        # Kupiec (1995), as tabulated by Jorion (2007), table 6-2: non-rejection regions at 95 %.
        (255, 0.01, 0, 6),
        (510, 0.01, 2, 10),
        (1000, 0.01, 5, 16),
        (255, 0.025, 3, 11),
        (510, 0.025, 7, 20),
        (1000, 0.025, 16, 35),
        (255, 0.05, 7, 20),
        (510, 0.05, 17, 35),
        (1000, 0.05, 38, 64),
    ],
)
def test_the_published_regions_of_kupiec(days: int, share: float, least: int, most: int) -> None:
    accepted = [count for count in range(80) if kupiec(hits(count, days), share=share).p >= 0.05]
    # The table counts none at 1 % of 255 days as accepted; its exact p is 0.0235.
    assert accepted[0] == max(least, 1)
    assert accepted[-1] == most
    assert accepted == list(range(accepted[0], accepted[-1] + 1))


def test_christoffersen_against_its_likelihoods() -> None:
    rng = np.random.default_rng(1)
    found = rng.random(800) < 0.04
    before, after = found[:-1], found[1:]
    moves = {(i, j): int(((before == i) & (after == j)).sum()) for i in (0, 1) for j in (0, 1)}
    rates = {i: moves[i, 1] / (moves[i, 0] + moves[i, 1]) for i in (0, 1)}
    free = sum(n * np.log(rates[i] if j else 1 - rates[i]) for (i, j), n in moves.items() if n)
    held = sum(n * np.log(0.05 if j else 0.95) for (_, j), n in moves.items())
    test = christoffersen(found, share=0.05)
    assert test.statistic == pytest.approx(2 * (free - held))
    assert test.p == pytest.approx(chi2.sf(2 * (free - held), 2))
    assert test.hits == found.sum()


def test_clustered_hits_are_found_by_the_tests_that_look_at_order() -> None:
    found = np.zeros(1_000, dtype=bool)
    found[300:305] = found[700:705] = True
    assert kupiec(found, share=0.01).p > 0.9
    assert christoffersen(found, share=0.01).p < 1e-6
    assert dynamic_quantile(found, var=np.linspace(1, 2, 1_000), share=0.01).p == 1e-5  # none of 99,999 draws


def test_the_dynamic_quantile_test_against_a_regression() -> None:
    rng = np.random.default_rng(2)
    found, var = rng.random(900) < 0.06, np.exp(0.3 * rng.standard_normal(900))
    surprise = found - 0.05
    lags = [surprise[4 - k : 900 - k] for k in (1, 2, 3, 4)]
    regressors = add_constant(np.stack([*lags, var[4:]], axis=1))
    slopes = OLS(surprise[4:], regressors).fit().params
    expected = slopes @ regressors.T @ regressors @ slopes / (0.05 * 0.95)
    test = dynamic_quantile(found, var=var, share=0.05)
    assert test.statistic == pytest.approx(expected)
    assert test.freedom == 6
    assert test.p == pytest.approx(chi2.sf(expected, 6), abs=0.05)  # 54 hits are near the limit, not there
    assert dynamic_quantile(found, var=100 * var, share=0.05).p == pytest.approx(test.p)


def test_hits_that_follow_the_value_at_risk_are_found() -> None:
    rng = np.random.default_rng(3)
    var = np.exp(0.5 * rng.standard_normal(2_000))
    found = rng.random(2_000) < np.where(var > np.median(var), 0.09, 0.01)
    assert kupiec(found, share=0.05).p > 0.05
    assert dynamic_quantile(found, var=var, share=0.05).p < 0.001


def test_no_hit_at_all_is_an_answer() -> None:
    none = np.zeros(1_000, dtype=bool)
    assert kupiec(none, share=0.01).statistic == pytest.approx(-2_000 * np.log(0.99))
    assert christoffersen(none, share=0.01).p < 0.001
    test = dynamic_quantile(none, var=np.linspace(1, 2, 1_000), share=0.01)
    assert test.freedom == 2  # lags that never move cannot be told from the constant
    assert 0.05 < test.p < 0.5  # their order says nothing; that there is none, the others have said


@pytest.mark.parametrize("name", ["kupiec", "christoffersen", "dynamic_quantile"])
def test_right_forecasts_are_seldom_rejected(name: str) -> None:
    rng = np.random.default_rng(4)
    var = np.exp(0.3 * rng.standard_normal(1_000))
    found = [rng.random(1_000) < 0.05 for _ in range(400)]
    tests = {
        "kupiec": lambda made: kupiec(made, share=0.05),
        "christoffersen": lambda made: christoffersen(made, share=0.05),
        "dynamic_quantile": lambda made: dynamic_quantile(made, var=var, share=0.05),
    }
    rejected = np.mean([tests[name](made).p < 0.05 for made in found])
    assert 0.02 < rejected < 0.09


@pytest.mark.parametrize("days", [350, 1_000])
def test_a_hundredth_of_the_days_is_judged_by_its_own_luck(days: int) -> None:
    rng = np.random.default_rng(6)
    told = []
    for _ in range(600):
        var = np.exp(0.2 * rng.standard_normal(days))
        told.append(dynamic_quantile(rng.random(days) < 0.01, var=var, share=0.01).p)
    p = np.array(told)
    assert 0.02 < (p < 0.05).mean() < 0.08
    assert (p < 0.01).mean() < 0.022
    assert (p < 0.01 / 30).sum() <= 2, "the gate's level; chi-squared rejects 12 to 30 of these"


def test_draws_are_the_same_whenever_they_are_made() -> None:
    found, var = np.random.default_rng(7).random(800) < 0.01, np.linspace(1, 3, 800)
    assert dynamic_quantile(found, var=var, share=0.01) == dynamic_quantile(found, var=var, share=0.01)


def test_transforms_are_counted_and_tested() -> None:
    rng = np.random.default_rng(5)
    even = pit(np.append(rng.random(2_000), np.nan))
    assert sum(even.counts) == even.n == 2_000
    assert even.p > 0.01
    assert pit(rng.beta(2, 2, 2_000)).p < 1e-6
    assert pit(np.repeat(np.arange(20) / 20 + 0.01, 5)).statistic == 0
    assert pit(np.ones(100)).counts[-1] == 100


def test_bad_input_is_named() -> None:
    with pytest.raises(InputError, match="The share is 1; it lies between 0 and 1"):
        kupiec(np.zeros(100, dtype=bool), share=1)
    with pytest.raises(InputError, match="8 days; coverage needs more than 8"):
        christoffersen(np.zeros(8, dtype=bool), share=0.01)
    with pytest.raises(InputError, match="99 outcomes for 20 bins; at least 100"):
        pit(np.full(99, 0.5))
