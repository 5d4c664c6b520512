"""Whether the realised loss of the model in use has drifted at one horizon; the rules: `forecasting.monitoring`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from forecasting.competing import BASELINE
from forecasting.core.admission import losses
from forecasting.core.days import DAY
from forecasting.core.league import HORIZONS
from forecasting.models import Decision, ModelVersion, Score
from forecasting.pasts import Past, daily
from forecasting.shadows import hours_of

RECENT = 30  # scored days that drift is seen by
FEWEST = 10  # scored days, below which nothing is said
UNUSUAL = 0.99  # of the spans out of sample, above which a mean loss is a breach

type Record = Mapping[int, Mapping[str, Score]]  # by time of the outcome and asset


@dataclass(frozen=True, slots=True, kw_only=True)
class Drift:
    """Realised loss at one horizon.

    Attributes
    ----------
    horizon : str
    days : int
        Scored days of the model, whichever of its versions made the forecast.
    loss, limit, baseline_loss : float or None
        Mean QLIKE of its last days, what 99 % of spans out of sample stayed below, and the baseline's on those of the
        days that it has; None: too few days.
    breach : str
        One sentence; empty: none.
    """

    horizon: str
    days: int
    loss: float | None = None
    limit: float | None = None
    baseline_loss: float | None = None
    breach: str = ""


def drift_of(horizon: str, past: Past, *, used: ModelVersion, appointed: Decision) -> Drift:
    """Return the realised loss of the model in use at a horizon."""
    ours = record(used.line, name=used.name, horizon=horizon, since=appointed.moment)
    if len(ours) < FEWEST:
        return Drift(horizon=horizon, days=len(ours))
    recent = sorted(ours)[-RECENT:]
    theirs = record(used.line, name=BASELINE, horizon=horizon, since=appointed.moment, moments=recent)
    both = [at for at in recent if at in theirs and ours[at].keys() & theirs[at].keys()]
    shared = [set(ours[at]) & set(theirs[at]) for at in both]
    loss, limit = _mean([ours[at] for at in recent]), _limit(past, horizon=horizon, span=len(recent), used=appointed)
    same = baseline = None
    if len(both) >= FEWEST and used.name != BASELINE:
        same, baseline = (_mean([one[at] for at in both], shared) for one in (ours, theirs))
    breach = ""
    if limit is not None and loss > limit and not (same is not None and baseline is not None and same <= baseline):
        against = f", and {BASELINE} lost {baseline:.3f}" if baseline is not None else ""
        breach = (
            f"{used.name} lost {loss:.3f} (QLIKE) a day lately, {horizon} ahead; out of sample 99 % of such spans"
            f" stayed below {limit:.3f}{against}."
        )
    return Drift(horizon=horizon, days=len(ours), loss=loss, limit=limit, baseline_loss=baseline, breach=breach)


def record(line: str, *, name: str, horizon: str, since: int, moments: Sequence[int] | None = None) -> Record:
    """Return the scores of a model's forecasts that are at least a day apart, or those of certain moments."""
    rows = Score.objects.filter(
        forecast__model_version__line=line,
        forecast__model_version__name=name,
        forecast__horizon_hours=hours_of(HORIZONS[horizon]),
        known_at__gt=since,
    )
    found: dict[int, dict[str, Score]] = {}
    last = None
    for row in rows.order_by("known_at", "asset", "pk"):
        wanted = row.known_at in moments if moments is not None else last is None or row.known_at - last >= DAY
        if wanted or row.known_at == last:
            found.setdefault(row.known_at, {})[row.asset] = row
            last = row.known_at
    return found


def _mean(days: Sequence[Mapping[str, Score]], shared: Sequence[set[str]] | None = None) -> float:
    """Return the mean over days of the mean loss over assets, or over those that are shared."""
    kept = shared or [set(day) for day in days]
    return float(np.mean([np.mean([day[name].qlike for name in names]) for day, names in zip(days, kept, strict=True)]))


def _limit(past: Past, *, horizon: str, span: int, used: Decision) -> float | None:
    """Return what the mean loss of `UNUSUAL` of all spans out of sample stayed below; None: not even two spans."""
    held = daily(past, moment=used.version.created_timestamp, row=HORIZONS[horizon].row)
    kept = losses(held.forecast, other=held.forecast, realised=held.realised)
    kept = kept[np.isfinite(kept)]
    if kept.size < 2 * span:
        return None
    return float(np.quantile(np.lib.stride_tricks.sliding_window_view(kept, span).mean(axis=1), UNUSUAL))
