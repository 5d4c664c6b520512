"""What is known at the end of each hour: what was liquidated, how the price moved, and what hangs below it.

A feature of hour ``t`` is made of hours up to and including ``t`` alone. Where the price is missing for longer than
`PATIENCE` hours, or too few hours have passed, it is NaN, and whoever forecasts abstains.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np

from forecasting.core.book import Floats
from forecasting.core.realised import HOUR, Stamps
from forecasting.core.warning.ladder import LIFE, NEAR, Ladder, faded, ladder
from governance.errors import GapInData

PATIENCE = 3  # hours for which the last price stands in
YOUNG = 336  # hours before which an asset's ladder is empty and does not count
PRESSURE = 1_440.0  # hours, half-life of what is compared with what the ladder lost
LIQUIDATED = (1, 6, 24, 168)
RETURNS = (1, 3, 6, 24, 72)
DRAWDOWNS = (24, 168)
THOUSAND = 1e3
CORE = ("reach", "pressure", "liquidated_1h", "liquidated_6h", "liquidated_24h")
COLUMNS = (
    "reach",
    "pressure",
    "reach_first",
    *(f"liquidated_{hours}h" for hours in LIQUIDATED),
    *(f"near_{rungs}" for rungs in NEAR),
    *(f"return_{hours}h" for hours in RETURNS),
    *(f"drawdown_{hours}h" for hours in DRAWDOWNS),
)
"""What the models read; the rest of the table is for baselines."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Hours:
    """T consecutive hours.

    Attributes
    ----------
    assets : tuple of str
        A assets, of which the first is the one whose returns and drawdowns count.
    ends : (T,) int64
        Unix seconds at which each hour ends.
    close, low, high : (T, A) floats
        USD; NaN where there is no price.
    liquidated : (T,) floats
        USD of debt repaid in each hour; NaN before the first and after the last hour that the sources speak of.
    extras : mapping of str to (T,) floats
        What else is known at the end of each hour; NaN where it is not. See `forecasting.core.warning.stacking`.
    """

    assets: tuple[str, ...]
    ends: Stamps
    close: Floats
    low: Floats
    high: Floats
    liquidated: Floats
    extras: Mapping[str, Floats] = field(default_factory=dict)

    @property
    def first(self) -> int:
        """The first hour of which liquidations are known."""
        return int(np.argmax(np.isfinite(self.liquidated)))

    @property
    def last(self) -> int:
        """The last hour of which liquidations are known."""
        return int(self.liquidated.size - 1 - np.argmax(np.isfinite(self.liquidated[::-1])))


@dataclass(frozen=True, slots=True, kw_only=True)
class Features:
    """What is known at the end of each hour, for one horizon.

    Attributes
    ----------
    names : tuple of str
        F names.
    values : (T, F) floats
        NaN where something is not known.
    extras : tuple of str
        Those of the names that the models do not read, but may be corrected by.
    """

    names: tuple[str, ...]
    values: Floats
    extras: tuple[str, ...] = ()

    def columns(self, *names: str) -> Floats:
        """Return the (T, len(names)) columns of these names."""
        return self.values[:, [self.names.index(name) for name in names]]

    def beside(self) -> dict[str, Floats]:
        """Return the (T,) columns of `extras` by name."""
        return {name: self.columns(name)[:, 0] for name in self.extras}


def tables(hours: Hours, *, horizons: tuple[int, ...]) -> dict[int, Features]:
    """Return the features of each hour, by horizon in hours.

    Raises
    ------
    GapInData
        When the first asset has no price.
    """
    if not np.isfinite(hours.close[:, 0]).any():
        raise GapInData(f"There is no price of {hours.assets[0]} in that time.", asset=hours.assets[0])
    close = np.column_stack([_last(column) for column in hours.close.T])
    low = np.where(np.isfinite(hours.low), hours.low, close)
    ladders = [ladder(close[:, a], low[:, a], horizons=horizons) for a in range(len(hours.assets))]
    weights = _weights(close)
    liquidated = np.nan_to_num(hours.liquidated)
    common = _paths(close[:, 0], np.where(np.isfinite(hours.high[:, 0]), hours.high[:, 0], close[:, 0]))
    common |= {f"liquidated_{n}h": np.log1p(_summed(liquidated, n) / THOUSAND) for n in LIQUIDATED}
    common |= {f"near_{n}": np.log(_mixed(weights, ladders, k) + 0.1) for k, n in enumerate(NEAR)}
    common |= hours.extras
    common["pressure"] = _pressure(liquidated, _mixed(weights, ladders, None))
    unknown = _unknown(hours)
    return {
        horizon: replace(
            _table(common, weights, ladders, at=h, liquidated=_summed(liquidated, horizon), unknown=unknown),
            extras=tuple(hours.extras),
        )
        for h, horizon in enumerate(horizons)
    }


