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
    drawn = [np.random.default_rng([seed, part]) for part in range(3)]  # more days must not change the first ones
    level = np.exp(-7.5 + 0.9 * np.sin(np.arange(days) / 25)[:, None] + 0.3 * drawn[0].standard_normal((days, 2)))
    realised = level * drawn[1].gamma(6.0, 1 / 6.0, (days, 2))
    return level, realised, np.sqrt(level) * drawn[2].standard_normal((days, 2))


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
    silent: float = 0.0,
    week: float | None = None,
    revised: float = 1.0,
) -> ModelVersion:
    """Return a version whose forecasts are ``scale`` times the truth, off by ``error`` (standard deviation of logs).

    The last hundred days are off by ``late`` as well. It is ``silent`` on this share of the wildest days; ``week`` is
    the error of a horizon of seven days beside (None: it has none); outcomes are told ``revised`` times too large.
    """
    level, realised, change = outcomes(days=days)
    noise = np.exp(error * np.random.default_rng(seed + 100).standard_normal(level.shape))
    noise[-100:] *= late
    ends = START + DAY * np.arange(1, days + 1)
    forecast = np.where(realised > np.quantile(realised, 1 - silent), np.nan, level * noise * scale)
    told = {"ends": ends, "realised": realised * revised, "change": change, "forecast": forecast}
    horizons = {"1d": told}
    if week is not None:
        wrong = np.exp(week * np.random.default_rng(seed + 200).standard_normal(level.shape))
        horizons["7d"] = {**told, "realised": 7 * realised * revised, "forecast": 7 * level * wrong}
    evidence = artifacts.pack({"assets": list(ASSETS), "horizons": horizons})
    parameters = {
        "horizons": {key: {"learnt": np.arange(float(numbers))} for key in horizons},
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
