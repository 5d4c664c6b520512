"""A small honest forecaster of variance, and the ways in which people let it see the future."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from sklearn.preprocessing import StandardScaler

from forecasting.core.days import DayTable
from forecasting.core.scoring import qlike

FIRST = 120  # row of the first fit
REFIT = 20
RIDGE = 5.0


def honest(table: DayTable, *, steps: int = 1) -> np.ndarray:
    """Return ridge regressions on logs of the last day, week and month; refitted on outcomes that were complete."""
    return _walk(_features(_held(table.variance)), table.ahead(steps), purge=steps - 1)


def same_day_feature(table: DayTable) -> np.ndarray:
    """Forget the lag."""
    features = _features(_held(table.variance))
    return _walk(np.concatenate([features[1:], features[-1:]]), table.ahead(1))


def intraday_feature_of_the_same_day(table: DayTable) -> np.ndarray:
    """Add one fresh feature, the last hours before the forecast is due, and take them from the day itself."""
    features = _features(_held(table.variance))
    return _walk(np.concatenate([features, _log(_held(table.measures["last_2h"]))[..., None]], axis=2), table.ahead(1))


def scaler_fitted_on_everything(table: DayTable) -> np.ndarray:
    """Standardise before splitting; with a penalty the scale matters."""
    features = _features(_held(table.variance))
    flat = features.reshape(-1, features.shape[-1])
    return _walk(StandardScaler().fit_transform(flat).reshape(features.shape), table.ahead(1))


def target_shifted(table: DayTable) -> np.ndarray:
    """Line forecasts up with the day on which they were made, one row too early."""
    made = honest(table)
    return np.concatenate([made[1:], made[-1:]])


def choice_on_the_scored_window(table: DayTable) -> np.ndarray:
    """Report the decay that forecast the scored days best."""
    made = [_smoothed(table.variance, decay) for decay in (0.3, 0.5, 0.7, 0.8, 0.9, 0.97)]
    return min(made, key=lambda told: float(np.nanmean(qlike(table.variance[FIRST:], told[FIRST:]))))


def weights_of_the_scored_window(table: DayTable) -> np.ndarray:
    """Combine two forecasts with weights regressed on all days."""
    fast, slow = _smoothed(table.variance, 0.5), _smoothed(table.variance, 0.97)
    known = np.isfinite(table.variance + fast + slow)
    weights = np.linalg.lstsq(np.stack([fast[known], slow[known]], axis=1), table.variance[known])[0]
    return np.abs(weights[0]) * fast + np.abs(weights[1]) * slow


def bias_of_everything(table: DayTable) -> np.ndarray:
    """Scale forecasts so that they are right on average, over all days."""
    made = honest(table)
    return made * np.nanmean(table.variance[FIRST:]) / np.nanmean(made[FIRST:])


def centred_smoothing(table: DayTable) -> np.ndarray:
    """Smooth the series first, with a window that is centred."""
    padded = np.pad(_held(table.variance), ((2, 2), (0, 0)), mode="edge")
    smooth = np.lib.stride_tricks.sliding_window_view(padded, 5, axis=0).mean(axis=-1)
    return _walk(_features(smooth), table.ahead(1))


def gaps_filled_from_behind(table: DayTable) -> np.ndarray:
    """Fill a missing day with the next one; it shows only where a day is missing."""
    filled = table.variance.copy()
    for row in range(filled.shape[0] - 2, -1, -1):
        filled[row] = np.where(np.isnan(filled[row]), filled[row + 1], filled[row])
    return _walk(_features(_held(filled)), table.ahead(1))


def unpurged(steps: int) -> Callable[[DayTable], np.ndarray]:
    """Return a pipeline that fits on spans which have not ended on the day of the fit."""

    def pipeline(table: DayTable) -> np.ndarray:
        return _walk(_features(_held(table.variance)), table.ahead(steps), purge=0)

    return pipeline


LEAKING: dict[str, Callable[[DayTable], np.ndarray]] = {
    made.__name__: made
    for made in (
        same_day_feature,
        intraday_feature_of_the_same_day,
        scaler_fitted_on_everything,
        target_shifted,
        choice_on_the_scored_window,
        weights_of_the_scored_window,
        bias_of_everything,
        centred_smoothing,
        gaps_filled_from_behind,
    )
} | {f"unpurged_{steps}d": unpurged(steps) for steps in (7, 30)}


def _walk(features: np.ndarray, outcome: np.ndarray, *, purge: int = 0) -> np.ndarray:
    """Return (D, A) forecasts of ridge regressions, refitted every `REFIT` rows without the last ``purge`` outcomes."""
    logs, out = _log(outcome), np.full_like(outcome, np.nan)
    for begin in range(FIRST, outcome.shape[0], REFIT):
        rows = slice(begin, begin + REFIT)
        for asset in range(outcome.shape[1]):
            past, target = features[30 : begin - purge, asset], logs[30 : begin - purge, asset]
            kept = np.isfinite(target) & np.isfinite(past).all(axis=1)
            design = np.column_stack([np.ones(kept.sum()), past[kept]])
            penalty = RIDGE * np.diag([0.0, *np.ones(past.shape[1])])
            slopes = np.linalg.solve(design.T @ design + penalty, design.T @ target[kept])
            out[rows, asset] = np.exp(slopes[0] + features[rows, asset] @ slopes[1:])
    return out


def _features(variance: np.ndarray) -> np.ndarray:
    """Return (D, A, 3): logs of the means of the last 1, 7 and 30 days before each."""
    found = []
    for window in (1, 7, 30):
        means = np.full_like(variance, np.nan)
        windows = np.lib.stride_tricks.sliding_window_view(variance, window, axis=0)
        means[window:] = windows.mean(axis=-1)[:-1]
        found.append(_log(means))
    return np.stack(found, axis=2)


def _smoothed(variance: np.ndarray, decay: float) -> np.ndarray:
    """Return exponentially weighted means of the days before each."""
    held, out = _held(variance), np.full_like(variance, np.nan)
    level = held[0]
    for row in range(1, held.shape[0]):
        out[row] = level
        level = decay * level + (1 - decay) * held[row]
    return out


def _held(values: np.ndarray) -> np.ndarray:
    """Return values with each missing day as the one before it."""
    out = values.copy()
    for row in range(1, out.shape[0]):
        out[row] = np.where(np.isnan(out[row]), out[row - 1], out[row])
    return out


def _log(values: np.ndarray) -> np.ndarray:
    return np.log(np.maximum(values, 1e-12))
