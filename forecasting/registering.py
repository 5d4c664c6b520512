"""What a training leaves in the registry: two versions and their forecasts, in canonical form."""

from __future__ import annotations

from dataclasses import asdict
from functools import partial
from math import isfinite

from forecasting import artifacts
from forecasting.core import reporting
from forecasting.core.book import USD
from forecasting.core.scoring import Comparison
from forecasting.core.walkforward import BASELINE, CHALLENGER, pooled
from forecasting.fitting import Trained
from forecasting.models import Forecast, ModelVersion, Reserve
from governance.version import code_version, lock_hash


def register(trained: Trained, *, publish: bool = True) -> ModelVersion:
    """Write both versions and, to ``publish``, their forecasts; what is known already is left as it is.

    Return the cascade version.
    """
    said = contents(trained)
    volatility = _version(
        trained,
        said[ModelVersion.Kind.VOLATILITY],
        metrics=_volatility_metrics(trained),
        good=CHALLENGER in trained.used,
    )
    cascade = _version(
        trained,
        said[ModelVersion.Kind.CASCADE],
        metrics=_cascade_metrics(trained),
        good=not _worse(trained),
        parent=volatility,
    )
    if publish:
        _forecasts(trained, volatility=volatility, cascade=cascade)
    return cascade


def _forecasts(trained: Trained, *, volatility: ModelVersion, cascade: ModelVersion) -> None:
    for r, reserve in enumerate(trained.frozen.reserves):
        price = float(trained.frozen.grid.prices[-1, r]) / USD
        body = reporting.volatility_body(trained.scenarios, asset=r, price=price)
        _forecast(trained, version=volatility, reserve=reserve, body={**body, "model": trained.used[r]})
    body = reporting.cascade_body(trained.estimate, amplification=trained.amplification)
    _forecast(trained, version=cascade, reserve=None, body=body)


def contents(trained: Trained) -> dict[str, artifacts.Content]:
    """Return what the artifacts of both versions say, by kind."""
    say = partial(
        artifacts.content_of,
        dataset=trained.frozen.dataset.hash,
        seed=trained.seed,
        config=trained.config.as_dict(),
    )
    volatility = say(kind=ModelVersion.Kind.VOLATILITY, name=CHALLENGER, parameters=_volatility_parameters(trained))
    beneath = artifacts.content_hash(artifacts.pack(volatility))
    cascade = say(
        kind=ModelVersion.Kind.CASCADE,
        name="filtered-simulation",
        parameters={"volatility": beneath, "assets": _depth_parameters(trained)},
    )
    return {ModelVersion.Kind.VOLATILITY: volatility, ModelVersion.Kind.CASCADE: cascade}


def _version(
    trained: Trained,
    content: artifacts.Content,
    *,
    metrics: dict[str, object],
    good: bool,
    parent: ModelVersion | None = None,
) -> ModelVersion:
    packed = artifacts.pack(content)
    version, _ = ModelVersion.objects.get_or_create(
        deployment=trained.snapshot.deployment,
        kind=content["kind"],
        artifact_hash=artifacts.content_hash(packed),
        code_version=code_version(),
        defaults={
            "name": content["name"],
            "dataset": trained.frozen.dataset,
            "lock_hash": lock_hash(),
            "seed": trained.seed,
            "config": content["config"],
            "parameters": content["parameters"],
            "metrics": metrics,
            "verdict": ModelVersion.Verdict.CHAMPION if good else ModelVersion.Verdict.NOT_USED,
            "created_timestamp": trained.snapshot.timestamp,
            "parent": parent,
        },
    )
    artifacts.store(version, content=packed)
    return version


def _forecast(trained: Trained, *, version: ModelVersion, reserve: Reserve | None, body: dict[str, object]) -> None:
    Forecast.objects.get_or_create(
        model_version=version,
        kind=version.kind,
        reserve=reserve,
        made_at=trained.snapshot.timestamp,
        horizon_hours=trained.config.horizon_hours,
        defaults={"block_number": trained.snapshot.block_number, "body": body},
    )


def _volatility_parameters(trained: Trained) -> dict[str, object]:
    return {
        "assets": [
            {
                "symbol": reserve.symbol,
                "address": reserve.address,
                "used": trained.used[r],
                "fits": {name: fitted.parameters for name, fitted in trained.fits[r].items()},
            }
            for r, reserve in enumerate(trained.frozen.reserves)
        ]
    }


def _volatility_metrics(trained: Trained) -> dict[str, object]:
    return {
        "loss": "qlike",
        "model": CHALLENGER,
        "baseline": BASELINE,
        "days": int(trained.frozen.panel.ends.size),
        "assets": [
            {"symbol": reserve.symbol, "address": reserve.address, "used": used, **_numbers(comparison)}
            for reserve, used, comparison in zip(
                trained.frozen.reserves, trained.used, trained.comparisons, strict=True
            )
        ],
    }


def _depth_parameters(trained: Trained) -> list[dict[str, object]]:
    return [
        {"symbol": reserve.symbol, "address": reserve.address, "depth": round(depth, 2) if isfinite(depth) else None}
        for reserve, depth in zip(trained.frozen.reserves, map(float, trained.depth), strict=True)
    ]


def _cascade_metrics(trained: Trained) -> dict[str, object]:
    return {
        "loss": "crps",
        "baseline": "normal random walk with EWMA variance",
        "pooled": _numbers(pooled(trained.scores, seed=trained.seed)),
        "assets": [
            {
                "symbol": reserve.symbol,
                "address": reserve.address,
                **_numbers(score.crps),
                "weeks": len(score.ranks),
                "below": score.below,
                "above": score.above,
                "ranks": [round(rank, 4) for rank in score.ranks],
            }
            for reserve, score in zip(trained.frozen.reserves, trained.scores, strict=True)
        ],
    }


def _numbers(comparison: Comparison | None) -> dict[str, object]:
    if comparison is None:
        return {"n": 0, "beats": False}
    return {**{k: round(v, 8) for k, v in asdict(comparison).items()}, "beats": comparison.beats}


def _worse(trained: Trained) -> bool:
    """Return whether the scenarios did worse than the baseline by more than luck; no evidence is no reproach."""
    found = pooled(trained.scores, seed=trained.seed)
    return found is not None and found.low > 1.0
