"""On real candles: log-HAR beats the tuned EWMA, and scenarios cover what came."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from forecasting.core.realised import Grid, Panel, panel
from forecasting.core.scoring import compare, qlike
from forecasting.core.volatility import models
from forecasting.core.volatility.base import series
from forecasting.core.walkforward import score_scenarios, walk_forward

MARKET = Path(__file__).resolve().parents[4] / "shared" / "data" / "market"
ASSETS = ("BTC", "ETH", "SOL", "BNB", "XRP")
DAYS = 1000  # out of sample

pytestmark = pytest.mark.skipif(
    not MARKET.is_dir(), reason="real candles are not part of the project; expected in ../shared/data/market"
)


@pytest.fixture(scope="module")
def candles() -> Panel:
    """Return five assets' days, UTC, from half-hour candles; missing hours hold the last price."""
    pd = pytest.importorskip("pandas", reason="only the files of real candles need it")
    columns = {}
    for asset in ASSETS:
        frame = pd.read_parquet(MARKET / f"candles_30m_{asset}.parquet", columns=["ts", "close"])
        closes = pd.Series(
            frame["close"].to_numpy(), index=pd.to_datetime(frame["ts"], utc=True) + pd.Timedelta("30min")
        )
        columns[asset] = closes[closes.index.minute == 0]
    table = pd.DataFrame(columns).asfreq("h").ffill().dropna()
    table = table[: len(table) - table.index[-1].hour]
    stamps = ((table.index - pd.Timestamp(0, tz="UTC")) // pd.Timedelta("1s")).to_numpy(np.int64)
    prices = (table.to_numpy() * 1e8).round().astype(np.int64)
    return panel(Grid(timestamps=stamps, prices=prices, observed=int(stamps[-1])))


@pytest.mark.parametrize("asset", range(5), ids=ASSETS)
def test_log_har_beats_ewma_by_more_than_luck(candles: Panel, asset: int) -> None:
    data = series(candles, asset=asset)
    first = data.variance.size - DAYS
    losses = {
        name: qlike(data.variance, walk_forward(data, model, first=first, refit=20, tick=lambda: None))
        for name, model in models().items()
    }
    found = compare(losses["log-har"], losses["ewma"], seed=1)
    assert found.n == DAYS
    assert found.beats
    assert found.ratio < 0.85


def test_weekly_scenarios_cover_what_came(candles: Panel) -> None:
    recent = candles.between(candles.ends.size - 700, candles.ends.size)
    scores = score_scenarios(recent, used=["log-har"] * 5, first=300, hours=168, paths=150, seed=1, tick=lambda: None)
    weeks = sum(len(score.ranks) for score in scores)
    below = sum(score.below for score in scores) / weeks
    assert weeks == 5 * 57
    assert 0.01 < below < 0.11
    assert np.mean([score.crps.ratio for score in scores if score.crps is not None]) < 1.05
