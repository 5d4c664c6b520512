"""How the champion of a line has done lately, and what follows: alarms, and the baseline's return.

Drift is seen by realised loss and by nothing else: features may move as they like while the forecasts hold. The
champion breaches its promise when, at one of its horizons, the mean loss of its last `RECENT` days is above what 99 %
of such spans had been out of sample when it was appointed *and* above the baseline's on the same days (a wild market
alone is nobody's fault), or when value at risk is passed more often than 1 % allows.

Of forecasts that were made within one day only the first counts: overlapping ones are one and the same luck.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from forecasting import alarms, gate
from forecasting.core.surveillance import fortune
from forecasting.drift import FEWEST, Drift, Record, drift_of, record
from forecasting.models import Alarm, ModelVersion
from forecasting.pasts import HORIZON
from forecasting.pasts import pasts as pasts_of

CHANCE = 0.01  # that a model which keeps its promise is demoted for its coverage within its first year
SHARE = 0.01
VAR = "var99_"
MONITOR = "monitor"


@dataclass(frozen=True, slots=True, kw_only=True)
class Health:
    """How the champion of a line has done since it was appointed.

    Attributes
    ----------
    line : str
    version : ModelVersion
    drifts : tuple of Drift
        By horizon, that which is in breach first, then one day ahead.
    hits, expected : float
        Times that value at risk was passed, and times that are right.
    chance : float
        Bound on the probability that a model which keeps its promise is seen with so many within a year, however often
        one looks.
    kind : Alarm.Kind or None
        Of the breach.
    breach : str
        What promise is broken, one sentence; empty: none.
    """

    line: str
    version: ModelVersion
    drifts: tuple[Drift, ...]
    hits: int
    expected: float
    chance: float
    kind: Alarm.Kind | None
    breach: str

    @property
    def days(self) -> int:
        """Scored days of the first horizon."""
        return self.drifts[0].days

    @property
    def loss(self) -> float | None:
        """Mean QLIKE of the first horizon's last days."""
        return self.drifts[0].loss

    @property
    def limit(self) -> float | None:
        """What it should have stayed below."""
        return self.drifts[0].limit

    @property
    def baseline_loss(self) -> float | None:
        """The baseline's."""
        return self.drifts[0].baseline_loss


def check(line: str) -> Health | None:
    """Look at the champion of a line; on a breach sound the alarm and let the baseline take over.

    None: the line has not begun.
    """
    found = health(line)
    if found is None:
        return None
    if found.kind is None:
        alarms.silence(line, kinds=(Alarm.Kind.DRIFT, Alarm.Kind.COVERAGE))
        return found
    facts = {"loss": found.loss, "limit": found.limit, "baseline": found.baseline_loss, "hits": found.hits}
    demoted = gate.demote(found.version, reason=found.breach, facts=facts, actor=MONITOR)
    if demoted is not None or gate.in_use(line) == found.version:  # else another was appointed, who did none of this
        alarms.sound(line, kind=found.kind, detail=found.breach)
    return found


def health(line: str) -> Health | None:
    """Return how the champion of a line has done since it was appointed; None: the line has not begun."""
    used, appointed = gate.in_use(line), gate.appointment(line)
    if used is None or appointed is None:
        return None
    pasts = pasts_of(appointed.version)  # not a refreshed one's, which may have learnt to expect the drift
    order = sorted(pasts, key=lambda name: (name != HORIZON, name))
    drifts = [drift_of(name, pasts[name], used=used, appointed=appointed) for name in order]
    drifts.sort(key=lambda drift: not drift.breach)
    scored = record(line, name=used.name, horizon=HORIZON, since=appointed.moment)
    hits = _hits(scored)
    found, chances = int(np.nansum(hits)), int(np.isfinite(hits).sum())
    chance = min(1.0, 1.0 / fortune(hits, share=SHARE)) if len(scored) >= FEWEST else 1.0
    kind, breach = (Alarm.Kind.DRIFT, drifts[0].breach) if drifts[0].breach else (None, "")
    if chance < CHANCE:
        kind = Alarm.Kind.COVERAGE
        breach = (
            f"Losses passed the 99 % value at risk of {used.name} {found} times in {chances}; {chances * SHARE:.1f} are"
            f" right, and so many are seen by luck with a probability of {chance:.1g}."
        )
    return Health(
        line=line,
        version=used,
        drifts=tuple(drifts),
        hits=found,
        expected=chances * SHARE,
        chance=chance,
        kind=kind,
        breach=breach,
    )


def _hits(scored: Record) -> np.ndarray:
    """Return the (D, C) hits of value at risk by day and series, NaN where there was none."""
    told = [
        {(asset, name): hit for asset, row in scored[at].items() for name, hit in row.hits.items()}
        for at in sorted(scored)
    ]
    series = sorted({key for day in told for key in day if key[1].startswith(VAR)})
    return np.array([[float(day.get(key, np.nan)) for key in series] for day in told]).reshape(len(told), len(series))
