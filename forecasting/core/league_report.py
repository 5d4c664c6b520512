"""What a league's forecasts are worth: losses with intervals, tests of who is better, and the tails that follow.

Models are compared on the days that all of them forecast. Spans of several days begin on every day and end within the
scored window, so that nothing after it decides a score.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

import numpy as np

from forecasting.core.book import Flags, Floats
from forecasting.core.days import DAY
from forecasting.core.league import CHAMPION, HORIZONS, Data, Horizon, Job, Plan, rows
from forecasting.core.realised import Stamps
from forecasting.core.scoring import BLOCK_DAYS, dm_test, mcs, mincer_zarnowitz, mse, qlike, resampled
from forecasting.core.scoring.verdicts import MINIMUM
from forecasting.core.tail_report import Scored, tails_body
from forecasting.core.volatility.base import rounded

type Body = dict[str, Any]
type Scores = dict[str, dict[str, float | int | str]]

FIELD = "garch_t"  # what the field uses
PLAIN = "log_har"  # what is fallen back to
INTERVAL = (0.05, 0.95)
PART = 0.5  # of the days of the fullest model: who forecast fewer is not scored, and shortens nobody's window


def report(
    plan: Plan, data: Data, forecasts: Mapping[Job, Floats], *, unfinished: Mapping[Job, int] | None = None
) -> Body:
    """Return the result of a backtest, ready for JSON; numbers have ten digits.

    Parameters
    ----------
    plan : Plan
    data : Data
    forecasts : mapping of Job to (D, A) floats
        As `forecasting.core.league.walked` gave them.
    unfinished : mapping of Job to int, or None
        Fits whose search did not end by itself; None: not counted.

    Returns
    -------
    dict
        ``horizons`` (by horizon, asset and model: losses), ``mean`` (over assets), ``dm``, ``mcs``,
        ``mincer_zarnowitz``, and of days ``var99``, ``var975_es``, ``basket``, ``pit``, ``regime`` and ``series``. What
        cannot be scored for lack of days is left out, and ``left_out`` lists it: ``horizon``, ``asset``, ``model``
        ("": all of them), ``why``. ``not_converged``: by horizon and model, the fits that did not end by themselves.
    """
    body: Body = {
        "kind": "volatility",
        "assets": list(plan.assets),
        "days": plan.last - plan.first + 1,
        "from": date(int(data.days.ends[plan.first]) - DAY),
        "to": date(int(data.days.ends[plan.last]) - DAY),
        "span": data.days.span,
        "seed": plan.seed,
        **{name: {} for name in ("horizons", "mean", "dm", "mcs", "mincer_zarnowitz", "not_converged")},
        "left_out": [],
    }
    for job, count in (unfinished or {}).items():
        if count:
            body["not_converged"].setdefault(job.horizon, {})[job.model] = count
    for name in plan.horizons:
        made = {job.model: found for job, found in forecasts.items() if job.horizon == name}
        scores = _horizon(HORIZONS[name], made, plan=plan, data=data)
        body["left_out"] += scores.pop("left_out")
        for part, found in scores.items():
            body[part][name] = found
    daily = {job.model: found for job, found in forecasts.items() if job.horizon == "1d"}
    if CHAMPION in daily:
        scored = Scored(first=plan.first, last=plan.last, champion=daily[CHAMPION], field=daily.get(FIELD))
        body |= tails_body(data.days.until(plan.last + 1), scored)
        untold = [asset for asset in plan.assets if asset not in body["var99"]["by_cell"]]
        why = f"fewer than {MINIMUM} days have a value at risk of every method"
        body["left_out"] += [_left("1d", asset, "", why) for asset in untold]
    result: Body = _short(body)
    return result


def date(stamp: int) -> str:
    """Return the UTC date of unix seconds."""
    return datetime.fromtimestamp(stamp, tz=UTC).date().isoformat()


def _horizon(horizon: Horizon, made: Mapping[str, Floats], *, plan: Plan, data: Data) -> Body:
    """Return every part of the result that has horizons, by asset."""
    table = data.table(horizon)
    begin, last = rows(horizon, data=data, plan=plan)
    first = plan.first if horizon.row == DAY else begin
    window = slice(first, last + 1)
    realised = table.until(last + 1).ahead(horizon.steps)[window]
    starts = table.ends[window] - horizon.row
    found: dict[str, dict[str, Any]] = {name: {} for name in ("horizons", "dm", "mcs", "mincer_zarnowitz")}
    left_out = []
    for column, asset in enumerate(plan.assets):
        told = {model: values[window, column] for model, values in made.items()}
        known = {model: np.isfinite(realised[:, column]) & np.isfinite(values) for model, values in told.items()}
        models, both = common(known)
        for model in sorted(known.keys() - set(models)) if models else [""]:
            days = int(known[model].sum() if model else max((days.sum() for days in known.values()), default=0))
            why = f"{days} of its forecasts have an outcome" if model else f"no model has more than {days} of them"
            left_out.append(_left(horizon.name, asset, model, f"{why}; too few to compare"))
        kept = {model: told[model][both] for model in models}
        scores = _asset(horizon, realised[both, column], kept, starts=starts[both], seed=plan.seed) if models else {}
        for part, value in scores.items():
            found[part][asset] = value
    return {**found, "mean": means(found["horizons"]), "left_out": left_out}


def common(known: Mapping[str, Flags]) -> tuple[list[str], Flags]:
    """Return the models that are compared, and the days that all of them have; none when these are under `MINIMUM`.

    Who has forecast less than half as many days as the fullest stays out, and so do, those with the fewest first, as
    many as it takes to leave the others days enough.
    """
    fullest = max((int(days.sum()) for days in known.values()), default=0)
    models = [model for model, days in known.items() if days.sum() >= max(PART * fullest, MINIMUM)]
    while models:
        both: Flags = np.logical_and.reduce([known[model] for model in models])
        if both.sum() >= MINIMUM:
            return models, both
        models.remove(min(models, key=lambda model: int(known[model].sum())))
    return [], np.zeros(0, dtype=np.bool_)


def _left(horizon: str, asset: str, model: str, why: str) -> dict[str, str]:
    return {"horizon": horizon, "asset": asset, "model": model, "why": why}


def _asset(horizon: Horizon, outcome: Floats, kept: Mapping[str, Floats], *, starts: Stamps, seed: int) -> Body:
    """Return the parts of one asset, from the days that all of its models have."""
    steps, losses = horizon.steps, {model: qlike(outcome, values) for model, values in kept.items()}
    block = max(BLOCK_DAYS * DAY // horizon.row, 2 * steps)
    intervals = np.quantile(
        resampled(np.stack(list(losses.values()), axis=1), seed=seed, block=block), INTERVAL, axis=0
    )
    return {
        "horizons": {
            model: _summary(losses[model], starts=starts)
            | {"low": low, "high": high, "mse": float(mse(outcome, kept[model]).mean())}
            for model, low, high in zip(losses, *intervals.tolist(), strict=True)
        },
        "dm": {
            f"{CHAMPION}_vs_{rival}": asdict(dm_test(losses[CHAMPION], losses[rival], horizon=steps))
            for rival in (FIELD, PLAIN)
            if CHAMPION in losses and rival in losses
        },
        "mcs": dict(mcs(losses, seed=seed, block=block).p),
        "mincer_zarnowitz": {
            model: asdict(mincer_zarnowitz(outcome, values, horizon=steps))
            for model, values in kept.items()
            if np.ptp(values) > 0 and np.ptp(outcome) > 0
        },
    }


def _summary(losses: Floats, *, starts: Stamps) -> dict[str, float | int | str]:
    """Return mean, median and worst of (n,) losses: one day can decide a mean."""
    worst = int(losses.argmax())
    return {
        "qlike": float(losses.mean()),
        "median": float(np.median(losses)),
        "trimmed": float(np.delete(losses, worst).mean()),
        "worst": float(losses[worst]),
        "worst_day": date(int(starts[worst])),
        "n": losses.size,
    }


def means(by_asset: Mapping[str, Mapping[str, Mapping[str, Any]]]) -> Scores:
    """Return each model's means over the assets on which it was scored, and its ratios to `FIELD` there.

    Returns
    -------
    dict
        By model: ``qlike``; and where `FIELD` was scored ``ratio`` (of the means), ``mean_ratio`` (mean of each asset's
        ratio, where a volatile asset weighs no more) and ``without_worst_day`` (the same with every model's worst day
        of each asset left out); ``n`` assets.
    """
    found: Scores = {}
    for model in dict.fromkeys(name for models in by_asset.values() for name in models):
        rows_of = [models[model] for models in by_asset.values() if model in models]
        found[model] = {"qlike": _mean(rows_of, "qlike"), "n": len(rows_of)}
        pairs = [(models[model], models[FIELD]) for models in by_asset.values() if {model, FIELD} <= models.keys()]
        if pairs:
            ours, theirs = [pair[0] for pair in pairs], [pair[1] for pair in pairs]
            found[model] |= {
                "ratio": _mean(ours, "qlike") / _mean(theirs, "qlike"),
                "mean_ratio": float(np.mean([a["qlike"] / b["qlike"] for a, b in pairs])),
                "without_worst_day": float(np.mean([a["trimmed"] / b["trimmed"] for a, b in pairs])),
            }
    return found


def _mean(found: list[Mapping[str, Any]], name: str) -> float:
    return float(np.mean([row[name] for row in found]))


def _short(value: Any) -> Any:  # noqa: ANN401 - any JSON
    """Return JSON with floats of ten digits, and None for what is no number."""
    if isinstance(value, float):
        return rounded(value) if np.isfinite(value) else None
    if isinstance(value, dict):
        return {name: _short(part) for name, part in value.items()}
    return [_short(part) for part in value] if isinstance(value, list | tuple) else value
