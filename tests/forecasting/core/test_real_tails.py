"""On real candles: value at risk that holds as often as it says, and is tighter than GARCH-t's."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from forecasting.core.bars import Bars, lay
from forecasting.core.days import DayTable
from forecasting.core.league import Data, Job, Plan, jobs, run
from forecasting.core.measures import daily
from forecasting.core.tail_report import Scored, tails_body

MARKET = Path(__file__).resolve().parents[4] / "shared" / "data" / "market"
ASSETS = ("BTC", "ETH", "SOL", "BNB", "XRP")
SPAN = 1_800
DAYS = 1_000  # out of sample
STANDIN = "log_har_x"  # for the champion, which takes longer

pytestmark = pytest.mark.skipif(
    not MARKET.is_dir(), reason="real candles are not part of the project; expected in ../shared/data/market"
)


@pytest.fixture(scope="module")
def table() -> DayTable:
    pd = pytest.importorskip("pandas", reason="only the files of real candles need it")
    series = []
    for asset in ASSETS:
        frame = pd.read_parquet(MARKET / f"candles_30m_{asset}.parquet")
        starts = (pd.to_datetime(frame["ts"], utc=True) - pd.Timestamp(0, tz="UTC")) // pd.Timedelta("1s")
        prices = {name: frame[name].to_numpy(float) for name in ("open", "high", "low", "close", "volume")}
        series.append(Bars(span=SPAN, ends=starts.to_numpy(np.int64) + SPAN, **prices))
    return daily(lay(series, assets=ASSETS))


@pytest.fixture(scope="module")
def result(table: DayTable) -> dict:
    last = table.ends.size - 1
    plan = Plan(
        assets=ASSETS, horizons=("1d",), first=last - DAYS + 1, last=last, models=(STANDIN, "garch_t"), warm=500
    )
    done: dict[Job, np.ndarray] = {}
    for job in jobs(plan):
        done[job] = run(job, data=Data(days=table), plan=plan, done=done, tick=lambda: None)
    champion, field = (done[Job("1d", name)] for name in (STANDIN, "garch_t"))
    return tails_body(table, Scored(first=plan.first, last=last, champion=champion, field=field))


def test_a_loss_beyond_the_value_at_risk_is_as_rare_as_it_says(result: dict) -> None:
    found = result["var99"]
    assert (found["cells"], found["days"]) == (10, 10 * DAYS)
    assert 0.008 < found["rate"] < 0.012
    assert found["kupiec_rejections"] <= 1
    assert 0.0225 < result["var975_es"]["rate"] < 0.0285


@pytest.mark.parametrize("level", ["var99", "var975_es"])
def test_it_scores_better_than_what_the_field_uses(result: dict, level: str) -> None:
    scores = result[level]["fz0"]
    assert scores["champion"] < min(scores[name] for name in ("garch_t", "hs_250", "hs_500"))


def test_it_leaves_borrowers_more_room(result: dict) -> None:
    width = result["var99"]["average_var"]
    assert width["champion"] < 0.92 * width["garch_t"]


def test_returns_fell_evenly_into_their_distributions(result: dict) -> None:
    assert set(result["pit"]) == set(ASSETS)
    assert all(found["p"] > 0.05 for found in result["pit"].values())
