"""How the champion of a line has done lately, and what follows: alarms, and the baseline's return.

Drift is seen by realised loss and by nothing else: features may move as they like while the forecasts hold. The
champion breaches its promise when the mean loss of its last `RECENT` days is above what 99 % of such spans had been out
of sample *and* above the baseline's on the same days (a wild market alone is nobody's fault), or when value at risk is
passed more often than 1 % allows.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from django.db.models import QuerySet
from scipy.stats import binom

from forecasting import alarms, gate
from forecasting.competing import BASELINE
from forecasting.core.admission import losses
from forecasting.core.book import Floats
from forecasting.models import Alarm, Decision, ModelVersion, Score

RECENT = 30  # scored days that drift is seen by
FEWEST = 10  # scored days, below which nothing is said
LOOK = 250  # scored days that coverage is seen by
UNUSUAL = 0.99  # of the spans out of sample, above which a mean loss is a breach
CHANCE = 0.01  # that as many hits come by luck
SHARE = 0.01
DAY_HOURS = 24
VAR = "var99_"
MONITOR = "monitor"


@dataclass(frozen=True, slots=True, kw_only=True)
class Health:
    """How the champion of a line has done lately.

    Attributes
    ----------
    line : str
    version : ModelVersion
    days : int
        Scored days of the model, whichever of its versions made the forecast.
    loss, limit, baseline_loss : float or None
        Mean QLIKE of its last days, what 99 % of spans out of sample stayed below, and the baseline's on those days;
        None: too few days.
    hits, expected, chance : float
        Times that value at risk was passed, times that are right, and the probability of so many by luck.
    breach : str
        What promise is broken, one sentence; empty: none.
    """

    line: str
    version: ModelVersion
    days: int
    loss: float | None
    limit: float | None
    baseline_loss: float | None
    hits: int
    expected: float
    chance: float
    breach: str


def check(line: str) -> Health | None:
    """Look at the champion of a line; on a breach sound the alarm and let the baseline take over.

    None: the line has not begun.
    """
    found = health(line)
    if found is None:
        return None
    kind = Alarm.Kind.COVERAGE if found.chance < CHANCE else Alarm.Kind.DRIFT
    if found.breach:
        alarms.sound(line, kind=kind, detail=found.breach)
        facts = {"loss": found.loss, "limit": found.limit, "baseline": found.baseline_loss, "hits": found.hits}
        gate.demote(line, reason=found.breach, facts=facts, actor=MONITOR)
    else:
        alarms.silence(line, kinds=(Alarm.Kind.DRIFT, Alarm.Kind.COVERAGE))
    return found


def health(line: str) -> Health | None:
    """Return how the champion of a line has done since it was appointed; None: the line has not begun."""
    used = gate.in_use(line)
    if used is None:
        return None
    rows = list(_daily(line, name=used.name, since=_since(line)))
    days = sorted({row.known_at for row in rows})
    loss = limit = baseline = None
    if len(days) >= FEWEST:
        recent = days[-RECENT:]
        loss = _mean(rows, recent)
        limit = _limit(used, span=len(recent))
        baseline = _mean(list(_daily(line, name=BASELINE, since=0)), recent)
    hits, chances = _hits(rows, days[-LOOK:])
    chance = float(binom.sf(hits - 1, chances, SHARE)) if hits else 1.0
    return Health(
        line=line,
        version=used,
        days=len(days),
        loss=loss,
        limit=limit,
        baseline_loss=baseline,
        hits=hits,
        expected=chances * SHARE,
        chance=chance,
        breach=_breach(used, loss=loss, limit=limit, baseline=baseline, hits=hits, chances=chances, chance=chance),
    )


def _breach(
    used: ModelVersion,
    *,
    loss: float | None,
    limit: float | None,
    baseline: float | None,
    hits: int,
    chances: int,
    chance: float,
) -> str:
    if chance < CHANCE:
        return (
            f"Losses passed the 99 % value at risk of {used.name} {hits} times in {chances}; {chances * SHARE:.1f} are"
            f" right, and so many come by luck with probability {chance:.4f}."
        )
    if loss is None or limit is None or loss <= limit:
        return ""
    if used.name != BASELINE and (baseline is None or loss <= baseline):
        return ""
    against = "" if used.name == BASELINE or baseline is None else f", and {BASELINE} lost {baseline:.3f}"
    return (
        f"{used.name} lost {loss:.3f} (QLIKE) a day lately; out of sample 99 % of such spans stayed below"
        f" {limit:.3f}{against}."
    )


def _daily(line: str, *, name: str, since: int) -> QuerySet[Score]:
    return Score.objects.filter(
        forecast__model_version__line=line,
        forecast__model_version__name=name,
        forecast__horizon_hours=DAY_HOURS,
        known_at__gt=since,
    ).order_by("known_at", "asset")


def _since(line: str) -> int:
    """Return the time of the data with which the present champion's model was appointed; refreshing does not count."""
    rows = Decision.objects.filter(line=line, kind__in=Decision.APPOINTING).exclude(kind=Decision.Kind.REFRESHED)
    last = rows.last()
    return last.moment if last else 0


def _mean(rows: list[Score], days: list[int]) -> float | None:
    """Return the mean over ``days`` of the mean loss over assets; None when a day has none."""
    by_day: dict[int, dict[str, float]] = {}
    for row in rows:
        by_day.setdefault(row.known_at, {})[row.asset] = row.qlike
    if any(day not in by_day for day in days):
        return None
    return float(np.mean([np.mean(list(by_day[day].values())) for day in days]))


def _limit(version: ModelVersion, *, span: int) -> float | None:
    """Return what the mean loss of `UNUSUAL` of all spans out of sample stayed below; None: not even two spans."""
    past = gate.past(version)
    daily: Floats = losses(past.forecast, other=past.forecast, realised=past.realised)
    daily = daily[np.isfinite(daily)]
    if daily.size < 2 * span:
        return None
    return float(np.quantile(np.lib.stride_tricks.sliding_window_view(daily, span).mean(axis=1), UNUSUAL))


def _hits(rows: list[Score], days: list[int]) -> tuple[int, int]:
    """Return how often value at risk was passed, of how many times that it could be."""
    wanted = set(days)
    found = [hit for row in rows if row.known_at in wanted for name, hit in row.hits.items() if name.startswith(VAR)]
    return sum(found), len(found)
