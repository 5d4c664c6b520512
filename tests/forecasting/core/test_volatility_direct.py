"""The models of the league: what each keeps, what it learns, and the linear algebra and trees beneath."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
import statsmodels.api as sm
from sklearn.ensemble import HistGradientBoostingRegressor

from forecasting.core.days import DAY, DayTable
from forecasting.core.scoring import qlike
from forecasting.core.volatility import linear, trees
from forecasting.core.volatility.champion import FAST, combined, weights
from forecasting.core.volatility.direct import prepare, walk, zoo
from forecasting.core.volatility.least_squares import gamma_regression, least_squares
from forecasting.core.volatility.regressors import calendar, filled, regressors

START = 1_640_995_200  # 1 January 2022
MODELS = pytest.mark.parametrize("name", sorted(zoo()))


def table(days: int = 420, *, assets: int = 3, seed: int = 1, row: int = DAY) -> DayTable:
    """Return a market whose log variance is autoregressive in common and by asset, and rests on weekends."""
    rng = np.random.default_rng(seed)
    ends = START + row * np.arange(1, days + 1)
    weekend = calendar(ends, parts=7, length=DAY, offset=3)[:-1, 5:].sum(axis=1)
    market, own = 0.0, np.zeros(assets)
    logs = np.empty((days, assets))
    for day in range(days):
        market = 0.95 * market + 0.2 * rng.standard_normal()
        own = 0.8 * own + 0.2 * rng.standard_normal(assets)
        logs[day] = -7.0 + market + own - 0.8 * weekend[day] + 0.25 * rng.standard_normal(assets)
    variance = np.exp(logs)
    noise = {
        name: variance * np.exp(0.2 * rng.standard_normal(variance.shape))
        for name in ("absolute", "intraday_rs", "last_2h", "last_12h", "last_12h_absolute", "bipower", "negative")
    }
    return DayTable(
        assets=tuple(f"A{i}" for i in range(assets)),
        span=1800,
        ends=ends,
        variance=variance,
        change=np.sqrt(variance) * rng.standard_normal(variance.shape),
        complete=np.ones_like(variance),
        measures={**noise, "volume": 1e6 * np.sqrt(variance)},
    )


def plain(value: object) -> object:
    """Return what a registry keeps: numbers, texts, lists and mappings."""
    if isinstance(value, np.ndarray):
        return value.tolist()
    if isinstance(value, dict):
        return {name: plain(one) for name, one in value.items()}
    return list(value) if isinstance(value, tuple) else value


@MODELS
def test_a_model_survives_the_registry(name: str) -> None:
    sample = prepare(table(), steps=7)
    fitted = zoo()[name].fit(sample)
    stored = json.loads(json.dumps(plain(dict(fitted.parameters))))
    again = zoo()[name].restore(stored).forecast(sample, first=300)
    assert np.isfinite(again).all()
    assert again.tobytes() == fitted.forecast(sample, first=300).tobytes()


@MODELS
def test_forecasts_do_not_depend_on_how_many_are_made_at_once(name: str) -> None:
    sample = prepare(table(), steps=1)
    fitted = zoo()[name].fit(sample)
    together = fitted.forecast(sample)
    assert together.shape == (421, 3)
    assert (together[350:] > 0).all()
    assert fitted.forecast(sample, first=420).tobytes() == together[420:].tobytes()


@MODELS
def test_a_fit_is_the_same_twice(name: str) -> None:
    sample = prepare(table(300), steps=1)
    first, second = (zoo()[name].fit(sample).forecast(sample) for _ in range(2))
    assert first.tobytes() == second.tobytes()


@pytest.mark.parametrize("name", ["log_har_x", "gamma_glm", "pooled", "pooled_gamma", "hybrid", "champion"])
def test_what_knows_the_weekend_beats_what_does_not(name: str) -> None:
    sample = prepare(table(700), steps=1)
    loss = {}
    for model in (name, "garch_t", "log_har"):
        forecast = zoo()[model].fit(sample.until(500)).forecast(sample, first=500)[:-1]
        loss[model] = np.nanmean(qlike(sample.outcome[500:], forecast))
    assert loss[name] < 0.95 * loss["log_har"] < loss["garch_t"]


def test_outcomes_beyond_the_cut_are_not_known() -> None:
    sample = prepare(table(100), steps=7)
    cut = sample.until(50)
    assert np.isfinite(cut.outcome[:44]).all()
    assert np.isnan(cut.outcome[44:]).all()
    assert cut.known.values.shape[0] == 51
    assert (cut.outcome[:44] == prepare(table(100).until(50), steps=7).outcome[:44]).all()


@pytest.mark.parametrize("row", [DAY, 3600])
def test_regressors_know_nothing_of_their_own_row(row: int) -> None:
    told = table(900 if row < DAY else 200, row=row)
    later = np.arange(told.ends.size)[:, None] >= 120
    changed = replace(
        told,
        variance=np.where(later, 1.0, told.variance),
        change=np.where(later, -0.5, told.change),
        measures={name: np.where(later, 3.0, values) for name, values in told.measures.items()},
    )
    ours, theirs = regressors(told), regressors(changed)
    assert ours.values[:121].tobytes() == theirs.values[:121].tobytes()
    assert ours.values[121:].tobytes() != theirs.values[121:].tobytes()


def test_a_day_that_was_not_measured_is_bridged_and_a_long_gap_is_not() -> None:
    values = np.array([1.0, np.nan, np.nan, np.nan, np.nan, 2.0])[:, None]
    assert filled(values)[:4, 0].tolist() == [1.0] * 4
    assert np.isnan(filled(values)[4, 0])


def test_missing_measures_leave_the_variance_and_no_volume() -> None:
    told = table(200)
    bare = replace(told, measures={"volume": np.full_like(told.variance, np.nan)})
    known = regressors(bare)
    assert (known.take(("absolute",))[50:, :, 0] == known.take(("variance_1",))[50:, :, 0]).all()
    assert not known.take(("volume_now", "volume_lately")).any()
    for name in ("champion", "hybrid"):
        sample = prepare(replace(table(420), measures={}), steps=1)
        assert np.isfinite(zoo()[name].fit(sample).forecast(sample, first=400)).all()


def test_an_asset_that_came_late_has_the_pooled_forecast_alone() -> None:
    told = table(420)
    late = np.array([[False, False, True]]) & (np.arange(420)[:, None] < 370)
    sample = prepare(
        replace(
            told,
            variance=np.where(late, np.nan, told.variance),
            change=np.where(late, np.nan, told.change),
            measures={name: np.where(late, np.nan, values) for name, values in told.measures.items()},
        ),
        steps=1,
    )
    fitted = zoo()["champion"].fit(sample)
    assert np.isnan(zoo()["log_har_x"].fit(sample).forecast(sample, first=410)[:, 2]).all()
    assert np.isfinite(fitted.forecast(sample, first=410)).all()


def test_weights_sum_to_one_and_absent_parts_leave_theirs() -> None:
    for steps in (1, 7, 30):
        sample = prepare(table(60), steps=steps)
        assert sum(weights(sample).values()) == pytest.approx(1.0)
    sample = prepare(table(60), steps=1)
    parts = {name: np.full((2, 1), 2.0) for name in FAST} | {"garch_t": np.array([[12.0], [np.nan]])}
    assert combined(parts, sample)[:, 0] == pytest.approx([0.9 * 2 + 0.1 * 12, 2.0])
    nothing = {name: np.full((2, 1), np.nan) for name in FAST} | {"garch_t": np.ones((2, 1))}
    assert np.isnan(combined(nothing, sample)).all()


def test_a_walk_refits_on_what_was_known_by_then() -> None:
    sample = prepare(table(300), steps=7)
    walked = walk(zoo()["log_har"], sample, first=250, refit=20, tick=lambda: None).forecast
    by_hand = zoo()["log_har"].fit(sample.until(270)).forecast(sample, first=270)[:20]
    assert walked[270:290].tobytes() == by_hand.tobytes()
    assert np.isnan(walked[:250]).all()


def test_least_squares_and_gamma_regression_are_those_of_statsmodels() -> None:
    rng = np.random.default_rng(3)
    x = np.column_stack([np.ones(800), rng.standard_normal((800, 6))])
    y = np.exp(0.3 * x[:, 1] - 0.2 * x[:, 2] + 0.4 * rng.standard_normal(800))
    none = np.zeros(7)
    assert least_squares(x, np.log(y), none) == pytest.approx(sm.OLS(np.log(y), x).fit().params, abs=1e-10)
    found, ended = gamma_regression(x, y, none, none)
    family = sm.families.Gamma(sm.families.links.Log())
    assert ended
    assert found == pytest.approx(sm.GLM(y, x, family=family).fit().params, abs=1e-5)


def test_a_regressor_that_says_nothing_gets_nothing() -> None:
    x = np.column_stack([np.ones(50), np.arange(50.0), np.zeros(50)])
    found = least_squares(x, 2.0 + 3.0 * np.arange(50.0), np.zeros(3))
    assert found == pytest.approx([2.0, 3.0, 0.0])


@pytest.mark.parametrize("loss", ["gamma", "squared_error"])
def test_our_trees_predict_to_the_bit_what_the_library_does(loss: str) -> None:
    rng = np.random.default_rng(4)
    x = rng.standard_normal((2000, 8))
    x[rng.random(x.shape) < 0.05] = np.nan
    y = np.exp(np.nan_to_num(x[:, 0]) * 0.5 + 0.3 * rng.standard_normal(2000))
    model = HistGradientBoostingRegressor(loss=loss, max_iter=60, early_stopping=False, random_state=1).fit(x, y)
    raw = trees.plain(model).raw(x)
    ours = np.exp(raw) if loss == "gamma" else raw
    assert ours.tobytes() == model.predict(x).tobytes()


@pytest.mark.parametrize("name", ["pooled", "pooled_gamma", "hybrid", "champion"])
def test_the_end_of_one_asset_does_not_move_the_forecasts_of_others(name: str) -> None:
    told = table(420)
    fallen = told.variance.copy()
    fallen[330:340, 2] *= 1e5  # a coin that lost everything
    sample, dead = (prepare(one, steps=7) for one in (told, replace(told, variance=fallen)))
    ours = zoo()[name].fit(sample).forecast(sample, first=400)[:, :2]
    theirs = zoo()[name].fit(dead).forecast(dead, first=400)[:, :2]
    assert np.abs(np.log(theirs / ours)).max() < np.log(2.0)


@pytest.mark.parametrize("name", ["gamma_glm", "pooled_gamma"])
def test_a_search_that_does_not_end_is_counted(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    sample = prepare(table(300), steps=1)
    assert not walk(zoo()[name], sample, first=250, refit=25, tick=lambda: None).unfinished.any()
    monkeypatch.setattr(linear, "gamma_regression", lambda x, y, penalty, start: (start, False))
    found = walk(zoo()[name], sample, first=250, refit=25, tick=lambda: None)
    assert found.unfinished.tolist() == [2] * len(sample.table.assets)
    assert np.isfinite(found.forecast[250:]).all(), "the best that was found still counts"
