"""Joint price paths by filtered historical simulation.

A path is made day by day. Each asset's model forecasts the day's variance from the path's own past; a day of history
is drawn, the same one for all assets; its hourly returns, divided by the root of what the model had forecast for it
then, are multiplied by the root of what it forecasts now. So correlations, intraday bursts and fat tails survive as
they were, the level is today's, and a wild day raises the forecast of the days after it.

The mean return is taken out: a year of prices does not tell a drift.

Draws come from ``Philox(key=(seed, path))``: path 7 is the same in a run of 10 paths and of 10,000, on any machine.

References
----------
Barone-Adesi, Giannopoulos & Vosper (1999), with realised-variance models as the filter.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from forecasting.core.book import Floats
from forecasting.core.realised import HOUR, HOURS, Measures, Panel, calendar, measure
from forecasting.core.volatility.base import WINDOW, FittedVolatility, Past, one_step, series
from governance.errors import GapInData

MINIMUM_DAYS = 20  # of filtered history to draw from


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenarios:
    """P joint paths.

    Attributes
    ----------
    growth : (P, T, R) floats
        Price over the last known price, at the end of each hour.
    variance : (P, days, R) floats
        Realised variance of each simulated day.
    expected : (days, R) floats
        Mean over paths of the forecast variance of each day.
    """

    growth: Floats
    variance: Floats
    expected: Floats


def simulate(panel: Panel, *, fitted: Sequence[FittedVolatility], hours: int, paths: int, seed: int) -> Scenarios:
    """Return joint scenarios that start at the end of ``panel``.

    Parameters
    ----------
    panel : Panel
        D days of R assets.
    fitted : sequence of FittedVolatility
        One for each asset.
    hours : int
        Horizon.
    paths : int
    seed : int

    Raises
    ------
    GapInData
        When the history is too short to draw from.
    """
    shapes = _filtered(panel, fitted)
    days = -(-hours // HOURS)
    chosen = _draws(seed=seed, paths=paths, days=days, size=shapes.shape[0])
    state = repeat(panel, paths)
    shares = calendar(panel.ends[-1] + np.arange(1, days + 1) * HOURS * HOUR)
    returns = np.empty((paths, days, HOURS, len(fitted)))
    expected = np.empty((days, len(fitted)))
    for day in range(days):
        forecast = np.stack(
            [one.predict(_past(state, asset=r, calendar=shares[day])) for r, one in enumerate(fitted)], axis=1
        )
        expected[day] = forecast.mean(axis=0)
        returns[:, day] = shapes[chosen[:, day]] * np.sqrt(forecast)[:, None, :]
        state = append(state, measure(returns[:, day]))
    growth = np.exp(np.cumsum(returns.reshape(paths, days * HOURS, -1)[:, :hours], axis=1))
    return Scenarios(growth=growth, variance=measure(returns).variance, expected=expected)


def repeat(panel: Panel, paths: int) -> Measures:
    """Return the last days of history for each path: variance and activity (P, WINDOW, R), the others (P, R)."""
    known = panel.measures
    return Measures(
        variance=np.repeat(known.variance[None, -WINDOW:], paths, axis=0),
        activity=np.repeat(known.activity[None, -WINDOW:], paths, axis=0),
        recent=np.repeat(known.recent[None, -1], paths, axis=0),
        shock=np.repeat(known.shock[None, -1], paths, axis=0),
    )


def append(state: Measures, day: Measures) -> Measures:
    """Return the state one day later."""
    return Measures(
        variance=np.concatenate([state.variance[:, 1:], day.variance[:, None]], axis=1),
        activity=np.concatenate([state.activity[:, 1:], day.activity[:, None]], axis=1),
        recent=day.recent,
        shock=day.shock,
    )


def _past(state: Measures, *, asset: int, calendar: Floats) -> Past:
    return Past(
        variance=state.variance[:, :, asset],
        activity=state.activity[:, :, asset],
        recent=state.recent[:, asset],
        shock=state.shock[:, asset],
        calendar=calendar,
    )


def _filtered(panel: Panel, fitted: Sequence[FittedVolatility]) -> Floats:
    """Return the (n, 24, R) standardised, centred days on which every model had a forecast."""
    forecast = np.stack([one_step(one, series(panel, asset=r))[:-1] for r, one in enumerate(fitted)], axis=1)
    usable = np.isfinite(forecast).all(axis=1)
    if usable.sum() < MINIMUM_DAYS:
        raise GapInData(
            f"{int(usable.sum())} days of filtered history are too few to draw from; {MINIMUM_DAYS} are needed.",
            days=int(usable.sum()),
        )
    shapes = panel.hourly[usable] / np.sqrt(forecast[usable])[:, None, :]
    return shapes - shapes.mean(axis=(0, 1))


def _draws(*, seed: int, paths: int, days: int, size: int) -> npt.NDArray[np.int64]:
    """Return (paths, days) indices below ``size``; each path has its own counter-based stream."""
    raw = np.empty((paths, days), dtype=np.uint64)
    for path in range(paths):
        raw[path] = np.random.Philox(key=[seed, path]).random_raw(days)
    return ((raw >> np.uint64(11)) * (size * 2.0**-53)).astype(np.int64)
