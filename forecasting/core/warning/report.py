"""What a backtest of warnings says of each target: how good each forecast was, how sure that is, and its leak tests."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from forecasting.core.book import Floats
from forecasting.core.realised import Stamps
from forecasting.core.warning import competitors, pictures, scores, stacking
from forecasting.core.warning.events import MAIN, Episode, episodes, outcomes
from forecasting.core.warning.features import Hours
from forecasting.core.warning.walkforward import Forecasts, Protocol

MODEL = "model"
BASELINES: Mapping[str, tuple[str, ...]] = {
    "persistence": ("met",),
    "recent": ("liquidated_24h",),
    "ewma": ("volatility",),
    "two_feature": ("liquidated_24h", "volatility"),
}
PARTS: Mapping[str, tuple[str, ...]] = {"structural": ("reach", "pressure")}
MEANING: Mapping[str, str] = {
    MODEL: "the model: two regressions on all features, calibrated on past forecasts",
    "boosted": "the challenger: boosted trees on the same features",
    "structural": "a part of the model: what hangs below the price, and how large the market is",
    "persistence": "baseline: whether the same came true within the last hours",
    "recent": "baseline: USD liquidated in the last 24 hours",
    "ewma": "baseline: volatility, weighted average of a day's half-life",
    "two_feature": "baseline: both",
}
TEST_DIGITS = 6


def target(protocol: Protocol, forecasts: Mapping[str, Forecasts], *, hours: Hours, seed: int) -> dict[str, Any]:
    """Return what is said of one target.

    Parameters
    ----------
    protocol : Protocol
    forecasts : mapping of str to Forecasts
        By name; `MODEL` is one of them.
    hours : Hours
    seed : int
        Of the bootstrap.

    Notes
    -----
    All forecasts are scored on the same hours: those of the test whose outcome is known and that all of them forecast.
    """
    came = outcomes(hours.liquidated, protocol.target)[:, MAIN]
    inside = np.arange(*protocol.test)
    known = inside[np.isfinite(came[inside])]
    clear = known[np.all([np.isfinite(f.chance[known]) for f in forecasts.values()], axis=0)]
    happened = came[clear]
    found = episodes(happened, hours=protocol.target.hours)
    drawn = scores.resamples(clear.size, found, seed=seed)
    ranked = {name: f.raw[clear] for name, f in forecasts.items()}
    chances = {name: f.chance[clear] for name, f in forecasts.items()}
    sure = scores.intervals(happened, chances, ranked | {MODEL: chances[MODEL]}, drawn, MODEL)
    ranked[MODEL] = chances[MODEL]
    rows = {name: _row(happened, chances[name], ranked[name], found) | {"interval": sure[name]} for name in forecasts}
    return {
        "hours": protocol.target.hours,
        "usd": protocol.target.usd,
        "scored": int(clear.size),
        "abstained": int(known.size - clear.size),
        "unknown": int(inside.size - known.size),
        "events": int(happened.sum()),
        "base_rate": _number(happened.mean()) if clear.size else None,
        "episodes": len(found),
        "embargo_hours": protocol.embargo,
        "reliability": scores.reliability(happened, chances[MODEL]),
        "curves": {name: pictures.precision_recall(happened, ranked[name]) for name in forecasts},
        "timeline": pictures.timeline(chances[MODEL], found, at=clear, hours=hours, target=protocol.target),
        **rows,
    }


def series(
    protocol: Protocol, forecasts: Mapping[str, Forecasts], *, hours: Hours, ends: Stamps
) -> dict[str, list[Any]]:
    """Return what a chart shows: the highest probability of each day of the test, and whether the target came true."""
    came = outcomes(hours.liquidated, protocol.target)[:, MAIN]
    inside = np.arange(*protocol.test)
    days = ends[inside] // 86_400
    rows: dict[str, list[Any]] = {"days": [], "model": [], "happened": []}
    for day in np.unique(days):
        at = inside[days == day]
        rows["days"].append(int(day) * 86_400)
        rows["model"].append(_highest(forecasts[MODEL].chance[at]))
        rows["happened"].append(_highest(came[at]))
    return rows


def beside(protocol: Protocol, model: Forecasts, *, hours: Hours) -> list[dict[str, Any]]:
    """Return what past folds said of each extra feature before the last block of the test: used or not, and why."""
    came = outcomes(hours.liquidated, protocol.target)[:, MAIN]
    until, folds = protocol.known(protocol.blocks()[-1][0]), protocol.folds()
    found = stacking.learn(model.odds, hours.extras, came, folds=folds, until=until, hours=protocol.target.hours)
    return competitors.judged(found)


def leak_tests(shuffled: Floats, ahead: float, *, model: Mapping[str, Any]) -> dict[str, Any]:
    """Return the leak tests: shuffled outcomes must fall to the base rate, the next hour's features must help."""
    areas, bases = shuffled[:, 0], shuffled[:, 1]
    near = bool((areas < 1.5 * bases).all())
    helps = bool(model["pr_auc"] is not None and ahead > model["pr_auc"])
    return {
        "shuffled": {"pr_auc": [_number(v) for v in areas], "base_rate": [_number(v) for v in bases], "passed": near},
        "next_hour": {"pr_auc": _number(ahead), "passed": helps},
        "passed": near and helps,
    }


def _row(happened: Floats, chance: Floats, score: Floats, found: Sequence[Episode]) -> dict[str, Any]:
    worth = scores.warned(score, happened, found)
    leads = np.array(worth.leads, dtype=np.float64)
    return {
        "pr_auc": _number(scores.average_precision(happened, score)),
        "brier": _number(np.mean((chance - happened) ** 2)),
        "brier_skill": _number(scores.brier_skill(happened, chance)),
        "ece": _number(scores.calibration_error(happened, chance)),
        "ece_by_rank": _number(scores.calibration_error_by_rank(happened, chance)),
        "slope": _number(scores.slope(happened, chance)),
        "mean": _number(chance.mean()) if chance.size else None,
        "recall": _number(worth.recall),
        "precision": _number(worth.precision),
        "alert_budget": scores.BUDGET,
        "lead_hours": [int(lead) for lead in worth.leads],
        "median_lead_hours": _number(np.median(leads)) if leads.size else None,
    }


def _highest(values: Floats) -> float | None:
    known = values[np.isfinite(values)]
    return _number(known.max()) if known.size else None


def _number(value: float | np.floating[Any]) -> float | None:
    """Return a number as JSON has it; None where there is none."""
    return round(float(value), TEST_DIGITS) if np.isfinite(value) else None
