"""A market in which liquidations follow from the price alone: what falls to a new low takes loans with it."""

from __future__ import annotations

import numpy as np

from forecasting.core.realised import HOUR
from forecasting.core.warning.features import Hours
from forecasting.core.warning.ladder import ladder

START = 1_609_459_200  # 2021-01-01
DAYS = 300


def market(*, days: int = DAYS, seed: int = 3) -> Hours:
    """Return hours of two assets, calm and wild by turns, and what was liquidated: most of it in a few hours."""
    draw = np.random.default_rng(seed)
    count = days * 24
    wild = np.exp(0.5 * np.cumsum(draw.normal(scale=0.05, size=count)))
    scale = 0.006 * np.clip(wild / np.median(wild), 0.3, 3.0)
    moves = draw.standard_t(4, size=(count, 2)) * scale[:, None] * np.array([1.0, 0.8])
    close = 1_000 * np.exp(np.cumsum(moves, axis=0))
    low = close * np.exp(-np.abs(draw.normal(scale=0.003, size=close.shape)))
    high = close * np.exp(np.abs(draw.normal(scale=0.003, size=close.shape)))
    lost = ladder(close[:, 0], low[:, 0], horizons=(6,)).cleared
    liquidated = np.where(lost > 0.05, lost * 3e5 * np.exp(draw.normal(scale=0.5, size=count)), 0.0)
    ends = START + HOUR * np.arange(1, count + 1)
    return Hours(
        assets=("ETH", "BTC"),
        ends=ends.astype(np.int64),
        close=close,
        low=low,
        high=high,
        liquidated=np.round(liquidated, 2),
    )
