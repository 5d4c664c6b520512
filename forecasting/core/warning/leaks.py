"""Two tests that a pipeline without leaks must pass: it learns nothing from noise, and the future would help it.

Shuffled labels carry no information, so a score that stays above the base rate has looked at something else than it
says. Features moved one hour into the future do carry some; when they do not raise the score, features are late, or the
label is not where it should be.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from forecasting.core.book import Floats
from forecasting.core.warning import champion
from forecasting.core.warning.events import MAIN, outcomes
from forecasting.core.warning.features import COLUMNS, Features, Hours
from forecasting.core.warning.scores import average_precision
from forecasting.core.warning.walkforward import Protocol, Rows, Score, Tick, model, walk

SHUFFLES = 3


def shuffled(features: Features, protocol: Protocol, *, hours: Hours, seed: int, tick: Tick) -> Floats:
    """Return (`SHUFFLES`, 2): PR-AUC and base rate when outcomes are drawn from other hours, at random."""
    came = outcomes(hours.liquidated, protocol.target)
    values = features.columns(*COLUMNS)
    known = np.flatnonzero(np.isfinite(came[:, MAIN]))
    found = []
    for draw in range(SHUFFLES):
        mixed = came.copy()
        mixed[known] = came[np.random.Generator(np.random.Philox(key=[seed, draw])).permutation(known)]

        def fit(rows: Rows, outcome: Floats = mixed) -> Score:
            fitted = champion.fit(values[rows], outcome[rows], hours=protocol.target.hours)
            return fitted.logits

        forecast = walk(values, mixed[:, MAIN], protocol, fit=fit, tick=tick)
        found.append(_area(forecast.chance, mixed[:, MAIN], protocol))
    return np.array(found)


def ahead(features: Features, protocol: Protocol, *, hours: Hours, tick: Tick) -> float:
    """Return PR-AUC when features are those of the next hour."""
    moved = np.full_like(features.values, np.nan)
    moved[:-1] = features.values[1:]
    forecast = model(replace(features, values=moved), protocol, hours=hours, tick=tick)
    return _area(forecast.chance, outcomes(hours.liquidated, protocol.target)[:, MAIN], protocol)[0]


def _area(chance: Floats, came: Floats, protocol: Protocol) -> tuple[float, float]:
    inside = slice(*protocol.test)
    clear = np.isfinite(chance[inside]) & np.isfinite(came[inside])
    happened = came[inside][clear]
    return average_precision(happened, chance[inside][clear]), float(happened.mean())
