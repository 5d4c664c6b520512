"""Log-HAR: the logarithm of the next day's variance on its daily, weekly and monthly averages.

``log RV_{t+1} = b . (1, d_t, w_t, m_t, h_t, n_t, Sat, Sun, Mon) + u``, where ``d, w, m`` are means over 1, 7 and 30
days of the logarithm of activity (variance as absolute returns tell it), ``h`` is that of the last twelve hours,
``n`` is the negative part of the last day's standardised return (leverage), and the calendar shares are those of the
day that is forecast. Fitted by least squares; the mean of ``exp(u)`` undoes the bias of the logarithm.

References
----------
HAR: Corsi (2009). Absolute returns as regressors: Forsberg & Ghysels (2007). Leverage: Corsi & Reno (2012). Smearing:
Duan (1983). Seven and thirty days instead of five and twenty-two: the market does not close.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass

import numpy as np
from statsmodels.regression.linear_model import OLS
from statsmodels.tools.sm_exceptions import SingularMatrixWarning

from forecasting.core.book import Floats
from forecasting.core.volatility.base import WINDOW, FittedVolatility, Parameters, Past, Series, rounded
from forecasting.core.volatility.linear import Linear

WEEK = 7
PLAIN = ("one", "variance_1", "variance_7", "variance_30", "variance_24", "variance_720")  # the last two: of hours
EXTENDED = (
    *PLAIN,
    *("variance_3", "variance_12", "variance_168", "same_hour"),  # of hours
    *("range_1", "range_7", "range_30", "last_12h_absolute", "last_2h", "intraday_rs"),
    *("fall_1", "fall_7", "volume_now", "volume_lately"),
)
CLOCK = (*(f"weekday_{day}" for day in range(6)), *(f"hour_{hour}" for hour in range(23)))
ROOM = 2.0  # log units beyond the observed range within which a forecast stays: recursion must not run away


@dataclass(frozen=True, slots=True, kw_only=True)
class FittedLogHar:
    """Coefficients in the module's order, the smearing factor, and the range of log variance that was seen."""

    coefficients: Floats
    smearing: float
    low: float
    high: float

    @property
    def parameters(self) -> Parameters:
        """Everything that was learnt."""
        return {
            "coefficients": [float(value) for value in self.coefficients],
            "smearing": self.smearing,
            "low": self.low,
            "high": self.high,
        }

    def predict(self, past: Past) -> Floats:
        """Return the (...) forecast variance of the next day."""
        # A sum, not a product of matrices: its rounding must not depend on how many forecasts are made at once.
        level = (regressors(past) * self.coefficients).sum(axis=-1)
        return np.exp(np.clip(level, self.low - ROOM, self.high + ROOM)) * self.smearing


def regressors(past: Past) -> Floats:
    """Return the (..., 9) regressors."""
    logs = np.log(past.activity)
    parts = [
        np.ones_like(past.shock),
        logs[..., -1],
        logs[..., -WEEK:].mean(axis=-1),
        logs.mean(axis=-1),
        np.log(past.recent),
        np.minimum(past.shock, 0.0),
    ]
    share = np.broadcast_to(past.calendar, (*past.shock.shape, past.calendar.shape[-1]))
    return np.concatenate([np.stack(parts, axis=-1), share], axis=-1)


@dataclass(frozen=True, slots=True)
class LogHar:
    """The model; it has nothing to set."""

    name: str = "log-har"
    minimum: int = WINDOW + 40  # forty rows for nine coefficients

    def fit(self, series: Series) -> FittedVolatility:
        """Return the least-squares fit to all of ``series``."""
        logs = np.log(series.variance)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", SingularMatrixWarning)  # a price that hardly moves; least squares still has
            result = OLS(logs[WINDOW:], regressors(series.past())[:-1]).fit()  # a smallest solution, which is taken
        return FittedLogHar(
            coefficients=np.array([rounded(value) for value in result.params]),
            smearing=rounded(np.exp(result.resid).mean()),
            low=rounded(logs.min()),
            high=rounded(logs.max()),
        )

    def restore(self, parameters: Parameters) -> FittedVolatility:
        """Return the fitted model of the registry."""
        values = {name: parameters[name] for name in ("smearing", "low", "high")}
        return FittedLogHar(coefficients=np.array(parameters["coefficients"]), **values)  # type: ignore[arg-type]


MODEL = LogHar()
DIRECT = (
    Linear(name="log_har", regressors=PLAIN),
    Linear(name="log_har_x", regressors=EXTENDED + CLOCK, ridge=20.0),
)
