"""What a model of the league is: fitted to a sample, it says the variance of the next rows, in one step.

A *row* is a day or an hour of a `DayTable`. What is forecast is the sum of realised variance over the ``steps`` rows
that begin with a row, from what was measured in the rows before it. The models beside, which the scenarios use, are
recursive instead: they forecast the next day and are fed with what they drew.

A file is a model of the league when it has a tuple ``DIRECT`` of them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import cache
from importlib import import_module
from pkgutil import iter_modules
from typing import Protocol

import numpy as np

from forecasting.core import volatility
from forecasting.core.book import Floats
from forecasting.core.days import DayTable
from forecasting.core.realised import Stamps
from forecasting.core.volatility.regressors import Regressors, regressors

type Learnt = Mapping[str, object]
type Tick = Callable[[], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """A table, what is known before each of its rows, and what came.

    Attributes
    ----------
    table : DayTable
        D rows of A assets.
    steps : int
        Rows whose variance is summed in what is forecast.
    known : Regressors
        By row, from the rows before it; one row more than the table, the one after the last.
    outcome : (D, A) floats
        Variance of the ``steps`` rows that begin with each; NaN where it is not known within the table.
    """

    table: DayTable
    steps: int
    known: Regressors
    outcome: Floats

    def until(self, rows: int) -> Sample:
        """Return what was there after ``rows`` rows: outcomes that reach beyond are not known yet."""
        outcome = self.outcome[:rows].copy()
        outcome[max(rows - self.steps + 1, 0) :] = np.nan
        return replace(self, table=self.table.until(rows), known=self.known.until(rows), outcome=outcome)


@dataclass(frozen=True, slots=True, kw_only=True)
class Walked:
    """What a walk-forward brought.

    Attributes
    ----------
    forecast : (D, A) floats
        NaN where there is none.
    unfinished : (A,) ints
        Fits whose search did not end by itself: GARCH then has no forecast, a gamma regression the best that it found.
    """

    forecast: Floats
    unfinished: Stamps


class FittedDirect(Protocol):
    """A fitted model; pure data beside its formula. One that searches has ``unfinished``, (A,) bool, too."""

    @property
    def parameters(self) -> Learnt:
        """Everything that was learnt: numbers, texts, lists, mappings of them, and arrays of numbers."""

    def forecast(self, sample: Sample, *, first: int = 0) -> Floats:
        """Return the (D + 1 - first, A) forecasts for the rows from ``first`` to the one after the last.

        NaN where the model has nothing to forecast from.
        """


class DirectModel(Protocol):
    """A way to fit."""

    @property
    def name(self) -> str:
        """Stable name in the league and in the registry."""

    @property
    def minimum(self) -> int:
        """Fewest rows that it can be fitted to."""

    @property
    def refit(self) -> int:
        """Days between two fits of a walk-forward."""

    @property
    def hourly(self) -> bool:
        """Whether it forecasts hours as well as days."""

    def fit(self, sample: Sample) -> FittedDirect:
        """Return the model fitted to every row of ``sample`` whose outcome is known."""

    def restore(self, parameters: Learnt) -> FittedDirect:
        """Return the fitted model that `FittedDirect.parameters` describes."""


def prepare(table: DayTable, *, steps: int) -> Sample:
    """Return the sample of a table for a horizon of ``steps`` rows."""
    return Sample(table=table, steps=steps, known=regressors(table), outcome=table.ahead(steps))


def walk(model: DirectModel, sample: Sample, *, first: int, refit: int, tick: Tick) -> Walked:
    """Return the (D, A) forecasts of a model that is fitted every ``refit`` rows to what was known by then.

    Parameters
    ----------
    model : DirectModel
    sample : Sample
    first : int
        First row that is forecast; at least the model's minimum.
    refit : int
    tick : callable
        Called after each fit.
    """
    own = getattr(model, "walk", None)  # a model that carries its search from fit to fit walks by itself
    if own is not None:
        found: Walked = own(sample, first=max(first, model.minimum), refit=refit, tick=tick)
        return found
    rows = sample.table.ends.size
    out = np.full_like(sample.outcome, np.nan)
    unfinished = np.zeros(out.shape[1], dtype=np.int64)
    for begin in range(max(first, model.minimum), rows, refit):
        end = min(begin + refit, rows)
        fitted = model.fit(sample.until(begin))
        out[begin:end] = fitted.forecast(sample.until(end), first=begin)[: end - begin]
        unfinished += getattr(fitted, "unfinished", False)
        tick()
    return Walked(forecast=out, unfinished=unfinished)


@cache
def zoo() -> dict[str, DirectModel]:
    """Return every model of the league by name."""
    found = (import_module(f"{volatility.__name__}.{info.name}") for info in iter_modules(volatility.__path__))
    return {model.name: model for module in found for model in getattr(module, "DIRECT", ())}
