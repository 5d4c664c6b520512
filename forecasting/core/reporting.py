"""Numbers of a forecast as JSON-ready data: what the registry stores and the pages draw."""

from __future__ import annotations

from dataclasses import asdict

import numpy as np

from forecasting.core.book import Floats
from forecasting.core.cascade import CascadeEstimate
from forecasting.core.losses import LossSummary
from forecasting.core.realised import HOURS
from forecasting.core.scenarios import Scenarios

LEVELS = (0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99)
FAN_STEP = 6  # hours between two points of a fan chart
BINS = 24  # of a histogram
YEAR = 365.0


def volatility_body(scenarios: Scenarios, *, asset: int, price: float) -> dict[str, object]:
    """Return the forecast of one asset.

    Parameters
    ----------
    scenarios : Scenarios
    asset : int
    price : float
        USD at the start.

    Returns
    -------
    dict
        ``price``; ``levels`` (probabilities); ``days``: for each day the expected volatility and its quantiles at
        ``levels``; ``volatility``: quantiles of realised volatility over the horizon; ``percentiles``: the same at 0,
        1, ..., 100 %; ``fan``: hours and price quantiles. Volatilities are annual fractions, prices USD.
    """
    variance = scenarios.variance[:, :, asset]
    whole = np.sqrt(variance.mean(axis=1) * YEAR)
    daily = np.sqrt(np.quantile(variance, LEVELS, axis=0) * YEAR)
    growth = scenarios.growth[:, FAN_STEP - 1 :: FAN_STEP, asset]
    fan = np.quantile(growth, LEVELS, axis=0) * price
    return {
        "price": price,
        "levels": list(LEVELS),
        "days": [
            {"day": day + 1, "expected": _short(np.sqrt(mean * YEAR)), "quantiles": [_short(v) for v in daily[:, day]]}
            for day, mean in enumerate(scenarios.expected[:, asset])
        ],
        "volatility": [_short(v) for v in np.quantile(whole, LEVELS)],
        "percentiles": [_short(v) for v in np.quantile(whole, np.linspace(0, 1, 101))],
        "fan": {
            "hours": [(i + 1) * FAN_STEP for i in range(growth.shape[1])],
            "quantiles": [[_short(v) for v in row] for row in fan],
        },
        "ends": {"hours": scenarios.growth.shape[1], "days": -(-scenarios.growth.shape[1] // HOURS)},
    }


def cascade_body(estimate: CascadeEstimate, *, amplification: float) -> dict[str, object]:
    """Return the forecast of a market, USD rounded to cents: summaries, percentiles and histograms of the losses."""
    return {
        "paths": int(estimate.bad_debt_paths.size),
        "bad_debt": _loss(estimate.bad_debt, estimate.bad_debt_paths),
        "liquidated": _loss(estimate.liquidated, estimate.liquidated_paths),
        "borrower_loss": _loss(estimate.borrower_loss, estimate.borrower_loss_paths),
        "backlog": _cents(asdict(estimate.backlog)),
        "toxic": _cents(asdict(estimate.toxic)),
        "events": _cents(asdict(estimate.events)),
        "borrowed": round(estimate.borrowed, 2),
        "borrow_capacity": round(estimate.borrow_capacity, 2),
        "amplification": round(amplification, 4),
        "response": estimate.response,
    }


def _loss(summary: LossSummary, sample: Floats) -> dict[str, object]:
    counts, edges = np.histogram(sample, bins=BINS)
    parts = asdict(summary)
    return {
        "positive": {name: round(value, 6) for name, value in parts["positive"].items()},
        **{name: _cents(parts[name]) for name in ("mean", "var95", "es99")},
        "maximum": round(summary.maximum, 2),
        "threshold": summary.threshold,
        "percentiles": [round(float(v), 2) for v in np.quantile(sample, np.linspace(0, 1, 101))],
        "histogram": {"counts": [int(v) for v in counts], "edges": [round(float(v), 2) for v in edges]},
    }


def _cents(values: dict[str, float]) -> dict[str, float]:
    return {name: round(value, 2) for name, value in values.items()}


def _short(value: float) -> float:
    return float(f"{float(value):.8g}")
