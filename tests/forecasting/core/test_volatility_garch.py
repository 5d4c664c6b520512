"""GARCH and GJR: the likelihood of `arch`, its gradient, gaps, and the walk that carries its search along."""

from __future__ import annotations

import numpy as np
import pytest
from arch import arch_model
from scipy import special

from forecasting.core.volatility import garch_kernel as kernel

KINDS = pytest.mark.parametrize("free", [4, 5], ids=["garch", "gjr"])


def returns(days: int, *, seed: int, alpha: float = 0.08, beta: float = 0.9, fall: float = 0.0) -> np.ndarray:
    """Return GARCH returns with Student's t, five degrees of freedom."""
    rng = np.random.default_rng(seed)
    out, h = np.empty(days), 4.0
    for t in range(days):
        out[t] = np.sqrt(h * 3 / 5) * rng.standard_t(5)
        h = 0.1 + (alpha + fall * (out[t] < 0)) * out[t] ** 2 + beta * h
    return out


def fitted(data: np.ndarray, free: int) -> tuple[float, np.ndarray]:
    place, inverse, natural = np.empty(free), np.empty((free, free)), np.empty(kernel.NATURAL)
    kernel.begin(data, place, inverse)
    found, _, ended = kernel.best(data, kernel.backcast(data), place, inverse)
    assert ended
    kernel.to_natural(place, natural)
    return found, natural


@KINDS
@pytest.mark.parametrize(
    ("seed", "days", "beta"), [(1, 500, 0.9), (2, 1800, 0.9), (3, 1200, 0.915), (4, 1000, 0.7), (5, 1500, 0.93)]
)
def test_the_likelihood_is_that_of_arch(free: int, seed: int, days: int, beta: float) -> None:
    data = returns(days, seed=seed, beta=beta, fall=0.05 if free == 5 and beta < 0.9 else 0.0)
    theirs = arch_model(data, mean="Zero", p=1, o=free - 4, q=1, dist="t", rescale=False).fit(disp="off")
    found, natural = fitted(data, free)
    assert -found >= theirs.loglikelihood - 1e-4
    omega, alpha, *rest = theirs.params.to_numpy()
    fall, beta, nu = rest if free == 5 else (0.0, *rest)
    at_theirs = kernel.likelihood(
        data, kernel.backcast(data), np.array([omega, alpha, alpha + fall, beta, nu]), np.empty(5)
    )
    assert at_theirs == pytest.approx(-theirs.loglikelihood, abs=1e-6)
    assert natural[1:4] @ [0.5, 0.5, 1.0] <= 1.0


@KINDS
@pytest.mark.parametrize("gaps", [0, 40])
def test_the_gradient_is_that_of_the_likelihood(free: int, gaps: int) -> None:
    data = returns(600, seed=6)
    data[np.random.default_rng(7).choice(np.arange(10, 590), gaps, replace=False)] = np.nan
    start, place = kernel.backcast(data), np.array([-1.0, 3.0, -2.0, 1.0, 0.3])[:free]
    slope, ignored = np.empty(free), np.empty(free)
    kernel.value(data, start, place, slope)
    for i in range(free):
        step = 1e-5 * (np.arange(free) == i)
        numeric = (
            kernel.value(data, start, place + step, ignored) - kernel.value(data, start, place - step, ignored)
        ) / 2e-5
        assert slope[i] == pytest.approx(numeric, rel=1e-5, abs=1e-5)


def test_persistence_may_reach_its_bound() -> None:
    data = returns(1500, seed=8, alpha=0.13, beta=0.88)
    _, natural = fitted(data, 4)
    assert 1.0 - natural[1:4] @ [0.5, 0.5, 1.0] == pytest.approx(0.0, abs=1e-6)


@KINDS
def test_a_walk_ends_where_a_fit_from_scratch_does(free: int) -> None:
    data = returns(700, seed=9)
    place, inverse, out = np.empty(free), np.empty((free, free)), np.empty((200, kernel.NATURAL))
    kernel.begin(data[:500], place, inverse)
    passes = kernel.walk(data, place, inverse, 500, 1, 100, out)
    assert passes < 200 * 12
    for day in (0, 77, 199):
        past = data[: 500 + day]
        walked = kernel.likelihood(past, kernel.backcast(past), out[day], np.empty(5))
        assert walked == pytest.approx(fitted(past, free)[0], abs=1e-4)


def test_each_day_is_filtered_with_its_own_parameters() -> None:
    data = returns(120, seed=10)
    natural = np.array([[0.1, 0.1, 0.1, 0.85, 5.0]] * 5 + [[0.2, 0.0, 0.2, 0.8, 5.0]] * 5)
    natural[7] = np.nan
    found = kernel.each(data, natural, 4.0)
    for day in range(10):
        path = np.empty(111 + day)
        kernel.filtered(data[: 110 + day], natural[day], 4.0, path)
        assert found[day] == path[-1] or np.isnan(found[day]) == np.isnan(natural[day, 0])
    assert np.isnan(found).sum() == 1


def test_a_gap_moves_the_variance_by_its_expectation() -> None:
    natural, path = np.array([0.1, 0.1, 0.1, 0.8, 5.0]), np.empty(4)
    kernel.filtered(np.array([2.0, np.nan, 1.0]), natural, 1.0, path)
    assert path == pytest.approx([1.0, 0.1 + 0.4 + 0.8, 0.1 + 0.9 * 1.3, 0.1 + 0.1 + 0.8 * (0.1 + 0.9 * 1.3)])


def test_many_days_ahead_sum_the_expected_variances() -> None:
    natural = np.array([[0.1, 0.1, 0.1, 0.8, 5.0], [0.1, 0.1, 0.3, 0.8, 5.0]])
    found = kernel.summed(np.array([2.0, 2.0]), natural, 3)
    assert found == pytest.approx([2.0 + 1.9 + 1.81, 2.0 + 2.1 + 2.2])


def test_digamma() -> None:
    for x in (0.7, 1.5, 6.0, 40.0):
        assert kernel.digamma(x) == pytest.approx(float(special.digamma(x)), abs=1e-9)


@KINDS
def test_a_price_that_stands_still_has_no_fit_until_it_moves(free: int) -> None:
    data = np.concatenate([np.zeros(150), returns(150, seed=11)])
    place, inverse, out = np.empty(free), np.empty((free, free)), np.empty((200, kernel.NATURAL))
    kernel.begin(data[:100], place, inverse)
    kernel.walk(data, place, inverse, 100, 1, 100, out)
    assert np.isnan(out[:51]).all()
    assert np.isfinite(out[100:, 0]).mean() > 0.9
    kernel.walk(np.zeros(300), place, inverse, 100, 1, 100, out)
    assert np.isnan(out).all()
