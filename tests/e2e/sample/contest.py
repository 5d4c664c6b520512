"""A sample line of the league's models: its baseline, a champion that passed the gate, forecasts and their outcomes."""

from __future__ import annotations

import math
import random

from django.utils import timezone

from forecasting.models import Alarm, Dataset, Decision, Forecast, ModelVersion, Score
from tests.e2e.sample.base import DAY, HEAD_TIME, hash_of

LINE = "binance:BTC,ETH"
ASSETS = ("BTC", "ETH")
DAYS = 40


def contest(rng: random.Random, dataset: Dataset) -> ModelVersion:
    """Return the champion."""
    baseline, champion = (_version(name, dataset) for name in ("log_har", "champion"))
    common = {"line": LINE, "moment": HEAD_TIME - DAYS * DAY}
    Decision.objects.create(version=baseline, kind="first", reason="The line begins.", actor="gate", **common)
    Decision.objects.create(version=champion, kind="promoted", reason="It lost 14 % less.", actor="gate", **common)
    for ago in range(DAYS, -1, -1):
        variance = 0.0008 * math.exp(rng.gauss(0, 0.3))
        forecast = Forecast.objects.create(
            model_version=champion,
            kind="variance",
            reserve=None,
            made_at=HEAD_TIME - ago * DAY,
            block_number=0,
            horizon_hours=24,
            body={"assets": dict.fromkeys(ASSETS, _said(variance)), "role": "champion"},
        )
        for asset in ASSETS if ago else ():
            _score(forecast, asset, variance, rng)
    Alarm.objects.create(line=LINE, kind="drift", detail="It lost more than usual.", resolved_at=timezone.now())
    return champion


def _version(name: str, dataset: Dataset) -> ModelVersion:
    row = {"model": 0.33, "baseline": 0.39, "ratio": 0.85, "low": 0.78, "high": 0.93, "worst": 9.1, "n": 400}
    return ModelVersion.objects.create(
        deployment=None,
        kind="variance",
        name=name,
        line=LINE,
        dataset=dataset,
        code_version=hash_of("code")[2:],
        lock_hash=hash_of("lock")[2:],
        seed=1,
        features=["variance_1", "variance_7", "weekend"],
        artifact_hash=hash_of(name),
        evidence_hash=hash_of(f"{name} past"),
        metrics={
            "loss": "qlike",
            "baseline": "log_har",
            "assets": [],
            "horizons": {
                period: [{"symbol": asset, **row, "beats": period == "1d"} for asset in ASSETS]
                for period in ("30d", "1d", "7d")
            },
        },
        verdict="not_used",
        created_timestamp=HEAD_TIME - DAYS * DAY,
    )


def _said(variance: float) -> dict[str, float]:
    wide = 2.6 * math.sqrt(variance)
    return {
        "variance": variance,
        "volatility": math.sqrt(variance * 365),
        "var99_long": wide,
        "var99_short": wide * 0.95,
        "es975_long": wide * 1.1,
    }


def _score(forecast: Forecast, asset: str, variance: float, rng: random.Random) -> None:
    came = variance * math.exp(rng.gauss(-0.1, 0.5))
    ratio = came / variance
    Score.objects.create(
        forecast=forecast,
        asset=asset,
        expected=variance,
        realised=came,
        qlike=ratio - math.log(ratio) - 1,
        change=math.sqrt(came) * rng.gauss(0, 1),
        hits={"var99_long": rng.random() < 0.05, "var99_short": False},
        known_at=forecast.made_at + DAY,
    )
