"""What the newest version of each model of a line says of the days to come, whether it is in use or in the shadow.

A forecast is made at the end of a day and written once. Its tails stand on the residuals of earlier forecasts: those
that the version made out of sample, and since then those of the version itself, which had not seen those days either.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from django.db import transaction

from forecasting import artifacts, gate
from forecasting.core.book import Floats
from forecasting.core.days import DAY, DayTable
from forecasting.core.league import HORIZONS, Horizon
from forecasting.core.tails.base import walk
from forecasting.core.tails.mean import Mean
from forecasting.core.volatility.direct import Sample, prepare, zoo
from forecasting.fields import YEAR, Field
from forecasting.models import Forecast, ModelVersion

LEVELS = {"99": 0.01, "975": 0.025}  # name: share of the days that may be worse
SHADOW = {"99": 0.01}  # what is scored
LOOK = 501  # days that the tails look back, with the one that is forecast
HOUR = 3600


def make(field: Field) -> list[Forecast]:
    """Return the forecasts of a line's newest versions as of its last day; those that were made before as they were.

    Raises
    ------
    ImplausibleData
        When a version was altered after registration.
    """
    made: list[Forecast] = []
    samples: dict[str, Sample] = {}
    for version in gate.newest(field.line).values():
        if version.created_timestamp <= field.moment:
            made += _known(version, field) or _write(version, field, bodies(version, field, samples=samples))
    return made


def bodies(
    version: ModelVersion, field: Field, *, samples: dict[str, Sample] | None = None
) -> dict[str, dict[str, Any]]:
    """Return by horizon what a version says of the time after the last row: ``assets`` with numbers by name.

    Of each asset: ``variance`` over the horizon, annual ``volatility`` (a fraction), and of one day ahead value at risk
    and expected shortfall (log returns, losses positive) as ``var99_long``, ``es99_long`` and so on.

    Parameters
    ----------
    version : ModelVersion
    field : Field
    samples : dict, optional
        Keeps by horizon what all versions read of the same field.
    """
    samples = {} if samples is None else samples
    champion = gate.in_use(version.line) == version
    content, past = artifacts.load(version), artifacts.evidence(version)
    found = {}
    for name, learnt in content["parameters"]["horizons"].items():
        horizon = HORIZONS[name]
        if name not in samples:
            samples[name] = prepare(_longer(field.data.table(horizon)), steps=horizon.steps)
        table = samples[name].table
        ours = zoo()[version.name].restore(learnt).forecast(samples[name])[: table.ends.size]
        forecast = _overlaid(ours, known=past["horizons"][name], table=table, assets=tuple(past["assets"]))
        years = horizon.row * horizon.steps / (YEAR * DAY)
        told = {
            asset: {"variance": float(forecast[-1, a]), "volatility": float(np.sqrt(forecast[-1, a] / years))}
            for a, asset in enumerate(table.assets)
            if np.isfinite(forecast[-1, a])
        }
        if horizon.row == DAY and horizon.steps == 1:
            for a, asset in enumerate(table.assets):
                if asset in told:
                    told[asset] |= _tails(table.change[:, a], forecast[:, a], levels=LEVELS if champion else SHADOW)
        found[name] = {"assets": told, "role": "champion" if champion else "shadow"}
    return found


def _overlaid(ours: Floats, *, known: Mapping[str, Any], table: DayTable, assets: tuple[str, ...]) -> Floats:
    """Return (D, A) ``ours`` after the forecasts out of sample end, those on their rows, and nothing before.

    A market's days end with its newest hour. Where they do so at another hour than in training, ours is all there is.
    """
    rows = np.flatnonzero(np.isin(known["ends"], table.ends))
    if not rows.size:
        return ours
    out = np.where((table.ends > known["ends"][-1])[:, None], ours, np.nan)
    at = np.searchsorted(table.ends, known["ends"][rows])
    for a, asset in enumerate(table.assets):
        if asset in assets:
            out[at, a] = known["forecast"][rows, assets.index(asset)]
    return out


def _longer(table: DayTable) -> DayTable:
    """Return a table with one row more, of which nothing is known yet."""
    nothing = np.full((1, len(table.assets)), np.nan)
    return DayTable(
        assets=table.assets,
        span=table.span,
        ends=np.append(table.ends, 2 * table.ends[-1] - table.ends[-2]),
        variance=np.vstack([table.variance, nothing]),
        change=np.vstack([table.change, nothing]),
        complete=np.vstack([table.complete, np.zeros_like(nothing)]),
        measures={name: np.vstack([values, nothing]) for name, values in table.measures.items()},
    )


def _tails(change: Floats, forecast: Floats, *, levels: Mapping[str, float]) -> dict[str, float]:
    found: dict[str, float] = {}
    for side, sign in (("long", -1.0), ("short", 1.0)):
        for name, share in levels.items():
            loss, scale = sign * change[-LOOK:], np.sqrt(forecast[-LOOK:])
            tails = walk(Mean(), loss=loss, scale=scale, share=share)
            if np.isfinite(tails.var[-1]):
                found |= {f"var{name}_{side}": float(tails.var[-1]), f"es{name}_{side}": float(tails.es[-1])}
    return found


def hours_of(horizon: Horizon) -> int:
    """Return the length of a horizon in hours."""
    return horizon.row * horizon.steps // HOUR


def _known(version: ModelVersion, field: Field) -> list[Forecast]:
    rows = Forecast.objects.filter(model_version=version, kind=version.kind, made_at=field.moment)
    return list(rows.order_by("horizon_hours"))


@transaction.atomic
def _write(version: ModelVersion, field: Field, said: Mapping[str, Mapping[str, Any]]) -> list[Forecast]:
    return [
        Forecast.objects.get_or_create(
            model_version=version,
            kind=version.kind,
            reserve=None,
            made_at=field.moment,
            horizon_hours=hours_of(HORIZONS[name]),
            defaults={"block_number": field.block, "body": body},
        )[0]
        for name, body in said.items()
        if body["assets"]  # a model that could not be fitted to any asset has nothing to say
    ]
