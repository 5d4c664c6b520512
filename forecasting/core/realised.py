"""Daily realised variance from hourly prices.

A *day* here is a block of 24 hours that ends at the last price, not at midnight: a forecast that waits for midnight
works on stale data, and one stale day costs more than a year without refitting. What the calendar does to volatility
is therefore given as the share of a block's hours that fall on each weekday of `CALENDAR`.

References
----------
Realised variance ``RV_d = sum_h r_{d,h}**2``: Andersen, Bollerslev, Diebold & Labys (2003). Absolute returns predict
volatility better than squared ones: Forsberg & Ghysels (2007).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from forecasting.core.book import Floats
from governance.errors import GapInData, ImplausibleData

type Stamps = npt.NDArray[np.int64]

HOUR = 3600
HOURS = 24
RECENT = 12  # hours at the end of a day that count once more
CALENDAR = (5, 6, 0)  # Saturday, Sunday, Monday
FLOOR = 1e-10  # of a daily variance (0.001 % a day): a price that did not move has no logarithm
MAX_HOLE_HOURS = 6  # without a single price of any asset: the collection has a hole
MAX_SILENCE_HOURS = 26  # of one asset: longer than the slowest feed's heartbeat of a day
LEAP = 1.0  # log return of an hour that the next one has to confirm
LOOK_HOURS = 30 * HOURS  # in which leaps are looked for


@dataclass(frozen=True, slots=True, kw_only=True)
class Grid:
    """Hourly prices of R assets.

    Attributes
    ----------
    timestamps : (T,) int64
        Unix seconds, each on the hour.
    prices : (T, R) int64
        The last known prices, 8 decimals.
    observed : int
        Time of the newest price of any asset.
    """

    timestamps: Stamps
    prices: npt.NDArray[np.int64]
    observed: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Measures:
    """What is measured of days, each (..., R) where the hourly returns are (..., 24, R).

    Attributes
    ----------
    variance : floats
        Realised variance: what is forecast.
    activity, recent : floats
        Variance as the mean absolute return tells it, of the whole day and of its last `RECENT` hours (scaled to a
        day): less noisy than realised variance where returns have fat tails.
    shock : floats
        The day's return over the root of its realised variance.
    """

    variance: Floats
    activity: Floats
    recent: Floats
    shock: Floats


@dataclass(frozen=True, slots=True, kw_only=True)
class Panel:
    """D days of R assets.

    Attributes
    ----------
    ends : (D,) int64
        End of each day, unix seconds.
    hourly : (D, 24, R) floats
        Log returns.
    measures : Measures
        Of each day, (D, R).
    """

    ends: Stamps
    hourly: Floats
    measures: Measures

    def between(self, first: int, last: int) -> Panel:
        """Return the days from ``first`` to before ``last``."""
        return days(self.hourly[first:last], ends=self.ends[first:last])


def measure(hourly: Floats) -> Measures:
    """Return the measures of (..., 24, R) hourly log returns."""
    variance = np.maximum((hourly**2).sum(axis=-2), FLOOR)
    return Measures(
        variance=variance,
        activity=_absolute(hourly),
        recent=_absolute(hourly[..., -RECENT:, :]),
        shock=hourly.sum(axis=-2) / np.sqrt(variance),
    )


def _absolute(hourly: Floats) -> Floats:
    """Return the daily variance that normal returns with this mean absolute value would have."""
    return np.maximum(np.abs(hourly).mean(axis=-2) ** 2 * (np.pi / 2 * HOURS), FLOOR)


def days(hourly: Floats, *, ends: Stamps) -> Panel:
    """Return the panel of (D, 24, R) hourly log returns."""
    return Panel(ends=ends, hourly=hourly, measures=measure(hourly))


def grid(observations: Sequence[tuple[int, int, int]], *, assets: Sequence[str], until: int) -> Grid:
    """Return the last known price of each asset at each full hour up to ``until``.

    Parameters
    ----------
    observations : sequence of (asset, timestamp, price)
        Position in ``assets``, unix seconds, and the price as an integer with 8 decimals; in any order.
    assets : sequence of str
        Names for messages.
    until : int
        Unix seconds; later observations are left out. The grid ends at the full hour of the newest one that is left.

    Raises
    ------
    ImplausibleData
        For a price that is not positive.
    GapInData
        When an asset has no price at all, is silent for longer than a feed's heartbeat, or nothing was observed for
        `MAX_HOLE_HOURS`.
    """
    series: list[list[tuple[int, int]]] = [[] for _ in assets]
    for asset, timestamp, price in sorted(observations, key=lambda row: row[1]):
        if price <= 0:
            raise ImplausibleData(
                f"{assets[asset]} has the price {price} at {timestamp}; a price must be positive.",
                asset=assets[asset],
                timestamp=timestamp,
                price=price,
            )
        if timestamp <= until:
            series[asset].append((timestamp, price))
    for name, rows in zip(assets, series, strict=True):
        if not rows:
            raise GapInData(f"There is no price of {name} up to {until}; collect first.", asset=name, until=until)
    first = -(-max(rows[0][0] for rows in series) // HOUR) * HOUR
    observed = max(rows[-1][0] for rows in series)
    stamps = np.arange(first, observed - observed % HOUR + 1, HOUR, dtype=np.int64)
    if stamps.size <= HOURS:
        raise GapInData(f"There are {stamps.size} hours of prices; more than {HOURS} are needed.", hours=stamps.size)
    columns = [np.array(rows, dtype=np.int64) for rows in series]
    _no_hole(np.unique(np.concatenate([column[:, 0] for column in columns])), stamps, "any asset", MAX_HOLE_HOURS)
    prices = np.empty((stamps.size, len(columns)), dtype=np.int64)
    for r, column in enumerate(columns):
        _no_hole(column[:, 0], stamps, assets[r], MAX_SILENCE_HOURS)
        prices[:, r] = column[np.searchsorted(column[:, 0], stamps, side="right") - 1, 1]
    return Grid(timestamps=stamps, prices=prices, observed=observed)


def _no_hole(seen: Stamps, stamps: Stamps, name: str, limit: int) -> None:
    inside = seen[(seen >= stamps[0] - HOUR) & (seen <= stamps[-1])]
    edges = np.concatenate([[stamps[0] - HOUR], inside, [stamps[-1]]])
    widest = int(np.argmax(np.diff(edges)))
    hours = (edges[widest + 1] - edges[widest]) / HOUR
    if hours > limit:
        raise GapInData(
            f"No price of {name} for {hours:.0f} hours after {int(edges[widest])}; at most {limit} are allowed.",
            asset=name,
            after=int(edges[widest]),
            hours=hours,
        )


def require_plausible(hourly_prices: Grid, *, assets: Sequence[str]) -> None:
    """Check that no price of the last month leapt and came back, nor leapt in the very last hour.

    Raises
    ------
    ImplausibleData
        For such a price; a leap that the next hour confirms is the market's, however large.
    """
    moves = np.diff(np.log(hourly_prices.prices[-LOOK_HOURS - 1 :].astype(np.float64)), axis=0)
    unconfirmed = np.vstack([np.abs(moves[:-1] + moves[1:]) < LEAP / 4, np.ones((1, moves.shape[1]), dtype=bool)])
    leaps = np.argwhere((np.abs(moves) > LEAP) & unconfirmed)
    if leaps.size:
        hour, asset = leaps[0]
        at = int(hourly_prices.timestamps[hour - moves.shape[0]])
        fate = "the next hour took that back" if hour + 1 < moves.shape[0] else "no later price confirms that yet"
        raise ImplausibleData(
            f"{assets[asset]} moved by a factor of {np.exp(moves[hour, asset]):.3g} in the hour to {at}; {fate}.",
            asset=assets[asset],
            timestamp=at,
        )


def panel(hourly_prices: Grid) -> Panel:
    """Return the daily panel of a grid; hours before the first full day are left out."""
    returns = np.diff(np.log(hourly_prices.prices.astype(np.float64)), axis=0)
    count = returns.shape[0] // HOURS
    hourly = returns[returns.shape[0] - count * HOURS :].reshape(count, HOURS, -1)
    return days(hourly, ends=hourly_prices.timestamps[::-1][: count * HOURS : HOURS][::-1])


def calendar(ends: Stamps) -> Floats:
    """Return the (D, 3) shares of each day's hours that fall on the weekdays of `CALENDAR`."""
    hours = ends[:, None] - np.arange(HOURS) * HOUR - HOUR // 2
    weekday = (hours // (HOURS * HOUR) + 3) % 7  # 1 January 1970 was a Thursday
    return np.stack([(weekday == day).mean(axis=1) for day in CALENDAR], axis=1)
