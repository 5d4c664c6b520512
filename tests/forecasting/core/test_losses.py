"""Summaries of loss samples, against closed forms and coverage."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import norm

from forecasting.core.losses import mean, probability, quantile, shortfall, summarise


def test_quantile_and_shortfall_of_a_known_distribution() -> None:
    sample = norm.ppf((np.arange(200_000) + 0.5) / 200_000)
    assert quantile(sample, level=0.95).value == pytest.approx(norm.ppf(0.95), abs=1e-3)
    assert shortfall(sample, level=0.99).value == pytest.approx(norm.pdf(norm.ppf(0.99)) / 0.01, abs=2e-3)


def test_intervals_cover_as_often_as_they_say() -> None:
    rng = np.random.default_rng(5)
    truth = {"var": norm.ppf(0.95), "es": norm.pdf(norm.ppf(0.99)) / 0.01, "mean": 0.0}
    hits = dict.fromkeys(truth, 0)
    for _ in range(400):
        sample = rng.standard_normal(2000)
        found = {"var": quantile(sample, level=0.95), "es": shortfall(sample, level=0.99), "mean": mean(sample)}
        for name, estimate in found.items():
            hits[name] += estimate.low <= truth[name] <= estimate.high
    assert hits["var"] / 400 > 0.91
    assert hits["es"] / 400 > 0.85  # twenty draws of the tail: the normal interval is a little short
    assert hits["mean"] / 400 > 0.91


def test_a_probability_keeps_its_interval_inside_zero_and_one() -> None:
    never, always, some = probability(0, 100), probability(100, 100), probability(5, 100)
    assert (never.value, never.low) == (0.0, 0.0)
    assert 0.0 < never.high < 0.05
    assert (always.value, always.high) == (1.0, 1.0)
    assert some.low < 0.05 < some.high


def test_dust_is_no_loss() -> None:
    summary = summarise(np.array([0.0, 0.5, 0.99, 2.0]))
    assert summary.positive.value == 0.25
    assert summary.maximum == 2.0


def test_the_worst_share_holds_one_draw_at_least() -> None:
    assert shortfall(np.array([1.0, 2.0, 7.0]), level=0.99).value == 7.0
