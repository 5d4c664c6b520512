"""What a volatility model is: fitted to a series, it maps a window of days to the variance of the next."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from forecasting.core.book import Floats
from forecasting.core.realised import HOUR, HOURS, Panel, calendar

WINDOW = 30  # days that a forecast looks back

type Parameters = dict[str, float | list[float]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Past:
    """What a forecast of the next day is made from; any leading shape.

    Attributes
    ----------
    variance, activity : (..., WINDOW) floats
        Measures of the last days, oldest first.
    recent, shock : (...) floats
        Measures of the last day.
    calendar : (..., 3) floats
        Calendar shares of the day that is forecast.
    """

    variance: Floats
    activity: Floats
    recent: Floats
    shock: Floats
    calendar: Floats


@dataclass(frozen=True, slots=True, kw_only=True)
class Series:
    """One asset's D days.

    Attributes
    ----------
    variance, activity, recent, shock : (D,) floats
        As in `forecasting.core.realised.Measures`.
    calendar : (D + 1, 3) floats
        Calendar shares of each day and of the day after the last.
    """

    variance: Floats
    activity: Floats
    recent: Floats
    shock: Floats
    calendar: Floats

    def until(self, days: int) -> Series:
        """Return the first ``days`` days."""
        return Series(
            variance=self.variance[:days],
            activity=self.activity[:days],
            recent=self.recent[:days],
            shock=self.shock[:days],
            calendar=self.calendar[: days + 1],
        )

    def past(self) -> Past:
        """Return what was known before each day from day ``WINDOW`` to the day after the last."""
        windows = np.lib.stride_tricks.sliding_window_view
        return Past(
            variance=windows(self.variance, WINDOW),
            activity=windows(self.activity, WINDOW),
            recent=self.recent[WINDOW - 1 :],
            shock=self.shock[WINDOW - 1 :],
            calendar=self.calendar[WINDOW:],
        )


class FittedVolatility(Protocol):
    """A fitted model; pure data beside its formula."""

    @property
    def parameters(self) -> Parameters:
        """Everything that was learnt."""

    def predict(self, past: Past) -> Floats:
        """Return the (...) forecast variance of the next day."""


class VolatilityModel(Protocol):
    """A way to fit."""

    @property
    def name(self) -> str:
        """Stable name in the registry."""

    @property
    def minimum(self) -> int:
        """Fewest days that it can be fitted to."""

    def fit(self, series: Series) -> FittedVolatility:
        """Return the model fitted to all of ``series``."""

    def restore(self, parameters: Parameters) -> FittedVolatility:
        """Return the fitted model that `FittedVolatility.parameters` describes."""


def series(panel: Panel, *, asset: int) -> Series:
    """Return one asset of a panel."""
    ends = np.append(panel.ends, panel.ends[-1] + HOURS * HOUR)
    measures = panel.measures
    return Series(
        variance=measures.variance[:, asset],
        activity=measures.activity[:, asset],
        recent=measures.recent[:, asset],
        shock=measures.shock[:, asset],
        calendar=calendar(ends),
    )


def one_step(fitted: FittedVolatility, data: Series) -> Floats:
    """Return the (D + 1,) forecasts of each day from the days before it; NaN where the window is not full."""
    out = np.full(data.variance.size + 1, np.nan)
    if data.variance.size >= WINDOW:
        out[WINDOW:] = fitted.predict(data.past())
    return out


def rounded(value: float) -> float:
    """Return ``value`` to ten significant digits: linear algebra libraries differ beyond, content hashes must not."""
    return float(f"{float(value):.10g}")
