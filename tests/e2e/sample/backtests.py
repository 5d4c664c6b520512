"""A sample backtest: a result of the shape that `manage.py backtest volatility --json` prints."""

from __future__ import annotations

import math
import random
import zlib
from typing import Any

import numpy as np
from django.utils import timezone

from forecasting import artifacts
from forecasting.backtests import bench
from forecasting.models import BacktestRun, BacktestUnit, Dataset
from tests.e2e.sample.base import DAY, HEAD_TIME, hash_of

ASSETS = ("BTC", "ETH", "SOL", "BNB", "XRP")
DAYS = 420
QLIKE = {
    "ewma": 0.512,
    "garch_t": 0.452,
    "gjr_t": 0.457,
    "har": 0.412,
    "log_har": 0.397,
    "log_har_x": 0.341,
    "gamma_glm": 0.349,
    "boosted": 0.334,
    "pooled": 0.338,
    "hybrid": 0.329,
    "champion": 0.325,
}
METHODS = {"champion": (1.0, 2.39, 0.088), "garch_t": (0.7, 2.46, 0.1), "hs_250": (1.5, 2.58, 0.089)}


def volatility_result(rng: random.Random, *, days: int = DAYS) -> dict[str, Any]:
    """Return a result over `ASSETS`; the champion is the best but on XRP, where one day rules."""
    horizons = {period: {asset: _models(rng, i, days) for i, asset in enumerate(ASSETS)} for period in ("1d", "7d")}
    series = {asset: _series(rng, days) for asset in ASSETS}
    return {
        "kind": "volatility",
        "source": "binance",
        "assets": list(ASSETS),
        "days": days,
        "from": "2024-11-21",
        "to": "2026-01-15",
        "span": 1_800,
        "dataset": hash_of("bars"),
        "seed": 7,
        "content_hash": hash_of("backtest"),
        "horizons": horizons,
        "mean": {period: _means(rows) for period, rows in horizons.items()},
        "dm": {period: {asset: _tests(rng, asset) for asset in ASSETS} for period in horizons},
        "mcs": {period: {asset: {name: rng.random() for name in QLIKE} for asset in ASSETS} for period in horizons},
        "mincer_zarnowitz": {
            period: {
                asset: {
                    name: {"alpha": 1e-5, "beta": 0.97, "p": 0.21, "bias": 1.03, "r2": 0.41, "n": days}
                    for name in ("champion", "garch_t")
                }
                for asset in ASSETS
            }
            for period in horizons
        },
        "var99": _risk(days, series),
        "var975_es": _risk(days, series),
        "basket": {"var99": {"joint": {"long": _side(days), "short": _side(days)}}},
        "pit": {asset: {"counts": [rng.randint(15, 27) for _ in range(20)], "p": 0.34} for asset in ASSETS},
        "series": series,
    }


def backtest(rng: random.Random) -> BacktestRun:
    dataset = Dataset.objects.create(
        hash=hash_of("bars"),
        kind="daily-bars",
        first_timestamp=HEAD_TIME - 3 * DAYS * DAY,
        last_timestamp=HEAD_TIME,
        rows=5 * 3 * DAYS * 48,
        block_number=0,
        facts={"assets": list(ASSETS), "name": "prices/binance"},
    )
    common: dict[str, Any] = {
        "kind": "volatility",
        "dataset": dataset,
        "request": {"source": "binance", "assets": list(ASSETS)},
        "code_version": hash_of("code")[2:],
        "lock_hash": hash_of("lock")[2:],
        "limit": 3_600,
    }
    BacktestRun.objects.create(
        key=hash_of("backtest 2"), status="failed", error="The worker was killed three times.", progress=40, **common
    )
    return finished(volatility_result(rng), key=hash_of("backtest"), **common)


def finished(said: dict[str, Any], *, key: str, **common: Any) -> BacktestRun:
    """Store a finished run that says so, whose hashes are right."""
    packed = artifacts.pack({"forecast": np.full((2, len(ASSETS)), 1e-4)})
    unit, result = artifacts.content_hash(packed), bench.settled(said)
    told = {"kind": common["kind"], "request": common["request"], "dataset": common["dataset"].hash}
    run = BacktestRun.objects.create(key=key, status="running", **common)
    BacktestUnit.objects.create(run=run, name="1d/ewma", arrays=zlib.compress(packed), content_hash=unit, seconds=1.0)
    run.status, run.progress, run.message, run.finished_at = "done", 100, "done", timezone.now()
    run.result, run.content_hash = result, bench.run_hash(**told, units={"1d/ewma": unit}, result=result)
    run.save()
    return run


