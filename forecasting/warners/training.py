"""Trains the models of a line of warnings: walked forward, fitted to everything, registered, put to the gate."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from django.db import transaction

from forecasting import artifacts, gate, hourly_features, runs
from forecasting.core.book import Floats
from forecasting.core.realised import Stamps
from forecasting.core.warning import competitors, scores
from forecasting.core.warning.competitors import BASELINE, CONTENDER, NAMES, PLAIN, Fitted
from forecasting.core.warning.events import MAIN, Target, episodes, outcomes
from forecasting.core.warning.features import Hours
from forecasting.core.warning.walkforward import Forecasts
from forecasting.hourly_features import Prepared
from forecasting.models import ModelVersion, TrainingRun
from forecasting.warners import plans
from forecasting.warners.plans import Plan
from governance.version import code_version, lock_hash

type Progress = Callable[[int, int, str], None]

DIGITS = 8


def wanted(plan: Plan, *, seed: int) -> dict[str, Any]:
    """Return what a training is asked for with, JSON-ready, and refuse now what would fail then.

    Raises
    ------
    InputError, DataError
        When there is nothing to learn, or it must not be computed on.
    """
    found = plan.read()
    plans.protocol(found.hours, plan.target)
    return {
        "line": plan.line,
        "chosen": {name: plan.chosen[name] for name in hourly_features.KEYS},
        "hours": plan.target.hours,
        "usd": plan.target.usd,
        "until": plan.until,
        "seed": seed,
        "dataset": found.dataset.hash,
    }


def train(run: TrainingRun) -> ModelVersion:
    """Train and register the models of a line, and end the run; return the contender's version."""
    asked = run.request
    plan = Plan(chosen=asked["chosen"], target=plans.target_of(asked), until=asked["until"])
    found = plan.read()
    told = runs.teller(run, 0, 99)
    made = [(name, *compete(name, found.hours, plan.target, seed=asked["seed"], progress=told)) for name in NAMES]
    with transaction.atomic():
        versions = register(plan, found, made, seed=asked["seed"])
        contender = next(version for version in versions if version.name == CONTENDER)
        runs.end(run, contender)
    return contender


def compete(
    name: str, hours: Hours, target: Target, *, seed: int, progress: Progress = lambda *_: None
) -> tuple[Fitted, Forecasts]:
    """Return a model fitted to everything, and what it forecast of hours that it had not seen.

    Raises
    ------
    TooShort, GapInData
        When there is too little to learn from.
    """
    plan, table = plans.protocol(hours, target), plans.features(hours, target)
    blocks, at = len(plan.blocks()), NAMES.index(name)
    done = 0

    def tick() -> None:
        nonlocal done
        progress(at * blocks + done, len(NAMES) * blocks, f"{name} {target.name}")
        done += 1

    seen = competitors.walk(name, table, plan, hours=hours, seed=seed, tick=tick)
    return competitors.fit(name, table, plan, hours=hours, past=seen, seed=seed), seen


@transaction.atomic
def register(
    plan: Plan, found: Prepared, made: list[tuple[str, Fitted, Forecasts]], *, seed: int
) -> tuple[ModelVersion, ...]:
    """Write the versions of a competition and what the gate decides; what is known already is left as it is."""
    rival = next(_evidence(found.hours, plan.target, past) for name, _, past in made if name == BASELINE)
    versions = [_version(plan, found, fitted, past, rival=rival, seed=seed) for _, fitted, past in made]
    gate.settle(versions)
    return tuple(versions)


def refit(version: ModelVersion) -> str:
    """Fit a version again from its dataset, configuration and seed; return the content hash of what comes out.

    Raises
    ------
    StaleData
        When the rows of its dataset are no longer there as they were.
    """
    found = hourly_features.load(version.dataset)
    plan = plans.plan_of(version.config, version.dataset)
    fitted, past = compete(version.name, found.hours, plan.target, seed=version.seed)
    evidence = artifacts.pack(_evidence(found.hours, plan.target, past, name=version.name))
    return artifacts.content_hash(_content(plan, found, fitted, evidence=evidence, seed=version.seed))


