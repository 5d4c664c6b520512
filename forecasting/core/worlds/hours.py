"""Days by the hour: on which days all assets have prices, and how each hour moved them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from forecasting.core.book import Floats
from forecasting.core.days import DAY, DayTable
from forecasting.core.realised import HOUR, HOURS

PEGGED = 0.05  # of annual volatility, below which an asset has no forecast


def joint_days(table: DayTable) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    """Return (D,): whether all assets were measured on a day."""
    found: np.ndarray[tuple[int], np.dtype[np.bool_]] = (np.isfinite(table.variance) & np.isfinite(table.change)).all(
        axis=1
    )
    return found


def moving_columns(table: DayTable) -> tuple[int, ...]:
    """Return the columns whose usual day is not that of a pegged asset."""
    usual = [np.median(column[np.isfinite(column)]) for column in table.variance.T]
    return tuple(a for a, variance in enumerate(usual) if np.sqrt(variance * 365.0) >= PEGGED)


def hourly_moves(table: DayTable, hours: DayTable) -> Floats:
    """Return (D, 24, A) hourly log returns of each day; they sum to the day's return.

    What happened in hours that have no price became known after them: it counts as one move, in the last of them.
    """
    shape = (table.ends.size, HOURS, len(table.assets))
    flat = np.full((shape[0] * HOURS, shape[2]), np.nan)
    at = (hours.ends - (int(table.ends[0]) - DAY)) // HOUR - 1
    inside = (at >= 0) & (at < flat.shape[0])
    flat[at[inside]] = hours.change[inside]
    out = flat.reshape(shape)
    missing = np.isnan(out)
    rest = table.change - np.where(missing, 0.0, out).sum(axis=1)
    last = HOURS - 1 - missing[:, ::-1].argmax(axis=1)
    filled = np.where(missing, 0.0, out)
    rows, columns = np.nonzero(missing.any(axis=1))
    filled[rows, last[rows, columns], columns] = rest[rows, columns]
    filled[np.broadcast_to(np.isnan(table.change)[:, None, :], shape)] = np.nan
    return filled


def shapes_of(hourly: Floats, scale: Floats, moving: tuple[int, ...]) -> Floats:
    """Return (n, 24, A) hours over the root of the day's (n, A') forecast, centred, with a mean variance of 1."""
    out = hourly.copy()
    out[:, :, list(moving)] /= np.sqrt(scale)[:, None, :]
    out -= out.mean(axis=(0, 1))
    for column in moving:
        out[:, :, column] /= np.sqrt((out[:, :, column] ** 2).sum(axis=1).mean())
    return out


def only_columns(table: DayTable, columns: Sequence[int]) -> DayTable:
    """Return the table of some assets."""
    chosen = list(columns)
    return replace(
        table,
        assets=tuple(table.assets[a] for a in chosen),
        variance=table.variance[:, chosen],
        change=table.change[:, chosen],
        complete=table.complete[:, chosen],
        measures={name: values[:, chosen] for name, values in table.measures.items()},
    )
