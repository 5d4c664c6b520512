"""Looks after every line of warnings: says what is to be said, scores what is known now, demotes what fails.

A model breaks its promise when warnings came true more or less often than they said, by more than a bet against them
allows (`forecasting.core.warning.surveillance`), or when the Brier score of its last warnings is above what 99 % of
such spans had been unseen when it was appointed *and* above the baseline's on the same hours: wild months alone are
nobody's fault. Warnings whose hours overlap share one outcome; of those only the first counts.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from forecasting import alarms, gate, hourly_features
from forecasting.core.book import Floats
from forecasting.core.realised import HOUR
from forecasting.core.warning.competitors import BASELINE
from forecasting.core.warning.features import Hours
from forecasting.core.warning.surveillance import apart, fortune
from forecasting.models import Alarm, Forecast, ModelVersion, WarningScore
from forecasting.warners import plans, publishing, selectors
from forecasting.warners.judging import past
from governance.errors import BreakwaterError

log = logging.getLogger(__name__)

RECENT = 120  # warnings that drift is seen by
FEWEST = 40  # warnings, below which nothing is said of drift
UNUSUAL = 0.99  # of the spans unseen, above which a mean score is a breach
CHANCE = 0.01  # that a model which keeps its promise is demoted for its calibration
MONITOR = "monitor"


@dataclass(frozen=True, slots=True, kw_only=True)
class Health:
    """How the model in use has done since it was appointed.

    Attributes
    ----------
    line : str
    version : ModelVersion
    warnings : int
        Scored ones that do not overlap.
    expected, happened : float
        How many should have come true by their probabilities, and how many did.
    brier, limit, baseline_brier : float or None
        Mean score of the last ones, what 99 % of spans unseen stayed below, and the baseline's; None: too few.
    chance : float
        Bound on the probability that a model which keeps its promise is seen so far off, however often one looks.
    kind : Alarm.Kind or None
        Of the breach.
    breach : str
        One sentence; empty: none.
    """

    line: str
    version: ModelVersion
    warnings: int
    expected: float
    happened: float
    brier: float | None
    limit: float | None
    baseline_brier: float | None
    chance: float
    kind: Alarm.Kind | None
    breach: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Round:
    """What was done for one line.

    Attributes
    ----------
    line : str
    forecasts, scores : int
        Warnings that stand as of the newest data, and warnings scored now.
    health : Health or None
        None: no model is in use.
    problem : str
        Why nothing was said; empty: it was.
    """

    line: str
    forecasts: int
    scores: int
    health: Health | None
    problem: str


def run() -> Iterator[Round]:
    """Go round every line; one that fails does not stop the others."""
    for line in selectors.lines():
        try:
            yield _round(line)
        except BreakwaterError as error:
            log.error("%s: %s", line, error.message)  # noqa: TRY400 - says it all
            yield Round(line=line, forecasts=0, scores=0, health=None, problem=error.message)


def say() -> Iterator[Round]:
    """Say of every line what is to be said as of the newest data, and nothing else."""
    for line in selectors.lines():
        forecasts, problem = _said(line)
        yield Round(line=line, forecasts=forecasts, scores=0, health=None, problem=problem)


def score(line: str) -> list[WarningScore]:
    """Write down how the warnings of a line did whose hours are over; return the new rows.

    An outcome is known up to the last liquidation that was imported: quiet after it may yet turn out to be a gap.
    """
    used = gate.in_use(line)
    if used is None:
        return []
    hours = hourly_features.read(plans.current(used.config)).hours
    rows = Forecast.objects.filter(
        model_version__line=line, kind=ModelVersion.Kind.WARNING, warning_score=None, made_at__lt=int(hours.ends[-1])
    )
    made = [found for row in rows.order_by("made_at", "pk") if (found := _score(row, hours)) is not None]
    return WarningScore.objects.bulk_create(made, ignore_conflicts=True)  # whoever else scores now writes the same


def check(line: str) -> Health | None:
    """Look at the model in use; on a breach sound the alarm and let the baseline take over. None: none is in use."""
    found = health(line)
    if found is None:
        return None
    if found.kind is None:
        alarms.silence(line, kinds=(Alarm.Kind.DRIFT, Alarm.Kind.CALIBRATION))
        return found
    facts = {"brier": found.brier, "limit": found.limit, "baseline": found.baseline_brier, "happened": found.happened}
    demoted = gate.demote(found.version, reason=found.breach, facts=facts, actor=MONITOR)
    if demoted is not None or gate.in_use(line) == found.version:  # else another was appointed, who did none of this
        alarms.sound(line, kind=found.kind, detail=found.breach)
    return found


def health(line: str) -> Health | None:
    """Return how the model in use has done since it was appointed; None: none is in use."""
    used, appointed = gate.in_use(line), gate.appointment(line)
    if used is None or appointed is None:
        return None
    seconds = used.config["hours"] * HOUR
    at, chance, came = _record(line, used.name, since=appointed.moment, seconds=seconds)
    told, size = (chance - came) ** 2, min(at.size, RECENT)
    brier = limit = rival = None
    if at.size >= FEWEST:
        brier = float(told[-size:].mean())
        limit = _limit(appointed.version, span=size, seconds=seconds)
        rival = _baseline(line, used, at[-size:], since=appointed.moment)
    odds = min(1.0, 1.0 / fortune(chance, came))
    kind, breach = None, ""
    if brier is not None and limit is not None and brier > limit and (rival is None or brier > rival):
        kind = Alarm.Kind.DRIFT
        against = "" if rival is None else f", and {BASELINE} has {rival:.4f}"
        breach = (
            f"The last {size} warnings of {used.name} have a Brier score of {brier:.4f}; unseen, {UNUSUAL:.0%} of such"
            f" spans stayed below {limit:.4f}{against}."
        )
    if odds < CHANCE:
        kind = Alarm.Kind.CALIBRATION
        breach = (
            f"Of {at.size} warnings of {used.name} {came.sum():.0f} came true where {chance.sum():.1f} were expected;"
            f" a model that keeps its promise is seen so far off with a probability of at most {odds:.1g}."
        )
    return Health(
        line=line,
        version=used,
        warnings=int(at.size),
        expected=float(chance.sum()),
        happened=float(came.sum()),
        brier=brier,
        limit=limit,
        baseline_brier=rival,
        chance=odds,
        kind=kind,
        breach=breach,
    )


def _round(line: str) -> Round:
    forecasts, problem = _said(line)
    scores = len(score(line))
    return Round(line=line, forecasts=forecasts, scores=scores, health=check(line), problem=problem)


def _said(line: str) -> tuple[int, str]:
    try:
        return len(publishing.publish(line).rows), ""
    except BreakwaterError as error:
        return 0, error.message


def _score(row: Forecast, hours: Hours) -> WarningScore | None:
    """Return how a warning did; None: its hours are not over, or not all are known."""
    end = row.made_at + row.horizon_hours * HOUR
    inside = hours.liquidated[(hours.ends > row.made_at) & (hours.ends <= end)]
    if inside.size != row.horizon_hours or not np.isfinite(inside).all():
        return None
    liquidated, chance = float(inside.sum()), float(row.body["probability"])
    happened = liquidated >= row.body["usd"]
    return WarningScore(
        forecast=row,
        chance=chance,
        liquidated=liquidated,
        happened=happened,
        brier=(chance - happened) ** 2,
        known_at=end,
    )


def _record(line: str, name: str, *, since: int, seconds: int) -> tuple[Floats, Floats, Floats]:
    """Return when warnings that do not overlap were given, their probabilities, and whether they came true."""
    rows = [
        (row.forecast.made_at, row.chance, row.happened)
        for row in selectors.scored(line, name=name, since=since)
        if row.forecast.made_at >= since  # what was said before the appointment is not held against it
    ]
    told = np.array(rows, dtype=np.float64).reshape(-1, 3)
    kept = told[apart(told[:, 0], seconds=seconds)]
    return kept[:, 0], kept[:, 1], kept[:, 2]


def _baseline(line: str, used: ModelVersion, moments: Floats, *, since: int) -> float | None:
    """Return the baseline's mean score on the same hours; None: it is in use itself, or was silent."""
    if used.name == BASELINE:
        return None
    rows = {row.forecast.made_at: row.brier for row in selectors.scored(line, name=BASELINE, since=since)}
    both = [rows[int(at)] for at in moments if int(at) in rows]
    return float(np.mean(both)) if len(both) == moments.size else None


def _limit(version: ModelVersion, *, span: int, seconds: int) -> float | None:
    """Return what the mean score of `UNUSUAL` of all spans unseen stayed below; None: not even two spans."""
    held = past(version)
    known = np.flatnonzero(np.isfinite(held.chance) & np.isfinite(held.happened))
    kept = known[apart(held.ends[known].astype(np.float64), seconds=seconds)]
    told = (held.chance[kept] - held.happened[kept]) ** 2
    if told.size < 2 * span:
        return None
    return float(np.quantile(np.lib.stride_tricks.sliding_window_view(told, span).mean(axis=1), UNUSUAL))