def _table(
    common: dict[str, Floats],
    weights: Floats,
    ladders: list[Ladder],
    *,
    at: int,
    liquidated: Floats,
    unknown: Floats,
) -> Features:
    reach = np.column_stack([found.reach[:, at] for found in ladders])
    columns = common | {
        "reach": np.log((weights * np.nan_to_num(reach)).sum(axis=1) + 1e-3),
        "reach_first": np.log(reach[:, 0] + 1e-3),
        "recent": np.log1p(liquidated / THOUSAND),
    }
    names = (*COLUMNS, *sorted(columns.keys() - set(COLUMNS)))
    values = np.column_stack([columns[name] for name in names])
    return Features(names=names, values=np.where(unknown[:, None] > 0, np.nan, values))


def _paths(close: Floats, high: Floats) -> dict[str, Floats]:
    logs = np.log(close)
    out = {f"return_{hours}h": _change(logs, hours) for hours in RETURNS}
    out |= {f"drawdown_{hours}h": logs - np.log(_highest(high, hours)) for hours in DRAWDOWNS}
    squares = np.nan_to_num(_change(logs, 1)) ** 2
    return out | {"volatility": np.log(faded(squares, half_life=24.0) + 1e-9) / 2}


def _pressure(liquidated: Floats, cleared: Floats) -> Floats:
    """Return the logarithm of USD liquidated per mass that the ladder lost: how large the market is."""
    return np.asarray(
        np.log(
            (faded(liquidated, half_life=PRESSURE) + 1.0)
            / (faded(np.nan_to_num(cleared), half_life=PRESSURE) + 1 / LIFE**2)
        ),
        dtype=np.float64,
    )


def _weights(close: Floats) -> Floats:
    """Return (T, A): half for the first asset, the rest shared by the others that are old enough."""
    old = np.cumsum(np.isfinite(close), axis=0) > YOUNG
    share = np.zeros_like(close)
    share[:, 0] = 1.0
    share[:, 1:] = old[:, 1:] / max(1, close.shape[1] - 1)
    return np.asarray(share / share.sum(axis=1, keepdims=True), dtype=np.float64)


def _mixed(weights: Floats, ladders: list[Ladder], near: int | None) -> Floats:
    """Return the (T,) weighted mass within ``near``, or that was cleared, of all assets."""
    parts = [found.cleared if near is None else found.near[:, near] for found in ladders]
    return np.asarray((weights * np.nan_to_num(np.column_stack(parts))).sum(axis=1), dtype=np.float64)


def _unknown(hours: Hours) -> Floats:
    """Return (T,): 1 where the first asset's price is older than `PATIENCE`, or liquidations are not known."""
    seen = np.isfinite(hours.close[:, 0])
    at = np.arange(seen.size)
    age = at - np.maximum.accumulate(np.where(seen, at, -PATIENCE - 1))
    quiet = ~np.isfinite(hours.liquidated) | (at < hours.first + max(LIQUIDATED))
    return ((age > PATIENCE) | quiet).astype(np.float64)


def _last(values: Floats) -> Floats:
    """Return each price, or the last before it; NaN before the first."""
    at = np.maximum.accumulate(np.where(np.isfinite(values), np.arange(values.size), 0))
    return values[at]


def _change(values: Floats, hours: int) -> Floats:
    out = np.full_like(values, np.nan)
    out[hours:] = values[hours:] - values[:-hours]
    return out


def _summed(values: Floats, hours: int) -> Floats:
    """Return (T,): the sum of the last ``hours`` values; of fewer, where there are no more."""
    padded = np.concatenate([np.zeros(hours - 1), values])
    return np.asarray(np.lib.stride_tricks.sliding_window_view(padded, hours).sum(axis=1), dtype=np.float64)


def _highest(values: Floats, hours: int) -> Floats:
    padded = np.concatenate([np.full(hours - 1, np.nan), values])
    return np.asarray(np.fmax.reduce(np.lib.stride_tricks.sliding_window_view(padded, hours), axis=1), dtype=np.float64)


def span(hours: Hours) -> tuple[int, int]:
    """Return the unix seconds between which liquidations are known."""
    return int(hours.ends[hours.first]) - HOUR, int(hours.ends[hours.last])
