"""The verb: what is the chance now that much is liquidated soon, and why."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import numpy as np

from forecasting import hourly_features
from forecasting.core.realised import HOUR
from forecasting.core.warning import champion
from forecasting.core.warning.events import MAIN, Target, outcomes
from forecasting.core.warning.features import COLUMNS, PATIENCE, Hours, tables
from forecasting.core.warning.logistic import Calibration
from forecasting.core.warning.walkforward import enough, rows
from forecasting.hourly_features import Prepared
from governance.env import env
from governance.errors import GapInData, StaleData

QUIET = 7 * 24  # hours without a liquidation after which the source may have ended


@dataclass(frozen=True, slots=True, kw_only=True)
class Warned:
    """A probability with its reasons.

    Attributes
    ----------
    target : Target
    chance : float
        That it comes true within its hours.
    base : float
        Share of the hours learnt from after which it did.
    reasons : tuple of (str, float)
        Features and what each adds to the log odds compared with a usual hour, the strongest first.
    """

    target: Target
    chance: float
    base: float
    reasons: tuple[tuple[str, float], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """The warnings of one hour.

    Attributes
    ----------
    at : int
        Unix seconds: what was known then.
    prepared : Prepared
    warnings : tuple of Warned
    """

    at: int
    prepared: Prepared
    warnings: tuple[Warned, ...]


def warn(chosen: Mapping[str, Any], *, targets: Sequence[Target], at: int | None = None) -> Report:
    """Return the chance of each target from what was known at a time; what came later is not read.

    Parameters
    ----------
    chosen : mapping
        See `forecasting.hourly_features.choose`.
    targets : sequence of Target
    at : int or None
        Unix seconds; None: now, which what is imported must reach up to.

    Raises
    ------
    StaleData
        When prices or liquidations end too long before: no warning is better than a blind one.
    GapInData
        When there is too little to learn from.
    """
    prepared = hourly_features.read(chosen, until=at)
    hours = prepared.hours
    moment = int(hours.ends[-1]) if at is None else at // HOUR * HOUR
    _fresh(hours, moment)
    if at is None:
        _current(moment)
    features = tables(hours, horizons=tuple(sorted({target.hours for target in targets})))
    found = tuple(_one(features[target.hours].columns(*COLUMNS), hours, target) for target in targets)
    return Report(at=moment, prepared=prepared, warnings=found)


def _one(values: np.ndarray[Any, np.dtype[np.float64]], hours: Hours, target: Target) -> Warned:
    came = outcomes(hours.liquidated, target)
    learnt = rows(values, came[:, MAIN], first=hours.first, until=hours.last + 1 - target.hours)
    happened = came[learnt, MAIN]
    if not learnt.size or not enough(happened, hours=target.hours):
        raise GapInData(f"There is too little to learn {target.name} from; import more, or ask for a smaller amount.")
    model = champion.fit(values[learnt], came[learnt], hours=target.hours)
    now = values[[hours.last]]
    if not np.isfinite(now).all():
        raise StaleData("The last hour is not fully known: prices are missing, or liquidations are too few days old.")
    chance = Calibration().probabilities(model.logits(now))[0]
    parts = model.parts(now)[0]
    order = np.argsort(-np.abs(parts), kind="stable")
    return Warned(
        target=target,
        chance=float(chance),
        base=float(happened.mean()),
        reasons=tuple((COLUMNS[index], float(parts[index])) for index in order),
    )


def _current(moment: int) -> None:
    age, limit = (time.time() - moment) / HOUR, env().price_max_age_hours
    if age > limit:
        last = datetime.fromtimestamp(moment, tz=UTC)
        raise StaleData(
            f"What is imported ends {age / 24:.1f} days ago; at most {limit} hours are allowed. Import newer files, or"
            f" ask what was known then with --at {last:%Y-%m-%dT%H:%M}.",
            age_hours=age,
        )


def _fresh(hours: Hours, moment: int) -> None:
    known = np.flatnonzero(np.isfinite(hours.close[:, 0]))
    age = (moment - int(hours.ends[known[-1]])) // HOUR if known.size else None
    if age is None or age > PATIENCE:
        raise StaleData(
            f"The newest price of {hours.assets[0]} is {'missing' if age is None else f'{age} hours old'}; at most"
            f" {PATIENCE} are allowed. Import newer prices, or ask for an earlier time with --at.",
            age_hours=age,
        )
    struck = np.flatnonzero(np.nan_to_num(hours.liquidated) > 0)
    quiet = (moment - int(hours.ends[struck[-1]])) // HOUR if struck.size else None
    if quiet is None or quiet > QUIET:
        raise StaleData(
            f"The newest liquidation is {'missing' if quiet is None else f'{quiet} hours old'}; after {QUIET} the"
            " source counts as ended. Import newer ones, or ask for an earlier time with --at.",
            age_hours=quiet,
        )
