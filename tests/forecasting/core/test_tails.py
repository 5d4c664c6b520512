"""Tails: each method against its formula, its coverage on known distributions, and that none sees its own day."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import quad
from scipy.stats import genpareto, norm, t

from forecasting.core.tails.aci import watch
from forecasting.core.tails.base import MINIMUM, TailMethod, pits, walk
from forecasting.core.tails.fhs import HISTORICAL_250, HISTORICAL_500, Fhs, empirical
from forecasting.core.tails.joint import basket, outcomes
from forecasting.core.tails.mean import Mean
from forecasting.core.tails.pot import Pot, pareto
from forecasting.core.tails.student import Student
from governance.errors import InputError

METHODS: tuple[TailMethod, ...] = (Fhs(), Pot(), Student(), HISTORICAL_250, HISTORICAL_500, Mean())
NAMES = [method.name for method in METHODS]
FREEDOM = 4.0


def returns(days: int, *, seed: int = 1) -> tuple[np.ndarray, np.ndarray]:
    """Return Student returns of unit-variance residuals, and the volatility that scales them."""
    rng = np.random.default_rng(seed)
    volatility = 0.03 * np.exp(0.5 * np.sin(np.arange(days) / 50))
    return volatility * rng.standard_t(FREEDOM, days) / np.sqrt(FREEDOM / (FREEDOM - 2)), volatility


@pytest.mark.parametrize("method", METHODS, ids=NAMES)
def test_nothing_is_seen_of_the_day_or_after(method: TailMethod) -> None:
    loss, scale = returns(700)
    told = walk(method, loss=loss, scale=scale, share=0.01)
    changed = loss.copy()
    changed[600:] = 1e3 * loss[600:] + 7
    again = walk(method, loss=changed, scale=scale, share=0.01)
    assert (told.var[MINIMUM:601] == again.var[MINIMUM:601]).all()
    assert (told.es[MINIMUM:601] == again.es[MINIMUM:601]).all()
    assert (told.var[601:] != again.var[601:]).any()
    assert np.isnan(told.var[:MINIMUM]).all()
    assert np.isfinite(told.var[MINIMUM:]).all()


@pytest.mark.parametrize("method", METHODS, ids=NAMES)
def test_shortfall_lies_beyond_and_both_scale_with_volatility(method: TailMethod) -> None:
    loss, scale = returns(600, seed=2)
    told = walk(method, loss=loss, scale=scale, share=0.025)
    wider = walk(method, loss=3 * loss, scale=3 * scale, share=0.025)
    assert (told.es[MINIMUM:] > told.var[MINIMUM:]).all()
    if "hs" in method.name and method.name != "fhs":  # no volatility: the scale is given as 1
        told = walk(method, loss=loss, scale=np.ones(600), share=0.025)
        wider = walk(method, loss=3 * loss, scale=np.ones(600), share=0.025)
    assert wider.var[MINIMUM:] == pytest.approx(3 * told.var[MINIMUM:])
    assert wider.es[MINIMUM:] == pytest.approx(3 * told.es[MINIMUM:])


@pytest.mark.parametrize("method", [Fhs(), Pot(), Student(), Mean()], ids=lambda method: method.name)
@pytest.mark.parametrize("share", [0.01, 0.025])
def test_coverage_and_shortfall_of_a_known_distribution(method: TailMethod, share: float) -> None:
    unit, passed, shortfalls = np.sqrt(FREEDOM / (FREEDOM - 2)), [], []
    for seed in range(16):
        loss, scale = returns(1_100, seed=seed)
        told = walk(method, loss=loss, scale=scale, share=share)
        passed.append(t.sf((told.var / scale)[600:] * unit, FREEDOM).mean())  # the exact probability of a hit
        shortfalls.append((told.es / scale)[600:].mean())
    beyond = quad(lambda x: x * t.pdf(x, FREEDOM), t.isf(share, FREEDOM), np.inf)[0] / share
    assert np.mean(passed) == pytest.approx(share, rel=0.1)
    assert np.mean(shortfalls) == pytest.approx(beyond / unit, rel=0.06)


def test_the_empirical_quantile_covers_whatever_the_distribution() -> None:
    # Of 499 exchangeable values the 5th largest is exceeded by the next with probability 5 / 500.
    ordered = np.arange(499.0, 0, -1)[None]
    found = empirical(ordered, np.array([499.0]), share=0.01)
    assert found.var[0] == pytest.approx(495.0)
    assert found.es[0] == pytest.approx(np.mean([499, 498, 497, 496, 495]))
    between = empirical(ordered, np.array([499.0]), share=0.011)
    assert between.var[0] == pytest.approx(494.5)
    assert empirical(ordered[:, :50], np.array([50.0]), share=0.01).var[0] == 499.0  # too few: the largest


def test_generalised_pareto_is_recovered() -> None:
    rng = np.random.default_rng(3)
    for shape in (-0.2, 0.0, 0.3):
        sample = -np.sort(-genpareto.rvs(shape, scale=2.0, size=(40, 2_000), random_state=rng), axis=1)
        shapes, scales = pareto(sample)
        assert shapes.mean() == pytest.approx(shape, abs=0.02)
        assert scales.mean() == pytest.approx(2.0, rel=0.03)
        likely = genpareto.fit(sample[0], floc=0)
        assert shapes[0] == pytest.approx(likely[0], abs=0.03)
        assert scales[0] == pytest.approx(likely[2], rel=0.04)


def test_peaks_over_threshold_follows_its_formula() -> None:
    residuals = np.random.default_rng(4).standard_t(4, 501)
    found = Pot().tails(residuals, share=0.01)
    past = -np.sort(-residuals[:500])
    threshold = past[50]
    (shape,), (scale,) = pareto((past[:50] - threshold)[None])
    var = threshold + scale / shape * ((50 / 500 / 0.01) ** shape - 1)
    assert found.var[500] == pytest.approx(var)
    assert found.es[500] == pytest.approx((var + scale - shape * threshold) / (1 - shape))
    beyond = genpareto.expect(lambda x: x, (shape,), scale=scale, lb=var - threshold, conditional=True)
    assert found.es[500] == pytest.approx(threshold + beyond, rel=1e-4)


def test_a_bounded_or_endless_tail_is_held() -> None:
    uniform = np.linspace(1, 0.001, 60)[None]
    endless = np.exp(np.linspace(9, -9, 60))[None]
    assert pareto(uniform)[0][0] == -0.5
    assert pareto(endless)[0][0] == 0.5
    assert pareto(np.zeros((1, 60)))[1][0] == pytest.approx(0, abs=1e-9)  # ties: no peak over the threshold


def test_students_tail_is_that_of_the_likeliest_freedom() -> None:
    residuals = np.random.default_rng(5).standard_t(5, 4_000) / np.sqrt(5 / 3)
    found = Student().tails(residuals, share=0.01)
    freedom = t.fit(residuals[:-1] * np.sqrt(5 / 3), floc=0, fscale=1)[0]
    unit = np.sqrt((freedom - 2) / freedom)
    quantile = t.isf(0.01, freedom)
    assert found.var[-1] == pytest.approx(quantile * unit, rel=0.01)
    beyond = quad(lambda x: x * t.pdf(x, freedom), quantile, np.inf)[0] / 0.01
    assert found.es[-1] == pytest.approx(beyond * unit, rel=0.02)


def test_normal_residuals_give_the_normal_tail() -> None:
    found = Student().tails(np.random.default_rng(6).standard_normal(5_000), share=0.01)
    assert found.var[-1] == pytest.approx(norm.isf(0.01), rel=0.02)


def test_unknown_days_are_no_residuals() -> None:
    loss, scale = returns(800, seed=7)
    loss[300:520:2] = np.nan
    told = walk(Fhs(), loss=loss, scale=scale, share=0.01)
    kept = np.flatnonzero(np.isfinite(loss[150:650])) + 150
    past = -np.sort(-(loss / scale)[kept])[None]
    expected = empirical(np.pad(past, ((0, 0), (0, 110)), constant_values=np.nan), np.array([390.0]), share=0.01)
    assert told.var[650] == pytest.approx(expected.var[0] * scale[650])
    assert np.isfinite(walk(Mean(), loss=loss, scale=scale, share=0.01).es[700:]).all()


@pytest.mark.parametrize("share", [0.0, 0.5, 1.0, -0.01])
def test_a_share_that_is_none_is_refused(share: float) -> None:
    with pytest.raises(InputError, match=f"The share is {share}; it lies between 0 and 0.5"):
        walk(Fhs(), loss=np.zeros(10), scale=np.ones(10), share=share)


def test_the_mean_is_the_mean_of_its_parts() -> None:
    loss, scale = returns(600, seed=8)
    parts = [walk(method, loss=loss, scale=scale, share=0.01).var for method in (Fhs(), Pot(), Student())]
    assert walk(Mean(), loss=loss, scale=scale, share=0.01).var[400:] == pytest.approx(np.mean(parts, axis=0)[400:])


def test_a_basket_falls_as_its_assets_fell_together() -> None:
    rng = np.random.default_rng(9)
    shared = rng.standard_t(4, 600) / np.sqrt(2)
    residuals, volatility = np.stack([shared, shared], axis=1), np.full((600, 2), 0.04)
    together = basket(residuals, volatility=volatility, weights=np.array([0.5, 0.5]), share=0.01)
    alone = walk(Fhs(), loss=-np.expm1(0.04 * shared), scale=np.ones(600), share=0.01)
    assert together.var[400:] == pytest.approx(alone.var[400:])
    assert together.es[400:] == pytest.approx(alone.es[400:])
    hedged = basket(residuals, volatility=volatility, weights=np.array([1.0, -1.0]), share=0.01)
    assert hedged.var[400:] == pytest.approx(np.zeros(200), abs=1e-12)
    apart = rng.standard_t(4, (600, 2)) / np.sqrt(2)
    spread = basket(apart, volatility=volatility, weights=np.array([0.5, 0.5]), share=0.01)
    assert spread.var[400:].mean() < 0.9 * together.var[400:].mean()


def test_a_basket_draws_whole_days_only() -> None:
    residuals = np.random.default_rng(10).standard_normal((600, 3))
    residuals[100:200, 1] = np.nan
    losses = outcomes(residuals, volatility=np.full((600, 3), 0.02), weights=np.full(3, 1 / 3))
    assert np.isfinite(losses[550]).sum() == 500 - 100
    assert losses[550][-1] == pytest.approx(-np.expm1(0.02 * residuals[549]).mean())
    short = basket(residuals[:200], volatility=np.full((200, 3), 0.02), weights=np.full(3, 1 / 3), share=0.01)
    assert np.isnan(short.var).all()


def test_ranks_of_calibrated_returns_are_even() -> None:
    residuals = np.random.default_rng(11).standard_t(4, 3_000)
    values = pits(residuals, window=500)
    known = values[np.isfinite(values)]
    assert known.size == 3_000 - MINIMUM
    assert known.mean() == pytest.approx(0.5, abs=0.02)
    assert known.std() == pytest.approx(np.sqrt(1 / 12), abs=0.01)
    assert pits(np.zeros(300), window=260)[-1] == pytest.approx(0.5)  # ties count half


def test_the_monitor_stays_calm_on_calibrated_forecasts_and_cries_on_broken_ones() -> None:
    rng = np.random.default_rng(12)
    calm = [watch(rng.random(1_000), share=0.025).alarms.any() for _ in range(200)]
    assert np.mean(calm) < 0.05
    broken = watch(np.where(rng.random(1_000) < 0.1, 1.0, rng.random(1_000)), share=0.025)
    assert broken.alarms.any()
    assert np.flatnonzero(broken.alarms)[0] < 300


@settings(max_examples=50)
@given(values=st.lists(st.floats(0, 1), min_size=200, max_size=600), share=st.sampled_from([0.01, 0.025, 0.1]))
def test_the_monitors_hits_are_its_share_whatever_comes(values: list[float], share: float) -> None:
    # Gibbs & Candes (2021), proposition 4.1: the rate of hits strays from share by at most (1 + rate) / (rate days).
    rate = 0.05
    found = watch(np.array(values), share=share, rate=rate)
    assert abs(found.hits.mean() - share) <= (1 + rate) / (rate * len(values))
    assert found.levels[-1] == pytest.approx(share + rate * (share * len(values) - found.hits.sum()))


def test_the_monitor_lets_unknown_days_pass() -> None:
    found = watch(np.array([np.nan, 1.0, np.nan]), share=0.01)
    assert found.hits.tolist() == [False, True, False]
    assert found.levels[1] == 0.01
    with pytest.raises(InputError, match="The rate is 2; it lies between 0 and 1"):
        watch(np.zeros(3), share=0.01, rate=2)
