"""What the models in use say of liquidations to come: reads of stored warnings for pages, commands and the API.

A *line* is one target on one set of sources, for example ``warning/6h_1m:hourly:ETH,BTC:aave-v1,aave-v2``; its versions
compete for its championship by the gate of `forecasting.gate`. What they say is stored hour by hour as
`forecasting.models.Forecast` rows of kind ``warning``, written once; how that did is `forecasting.models.WarningScore`.
Where nothing could be said, because data ended or is missing, an alarm stands on the line, and its words are told here.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from forecasting import alarms, gate
from forecasting.models import Alarm, Forecast, ModelVersion, WarningScore

HISTORY = 24 * 30  # warnings
CHAMPION = "champion"
SOURCES = ("prices", "liquidations", "assets", "funding", "books")


@dataclass(frozen=True, slots=True, kw_only=True)
class Stored:
    """A warning as it was written.

    Attributes
    ----------
    version : ModelVersion
        Which model said so: ``name``, ``artifact_hash``, ``pk``.
    at : int
        Unix seconds: the end of the last hour that it knew.
    probability : float
        That the target comes true within its hours.
    base_rate : float
        Share of the hours learnt from after which it did.
    reasons : tuple of (str, float)
        Features and what each adds to the log odds compared with a usual hour, the strongest first; empty where a
        model cannot tell (trees).
    role : str
        ``champion``: it was in use then; else ``shadow``.
    happened : bool or None
        Whether the target came true; None: not known yet.
    liquidated : float or None
        USD that came within its hours; None: not known yet.
    known_at : int or None
        When that was known, unix seconds; None: not known yet.
    """

    version: ModelVersion
    at: int
    probability: float
    base_rate: float
    reasons: tuple[tuple[str, float], ...]
    role: str
    happened: bool | None
    liquidated: float | None
    known_at: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """What a line says now.

    Attributes
    ----------
    line : str
    target : str
        Short name of what is foreseen: ``6h_1m``.
    hours : int
    usd : float
        At least so much debt liquidated within ``hours``.
    sources : mapping
        What the model in use was trained on: ``prices`` (str), ``liquidations``, ``assets``, ``funding`` and
        ``books`` (lists).
    version : ModelVersion or None
        In use now; None: the line has not begun.
    warning : Stored or None
        The newest of the model in use; None: it has said nothing yet.
    abstained : str
        Why nothing is said now, one sentence for people; empty: ``warning`` holds.
    alarms : tuple of str
        What else is wrong with the model (drift, calibration), sentences for people.
    """

    line: str
    target: str
    hours: int
    usd: float
    sources: Mapping[str, Any]
    version: ModelVersion | None
    warning: Stored | None
    abstained: str
    alarms: tuple[str, ...]


def lines() -> tuple[str, ...]:
    """Return every line of warnings, in order."""
    rows = ModelVersion.objects.filter(kind=ModelVersion.Kind.WARNING)
    return tuple(rows.order_by("line").values_list("line", flat=True).distinct())


def newest() -> tuple[Standing, ...]:
    """Return what every line says now, shorter horizons first; empty: no model of warnings was trained yet."""
    return tuple(sorted(map(standing, lines()), key=lambda one: (one.hours, one.usd, one.line)))


def standing(line: str) -> Standing:
    """Return what one line says now."""
    rows = ModelVersion.objects.filter(line=line, kind=ModelVersion.Kind.WARNING)
    any_version = rows.order_by("created_timestamp", "pk").last()
    if any_version is None:
        raise ModelVersion.DoesNotExist(line)
    used = gate.in_use(line)
    config = (used or any_version).config
    row = None if used is None else _rows(line).filter(model_version__name=used.name).order_by("made_at", "pk").last()
    open_alarms = list(alarms.standing(line))
    stopping = [alarm.detail for alarm in open_alarms if alarm.kind in Alarm.STOPPING]
    silent = "" if row is not None else "Nothing was said yet; run `manage.py warn`."
    return Standing(
        line=line,
        target=config["target"],
        hours=config["hours"],
        usd=config["usd"],
        sources={name: config[name] for name in SOURCES},
        version=used,
        warning=None if row is None else stored(row),
        abstained=stopping[0] if stopping else silent,
        alarms=tuple(alarm.detail for alarm in open_alarms if alarm.kind not in Alarm.STOPPING),
    )


def history(line: str, *, limit: int = HISTORY) -> tuple[Stored, ...]:
    """Return the last warnings that models in use gave on a line, the oldest first."""
    rows = _rows(line).filter(body__role=CHAMPION).order_by("-made_at", "-pk")[:limit]
    return tuple(stored(row) for row in reversed(rows))


def scored(line: str, *, name: str, since: int = 0) -> Iterable[WarningScore]:
    """Return the scores of a model's warnings whose outcome was known after ``since``, the oldest first."""
    rows = WarningScore.objects.filter(
        forecast__model_version__line=line, forecast__model_version__name=name, known_at__gt=since
    )
    return rows.select_related("forecast").order_by("forecast__made_at", "forecast__pk")


def stored(row: Forecast) -> Stored:
    """Return a row as what it says."""
    body, score = row.body, getattr(row, "warning_score", None)
    return Stored(
        version=row.model_version,
        at=row.made_at,
        probability=body["probability"],
        base_rate=body["base_rate"],
        reasons=tuple((name, value) for name, value in body["reasons"]),
        role=body["role"],
        happened=None if score is None else score.happened,
        liquidated=None if score is None else score.liquidated,
        known_at=None if score is None else score.known_at,
    )


def _rows(line: str) -> Any:  # noqa: ANN401 - a QuerySet with its annotations
    rows = Forecast.objects.filter(kind=ModelVersion.Kind.WARNING, model_version__line=line)
    return rows.select_related("model_version", "warning_score")
