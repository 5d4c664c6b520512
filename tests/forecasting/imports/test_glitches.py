"""A price that leaves the market for one bar is refused; crashes, and what comes back by steps, are not."""

from __future__ import annotations

import numpy as np
import pytest

from governance.errors import ImplausibleData
from tests.forecasting.imports.files import candles, run, ticks, walk, write

pytestmark = pytest.mark.django_db


def changed(row: int, **factors: float):
    told = [dict(one) for one in candles(200)]
    for name, factor in factors.items():
        told[row][name] *= factor
    return told


@pytest.mark.parametrize(("factor", "row"), [(15, 100), (1 / 15, 100), (6, 150)])
def test_a_leap_that_the_next_price_takes_back_is_refused(tmp_path, factor, row):
    told = ticks(200, asset="NEWCOIN", start=80)
    told[row]["price"] *= factor
    with pytest.raises(ImplausibleData, match=rf"row {row + 1}, close = .*takes that back"):
        run(write(tmp_path / "p.csv", told))
    assert run(write(tmp_path / "p.csv", told), allow=("implausible-data",)).file.added == 200


@pytest.mark.parametrize(("name", "factor"), [("high", 1e6), ("high", 12), ("low", 1e-6), ("low", 1 / 12)])
def test_a_wick_far_beyond_the_closes_around_it_is_refused(tmp_path, name, factor):
    with pytest.raises(ImplausibleData, match=rf"row 91, {name} = .*times away from the closes"):
        run(write(tmp_path / "p.csv", changed(90, **{name: factor})), asset="ETH")


def test_an_open_that_no_close_confirms_is_a_wick_too(tmp_path):
    with pytest.raises(ImplausibleData, match="row 91, high = "):
        run(write(tmp_path / "p.csv", changed(90, high=30, open=30)), asset="ETH")


@pytest.mark.parametrize(
    ("name", "factor", "codes"), [("high", 5, ["wick"]), ("low", 1 / 5, ["wick"]), ("low", 0.6, [])]
)
def test_a_long_wick_is_written_down(tmp_path, name, factor, codes):
    file = run(write(tmp_path / "p.csv", changed(90, **{name: factor})), asset="ETH").file
    assert [flag["code"] for flag in file.flags] == codes


def test_a_crash_that_stays_is_the_markets(tmp_path):
    prices = np.array(walk(200, start=80))
    prices[100:] /= 15
    prices[101:] *= 1.6  # a bounce
    told = [{**row, "price": price} for row, price in zip(ticks(200, asset="NEWCOIN", start=80), prices, strict=True)]
    assert [flag["code"] for flag in run(write(tmp_path / "p.csv", told)).file.flags] == ["leap"]


def test_a_crash_that_comes_back_by_steps_is_the_markets(tmp_path):
    prices = np.array(walk(200, start=80))
    prices[100:104] *= [0.25, 0.15, 0.4, 0.8]
    told = [{**row, "price": price} for row, price in zip(ticks(200, asset="NEWCOIN", start=80), prices, strict=True)]
    assert [flag["code"] for flag in run(write(tmp_path / "p.csv", told)).file.flags] == ["leap"]


def test_a_bar_that_crashes_within_itself_is_no_wick(tmp_path):
    told = [dict(one) for one in candles(200)]
    for row in told[90:]:
        row |= {name: row[name] / 15 for name in ("open", "high", "low", "close")}
    told[90] |= {"open": told[89]["close"], "high": told[89]["close"]}
    flags = run(write(tmp_path / "p.csv", told), asset="NEWCOIN").file.flags
    assert [flag["code"] for flag in flags] == ["leap"]
