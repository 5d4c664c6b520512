"""Writes down what the models of a line say of the hours to come, before anybody knows.

The model in use and those in its shadow are asked alike; a row is written once for each version and hour, and never
changed. Where the data is stale, gapped or implausible nothing is written, and an alarm says why until it is over.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.db import transaction

from forecasting import alarms, gate
from forecasting.core.warning.features import Features
from forecasting.models import Alarm, Forecast, ModelVersion
from forecasting.warners import plans
from forecasting.warning import Reading, look, restored, say
from governance.errors import DataError, InputError

DIGITS = 9
CHAMPION, SHADOW = "champion", "shadow"


@dataclass(frozen=True, slots=True, kw_only=True)
class Published:
    """What was written of one hour.

    Attributes
    ----------
    line : str
    rows : tuple of Forecast
        That of the model in use first.
    reading : Reading
    """

    line: str
    rows: tuple[Forecast, ...]
    reading: Reading


def publish(line: str) -> Published:
    """Write what the newest version of each model of a line says as of the newest data; what was said stays as it was.

    Call it outside of a transaction that may be rolled back.

    Raises
    ------
    InputError
        When the line has not begun.
    DataError
        When the data must not be published on; that becomes an alarm as well.
    """
    used = gate.in_use(line)
    if used is None:
        raise InputError(f"There is no line of warnings {line}; manage.py train --warnings begins one.", field="line")
    try:
        found = look(plans.current(used.config))
        rows = _rows(line, used, found)
    except DataError as error:
        alarms.sound(line, kind=_kind(error), detail=error.message)
        raise
    alarms.silence(line, kinds=Alarm.STOPPING)
    return Published(line=line, rows=rows, reading=found)


def _rows(line: str, used: ModelVersion, found: Reading) -> tuple[Forecast, ...]:
    target = plans.target_of(used.config)
    features = plans.features(found.hours, target)
    newest = gate.newest(line).values()
    asked = [used, *(version for version in newest if version != used and version.created_timestamp <= found.at)]
    bodies = [
        (version, _body(version, features, found, role=CHAMPION if version == used else SHADOW)) for version in asked
    ]
    with transaction.atomic():
        return tuple(
            Forecast.objects.get_or_create(
                model_version=version,
                kind=ModelVersion.Kind.WARNING,
                reserve=None,
                made_at=found.at,
                horizon_hours=target.hours,
                defaults={"block_number": 0, "body": body},
            )[0]
            for version, body in bodies
        )


def _body(version: ModelVersion, features: Features, found: Reading, *, role: str) -> dict[str, Any]:
    target, fitted = plans.target_of(version.config), restored(version)
    chance, reasons = say(fitted, features, found, target)
    return {
        "target": target.name,
        "usd": target.usd,
        "probability": round(chance, DIGITS),
        "base_rate": round(fitted.base, DIGITS),
        "reasons": [[name, round(value, DIGITS)] for name, value in reasons],
        "role": role,
        "dataset": found.prepared.dataset.hash,
    }


def _kind(error: DataError) -> Alarm.Kind:
    """Return the alarm of an error, or of the nearest kind of error above it."""
    codes = (getattr(parent, "code", "") for parent in type(error).__mro__)
    return next(Alarm.Kind(code) for code in codes if code in Alarm.Kind.values)
