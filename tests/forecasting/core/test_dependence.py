"""Dependence: recovered from simulated returns, the same in any order of assets, and blind to the future."""

from __future__ import annotations

import numpy as np
import pytest

from forecasting.core.dependence import Dcc, Shrunk, basket_volatility, dcc, shrunk, walk
from governance.errors import InputError

TARGET = np.array([[1.0, 0.6, 0.3], [0.6, 1.0, 0.5], [0.3, 0.5, 1.0]])


def changing(days: int, *, a: float = 0.05, b: float = 0.92, seed: int = 1) -> tuple[np.ndarray, np.ndarray]:
    """Return residuals with dynamic conditional correlation, and the correlations that made them."""
    rng = np.random.default_rng(seed)
    level, residuals, truth = TARGET.copy(), np.empty((days, 3)), np.empty((days, 3, 3))
    for day in range(days):
        roots = np.sqrt(np.diag(level))
        truth[day] = level / np.outer(roots, roots)
        residuals[day] = np.linalg.cholesky(truth[day]) @ rng.standard_normal(3)
        level = (1 - a - b) * TARGET + a * np.outer(residuals[day], residuals[day]) + b * level
    return residuals, truth


def test_many_days_show_the_correlation_and_few_are_shrunk() -> None:
    rng = np.random.default_rng(2)
    drawn = rng.standard_normal((20_000, 3)) @ np.linalg.cholesky(TARGET).T * [1.0, 2.0, 0.5]
    found = shrunk(drawn)
    assert found.matrix == pytest.approx(TARGET, abs=0.02)
    assert found.scale == pytest.approx([1.0, 2.0, 0.5], rel=0.02)
    assert found.shrinkage < 0.01
    few = shrunk(rng.standard_normal((120, 40)))
    assert few.shrinkage > 0.5
    assert np.linalg.eigvalsh(few.matrix)[0] > 0.3
    assert np.diag(few.matrix) == pytest.approx(np.ones(40))


def test_one_crash_of_one_asset_does_not_rewrite_the_others() -> None:
    drawn = np.random.default_rng(3).standard_normal((500, 3)) @ np.linalg.cholesky(TARGET).T
    wild = drawn.copy()
    wild[250] = [-60.0, 60.0, 0.0]
    assert shrunk(wild).matrix[0, 1] == pytest.approx(shrunk(drawn).matrix[0, 1], abs=0.06)
    assert np.corrcoef(wild.T)[0, 1] < -0.5


def test_dynamics_are_recovered_and_followed() -> None:
    residuals, truth = changing(4_000)
    found = dcc(residuals)
    assert found.converged
    assert found.a == pytest.approx(0.05, abs=0.02)
    assert found.b == pytest.approx(0.92, abs=0.04)
    forecast = found.correlations(residuals)
    assert forecast.shape == (4_001, 3, 3)
    moving = np.corrcoef(forecast[100:-1, 0, 1], truth[100:, 0, 1])[0, 1]
    assert moving > 0.9
    assert np.linalg.eigvalsh(forecast).min() > 0


def test_correlations_follow_their_recursion() -> None:
    residuals, _ = changing(60)
    mean = Shrunk(matrix=TARGET, scale=np.array([1.0, 2.0, 0.5]), shrinkage=0.0, n=60)
    found = Dcc(a=0.04, b=0.9, mean=mean, converged=True).correlations(residuals)
    level = TARGET.copy()
    for day in range(61):
        roots = np.sqrt(np.diag(level))
        assert found[day] == pytest.approx(level / np.outer(roots, roots))
        if day < 60:
            news = np.clip(residuals[day] / mean.scale, -4, 4)
            level = 0.06 * TARGET + 0.04 * np.outer(news, news) + 0.9 * level


def test_a_correlation_that_does_not_move_is_left_alone() -> None:
    drawn = np.random.default_rng(4).standard_normal((1_500, 3)) @ np.linalg.cholesky(TARGET).T
    found = dcc(drawn)
    assert np.abs(found.correlations(drawn)[200:] - found.mean.matrix).max() < 0.15


def test_the_order_of_assets_does_not_matter() -> None:
    residuals, _ = changing(600)
    order = [2, 0, 1]
    one, other = dcc(residuals), dcc(residuals[:, order])
    assert (one.a, one.b) == pytest.approx((other.a, other.b), abs=1e-3)
    assert one.mean.matrix[np.ix_(order, order)] == pytest.approx(other.mean.matrix)


def test_unknown_days_leave_the_correlation_to_fade() -> None:
    residuals, _ = changing(400)
    model = dcc(residuals)
    gone = residuals.copy()
    gone[200:, 1] = np.nan
    found = model.correlations(gone)
    away = np.abs(found[200] - model.mean.matrix)
    assert (np.abs(found[-1] - model.mean.matrix) < away + 1e-12).all()
    assert np.isfinite(found).all()


@pytest.mark.parametrize("fit", [shrunk, dcc])
def test_a_walk_sees_nothing_of_the_day_or_after(fit) -> None:
    residuals, _ = changing(420)
    told = walk(fit, residuals, first=150, refit=50)
    changed = residuals.copy()
    changed[300:] *= [-3.0, 2.0, 1.0]
    again = walk(fit, changed, first=150, refit=50)
    assert np.isnan(told[:150]).all()
    assert (told[150:301] == again[150:301]).all()
    assert (told[350:] != again[350:]).any()


def test_a_walk_waits_until_all_assets_are_there() -> None:
    residuals, _ = changing(300)
    residuals[:80, 2] = np.nan
    told = walk(shrunk, residuals, first=50, refit=20)
    assert np.isnan(told[:180]).all()
    assert np.isfinite(told[180:]).all()


def test_a_baskets_volatility_is_its_variance_rooted() -> None:
    covariance = np.array([[1.0, 0.5], [0.5, 4.0]])
    found = basket_volatility(np.array([[0.1, 0.2]]), covariances=covariance[None], weights=np.array([0.5, 0.5]))
    assert found[0] == pytest.approx(np.sqrt(0.05**2 * 1 + 0.1**2 * 4 + 2 * 0.05 * 0.1 * 0.5))


def test_too_few_days_and_a_constant_are_refused() -> None:
    with pytest.raises(InputError, match="99 days have residuals of all assets; a correlation needs 100"):
        shrunk(np.random.default_rng(6).standard_normal((99, 2)))
    with pytest.raises(InputError, match="never change"):
        dcc(np.stack([np.arange(200.0), np.ones(200)], axis=1))
