"""What filtered paths are made of: joint days by the hour over what was forecast for them, and today's level.

Each day is standardised by the champion's own forecast for it, made from the days before (fits `REFIT` days apart); the
level of the days to come is what the champion, fitted to all days, says of the next day, week and month. Where there
are too few days for that, a recursive model (log-HAR, or EWMA) does both, and says so. Pegged assets have no forecast:
they move as they did on the day that is drawn.

References
----------
Barone-Adesi, Giannopoulos & Vosper (1999), filtered historical simulation.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from forecasting.core.book import Floats
from forecasting.core.days import DayTable
from forecasting.core.realised import Panel, days
from forecasting.core.volatility import models
from forecasting.core.volatility.base import WINDOW, FittedVolatility, one_step, series
from forecasting.core.volatility.direct import Sample, prepare, walk, zoo
from forecasting.core.worlds.hours import hourly_moves, joint_days, moving_columns, only_columns, shapes_of
from governance.errors import StoppedTrading, TooShort

CHAMPION = "champion"
STEPS = {1: "1d", 7: "7d", 30: "30d"}  # days ahead
WARM = 150  # days before the first forecast of the champion
REFIT = 50  # days between two fits of it
FEWEST = 200  # days with which the champion is asked at all
DRAWN = 20  # fewest joint days to draw from
PATIENCE = 2  # days that may be missing at the end of an asset


@dataclass(frozen=True, slots=True, kw_only=True)
class History:
    """n joint days of A assets, and how volatile the days to come are.

    Attributes
    ----------
    assets : tuple of str
    moving : tuple of int
        Columns that have a forecast; the others are pegged.
    ends : (n,) int64
        When each drawn day ended.
    shapes : (n, 24, A) floats
        Hourly log returns over the root of the day's forecast, centred, with a mean variance of 1; pegged columns as
        they were, centred.
    panel : Panel
        All joint days of the moving columns: what the recursive models look back on.
    recursive : tuple of FittedVolatility
        One for each moving column.
    levels : mapping of int to (A',) floats
        Days ahead, and the variance that the champion forecasts for all of them together; empty without it.
    variance : (A,) floats
        Mean realised variance of a joint day.
    until : int
        When the last day ended: where paths begin.
    """

    assets: tuple[str, ...]
    moving: tuple[int, ...]
    ends: np.ndarray[tuple[int], np.dtype[np.int64]]
    shapes: Floats
    panel: Panel
    recursive: tuple[FittedVolatility, ...]
    levels: Mapping[int, Floats]
    variance: Floats
    until: int

    @property
    def alike(self) -> float:
        """Mean correlation of two moving assets' daily returns, standardised; 0 where there is one only."""
        count = len(self.moving)
        if count < 2:
            return 0.0
        found = np.corrcoef(self.shapes.sum(axis=1)[:, list(self.moving)].T)
        return round(max(float((found.sum() - count) / (count * (count - 1))), 0.0), 6)

    @property
    def fall(self) -> Floats:
        """The (n,) deepest points, within each day, of the mean standardised return of the moving assets."""
        paths = np.cumsum(self.shapes[:, :, list(self.moving)].mean(axis=2), axis=1)
        deepest: Floats = np.minimum(paths.min(axis=1), 0.0)
        return deepest


def learn(table: DayTable, hours: DayTable, *, ahead: Sequence[int] = tuple(STEPS)) -> History:
    """Return what tables of days and of hours teach.

    Parameters
    ----------
    table, hours : DayTable
        Of the same assets.
    ahead : sequence of int
        Keys of `STEPS`: how far the champion is asked.

    Raises
    ------
    TooShort
        When there are too few days on which all assets have prices, naming the asset with the fewest.
    StoppedTrading
        When an asset has no prices any more.
    """
    _require_alive(table)
    hourly, joint = hourly_moves(table, hours), joint_days(table)
    moving = moving_columns(table)
    usable = joint & np.isfinite(hourly).all(axis=(1, 2))
    _require_days(table, int(usable.sum()), least=WINDOW + DRAWN)
    panel = days(hourly[usable][:, :, list(moving)], ends=table.ends[usable])
    recursive = tuple(_recursive(panel, asset) for asset in range(len(moving)))
    scale, levels = _champion(table, moving, ahead) if int(usable.sum()) >= FEWEST and moving else (None, {})
    if scale is None:
        own = [one_step(one, series(panel, asset=a))[:-1] for a, one in enumerate(recursive)]
        scale = np.full((table.ends.size, len(moving)), np.nan)
        scale[usable] = np.stack(own, axis=1) if own else np.empty((int(usable.sum()), 0))
    drawn = usable & np.isfinite(scale).all(axis=1)
    _require_days(table, int(drawn.sum()), least=DRAWN)
    return History(
        assets=table.assets,
        moving=moving,
        ends=table.ends[drawn],
        shapes=shapes_of(hourly[drawn], scale[drawn], moving),
        panel=panel.between(panel.ends.size - WINDOW, panel.ends.size),
        recursive=recursive,
        levels=levels,
        variance=table.variance[drawn].mean(axis=0),
        until=int(table.ends[-1]),
    )


def _require_alive(table: DayTable) -> None:
    measured = np.isfinite(table.variance)
    for asset, known in zip(table.assets, measured.T, strict=True):
        rows = np.flatnonzero(known)
        if not rows.size or table.ends.size - 1 - rows[-1] > PATIENCE:
            last = int(table.ends[rows[-1]]) if rows.size else 0
            raise StoppedTrading(
                f"{asset} has no prices after {last}, and others have up to {int(table.ends[-1])}; begin earlier"
                " (--at), or price it as another (--like).",
                asset=asset,
                last=last,
            )


def _require_days(table: DayTable, count: int, *, least: int) -> None:
    if count < least:
        measured = np.isfinite(table.variance).sum(axis=0)
        asset = table.assets[int(measured.argmin())]
        raise TooShort(
            f"There are {count} days to draw from on which all of {', '.join(table.assets)} have prices ({asset} has"
            f" the fewest); {least} are needed. Import more, or price {asset} as another (--like).",
            asset=asset,
            days=count,
        )


def _recursive(panel: Panel, asset: int) -> FittedVolatility:
    data = series(panel, asset=asset)
    for name in ("log-har", "ewma"):
        if data.variance.size >= models()[name].minimum:
            return models()[name].fit(data)
    raise TooShort(f"{data.variance.size} joint days are too few to learn from.", days=data.variance.size)


def _champion(
    table: DayTable, moving: tuple[int, ...], ahead: Sequence[int]
) -> tuple[Floats | None, dict[int, Floats]]:
    """Return the champion's (D, A') past-only forecasts of each day, and its levels; None where one is missing."""
    chosen = only_columns(table, moving)
    champion = zoo()[CHAMPION]
    samples = {steps: prepare(chosen, steps=steps) for steps in ahead}
    levels = {steps: champion.fit(sample).forecast(sample)[-1] for steps, sample in samples.items()}
    if not all(np.isfinite(level).all() for level in levels.values()):
        return None, {}
    return _walked(samples.get(1) or prepare(chosen, steps=1)), levels


def _walked(sample: Sample) -> Floats:
    champion = zoo()[CHAMPION]
    members: tuple[str, ...] = champion.members  # type: ignore[attr-defined]
    parts = {name: walk(zoo()[name], sample, first=WARM, refit=REFIT, tick=_nothing).forecast for name in members}
    found: Floats = champion.combine(sample, parts)  # type: ignore[attr-defined]
    return found


def _nothing() -> None:
    """Do nothing."""