def _models(rng: random.Random, index: int, days: int) -> dict[str, dict[str, Any]]:
    found = {}
    for name, qlike in QLIKE.items():
        mean = qlike * (0.9 + index * 0.07) * math.exp(rng.gauss(0, 0.01))
        mean *= 1.3 if name == "champion" and index == len(ASSETS) - 1 else 1
        worst = mean * rng.uniform(8, 40)
        found[name] = {
            "qlike": mean,
            "low": mean * 0.88,
            "high": mean * 1.14,
            "median": mean * 0.41,
            "trimmed": (mean * days - worst) / (days - 1),
            "worst": worst,
            "worst_day": "2025-07-13",
            "mse": mean * 1e-6,
            "n": days,
        }
    return found


def _means(rows: dict[str, dict[str, dict[str, Any]]]) -> dict[str, dict[str, float]]:
    def mean(name: str, of: str = "qlike") -> float:
        return sum(models[name][of] for models in rows.values()) / len(rows)

    return {
        name: {
            "qlike": mean(name),
            "ratio": mean(name) / mean("garch_t"),
            "mean_ratio": sum(m[name]["qlike"] / m["garch_t"]["qlike"] for m in rows.values()) / len(rows),
            "without_worst_day": mean(name, "trimmed") / mean("garch_t", "trimmed"),
        }
        for name in QLIKE
    }


def _tests(rng: random.Random, asset: str) -> dict[str, dict[str, float]]:
    if asset == "XRP":
        return {"champion_vs_garch_t": {"t": -0.8, "p": 0.42}, "champion_vs_log_har": {"t": 2.4, "p": 0.016}}
    return {
        f"champion_vs_{rival}": {"t": -rng.uniform(2.5, 7), "p": rng.uniform(0, 0.01)}
        for rival in ("garch_t", "log_har")
    }


def _risk(days: int, series: dict[str, dict[str, list[float]]]) -> dict[str, Any]:
    side = _side(days)
    total = 2 * days * len(series)
    methods = {
        name: {
            "hits": round(total * rate / 100),
            "rate": rate / 100,
            "kupiec_rejections": round(rate),
            "fz0": fz0,
            "pinball": fz0 / 2_000,
            "average_var": width,
        }
        for name, (rate, fz0, width) in METHODS.items()
    }
    return {
        "cells": 2 * len(series),
        "days": total,
        "hits": methods["champion"]["hits"],
        "rate": methods["champion"]["rate"],
        "kupiec_rejections": 0,
        "christoffersen_rejections": 1,
        "dq_rejections": 1,
        "fz0": {name: row["fz0"] for name, row in methods.items()},
        "average_var": {name: row["average_var"] for name, row in methods.items()},
        "methods": methods,
        "by_cell": {asset: {"long": side, "short": side} for asset in series},
    }


def _side(days: int) -> dict[str, float]:
    tests = {"kupiec": 0.62, "christoffersen": 0.4, "dynamic_quantile": 0.03}
    return {"hits": 4, "n": days, "rate": 4 / days, **tests, "fz0": 2.4, "pinball": 0.11, "average_var": 0.08}


def _series(rng: random.Random, days: int) -> dict[str, list[Any]]:
    level, out = 0.0, {name: [] for name in ("ends", "realised", "champion_1d", "var99_long", "var99_short", "change")}
    for day in range(days):
        level = 0.93 * level + rng.gauss(0, 0.22)
        expected = 0.0007 * math.exp(level)
        realised = expected * math.exp(rng.gauss(-0.1, 0.5))
        out["ends"].append(HEAD_TIME - (days - 1 - day) * DAY)
        out["realised"].append(realised if day != 10 else None)
        out["champion_1d"].append(expected)
        out["var99_long"].append(2.7 * math.sqrt(expected))
        out["var99_short"].append(2.6 * math.sqrt(expected))
        out["change"].append(math.sqrt(realised) * rng.gauss(0, 1.05))
    return out
