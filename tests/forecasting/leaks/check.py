"""One check for every pipeline: what is not known yet must not matter.

A pipeline maps a table to (D, A) forecasts, row t made before day t. Days from a cut on are altered in several ways; no
forecast up to and including the cut's own row may change by a single bit. Nothing is assumed of how a pipeline works:
a feature of the same day, a scaler or a choice that saw the whole window, a target that is out of step, and outcomes
that reach beyond the day of the fit all show themselves in this way.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, fields, replace

import numpy as np

from forecasting.core.bars import Bars, lay
from forecasting.core.days import DAY, DayTable
from forecasting.core.measures import daily

type Pipeline = Callable[[DayTable], np.ndarray]

START = 1_640_995_200  # 1 January 2022, 00:00 UTC
SPAN = 3_600
STORM = 3.0  # e-folds by which altered days are wilder


@dataclass(frozen=True, slots=True, kw_only=True)
class Leak:
    """A forecast that changed with what came later: the first row, and the alteration that showed it."""

    row: int
    cut: int
    alteration: str


def leaks(pipeline: Pipeline, table: DayTable, *, cuts: Iterable[int]) -> list[Leak]:
    """Return where a pipeline's forecasts depend on days that had not come, at most one an alteration and a cut.

    Raises
    ------
    AssertionError
        When the check could not fail: nothing was forecast before the cut, or no later forecast reads the days altered.
    """
    told, found, read = pipeline(table), [], False
    for cut in cuts:
        assert np.isfinite(told[: cut + 1]).any(), f"nothing is forecast before day {cut}"
        for name, altered in alterations(table, cut):
            again = pipeline(altered)
            differs = ~((told == again) | (np.isnan(told) & np.isnan(again))).all(axis=1)
            read = read or bool(differs[cut + 1 :].any())
            if differs[: cut + 1].any():
                found.append(Leak(row=int(differs.argmax()), cut=cut, alteration=name))
    assert read or found, "the pipeline does not read what was altered"
    return found


def alterations(table: DayTable, cut: int) -> Iterator[tuple[str, DayTable]]:
    """Yield the table with everything from day ``cut`` on wilder, upside down, or missing."""
    rng = np.random.default_rng(cut)
    storm = np.exp(STORM * rng.standard_normal(table.variance.shape))
    yield "wilder", _altered(table, cut, lambda values: values * storm)
    yield "reversed", _altered(table, cut, lambda values: np.concatenate([values[:cut], values[cut:][::-1]]))
    yield "missing", _altered(table, cut, lambda values: np.full_like(values, np.nan))


def _altered(table: DayTable, cut: int, change: Callable[[np.ndarray], np.ndarray]) -> DayTable:
    def later(values: np.ndarray) -> np.ndarray:
        return np.concatenate([values[:cut], change(values)[cut:]])

    return replace(
        table,
        variance=later(table.variance),
        change=later(table.change),
        complete=later(table.complete),
        measures={name: later(values) for name, values in table.measures.items()},
    )


def market(days: int, *, assets: int = 2, seed: int = 1, span: int = SPAN) -> list[Bars]:
    """Return bars of assets whose volatility clusters, rests on weekends, and jumps together; one begins late."""
    rng = np.random.default_rng(seed)
    count = days * DAY // span
    level, shared = np.zeros(days), rng.standard_normal(days)
    for day in range(1, days):
        level[day] = 0.95 * level[day - 1] + 0.2 * shared[day]
    calm = np.where((np.arange(days) + 5) % 7 >= 5, -0.5, 0.0)  # 1 January 2022 was a Saturday
    volatility = np.repeat(0.004 * np.exp(level + calm), DAY // span) * np.sqrt(span / 3600)
    common = rng.standard_t(4, count)
    return [_bars(rng, volatility * (0.8 * common + 0.6 * rng.standard_t(4, count)), span) for _ in range(assets)]


def _bars(rng: np.random.Generator, moves: np.ndarray, span: int) -> Bars:
    close = 100 * np.exp(moves.cumsum())
    opened = np.concatenate([[100.0], close[:-1]])
    wide = np.abs(moves) / 2
    return Bars(
        span=span,
        ends=START + span * np.arange(1, moves.size + 1),
        open=opened,
        high=np.maximum(opened, close) * np.exp(wide),
        low=np.minimum(opened, close) * np.exp(-wide),
        close=close,
        volume=rng.uniform(1, 2, moves.size),
    )


def tables(series: list[Bars]) -> DayTable:
    """Return the table of days."""
    return daily(lay(series, assets=[f"A{k}" for k in range(len(series))]))


def altered_bars(series: list[Bars], *, cut: int) -> list[Bars]:
    """Return the same bars up to the end of day ``cut - 1``, and after it trebled prices with moves twice as large."""
    found = []
    for bars in series:
        late = bars.ends > START + cut * DAY
        parts = {field.name: getattr(bars, field.name) for field in fields(bars) if field.name != "span"}
        for name in ("open", "high", "low", "close"):
            parts[name] = np.where(late, 3 * parts[name] ** 2 / 100, parts[name])
        found.append(replace(bars, **parts | {"volume": np.where(late, 9 * bars.volume, bars.volume)}))
    return found
