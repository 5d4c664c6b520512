"""The sample recommendation: raise WETH's threshold and supply cap."""

from __future__ import annotations

import math
import random

from forecasting.models import ModelVersion, Reserve, Snapshot
from governance.protocols.base import plugin
from proposals import policy
from proposals.core.canonical import plain
from proposals.core.diff import difference
from proposals.models import Recommendation

NOW = {
    "liquidation_threshold": 8_100,
    "ltv": 7_800,
    "liquidation_bonus": 10_500,
    "supply_cap": 60_000,
    "borrow_cap": 42_000,
}
NEXT = {**NOW, "liquidation_threshold": 8_200, "ltv": 7_900, "supply_cap": 75_000}


def _numbers(setting: dict[str, int], *, gain: float) -> dict[str, float]:
    extra = (setting["liquidation_threshold"] - 8_100) / 100
    caps = setting["supply_cap"] / 60_000 - 1
    es99 = 41_200 * math.exp(0.16 * extra + 0.22 * caps)
    return {
        "capacity": 161_200_000 * (1 + 0.009 * extra + 0.05 * caps),
        "expected_bad_debt": es99 / 60,
        "probability_bad_debt": 0.031 * (1 + 0.05 * extra),
        "var95": 0.0,
        "es99": es99,
        "stressed_es99": es99 * 3.4,
        "lar95": 2_410_000 * (1 + 0.04 * extra),
        "borrower_loss": 34_100 * (1 + 0.05 * extra),
        "objective": 160_100_000 + gain,
        "gain": gain,
        "gain_low": gain * 0.62,
        "gain_high": gain * 1.38,
    }


def recommendation(
    reserve: Reserve, snapshot: Snapshot, volatility: ModelVersion, cascade: ModelVersion, rng: random.Random
) -> Recommendation:
    active = policy.ensure()
    settings = [NOW, NEXT]
    settings += [
        {
            **NOW,
            "liquidation_threshold": 8_100 + step,
            "ltv": 7_800 + step,
            "liquidation_bonus": bonus,
            "supply_cap": cap,
        }
        for step in (-200, -100, 100, 200)
        for bonus in (10_450, 10_500, 10_550)
        for cap in (48_000, 60_000)
    ]
    candidates = [
        {
            "index": index,
            "parameters": setting,
            "admissible": True,
            "rejected_by": [],
            "numbers": _numbers(
                setting, gain=0.0 if index == 0 else 9_840_000.0 if index == 1 else rng.uniform(-6e6, 6e6)
            ),
        }
        for index, setting in enumerate(settings)
    ]
    candidates.append(
        {
            "index": len(settings),
            "parameters": {**NOW, "liquidation_threshold": 8_300, "liquidation_bonus": 11_500},
            "admissible": False,
            "numbers": {},
            "rejected_by": [
                {
                    "level": "block",
                    "code": "step-limit",
                    "facts": {},
                    "message": "Liquidation bonus would move by 10 %; the policy allows 1 %.",
                }
            ],
        }
    )
    changes = difference(NOW, NEXT, specs=plugin("aave_v3").parameters)
    why = (
        "Raising WETH's liquidation threshold to 82 % and its supply cap to 75,000 tokens lets people borrow "
        "$13.7M more, and in 2,000 simulated weeks the tail of bad debt stays within what the policy accepts."
    )
    findings = [
        {"level": "pass", "code": "step-limit", "message": "All 3 steps are within the policy.", "facts": {}},
        {
            "level": "pass",
            "code": "liquidation-helps",
            "message": "Threshold with bonus is 86.1 %, below the bound of 97 %.",
            "facts": {},
        },
        {"level": "warn", "code": "cap-use", "message": "71 % of the present supply cap is in use.", "facts": {}},
        {
            "level": "pass",
            "code": "healthy-accounts",
            "message": "No healthy account would fall below a health factor of 1.",
            "facts": {},
        },
    ]
    responses = {
        "constant_amounts": _numbers(NEXT, gain=0.0),
        "constant_health": _numbers({**NEXT, "supply_cap": 80_000}, gain=0.0),
    }
    quantiles = {
        "levels": [0.05, 0.5, 0.95],
        "bad_debt": [0, 0, 0],
        "liquidated": [40_000, 310_000, 2_400_000],
        "borrower_loss": [3_000, 22_000, 160_000],
        "volatility": [0.4, 0.6, 0.9],
    }
    deployment = reserve.deployment
    return Recommendation.objects.create(
        reserve=reserve,
        snapshot=snapshot,
        policy=active,
        volatility_model=volatility,
        cascade_model=cascade,
        baseline=plain(candidates[0]),
        candidates=plain(candidates),
        chosen=plain(
            {
                **candidates[1],
                "changes": [change.as_dict() for change in changes],
                "responses": responses,
                "quantiles": quantiles,
                "why": why,
            }
        ),
        findings=findings,
        status="recommended",
        seed=1,
        created_timestamp=snapshot.timestamp,
        inputs={
            "chain": {
                "chain_id": 31337,
                "block_number": snapshot.block_number,
                "block_hash": snapshot.block_hash,
                "timestamp": snapshot.timestamp,
            },
            "market": {"name": deployment.name, "flavour": "aave_v3", "addresses": deployment.addresses},
            "reserve": {"symbol": reserve.symbol, "address": reserve.address, "decimals": 18},
            "coverage_digest": snapshot.coverage_digest,
            "dataset_hash": snapshot.dataset_hash,
            "policy": {"name": active.name, "hash": active.hash},
            "models": {"volatility": {"name": "har", "artifact_hash": volatility.artifact_hash, "seed": 1}},
            "code_version": "c0de",
            "lock_hash": "10c4",
            "seed": 1,
            "horizon_hours": 168,
            "paths": 2_000,
            "resamples": 400,
            "confidence_bps": 9_500,
        },
    )
