"""The gate's rules on arrays: the tail is compared on days that both models speak about."""

from __future__ import annotations

import numpy as np

from forecasting.core.admission import Record, examine
from forecasting.core.book import Floats

DAYS = 900


def found(forecast: Floats, *, champion: Floats, change: Floats) -> dict[str, bool]:
    """Return which rules let a challenger pass."""
    findings = examine(
        Record(name="challenger", forecast=forecast, cost=1),
        Record(name="champion", forecast=champion, cost=1),
        realised=change**2 + 1e-9,
        change=change,
        seed=1,
    )
    return {finding.rule: finding.passed for finding in findings}


def test_silence_on_wild_days_makes_no_tail_tamer():
    rng = np.random.Generator(np.random.Philox(3))
    level = np.exp(-7.5 + 2.0 * np.sin(np.arange(DAYS) / 25))[:, None]
    change = np.sqrt(level) * rng.standard_t(4, (DAYS, 1))
    worse = level * np.exp(0.45 * rng.standard_normal(level.shape))
    assert not found(worse, champion=level, change=change)["tail"]
    silent = np.where(level > np.quantile(level, 0.7), np.nan, worse)
    assert not found(silent, champion=level, change=change)["tail"]
    assert found(level, champion=worse, change=change)["tail"]
