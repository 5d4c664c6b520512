"""Joint scenarios by filtered historical simulation."""

from __future__ import annotations

import numpy as np
import pytest

from forecasting.core.scenarios import simulate
from forecasting.core.volatility import models
from forecasting.core.volatility.base import one_step, series
from governance.errors import GapInData
from tests.forecasting import samples


def fitted(panel, name: str = "log-har"):
    return [models()[name].fit(series(panel, asset=r)) for r in range(5)]


def drawn(*, paths: int = 400, seed: int = 1, hours: int = 72, name: str = "log-har"):
    panel = samples.lab_panel()
    return simulate(panel, fitted=fitted(panel, name), hours=hours, paths=paths, seed=seed)


def test_a_path_is_the_same_whatever_number_is_drawn() -> None:
    assert (drawn(paths=7).growth == drawn(paths=400).growth[:7]).all()
    assert (drawn(hours=30).growth == drawn(hours=72).growth[:, :30]).all()


def test_seeds_differ_and_repeat() -> None:
    assert (drawn(seed=1).growth == drawn(seed=1).growth).all()
    assert (drawn(seed=1).growth != drawn(seed=2).growth).any()


def test_the_level_is_the_forecast() -> None:
    panel = samples.lab_panel()
    found = drawn(paths=3000)
    for r, model in enumerate(fitted(panel)):
        data = series(panel, asset=r)
        forecast = one_step(model, data)
        bias = np.nanmean(data.variance / forecast[:-1])
        assert found.expected[0, r] == pytest.approx(forecast[-1])
        assert found.variance[:, 0, r].mean() == pytest.approx(forecast[-1] * bias, rel=0.2)


def test_there_is_no_drift() -> None:
    logs = np.log(drawn(paths=4000).growth[:, -1, :3])
    assert np.abs(logs.mean(axis=0)) == pytest.approx(0.0, abs=4 * float(logs.std()) / np.sqrt(4000))


def test_assets_keep_their_dependence() -> None:
    panel = samples.lab_panel()
    history = np.corrcoef(panel.hourly.sum(axis=1)[:, :3].T)
    simulated = np.corrcoef(np.log(drawn(paths=3000, hours=24).growth[:, -1, :3]).T)
    assert simulated == pytest.approx(history, abs=0.2)
    assert simulated[0, 1] > 0.4


def test_a_wild_day_raises_the_days_after_it() -> None:
    found = drawn(paths=3000)
    wild = found.variance[:, 0, 0] > np.quantile(found.variance[:, 0, 0], 0.9)
    assert found.variance[wild, 1, 0].mean() > 1.3 * found.variance[~wild, 1, 0].mean()


def test_too_short_a_history_is_refused() -> None:
    panel = samples.lab_panel(days=45)
    with pytest.raises(GapInData, match="too few to draw from"):
        simulate(panel, fitted=fitted(panel, "ewma"), hours=24, paths=10, seed=1)
