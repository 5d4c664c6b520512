"""The verb: what is the chance now that much is liquidated soon, why, and which model says so.

The model is the one that was in use at the time, from the registry. Where none was, one is fitted to what was known
then, for this answer alone: nothing is stored by `warn`; see `forecasting.warners.publishing` for what is.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import numpy as np

from forecasting import artifacts, gate, hourly_features
from forecasting.core.realised import HOUR
from forecasting.core.warning import competitors
from forecasting.core.warning.competitors import CONTENDER, Fitted
from forecasting.core.warning.events import Target
from forecasting.core.warning.features import PATIENCE, Features, Hours, tables
from forecasting.core.warning.walkforward import Forecasts, Protocol
from forecasting.hourly_features import QUIET, Prepared
from forecasting.models import ModelVersion
from forecasting.warners.plans import line_of
from governance.env import env
from governance.errors import StaleData


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
        Features and what each adds to the log odds compared with a usual hour, the strongest first; empty where the
        model cannot tell.
    line : str
        Of models of this target on these sources.
    version : ModelVersion or None
        Which one said so; None: none was registered then, and one was fitted for this answer.
    """

    target: Target
    chance: float
    base: float
    reasons: tuple[tuple[str, float], ...]
    line: str
    version: ModelVersion | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """What is known at the end of an hour.

    Attributes
    ----------
    at : int
        Unix seconds.
    prepared : Prepared
    """

    at: int
    prepared: Prepared

    @property
    def hours(self) -> Hours:
        """The hours."""
        return self.prepared.hours


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
    found = look(chosen, at=at)
    features = tables(found.hours, horizons=tuple(sorted({target.hours for target in targets})))
    said = tuple(_one(chosen, features[target.hours], found, target) for target in targets)
    return Report(at=found.at, prepared=found.prepared, warnings=said)


def look(chosen: Mapping[str, Any], *, at: int | None = None) -> Reading:
    """Return what was known at a time, or (None) is known now.

    Raises
    ------
    StaleData
        When prices or liquidations end too long before.
    GapInData, ImplausibleData
        When they must not be computed on.
    """
    prepared = hourly_features.read(chosen, until=int(time.time()) if at is None else at)
    moment = int(prepared.hours.ends[-1]) if at is None else at // HOUR * HOUR
    _fresh(prepared.hours, moment)
    if at is None:
        _current(moment)
    return Reading(at=moment, prepared=prepared)


def say(
    fitted: Fitted, features: Features, found: Reading, target: Target
) -> tuple[float, tuple[tuple[str, float], ...]]:
    """Return what a model says of the hours to come, and why.

    Raises
    ------
    StaleData
        When something that it reads is not known.
    """
    at = found.hours.last
    chance = fitted.chance(features, target=target, at=at)
    if not np.isfinite(chance):
        raise StaleData("The last hour is not fully known: prices are missing, or liquidations are too few days old.")
    return chance, fitted.reasons(features, target=target, at=at)


def restored(version: ModelVersion) -> Fitted:
    """Return the model of a registered version.

    Raises
    ------
    ImplausibleData
        When it was altered after registration.
    """
    return competitors.restore(version.name, artifacts.load(version)["parameters"])


def _one(chosen: Mapping[str, Any], features: Features, found: Reading, target: Target) -> Warned:
    line = line_of(chosen, target)
    version = gate.in_use(line, until=found.at)
    fitted = _fitted_now(features, found.hours, target) if version is None else restored(version)
    chance, reasons = say(fitted, features, found, target)
    return Warned(target=target, chance=chance, base=fitted.base, reasons=reasons, line=line, version=version)


def _fitted_now(features: Features, hours: Hours, target: Target) -> Fitted:
    """Return the contender fitted to what is known, without the forecasts of the past that would calibrate it."""
    nothing = np.full(hours.ends.size, np.nan)
    protocol = Protocol(target=target, first=hours.first, test=(hours.last + 1, hours.last + 1))
    past = Forecasts(chance=nothing, raw=nothing, odds=nothing)
    return competitors.fit(CONTENDER, features, protocol, hours=hours, past=past, seed=0)


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
    pause = (moment - int(hours.ends[struck[-1]])) // HOUR if struck.size else None
    if pause is None or pause > QUIET[1]:
        raise StaleData(
            f"The newest liquidation is {'missing' if pause is None else f'{pause} hours old'}; after {QUIET[1]} the"
            " source counts as ended. Import newer ones, or ask for an earlier time with --at.",
            age_hours=pause,
        )
