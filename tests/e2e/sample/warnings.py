"""Sample warnings: a backtest of synthetic hours scored by the real report, and lines that warn or abstain."""

from __future__ import annotations

import math
import random
from functools import cache
from typing import Any

import numpy as np

from forecasting.core.warning import report
from forecasting.core.warning.events import MAIN, Target, outcomes
from forecasting.core.warning.features import Hours
from forecasting.core.warning.report import MODEL
from forecasting.core.warning.walkforward import Forecasts, Protocol
from forecasting.models import Alarm, Dataset, Decision, Forecast, ModelVersion, WarningScore
from forecasting.warners.selectors import SOURCES
from tests.e2e.sample.backtests import finished
from tests.e2e.sample.base import DAY, HEAD_TIME, hash_of

HOUR = 3_600
NOISE = 1.3
DAYS, BEFORE = 80, 20  # of all hours, and of those before the test
NAMES = (MODEL, "boosted", "structural", "persistence", "two_feature")
TARGETS = (Target(hours=6, usd=1e6), Target(hours=24, usd=1e6))
SKILL = {MODEL: 1.6, "boosted": 1.2, "structural": 0.8, "persistence": 0.3, "two_feature": 0.7}
LINES = ("warning/6h_1m:hourly:ETH,BTC:aave-v1", "warning/24h_1m:hourly:ETH,BTC:aave-v1")


@cache
def cascade_result() -> dict[str, Any]:
    """Return a result of the shape that `manage.py backtest cascade --json` prints."""
    hours = _hours()
    said, shown = {}, {}
    for target in TARGETS:
        plan = Protocol(target=target, first=0, test=(BEFORE * 24, DAYS * 24))
        forecasts = {name: _forecasts(name, hours, target) for name in NAMES}
        row = report.target(plan, forecasts, hours=hours, seed=1)
        row["leaks"] = {"passed": True}
        row["features"] = [
            {
                "name": "funding",
                "hours": 900,
                "folds": 3,
                "gain": 0.0,
                "t": 0.4,
                "used": False,
                "why": "It does not help.",
            }
        ]
        said[target.name] = row
        shown[target.name] = report.series(plan, forecasts, hours=hours, ends=hours.ends)
    return {
        "kind": "cascade",
        "sources": {"prices": ["prices/hourly", 1], "liquidations": [["liquidations/aave-v1", 1]], "assets": ["ETH"]},
        "dataset": hash_of("hours"),
        "from": int(hours.ends[BEFORE * 24]) - HOUR,
        "to": int(hours.ends[-1]),
        "train_until": None,
        "block_days": 21,
        "meaning": dict(report.MEANING),
        "targets": said,
        "series": shown,
        "seed": 1,
    }


def warnings(rng: random.Random) -> str:
    """Store the backtest, a line that warns and one that abstains; return the first."""
    dataset = Dataset.objects.create(
        hash=hash_of("hours"),
        kind="cascade-hours",
        first_timestamp=HEAD_TIME - DAYS * DAY,
        last_timestamp=HEAD_TIME,
        rows=DAYS * 24,
        block_number=0,
        facts={"assets": ["ETH", "BTC"]},
    )
    finished(
        cascade_result(),
        key=hash_of("warnings"),
        kind="cascade",
        request={"horizons": [6, 24], "usd": 1e6},
        dataset=dataset,
        code_version=hash_of("code")[2:],
        lock_hash=hash_of("lock")[2:],
        limit=3_600,
    )
    for line, target in zip(LINES, TARGETS, strict=True):
        _line(line, target, dataset, rng)
    Alarm.objects.create(line=LINES[1], kind="stale-data", detail="The newest price of ETH is 40 hours old.")
    return LINES[0]


def _line(line: str, target: Target, dataset: Dataset, rng: random.Random) -> None:
    version = ModelVersion.objects.create(
        deployment=None,
        kind="warning",
        name="champion",
        line=line,
        dataset=dataset,
        code_version=hash_of("code")[2:],
        lock_hash=hash_of("lock")[2:],
        seed=1,
        config={key: [] for key in SOURCES}
        | {
            "target": target.name,
            "hours": target.hours,
            "usd": target.usd,
            "prices": "hourly",
            "assets": ["ETH", "BTC"],
        },
        features=["reach", "return_24h"],
        artifact_hash=hash_of(line),
        evidence_hash=hash_of(f"{line} past"),
        metrics={"loss": "brier", "baseline": "two_feature", "assets": [], "horizons": {}},
        verdict="not_used",
        created_timestamp=HEAD_TIME - 4 * DAY,
    )
    Decision.objects.create(
        version=version, line=line, kind="first", reason="The line begins.", actor="gate", moment=HEAD_TIME - 4 * DAY
    )
    level = 0.0
    for ago in range(72, -1, -1):
        level = 0.8 * level + rng.gauss(0, 0.5)
        chance = 1 / (1 + math.exp(3.2 - level))
        forecast = Forecast.objects.create(
            model_version=version,
            kind="warning",
            reserve=None,
            made_at=HEAD_TIME - ago * HOUR,
            block_number=0,
            horizon_hours=target.hours,
            body={
                "probability": chance,
                "base_rate": 0.052,
                "reasons": [
                    ["reach", level],
                    ["liquidated_24h", 0.31],
                    ["return_24h", -0.12],
                    ["drawdown_168h", 0.004],
                ],
                "role": "champion",
            },
        )
        if ago >= target.hours:
            happened = rng.random() < chance
            WarningScore.objects.create(
                forecast=forecast,
                chance=chance,
                liquidated=2.1e6 if happened else 1.2e5,
                happened=happened,
                brier=(chance - happened) ** 2,
                known_at=forecast.made_at + target.hours * HOUR,
            )


def _hours() -> Hours:
    rng = np.random.default_rng(5)
    count = DAYS * 24
    level = np.zeros(count)
    for hour in range(1, count):
        level[hour] = 0.97 * level[hour - 1] + rng.normal(0, 0.35)
    ends = HEAD_TIME - (count - 1 - np.arange(count, dtype=np.int64)) * HOUR
    close = np.column_stack([2_000 * np.exp(-level / 40)])
    return Hours(
        assets=("ETH",),
        ends=ends,
        close=close,
        low=close * 0.99,
        high=close * 1.01,
        liquidated=np.exp(8.5 + 1.2 * level + rng.normal(0, 0.8, count)),
    )


def _forecasts(name: str, hours: Hours, target: Target) -> Forecasts:
    came = outcomes(hours.liquidated, target)[:, MAIN]
    rng = np.random.default_rng(len(name) * 7 + target.hours)
    base = float(np.nanmean(came))
    raw = math.log(base / (1 - base)) + SKILL[name] * (np.nan_to_num(came) - base) * 2 + rng.normal(0, NOISE, came.size)
    return Forecasts(chance=1 / (1 + np.exp(-raw)), raw=raw)
