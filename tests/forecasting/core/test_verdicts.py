"""Tests of models against each other: against independent software, and by simulation of size and power."""

from __future__ import annotations

import numpy as np
import pytest
from arch.bootstrap import MCS
from statsmodels.regression.linear_model import WLS
from statsmodels.tools.tools import add_constant
from statsmodels.tsa.stattools import diebold_mariano_test

from forecasting.core.scoring import dm_test, mcs, mincer_zarnowitz, qlike
from governance.errors import InputError

TRIALS = 400


def overlapping(rng: np.random.Generator, *, horizon: int, days: int) -> np.ndarray:
    """Return differences of losses whose outcomes overlap: a moving sum of independent ones."""
    return np.convolve(rng.standard_normal(days + horizon - 1), np.ones(horizon), "valid")


def test_independent_losses_give_the_statistic_of_other_software() -> None:
    rng = np.random.default_rng(1)
    outcome = rng.chisquare(5, 2_000) / 5
    first, second = np.full(outcome.size, 0.8), np.full(outcome.size, 1.0)
    theirs = diebold_mariano_test(outcome, first, second, criterion=qlike, harvey_adj=True)
    ours = dm_test(qlike(outcome, first), qlike(outcome, second))
    assert ours.t == pytest.approx(theirs.statistic, rel=0.1)  # two estimates of one long-run variance
    assert ours.difference == pytest.approx((qlike(outcome, first) - qlike(outcome, second)).mean())
    assert ours.t > 0
    assert not ours.better()


def test_the_better_model_is_found_and_its_mirror_is_not() -> None:
    rng = np.random.default_rng(2)
    baseline = rng.chisquare(2, 1_000)
    model = baseline - 0.1 + 0.5 * rng.standard_normal(1_000)
    found, mirror = dm_test(model, baseline), dm_test(baseline, model)
    assert found.better()
    assert found.t == pytest.approx(-mirror.t)
    assert found.p == pytest.approx(mirror.p)
    assert not mirror.better()


@pytest.mark.parametrize(("horizon", "most"), [(1, 0.085), (7, 0.085), (30, 0.1)])
def test_equal_models_are_hardly_ever_told_apart(horizon: int, most: float) -> None:
    rng = np.random.default_rng(horizon)
    rejected = np.mean(
        [
            dm_test(overlapping(rng, horizon=horizon, days=1_000), np.zeros(1_000), horizon=horizon).p < 0.05
            for _ in range(TRIALS)
        ]
    )
    assert 0.02 < rejected < most


def test_the_usual_standard_error_rejects_equal_months_too_often() -> None:
    rng = np.random.default_rng(5)
    usual, ours = [], []
    for _ in range(150):
        difference = overlapping(rng, horizon=30, days=1_000)
        zeros = np.zeros(1_000)
        usual.append(
            diebold_mariano_test(zeros, difference, zeros, criterion=lambda _, f: f, harvey_adj=True, horizon=30).pvalue
            < 0.05
        )
        ours.append(dm_test(difference, zeros, horizon=30).p < 0.05)
    assert np.mean(ours) + 0.03 < np.mean(usual)


def test_power_is_not_thrown_away() -> None:
    rng = np.random.default_rng(6)
    found = [dm_test(rng.standard_normal(500) - 0.15, np.zeros(500)).better() for _ in range(200)]
    assert np.mean(found) > 0.9  # the exact test finds 0.956


def test_one_model_against_itself_is_a_draw() -> None:
    losses = np.random.default_rng(7).chisquare(2, 100)
    found = dm_test(losses, losses)
    assert (found.t, found.p) == (0.0, 1.0)


def test_unknown_days_are_left_out_and_too_few_refused() -> None:
    losses = np.arange(60.0)
    losses[:25] = np.nan
    assert dm_test(losses, np.zeros(60)).n == 35
    losses[:40] = np.nan
    with pytest.raises(InputError, match="20 days can be scored; a verdict needs at least 30"):
        dm_test(losses, np.zeros(60))
    with pytest.raises(InputError, match="20 days"):
        mcs({"a": losses, "b": np.zeros(60)}, seed=1)


def test_the_confidence_set_is_that_of_other_software() -> None:
    rng = np.random.default_rng(8)
    common = rng.chisquare(3, 800)
    table = np.stack([common + shift + rng.standard_normal(800) for shift in (0.0, 0.03, 0.09, 0.12, 0.3)], axis=1)
    theirs = MCS(table, size=0.1, reps=5_000, block_size=10, method="R", seed=1)
    theirs.compute()
    expected = theirs.pvalues["Pvalue"].sort_index().to_numpy()
    found = mcs({str(i): table[:, i] for i in range(5)}, seed=1)
    assert list(found.p.values()) == pytest.approx(expected, abs=0.04)
    assert found.members() == tuple(str(i) for i in theirs.included)
    assert found.n == 800


def test_the_set_holds_the_best_and_drops_the_bad() -> None:
    rng = np.random.default_rng(9)
    held = []
    for _ in range(60):
        common = rng.chisquare(3, 400)
        losses = {name: common + rng.standard_normal(400) for name in "abc"} | {"bad": common + 1.0}
        found = mcs(losses, seed=3)
        assert "bad" not in found.members()
        held.append("a" in found.members())  # as good as any
    assert np.mean(held) >= 0.85


def test_a_twin_does_not_break_the_set() -> None:
    losses = np.random.default_rng(10).chisquare(2, 200)
    found = mcs({"a": losses, "twin": losses, "worse": losses + 1}, seed=1)
    assert found.members() == ("a", "twin")


def test_the_regression_on_forecasts_against_weighted_least_squares() -> None:
    rng = np.random.default_rng(11)
    forecast = np.exp(rng.standard_normal(1_500)) * 1e-3
    realised = (2e-4 + 0.7 * forecast) * rng.chisquare(8, 1_500) / 8
    theirs = WLS(realised, add_constant(forecast), weights=1 / forecast**2).fit()
    found = mincer_zarnowitz(realised, forecast)
    assert [found.alpha, found.beta] == pytest.approx(theirs.params)
    assert found.bias == pytest.approx(realised.mean() / forecast.mean())
    assert found.r2 == pytest.approx(np.corrcoef(np.log(realised), np.log(forecast))[0, 1] ** 2)
    assert found.p < 1e-4


def test_unbiased_forecasts_are_hardly_ever_called_biased() -> None:
    rng = np.random.default_rng(12)
    rejected = []
    for _ in range(300):
        forecast = np.exp(0.5 * rng.standard_normal(700))
        rejected.append(mincer_zarnowitz(forecast * rng.chisquare(6, 700) / 6, forecast).p < 0.05)
    assert 0.02 < np.mean(rejected) < 0.09


def test_a_forecast_that_never_changes_has_no_regression() -> None:
    with pytest.raises(InputError, match="Every forecast is 2; a regression on it needs two values"):
        mincer_zarnowitz(np.arange(1.0, 51.0), np.full(50, 2.0))
