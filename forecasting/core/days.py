"""The table that every volatility model reads: what was measured on each day of each asset."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from forecasting.core.book import Floats
from forecasting.core.realised import Stamps

DAY = 86_400


@dataclass(frozen=True, slots=True, kw_only=True)
class DayTable:
    """D consecutive days of A assets; a day that was not measured is NaN, never left out and never zero.

    Attributes
    ----------
    assets : tuple of str
        A names: the order of columns.
    span : int
        Seconds between two prices within a day.
    ends : (D,) int64
        Unix seconds at which each day ends, ``DAY`` apart.
    variance : (D, A) floats
        Realised variance, the sum of squared log returns over ``span``: what is forecast.
    change : (D, A) floats
        The day's log return.
    complete : (D, A) floats
        Share of the day's prices that were there.
    measures : mapping of str to (D, A) floats
        Everything else that was measured, by name; see `forecasting.core.measures`.
    """

    assets: tuple[str, ...]
    span: int
    ends: Stamps
    variance: Floats
    change: Floats
    complete: Floats
    measures: Mapping[str, Floats]

    def until(self, days: int) -> DayTable:
        """Return the first ``days`` days; what is learnt from them knows nothing of what follows."""
        return DayTable(
            assets=self.assets,
            span=self.span,
            ends=self.ends[:days],
            variance=self.variance[:days],
            change=self.change[:days],
            complete=self.complete[:days],
            measures={name: values[:days] for name, values in self.measures.items()},
        )

    def ahead(self, days: int) -> Floats:
        """Return (D, A): the variance of the ``days`` days that begin with each day; NaN where one is missing."""
        out = np.full_like(self.variance, np.nan)
        if self.variance.shape[0] >= days:
            windows = np.lib.stride_tricks.sliding_window_view(self.variance, days, axis=0)
            out[: windows.shape[0]] = windows.sum(axis=-1)
        return out
