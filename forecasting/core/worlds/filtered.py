"""Joint paths by filtered historical simulation, at the level that the league's champion forecasts.

A path is made day by day. A recursive model forecasts the day from the path's own past, so that a wild day raises the
days after it; its forecasts are multiplied by one number a day and asset, the same for all paths, such that their mean
is what the champion forecasts: the first day's variance is its forecast of a day, the first week's sum that of a week,
the first month's that of a month. Between, variance is spread as the recursive model spreads it. The numbers come from
`PILOT` paths of their own, so they depend on nothing that is asked for.

The hours of a drawn day, the same day for all assets, are multiplied by the root of that variance: correlations, bursts
and jumps are as they were. There is no drift.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from forecasting.core.book import Floats
from forecasting.core.realised import HOUR, HOURS, Measures, Stamps, calendar, measure
from forecasting.core.scenarios import append, repeat
from forecasting.core.volatility.base import Past
from forecasting.core.worlds.base import DAYS, TILTS, Draw, require_range, uniforms, words
from forecasting.core.worlds.history import History
from forecasting.core.worlds.tilts import Tilt

PILOT = 1024
PILOT_SEED = 0
LEAST_FORWARD = 0.25  # of a span's mean daily variance, that the days of it that are not forecast on their own have

type Rule = Callable[[int, Floats], Floats]  # a day, and its (P, A') recursive forecasts: what they are multiplied by


@dataclass(frozen=True, slots=True, kw_only=True)
class Filtered:
    """The paths of a history.

    Attributes
    ----------
    history : History
    hours : int
    seed : int
    tilt : Tilt or None
        Importance sampling; None: every day is as likely as any other.
    factors : (days, A') floats
        What each day's recursive forecasts are multiplied by.
    """

    history: History
    hours: int
    seed: int
    tilt: Tilt | None = None
    factors: Floats = field(init=False)

    def __post_init__(self) -> None:
        """Find the factors."""
        object.__setattr__(self, "factors", calibrated(self.history, days=self.days))

    @property
    def days(self) -> int:
        """Days that have begun by the end of a path."""
        return -(-self.hours // HOURS)

    def draw(self, first: int, count: int) -> Draw:
        """Return ``count`` paths (P, hours, A) from path ``first`` on."""
        require_range(first, count)
        size = self.history.ends.size
        days = uniforms(words(seed=self.seed, first=first, count=count, stream=DAYS, size=self.days))
        if self.tilt is None:
            chosen, weights = (days * size).astype(np.int64), None
        else:
            which = uniforms(words(seed=self.seed, first=first, count=count, stream=TILTS, size=2))
            chosen, weights = self.tilt.choose(days, which)
        returns, _ = _walk(self.history, chosen, self._rule)
        moves = returns.reshape(count, -1, returns.shape[-1])[:, : self.hours]
        return Draw(growth=np.exp(np.cumsum(moves, axis=1)), weights=weights)

    def _rule(self, day: int, forecast: Floats) -> Floats:
        _ = forecast
        found: Floats = self.factors[day]
        return found


def calibrated(history: History, *, days: int) -> Floats:
    """Return the (days, A') factors; 1 where no champion says what the level is.

    Those of the first days do not depend on how many are asked for; days after the last level have its last day's.
    """
    if not history.levels or not history.moving:
        return np.ones((days, len(history.moving)))
    whole = next((steps for steps in sorted(history.levels) if steps >= days), max(history.levels))
    out = np.ones((whole, len(history.moving)))
    _, plain = _piloted(history, whole, lambda _day, forecast: np.ones(forecast.shape[1]))
    target = spread(plain, {steps: level for steps, level in history.levels.items() if steps <= whole})

    def rule(day: int, forecast: Floats) -> Floats:
        out[day] = target[day] / forecast.mean(axis=0)
        found: Floats = out[day]
        return found

    _piloted(history, whole, rule)
    return out[np.minimum(np.arange(days), whole - 1)]


def spread(plain: Floats, levels: dict[int, Floats]) -> Floats:
    """Return the (days, A') variances of each day that sum to the levels and are spread like ``plain``.

    A level is of the first so many days together; the longest is of all. Where it leaves less for its later days than
    `LEAST_FORWARD` of its mean, they have that.
    """
    out = np.empty_like(plain)
    done, sofar = 0, np.zeros(plain.shape[1])
    for steps, level in sorted(levels.items()):
        rest = np.maximum(level - sofar, LEAST_FORWARD * level * (steps - done) / steps)
        part = slice(done, steps)
        out[part] = plain[part] * rest / plain[part].sum(axis=0)
        done, sofar = steps, sofar + rest
    return out


def _piloted(history: History, days: int, rule: Rule) -> tuple[Floats, Floats]:
    raw = uniforms(words(seed=PILOT_SEED, first=0, count=PILOT, stream=DAYS, size=days))
    return _walk(history, (raw * history.ends.size).astype(np.int64), rule)


def _walk(history: History, chosen: Stamps, rule: Rule) -> tuple[Floats, Floats]:
    """Return (P, days, 24, A) returns of the (P, days) chosen days, and (days, A') mean forecasts."""
    paths, days = chosen.shape
    moving = list(history.moving)
    returns = history.shapes[chosen]
    expected = np.empty((days, len(moving)))
    if not moving:
        return returns, expected
    state = repeat(history.panel, paths)
    shares = calendar(history.until + np.arange(1, days + 1) * HOURS * HOUR)
    for day in range(days):
        forecast = np.stack(
            [one.predict(_past(state, asset=a, calendar=shares[day])) for a, one in enumerate(history.recursive)],
            axis=1,
        )
        forecast = forecast * rule(day, forecast)
        expected[day] = forecast.mean(axis=0)
        drawn = returns[:, day][:, :, moving] * np.sqrt(forecast)[:, None, :]
        returns[:, day, :, moving] = np.moveaxis(drawn, -1, 0)
        state = append(state, measure(drawn))
    return returns, expected


def _past(state: Measures, *, asset: int, calendar: Floats) -> Past:
    return Past(
        variance=np.ascontiguousarray(state.variance[:, :, asset]),
        activity=np.ascontiguousarray(state.activity[:, :, asset]),
        recent=state.recent[:, asset],
        shock=state.shock[:, asset],
        calendar=calendar,
    )
