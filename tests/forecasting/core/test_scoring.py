"""Scores and comparisons."""

from __future__ import annotations

import numpy as np
import pytest

from forecasting.core.scoring import compare, crps, fz0, mse, pinball, qlike
from forecasting.core.volatility import models
from forecasting.core.volatility.base import series
from forecasting.core.walkforward import ScenarioScore, judge, pooled, score_scenarios, walk_forward
from tests.forecasting import samples


def quiet() -> None:
    pass


def test_qlike_is_zero_for_the_truth_and_smallest_at_the_mean() -> None:
    realised = np.random.default_rng(1).chisquare(5, 50_000) / 5
    assert qlike(np.array([2.0]), np.array([2.0])) == 0
    means = {f: qlike(realised, np.full_like(realised, f)).mean() for f in (0.8, 0.9, 1.0, 1.1, 1.25)}
    assert min(means, key=means.__getitem__) == 1.0
    assert means[0.8] > means[1.25], "too low a variance is the worse error"


def test_squared_error_keeps_the_unit_of_its_square() -> None:
    assert mse(np.array([2.0, np.nan]), np.array([0.5, 1.0]))[0] == pytest.approx(2.25)


@pytest.mark.parametrize("share", [0.01, 0.025, 0.3])
def test_the_quantile_loss_is_smallest_at_the_quantile(share: float) -> None:
    loss = np.random.default_rng(3).standard_normal(20_000)
    true = np.quantile(loss, 1 - share)
    means = [pinball(loss, var=np.full(loss.size, true + shift), share=share).mean() for shift in (-0.2, 0.0, 0.2)]
    assert means[1] < min(means[0], means[2])
    assert pinball(np.array([3.0, -1.0]), var=np.array([1.0, 1.0]), share=share) == pytest.approx(
        [2 * (1 - share), 2 * share]
    )


def test_fz0_is_the_published_form_and_smallest_at_the_truth() -> None:
    # Normal distribution, 97.5 %: VaR 1.959964, ES = density / share = 2.337803.
    loss, share = np.random.default_rng(4).standard_normal(400_000), 0.025
    var, es = 1.959964, 2.337803

    def mean(v: float, e: float) -> float:
        return float(fz0(loss, var=np.full(loss.size, v), es=np.full(loss.size, e), share=share).mean())

    best = mean(var, es)
    assert all(mean(var + a, es + b) > best for a, b in ((0.2, 0.0), (-0.2, 0.0), (0.0, 0.3), (0.0, -0.3), (0.2, 0.2)))
    assert best == pytest.approx(np.log(es), abs=0.02)  # the published mean at the truth is log(-ES) in returns
    y, v, e = -3.0, -var, -es  # Patton, Ziegel & Chen (2019), in returns
    published = -1 / (share * e) * (y <= v) * (v - y) + v / e + np.log(-e) - 1
    assert fz0(np.array([3.0]), var=np.array([var]), es=np.array([es]), share=share)[0] == pytest.approx(published)


def test_crps_against_its_definition() -> None:
    sample = np.random.default_rng(2).standard_normal(400)
    direct = np.abs(sample - 0.7).mean() - np.abs(sample[:, None] - sample).mean() / 2
    assert crps(sample, 0.7) == pytest.approx(direct)


def test_a_better_model_is_told_from_a_lucky_one() -> None:
    rng = np.random.default_rng(3)
    baseline = rng.chisquare(2, 300)
    assert compare(baseline * 0.8, baseline, seed=1).beats
    noise = compare(baseline + 0.02 * rng.standard_normal(300) - 0.001, baseline, seed=1)
    assert not noise.beats
    assert noise.low < 1 < noise.high


def test_a_comparison_is_reproducible_and_skips_unknown_days() -> None:
    rng = np.random.default_rng(4)
    ours, theirs = rng.chisquare(2, 100), rng.chisquare(2, 100)
    ours[:20] = np.nan
    first = compare(ours, theirs, seed=9)
    assert first == compare(ours, theirs, seed=9)
    assert first.n == 80
    assert first.baseline == pytest.approx(theirs[20:].mean())


def test_walk_forward_uses_no_later_day() -> None:
    full = series(samples.lab_panel(), asset=0)
    model = models()["log-har"]
    long = walk_forward(full, model, first=90, refit=20, tick=quiet)
    cut = full.variance.size - 3 * 20  # by whole folds, which are counted from the end
    short = walk_forward(full.until(cut), model, first=90, refit=20, tick=quiet)
    begin = 90 + (cut - 90) % 20
    assert np.isnan(long[:begin]).all()
    assert (long[begin:cut] == short[begin:]).all()
    assert np.isfinite(long[begin:]).all()


def test_a_short_history_is_not_judged() -> None:
    assert judge(series(samples.lab_panel(days=60), asset=0), first=40, refit=20, seed=1, tick=quiet) is None


def test_scenarios_are_calibrated_on_the_market_that_made_them() -> None:
    scores = score_scenarios(
        samples.lab_panel(days=300), used=["log-har"] * 5, first=100, hours=168, paths=100, seed=1, tick=quiet
    )
    ranks = np.array([score.ranks for score in scores[:3]]).ravel()
    assert ranks.size == 3 * 28
    assert 0.3 < ranks.mean() < 0.7
    assert 0.05 < np.mean((ranks > 0.25) & (ranks < 0.75)) < 0.8
    assert all(score.crps is not None and score.crps.ratio < 1.3 for score in scores[:3])


def test_scenarios_are_pooled_on_one_scale() -> None:
    def score(factor: float, scale: float) -> ScenarioScore:
        theirs = tuple(scale * (1 + 0.1 * (week % 3)) for week in range(20))
        ours = tuple(factor * value for value in theirs)
        return ScenarioScore(losses=ours, baseline=theirs, crps=None, ranks=(), below=0, above=0)

    found = pooled([score(1.2, 1000.0), score(0.9, 1.0)], seed=1)
    assert found is not None
    assert found.ratio == pytest.approx(1.05)
    assert found.low > 1
    assert pooled([], seed=1) is None