def _content(plan: Plan, found: Prepared, fitted: Fitted, *, evidence: bytes, seed: int) -> bytes:
    content = artifacts.content_of(
        kind=ModelVersion.Kind.WARNING,
        name=fitted.name,
        dataset=found.dataset.hash,
        seed=seed,
        config=plan.config,
        parameters={**fitted.learnt, "out_of_sample": artifacts.content_hash(evidence)},
    )
    return artifacts.pack(content)


def _version(
    plan: Plan, found: Prepared, fitted: Fitted, past: Forecasts, *, rival: Mapping[str, Any], seed: int
) -> ModelVersion:
    told = _evidence(found.hours, plan.target, past, name=fitted.name)
    evidence = artifacts.pack(told)
    packed = _content(plan, found, fitted, evidence=evidence, seed=seed)
    version, _ = ModelVersion.objects.get_or_create(
        deployment=None,
        kind=ModelVersion.Kind.WARNING,
        artifact_hash=artifacts.content_hash(packed),
        code_version=code_version(),
        defaults={
            "name": fitted.name,
            "line": plan.line,
            "dataset": found.dataset,
            "lock_hash": lock_hash(),
            "seed": seed,
            "config": plan.config,
            "parameters": artifacts.shown(artifacts.unpack(packed)["parameters"]),
            "features": [*fitted.columns, *fitted.stack.names],
            "evidence_hash": artifacts.content_hash(evidence),
            "metrics": metrics(told, rival, target=plan.target, fitted=fitted, seed=seed),
            "verdict": ModelVersion.Verdict.NOT_USED,  # whether it is used is told by the decisions
            "created_timestamp": int(found.hours.ends[found.hours.last]),
        },
    )
    artifacts.store(version, content=packed, evidence=evidence)
    return version


def _evidence(hours: Hours, target: Target, past: Forecasts, *, name: str = BASELINE) -> dict[str, Stamps | Floats]:
    """Return every hour that was forecast, with what it is ranked by and the outcome."""
    at = np.flatnonzero(np.isfinite(past.chance))
    return {
        "ends": hours.ends[at].astype("<i8"),
        "chance": past.chance[at],
        "score": (past.raw if name in PLAIN else past.chance)[at],
        "happened": outcomes(hours.liquidated, target)[at, MAIN],
    }


def metrics(
    ours: Mapping[str, Any], rival: Mapping[str, Any], *, target: Target, fitted: Fitted, seed: int
) -> dict[str, Any]:
    """Return how a model did on unseen hours, alone and against the baseline, JSON-ready."""
    ends, at, there = np.intersect1d(ours["ends"], rival["ends"], return_indices=True)
    came, chance, score = (ours[key][at] for key in ("happened", "chance", "score"))
    known = np.flatnonzero(np.isfinite(came))
    came, chance, score, other = came[known], chance[known], score[known], rival["chance"][there][known]
    found = episodes(came, hours=target.hours)
    mine, theirs = (chance - came) ** 2, (other - came) ** 2
    drawn = scores.resamples(came.size, found, seed=seed)
    ratios = np.array([mine[rows].mean() / max(theirs[rows].mean(), 1e-12) for rows in drawn])
    low, high = (float(np.quantile(ratios, level)) for level in scores.LEVELS)
    row = {
        "symbol": target.name,
        "used": fitted.name,
        "model": float(mine.mean()),
        "baseline": float(theirs.mean()),
        "ratio": float(mine.mean() / max(theirs.mean(), 1e-12)),
        "low": low,
        "high": high,
        "worst": float(mine.max()),
        "n": int(came.size),
    }
    numbers = {
        "pr_auc": scores.average_precision(came, score),
        "brier_skill": scores.brier_skill(came, chance),
        "ece": scores.calibration_error(came, chance),
        "base_rate": float(came.mean()),
    }
    return {
        "loss": "brier",
        "model": fitted.name,
        "baseline": BASELINE,
        "days": int(ends.size) // 24,
        "episodes": len(found),
        **{name: round(value, DIGITS) if np.isfinite(value) else None for name, value in numbers.items()},
        "judged": fitted.learnt.get("judged", []),
        "assets": [{**_rounded(row), "beats": high < 1.0}],
    }


def _rounded(row: Mapping[str, Any]) -> dict[str, Any]:
    return {name: round(value, DIGITS) if isinstance(value, float) else value for name, value in row.items()}
