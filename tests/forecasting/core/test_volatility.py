"""Volatility models: the contract that every model keeps, and what each learns."""

from __future__ import annotations

import dataclasses
import json

import numpy as np
import pytest

from forecasting.core.realised import calendar
from forecasting.core.scoring import qlike
from forecasting.core.volatility import models
from forecasting.core.volatility.base import WINDOW, Past, Series, one_step, series
from forecasting.core.volatility.ewma import DECAYS, FittedEwma
from tests.forecasting import samples

MODELS = pytest.mark.parametrize("name", sorted(models()))


def simulated(days: int, *, seed: int, persistence: float = 0.9, weekend: float = 0.0) -> Series:
    """Return a series whose log variance is autoregressive, with a weekend effect."""
    rng = np.random.default_rng(seed)
    ends = 1_736_121_600 + 86_400 * np.arange(days + 1)
    shares = calendar(ends)
    level, logs = 0.0, []
    for day in range(days):
        level = persistence * level + 0.3 * rng.standard_normal()
        logs.append(-7 + level + weekend * shares[day, :2].sum() + 0.2 * rng.standard_normal())
    variance = np.exp(logs)
    shock = rng.standard_normal(days)
    recent = variance * np.exp(0.5 * rng.standard_normal(days))
    return Series(variance=variance, activity=variance, recent=recent, shock=shock, calendar=shares)


def test_both_models_are_found() -> None:
    assert {"ewma", "log-har"} <= set(models())


@MODELS
def test_a_model_sees_nothing_of_the_future(name: str) -> None:
    data = series(samples.lab_panel(), asset=0)
    model = models()[name]
    fitted = model.fit(data.until(120))
    later = np.arange(200) >= 150
    changed = dataclasses.replace(
        data,
        **{name: np.where(later, 1.0, getattr(data, name)) for name in ("variance", "activity", "recent", "shock")},
    )
    assert (one_step(fitted, data)[30:151] == one_step(fitted, changed)[30:151]).all()
    assert fitted.parameters == model.fit(changed.until(120)).parameters


@MODELS
def test_a_model_survives_the_registry(name: str) -> None:
    data = series(samples.lab_panel(), asset=0)
    fitted = models()[name].fit(data)
    restored = models()[name].restore(json.loads(json.dumps(fitted.parameters)))
    assert (one_step(restored, data)[40:] == one_step(fitted, data)[40:]).all()


@MODELS
def test_a_forecast_is_positive_whatever_happened(name: str) -> None:
    fitted = models()[name].fit(series(samples.lab_panel(), asset=2))
    windows = np.array([np.full(WINDOW, 1e-10), np.full(WINDOW, 25.0)])
    last = np.array([1e-10, 25.0])
    wild = fitted.predict(
        Past(variance=windows, activity=windows, recent=last, shock=np.array([-5.0, 5.0]), calendar=np.zeros((2, 3)))
    )
    assert (wild > 0).all()
    assert np.isfinite(wild).all()


@MODELS
def test_rounding_does_not_depend_on_how_many_are_forecast_at_once(name: str) -> None:
    data = series(samples.lab_panel(), asset=1)
    fitted = models()[name].fit(data)
    past = data.past()
    together = fitted.predict(past)
    for i in (0, 17, together.size - 1):
        one = {item.name: getattr(past, item.name)[i : i + 1] for item in dataclasses.fields(Past)}
        assert fitted.predict(Past(**one))[0] == together[i]


def test_log_har_learns_the_weekend() -> None:
    data = simulated(900, seed=1, weekend=-1.0)
    har, ewma = (one_step(models()[name].fit(data), data)[:-1] for name in ("log-har", "ewma"))
    saturday = data.calendar[:-1, 0] == 1
    assert np.nanmean(har[saturday]) < 0.6 * np.nanmean(har[~saturday])
    assert np.nanmean(qlike(data.variance, har)) < 0.8 * np.nanmean(qlike(data.variance, ewma))


def test_log_har_is_unbiased_in_variance() -> None:
    data = simulated(2000, seed=2)
    forecast = one_step(models()["log-har"].fit(data), data)[:-1]
    known = np.isfinite(forecast)
    assert (data.variance[known] / forecast[known]).mean() == pytest.approx(1.0, abs=0.02)


def test_ewma_chooses_its_decay_by_the_loss() -> None:
    slow = models()["ewma"].fit(simulated(600, seed=3, persistence=0.995)).parameters["decay"]
    noise = models()["ewma"].fit(simulated(600, seed=3, persistence=0.0)).parameters["decay"]
    assert slow < noise == max(DECAYS)


def test_ewma_of_a_constant_is_the_constant() -> None:
    fitted = FittedEwma(decay=0.9)
    window, last = np.full(WINDOW, 4e-4), np.array(4e-4)
    found = fitted.predict(
        Past(variance=window, activity=window, recent=last, shock=np.array(0.0), calendar=np.zeros(3))
    )
    assert found == pytest.approx(4e-4)


@MODELS
def test_a_price_that_never_moves_has_a_forecast(name: str) -> None:
    flat = np.full(120, 1e-10)
    ends = 1_736_121_600 + 86_400 * np.arange(121)
    data = Series(variance=flat, activity=flat, recent=flat, shock=np.zeros(120), calendar=calendar(ends))
    assert one_step(models()[name].fit(data), data)[-1] == pytest.approx(1e-10)
