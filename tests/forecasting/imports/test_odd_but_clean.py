"""Files that look odd and are right: collapses, sessions of far venues, thin markets."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from governance.errors import BeforeToken, OffGrid, WrongNumeraire
from tests.forecasting.imports.files import START, candles, run, ticks, walk, write

pytestmark = pytest.mark.django_db


def daily(asset, prices, *, first):
    return [
        {"time": int((first + timedelta(days=index)).timestamp()), "asset": asset, "price": f"{price:.10g}"}
        for index, price in enumerate(prices)
    ]


def test_the_collapse_of_a_token_is_no_other_unit(tmp_path):
    prices = np.array(walk(100, start=80))
    prices[60:] *= 1e-5
    first = datetime(2022, 3, 14, tzinfo=UTC)
    file = run(write(tmp_path / "luna.csv", daily("LUNA", prices, first=first))).file
    assert {flag["code"] for flag in file.flags} == {"leap"}
    with pytest.raises(WrongNumeraire, match="in one step"):
        run(write(tmp_path / "coin.csv", daily("NEWCOIN", prices, first=first)), source="other")


def test_a_day_may_move_more_than_an_hour(tmp_path):
    prices = np.array(walk(100, start=80))
    prices[60:] /= 40
    assert run(write(tmp_path / "daily.csv", daily("NEWCOIN", prices, first=START))).file.added == 100
    hourly = ticks(100, asset="NEWCOIN", start=80)
    hourly[60:] = [{**row, "price": row["price"] / 40} for row in hourly[60:]]
    with pytest.raises(WrongNumeraire, match="in one step"):
        run(write(tmp_path / "hourly.csv", hourly), source="other")


@pytest.mark.parametrize("late", [timedelta(hours=15), timedelta(hours=5, minutes=30)])
def test_daily_bars_may_begin_when_their_venue_opens(tmp_path, late):
    rows = [{**row, "ts": (datetime.fromisoformat(row["ts"]) + late).isoformat()} for row in candles(60, minutes=1440)]
    file = run(write(tmp_path / "bars.csv", rows), asset="ETH").file
    assert [flag["code"] for flag in file.flags] == ["late-grid"]


@pytest.mark.parametrize(("minutes", "late"), [(1440, 7), (30, 15), (60, 30)])
def test_other_bars_past_their_step_are_still_refused(tmp_path, minutes, late):
    rows = [
        {**row, "ts": (datetime.fromisoformat(row["ts"]) + timedelta(minutes=late)).isoformat()}
        for row in candles(60, minutes=minutes)
    ]
    with pytest.raises(OffGrid):
        run(write(tmp_path / "bars.csv", rows), asset="ETH")


def test_a_thin_market_that_stands_still_at_first_is_not_filled_back(tmp_path):
    first = int(START.timestamp())
    thin = [
        {"time": first + 60 * index, "asset": "NEWCOIN", "price": price}
        for index, price in enumerate(np.repeat(walk(30, start=1), 60))
    ]
    assert [flag["code"] for flag in run(write(tmp_path / "thin.csv", thin)).file.flags] == ["repeated"]
    lively = [{**row, "price": price} for row, price in zip(thin, walk(1_800, start=1), strict=True)]
    lively[:60] = [{**row, "price": lively[60]["price"]} for row in lively[:60]]
    with pytest.raises(BeforeToken, match="filled back"):
        run(write(tmp_path / "filled.csv", lively), source="other")
