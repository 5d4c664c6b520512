"""How forecasts did once their outcome is known: one score for each asset, written once.

Outcomes are summed over hours, for a market's days end at another hour each time.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from forecasting.core.days import DayTable
from forecasting.core.scoring import qlike
from forecasting.fields import Field
from forecasting.models import Forecast, ModelVersion, Score
from forecasting.shadows import HOUR


def score(field: Field) -> list[Score]:
    """Write down how the forecasts of a field's line did whose outcome is known now; return the new rows."""
    table = field.finest
    made: list[Score] = []
    for forecast in _pending(field.line, until=int(table.ends[-1])):
        made += _scores(forecast, table)
    return made


def _pending(line: str, *, until: int) -> list[Forecast]:
    rows = Forecast.objects.filter(
        model_version__line=line, kind=ModelVersion.Kind.VARIANCE, scores=None, made_at__lt=until
    )
    return [row for row in rows.order_by("made_at", "pk") if row.made_at + row.horizon_hours * HOUR <= until]


def _scores(forecast: Forecast, table: DayTable) -> list[Score]:
    """Write the scores of one forecast; an asset with an hour that was not measured gets none."""
    first = int(np.searchsorted(table.ends, forecast.made_at, side="right"))
    if first == 0:
        return []
    row = int(table.ends[first] - table.ends[first - 1])  # an hour, or a day where bars are longer than an hour
    rows = slice(first, first + forecast.horizon_hours * HOUR // row)
    end = forecast.made_at + forecast.horizon_hours * HOUR
    if table.ends[rows][-1] != end:
        return []
    made = []
    for asset, told in forecast.body["assets"].items():
        if asset in table.assets:
            a = table.assets.index(asset)
            realised, change = float(table.variance[rows, a].sum()), float(table.change[rows, a].sum())
            if np.isfinite(realised + change) and realised > 0:
                made.append(_row(forecast, asset, told, realised=realised, change=change, end=end))
    return Score.objects.bulk_create(made, ignore_conflicts=True)  # whoever else scores now writes the same


def _row(forecast: Forecast, asset: str, told: dict[str, Any], *, realised: float, change: float, end: int) -> Score:
    sides = {"long": -change, "short": change}
    return Score(
        forecast=forecast,
        asset=asset,
        expected=told["variance"],
        realised=realised,
        qlike=float(qlike(np.array(realised), np.array(told["variance"]))),
        change=change,
        hits={name: sides[name.partition("_")[2]] > value for name, value in told.items() if name.startswith("var9")},
        known_at=end,
    )
