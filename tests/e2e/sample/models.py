"""The sample models and their forecasts."""

from __future__ import annotations

import math
import random
from typing import Any

from forecasting import artifacts
from forecasting.models import Dataset, Forecast, ModelVersion, Reserve, TrainingRun
from governance.models import Deployment
from tests.e2e.sample.base import DAY, HEAD, HEAD_TIME, RESERVES, START, hash_of

LEVELS = (0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99)
DEPTH = 40e6  # USD, of what liquidations move
NORMAL = (-2.326, -1.645, -0.674, 0.0, 0.674, 1.645, 2.326)


def models(
    market: Deployment, reserves: list[Reserve], paths: list[list[float]], rng: random.Random
) -> tuple[ModelVersion, ModelVersion]:
    dataset = Dataset.objects.create(
        hash=hash_of("dataset"),
        kind="hourly-prices",
        first_timestamp=START,
        last_timestamp=HEAD_TIME,
        rows=5 * HEAD,
        block_number=HEAD,
        coverage_digest=hash_of("digest"),
        facts={"deployment": market.pk, "symbols": [reserve.symbol for reserve in reserves]},
    )
    common: dict[str, Any] = {
        "deployment": market,
        "dataset": dataset,
        "code_version": hash_of("code")[2:],
        "lock_hash": hash_of("lock")[2:],
        "seed": 1,
        "created_timestamp": HEAD_TIME,
        "config": {"horizon_hours": 168, "paths": 2_000},
    }
    scores = [
        {
            "symbol": r.symbol,
            "used": "har" if r.index < 3 else "ewma",
            "model": 0.61 + r.index / 50,
            "baseline": 0.68 + r.index / 90,
            "ratio": (0.61 + r.index / 50) / (0.68 + r.index / 90),
            "low": 0.86 + r.index / 40,
            "high": 0.95 + r.index / 40,
            "median_ratio": 0.93,
            "n": 290,
            "beats": r.index < 3,
        }
        for r in reserves
    ]
    volatility = ModelVersion.objects.create(
        kind="volatility",
        name="har",
        artifact_hash=hash_of("har"),
        verdict="champion",
        parameters={"assets": []},
        metrics={"loss": "qlike", "model": "har", "baseline": "ewma", "days": 380, "assets": scores},
        **common,
    )
    depths = {"assets": [{"symbol": r.symbol, "depth": DEPTH if r.index < 3 else None} for r in reserves]}
    content = artifacts.content_of(
        kind="cascade",
        name="filtered-simulation",
        dataset=dataset.hash,
        seed=common["seed"],
        config=common["config"],
        parameters=depths,
    )
    cascade = ModelVersion.objects.create(
        kind="cascade",
        name="filtered-simulation",
        artifact_hash=artifacts.content_hash(artifacts.pack(content)),
        verdict="champion",
        parent=volatility,
        parameters=depths,
        metrics={
            "loss": "crps",
            "baseline": "normal random walk with EWMA variance",
            "assets": [{**score, "weeks": 41, "below": 2, "above": 1} for score in scores],
        },
        **common,
    )
    TrainingRun.objects.create(
        kind="cascade", key=hash_of("run"), status="done", progress=100, message="registered", model_version=cascade
    )
    TrainingRun.objects.create(
        kind="cascade", key=hash_of("run 2"), status="running", progress=42, message="walking WBTC forward"
    )
    for reserve, path, (_, _, _, daily, *_rest) in zip(reserves, paths, RESERVES, strict=True):
        for ago in (0, 5, 12):  # days
            Forecast.objects.create(
                model_version=volatility,
                kind="volatility",
                reserve=reserve,
                made_at=HEAD_TIME - ago * DAY,
                block_number=HEAD - ago * 24,
                horizon_hours=168,
                body=_volatility_body(path[HEAD - ago * 24], daily),
            )
    Forecast.objects.create(
        model_version=cascade,
        kind="cascade",
        reserve=None,
        made_at=HEAD_TIME,
        block_number=HEAD,
        horizon_hours=168,
        body=_cascade_body(rng),
    )
    return volatility, cascade


def _volatility_body(price: float, daily: float) -> dict[str, object]:
    year = daily * math.sqrt(365)
    hours = list(range(6, 169, 6))
    return {
        "price": price,
        "levels": list(LEVELS),
        "days": [
            {"day": day, "expected": year * 0.9, "quantiles": [year * 0.9 * math.exp(0.35 * z) for z in NORMAL]}
            for day in range(1, 8)
        ],
        "volatility": [year * 0.9 * math.exp(0.25 * z) for z in NORMAL],
        "percentiles": [year * (0.5 + i / 100) for i in range(101)],
        "fan": {
            "hours": hours,
            "quantiles": [[price * math.exp(z * daily * math.sqrt(hour / 24)) for hour in hours] for z in NORMAL],
        },
        "ends": {"hours": 168, "days": 7},
        "model": "har",
    }


def _loss(sample: list[float]) -> dict[str, object]:
    ordered = sorted(sample)
    width = ordered[-1] / 24
    tail = ordered[-20:]

    def estimate(value: float, spread: float) -> dict[str, float]:
        return {"value": value, "low": value * (1 - spread), "high": value * (1 + spread)}

    share = sum(value > 1 for value in sample) / len(sample)
    return {
        "positive": estimate(share, 0.08),
        "mean": estimate(sum(sample) / len(sample), 0.07),
        "var95": estimate(ordered[int(0.95 * len(ordered))], 0.09),
        "es99": estimate(sum(tail) / len(tail), 0.15),
        "maximum": ordered[-1],
        "threshold": 1.0,
        "percentiles": [ordered[min(i * len(ordered) // 100, len(ordered) - 1)] for i in range(101)],
        "histogram": {
            "counts": [sum(width * i <= value < width * (i + 1) for value in sample) for i in range(24)],
            "edges": [width * i for i in range(25)],
        },
    }


def _cascade_body(rng: random.Random) -> dict[str, object]:
    liquidated = [math.exp(rng.gauss(12.6, 1.2)) for _ in range(2_000)]
    bad_debt = [math.exp(rng.gauss(9.0, 1.4)) if rng.random() < 0.031 else 0.0 for _ in range(2_000)]
    return {
        "paths": 2_000,
        "bad_debt": _loss(bad_debt),
        "liquidated": _loss(liquidated),
        "borrower_loss": _loss([value * 0.07 for value in liquidated]),
        "backlog": {"value": 1_240.0, "low": 900.0, "high": 1_600.0},
        "toxic": {"value": 310.0, "low": 120.0, "high": 560.0},
        "events": {"value": 6.2, "low": 5.9, "high": 6.5},
        "borrowed": 124_500_000.0,
        "borrow_capacity": 161_200_000.0,
        "amplification": 1.08,
        "response": "amounts",
    }
