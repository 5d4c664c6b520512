"""Imported history is read as collected history is: the same grid, panel, walk-forward and numbers."""

from __future__ import annotations

from datetime import UTC, datetime

import numpy as np
import pytest

from forecasting import datasets
from forecasting.core.volatility import models
from forecasting.core.volatility.base import series
from forecasting.core.walkforward import walk_forward
from forecasting.imports import history
from forecasting.models import Dataset, ImportedPrice
from governance.errors import GapInData, InputError, StaleData
from tests.forecasting import rows
from tests.forecasting.imports.files import START, candles, run, ticks, write

pytestmark = pytest.mark.django_db


def test_imported_prices_give_the_numbers_of_collected_ones(tmp_path):
    snapshot = rows.market(days=130)
    collected = datasets.freeze(snapshot)
    told = [
        {"time": int(stamp), "asset": symbol, "price": f"{int(price) / 1e8:.8f}"}
        for stamp, prices in zip(collected.grid.timestamps, collected.grid.prices, strict=True)
        for symbol, price in zip(collected.symbols, prices, strict=True)
    ]
    np.random.default_rng(1).shuffle(told)
    run(write(tmp_path / "p.csv", told), source="copy", allow=("wrong-numeraire", "implausible-data", "before-token"))
    imported = history.hourly(source="copy", assets=collected.symbols, until=snapshot.timestamp)
    assert (imported.grid.timestamps == collected.grid.timestamps).all()
    assert (imported.grid.prices == collected.grid.prices).all()
    assert (imported.panel.hourly == collected.panel.hourly).all()
    model = models()["log-har"]
    ours, theirs = (
        walk_forward(series(found.panel, asset=0), model, first=100, refit=10, tick=lambda: None)
        for found in (imported, collected)
    )
    assert np.isfinite(ours).sum() >= 20
    np.testing.assert_array_equal(ours, theirs)


def test_a_close_counts_from_the_end_of_its_bar(tmp_path):
    told = candles(96)
    run(write(tmp_path / "bars.csv", told), asset="ETH")
    found = history.hourly(source="prices/desk", assets=["ETH"])
    first = int(START.timestamp())
    assert found.grid.timestamps[0] == first + 3600
    assert found.grid.prices[0, 0] == round(told[1]["close"] * 10**8)
    assert found.grid.observed == first + 96 * 1800
    stamped = run(write(tmp_path / "bars.csv", told), asset="ETH", source="ends", stamp="close")
    assert history.hourly(source="ends", assets=["ETH"]).grid.prices[0, 0] == round(told[0]["close"] * 10**8)
    assert stamped.file.result.hash != found.dataset.facts["imported"]


@pytest.mark.parametrize(("price", "decimals"), [(5.3e-8, 14), (6e-10, 16), (0.00002, 11), (1_600.0, 8), (3e11, 6)])
def test_prices_of_every_size_keep_their_returns(tmp_path, price, decimals):
    moves = np.random.default_rng(7).normal(scale=0.005, size=99).clip(-0.02, 0.02)
    prices = [price * 1.1 * float(level) for level in np.exp(np.cumsum(moves) * 0.2)]
    told = [{**row, "price": f"{p:.9e}"} for row, p in zip(ticks(99, asset="COIN", start=1), prices, strict=True)]
    run(write(tmp_path / "p.csv", told), allow=("wrong-numeraire", "mixed-units"))
    found = history.hourly(source="desk", assets=["COIN"])
    assert found.decimals == (decimals,)
    np.testing.assert_allclose(found.grid.prices[:, 0] / 10.0**decimals, prices, rtol=1e-6)
    assert history.load(found.dataset).dataset == found.dataset


def test_it_is_frozen_by_content_and_read_again(tmp_path):
    run(write(tmp_path / "a.csv", candles(200)[:120]), asset="ETH")
    first = history.hourly(source="desk", assets=["ETH"])
    assert history.hourly(source="desk", assets=["ETH"]).dataset == first.dataset
    run(write(tmp_path / "b.csv", candles(200)[120:]), asset="ETH")
    second = history.hourly(source="desk", assets=["ETH"])
    assert second.dataset != first.dataset
    assert (history.load(first.dataset).grid.prices == first.grid.prices).all()
    assert Dataset.objects.filter(kind=history.HOURLY).count() == 2
    ImportedPrice.objects.filter(version=1).order_by("timestamp")[5:6].get().delete()
    with pytest.raises((StaleData, GapInData)):
        history.load(first.dataset)


def test_a_window_leaves_the_rest_out(tmp_path):
    run(write(tmp_path / "a.csv", ticks(200, asset="ETH", start=1_600)))
    first = int(START.timestamp())
    found = history.hourly(source="desk", assets=["ETH"], since=first + 10 * 3600, until=first + 60 * 3600)
    assert found.grid.timestamps[[0, -1]].tolist() == [first + 10 * 3600, first + 60 * 3600]


def test_bars_keep_their_gaps(tmp_path):
    told = candles(100)
    run(write(tmp_path / "a.csv", [*told[:40], *told[50:]]), asset="ETH")
    found = history.bars(source="desk", asset="ETH")
    assert found.span == 1800
    assert found.ends.size == 90
    assert np.diff(found.ends).max() == 11 * 1800
    np.testing.assert_array_equal(found.close[:3], [row["close"] for row in told[:3]])
    assert (found.high >= found.low).all()
    assert np.isfinite(found.volume).all()


def test_a_gap_that_is_too_wide_is_refused_as_in_collected_history(tmp_path):
    told = ticks(200, asset="ETH", start=1_600)
    run(write(tmp_path / "a.csv", [*told[:100], *told[140:]]))
    with pytest.raises(GapInData):
        history.hourly(source="desk", assets=["ETH"])


def test_what_is_not_there_is_named(tmp_path):
    run(write(tmp_path / "a.csv", ticks(100, asset="ETH", start=1_600)))
    run(write(tmp_path / "b.csv", ticks(100, asset="stETH", start=0.98)), quote="ETH")
    with pytest.raises(InputError, match="no prices of BTC in USD; it has ETH, stETH"):
        history.hourly(source="desk", assets=["BTC"])
    with pytest.raises(InputError, match="no prices of stETH in USD"):
        history.hourly(source="desk", assets=["stETH"])
    with pytest.raises(InputError, match="there are: prices/desk"):
        history.hourly(source="des", assets=["ETH"])
    with pytest.raises(InputError, match="no bars"):
        history.bars(source="desk", asset="ETH")


def test_the_longer_of_two_steps_of_one_asset_is_taken(tmp_path):
    run(write(tmp_path / "a.csv", candles(200)), asset="ETH")
    run(write(tmp_path / "b.csv", candles(60, minutes=5)), asset="ETH")
    assert history.bars(source="desk", asset="ETH").span == 1800


def test_what_others_say_is_known(tmp_path):
    run(write(tmp_path / "a.csv", ticks(100, asset="ETH", start=1_600)), source="a")
    first, last = (int(datetime(year, 1, 1, tzinfo=UTC).timestamp()) * 10**6 for year in (2022, 2024))
    known = history.known("ETH", first, last, "b")
    assert known is not None
    assert (known.name, known.micros.size) == ("prices/a", 100)
    assert history.known("ETH", first, last, "a") is None
