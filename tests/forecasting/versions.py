"""Versions of the league in the database, with forecasts out of sample that are as good as a test wants them."""

from __future__ import annotations

import numpy as np

from forecasting import artifacts
from forecasting.core.book import Floats
from forecasting.core.days import DAY
from forecasting.models import Dataset, ModelVersion

LINE = "desk:BTC,ETH"
ASSETS = ("BTC", "ETH")
DAYS = 600
START = 1_700_006_400  # a midnight


def outcomes(*, days: int = DAYS, seed: int = 1) -> tuple[Floats, Floats, Floats]:
    """Return variance that was expected by who knows all, variance that came, and log returns; each (D, A)."""
    rng = np.random.default_rng(seed)
    level = np.exp(-7.5 + 0.9 * np.sin(np.arange(days) / 25)[:, None] + 0.3 * rng.standard_normal((days, 2)))
    realised = level * rng.gamma(6.0, 1 / 6.0, (days, 2))
    return level, realised, np.sqrt(level) * rng.standard_normal((days, 2))


def version(
    name: str,
    *,
    error: float = 0.0,
    scale: float = 1.0,
    late: float = 1.0,
    seed: int = 1,
    days: int = DAYS,
    numbers: int = 10,
    line: str = LINE,
) -> ModelVersion:
    """Return a version whose forecasts are ``scale`` times the truth, off by ``error`` (standard deviation of logs).

    The last hundred days are off by ``late`` as well.
    """
    level, realised, change = outcomes(days=days)
    noise = np.exp(error * np.random.default_rng(seed + 100).standard_normal(level.shape))
    noise[-100:] *= late
    ends = START + DAY * np.arange(1, days + 1)
    told = {"ends": ends, "realised": realised, "change": change, "forecast": level * noise * scale}
    evidence = artifacts.pack({"assets": list(ASSETS), "horizons": {"1d": told}})
    parameters = {
        "horizons": {"1d": {"learnt": np.arange(float(numbers))}},
        "out_of_sample": artifacts.content_hash(evidence),
    }
    dataset, _ = Dataset.objects.get_or_create(
        hash=f"0x{days:064x}",
        defaults={
            "kind": "daily-bars",
            "first_timestamp": START,
            "last_timestamp": int(ends[-1]),
            "rows": days,
            "block_number": 0,
        },
    )
    packed = artifacts.pack(
        artifacts.content_of(
            kind="variance", name=name, dataset=dataset.hash, seed=seed, config={}, parameters=parameters
        )
    )
    made = ModelVersion.objects.create(
        kind="variance",
        name=name,
        line=line,
        dataset=dataset,
        seed=seed,
        config={},
        parameters=artifacts.shown(parameters),
        artifact_hash=artifacts.content_hash(packed),
        evidence_hash=artifacts.content_hash(evidence),
        verdict="not_used",
        created_timestamp=int(ends[-1]),
    )
    artifacts.store(made, content=packed, evidence=evidence)
    return made
