"""Bars of a source become tables of days and hours, frozen by content."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest

from forecasting import daily, datasets
from forecasting.core.days import DAY
from forecasting.core.realised import HOUR
from forecasting.models import Dataset, ImportedPrice
from governance.errors import GapInData, InputError, NotPositive, StaleData, WrongNumeraire
from tests.forecasting import rows, samples
from tests.forecasting.imports.files import START, candles, run, ticks, write

MARKET = Path(__file__).resolve().parents[3] / "shared" / "data" / "market"
FIRST = int(START.timestamp())

pytestmark = pytest.mark.django_db


@pytest.fixture
def two(tmp_path: Path) -> None:
    """Import ten and a half days of two assets, and eight of a third."""
    for seed, (asset, count) in enumerate({"ETH": 504, "BTC": 504, "SOL": 384}.items(), start=1):
        told = candles(count, start=1_600.0 * seed, seed=seed)
        run(write(tmp_path / f"{asset}.csv", told), asset=asset, allow=("wrong-numeraire", "implausible-data"))


@pytest.mark.usefixtures("two")
def test_days_are_whole_and_end_at_midnight() -> None:
    found = daily.read(source="prices/desk", assets=["BTC", "ETH", "SOL"])
    assert found.table.assets == ("BTC", "ETH", "SOL")
    assert found.table.ends.tolist() == [FIRST + k * DAY for k in range(1, 11)]
    assert found.hourly.ends.tolist() == [FIRST + k * HOUR for k in range(1, 253)]
    assert np.isfinite(found.table.variance).sum(axis=0).tolist() == [10, 10, 8]
    closes = np.array([row["close"] for row in candles(504, start=1_600.0, seed=1)])
    assert found.table.variance[4, 1] == pytest.approx((np.diff(np.log(closes))[191:239] ** 2).sum())
    assert found.hourly.change[7, 1] == pytest.approx(np.log(closes[15] / closes[13]))
    assert [(doubt.code, doubt.asset) for doubt in found.doubts] == [("stopped-trading", "SOL")]


@pytest.mark.usefixtures("two")
def test_it_is_frozen_by_content_and_read_again(tmp_path: Path) -> None:
    first = daily.read(source="desk", assets=["ETH", "BTC"])
    assert daily.read(source="desk", assets=["ETH", "BTC"]).dataset == first.dataset
    assert first.dataset.kind == "daily-bars"
    assert (first.dataset.rows, first.dataset.first_timestamp) == (1_008, FIRST + 1_800)
    others = [
        daily.read(source="desk", assets=["BTC", "ETH"]),
        daily.read(source="desk", assets=["ETH"]),
        daily.read(source="desk", assets=["ETH", "BTC"], last=FIRST + 5 * DAY),
    ]
    assert len({first.dataset.hash, *(other.dataset.hash for other in others)}) == 4
    more = candles(60, start=1_700.0, seed=9)
    late = [{**row, "ts": (START + timedelta(minutes=30 * (504 + k))).isoformat()} for k, row in enumerate(more)]
    run(write(tmp_path / "late.csv", late), asset="ETH", allow=("wrong-numeraire", "implausible-data"))
    assert daily.read(source="desk", assets=["ETH", "BTC"]).dataset != first.dataset
    again = daily.load(first.dataset)
    np.testing.assert_array_equal(again.table.variance, first.table.variance)
    for name, values in first.hourly.measures.items():
        np.testing.assert_array_equal(again.hourly.measures[name], values)
    ImportedPrice.objects.filter(asset="BTC", version__lte=2).order_by("timestamp")[50:51].get().delete()
    with pytest.raises(StaleData, match="no longer in the database"):
        daily.load(first.dataset)


@pytest.mark.usefixtures("two")
def test_a_window_leaves_the_rest_out() -> None:
    whole = daily.read(source="desk", assets=["ETH"])
    part = daily.read(source="desk", assets=["ETH"], first=FIRST + 2 * DAY, last=FIRST + 6 * DAY + 5 * HOUR)
    assert part.table.ends.tolist() == [FIRST + k * DAY for k in (3, 4, 5, 6)]
    assert part.hourly.ends[[0, -1]].tolist() == [FIRST + 2 * DAY + HOUR, FIRST + 6 * DAY + 5 * HOUR]
    np.testing.assert_array_equal(part.table.variance, whole.table.variance[2:6])
    np.testing.assert_array_equal(part.table.change, whole.table.change[2:6])
    for name, values in part.table.measures.items():
        np.testing.assert_array_equal(values[1:], whole.table.measures[name][3:6])


@pytest.mark.usefixtures("two")
def test_an_asset_does_not_depend_on_those_beside_it() -> None:
    alone, beside = (daily.read(source="desk", assets=names) for names in (["ETH"], ["BTC", "ETH", "SOL"]))
    np.testing.assert_array_equal(alone.table.variance[:, 0], beside.table.variance[:, 1])
    for name, values in alone.hourly.measures.items():
        np.testing.assert_array_equal(values[:, 0], beside.hourly.measures[name][:, 1], err_msg=name)


@pytest.mark.usefixtures("two")
def test_what_cannot_be_read_is_named() -> None:
    with pytest.raises(InputError, match="no prices of DOGE in USD; it has BTC, ETH, SOL"):
        daily.read(source="desk", assets=["ETH", "DOGE"])
    for assets in ([], ["ETH", "ETH"]):
        with pytest.raises(InputError, match="name each asset once"):
            daily.read(source="desk", assets=assets)
    with pytest.raises(GapInData, match="no price of SOL in that time"):
        daily.read(source="desk", assets=["ETH", "SOL"], first=FIRST + 9 * DAY)
    assert not Dataset.objects.filter(kind=daily.DAILY).exists()


@pytest.mark.usefixtures("two")
def test_prices_that_cannot_be_are_refused_whoever_let_them_in() -> None:
    row = ImportedPrice.objects.filter(asset="ETH").order_by("timestamp")[100:101].get()
    late = ImportedPrice.objects.filter(asset="ETH", timestamp__gt=row.timestamp)
    late.update(close=row.close / 1_000, open=row.close / 1_000, high=row.close / 1_000, low=row.close / 1_000)
    with pytest.raises(WrongNumeraire, match="ETH goes from"):
        daily.read(source="desk", assets=["BTC", "ETH"])
    allowed = daily.read(source="desk", assets=["ETH"], allow=("wrong-numeraire", "synthetic-series"))
    assert "wrong-numeraire" in {doubt.code for doubt in allowed.doubts}
    assert daily.load(allowed.dataset).dataset == allowed.dataset
    ImportedPrice.objects.filter(pk=row.pk).update(close=0)
    with pytest.raises(NotPositive, match="ETH"):
        daily.read(source="desk", assets=["BTC", "ETH"])


def test_single_prices_are_measured_by_the_hour(tmp_path: Path) -> None:
    told = ticks(240, asset="ETH", start=1_600)
    run(write(tmp_path / "a.csv", [*told[:100], *told[104:]]))
    found = daily.read(source="desk", assets=["ETH"])
    assert found.table.span == HOUR
    assert found.table.ends[-1] == FIRST + 9 * DAY
    assert found.table.complete[4, 0] == pytest.approx(20 / 24)
    prices = np.array([row["price"] for row in told])
    assert found.table.variance[2, 0] == pytest.approx((np.diff(np.log(prices))[48:72] ** 2).sum())
    assert np.isnan(found.hourly.variance[:, 0]).sum() == 4
    assert np.isnan(found.table.measures["yang_zhang"]).all()


def test_bars_of_two_steps_are_measured_at_the_longer_one(tmp_path: Path) -> None:
    for asset, minutes, count in (("ETH", 5, 2_880), ("BTC", 60, 240)):
        told = candles(count, minutes=minutes, start=20_000.0)
        run(write(tmp_path / f"{asset}.csv", told), asset=asset, allow=("wrong-numeraire", "implausible-data"))
    found = daily.read(source="desk", assets=["ETH", "BTC"])
    assert found.table.span == HOUR
    assert np.isfinite(found.table.variance).all()
    assert daily.read(source="desk", assets=["ETH"]).table.span == 300


def test_collected_days_end_at_the_last_full_hour() -> None:
    grid = samples.lab_grid(days=12)
    names = [f"R{k}" for k in range(grid.prices.shape[1])]
    made = daily.from_grid(grid, assets=names)
    assert made.ends[-1] == grid.timestamps[-1]
    assert set(np.diff(made.ends)) == {DAY}
    returns = np.diff(np.log(grid.prices.astype(float)), axis=0)
    np.testing.assert_allclose(made.variance[-1], np.maximum((returns[-24:] ** 2).sum(axis=0), 1e-10))
    hours = daily.hours_from_grid(grid, assets=names)
    assert hours.ends[-1] == grid.timestamps[-1]
    np.testing.assert_allclose(hours.change[-5:], returns[-5:], atol=1e-12)


def test_a_frozen_market_is_measured() -> None:
    frozen = datasets.freeze(rows.market(days=30))
    made = daily.from_grid(frozen.grid, assets=frozen.symbols)
    assert made.ends.tolist() == frozen.panel.ends.tolist()
    np.testing.assert_allclose(made.variance, frozen.panel.measures.variance, rtol=1e-9)
    np.testing.assert_allclose(made.measures["absolute"], frozen.panel.measures.activity, rtol=1e-9)


@pytest.mark.skipif(
    not MARKET.is_dir(), reason="real candles are not part of the project; expected in ../shared/data/market"
)
def test_real_candles() -> None:
    run(MARKET / "candles_30m_BTC.parquet", source="binance", asset="BTC")
    found = daily.read(source="binance", assets=["BTC"])
    assert found.table.variance.shape == (1_745, 1)
    assert np.isfinite(found.table.variance).all()
    assert (found.table.complete < 1).sum() == 10
    assert found.doubts == ()
    measured = found.table.measures
    for name in ("parkinson", "garman_klass", "rogers_satchell", "yang_zhang", "intraday_rs", "bipower", "rv_1h"):
        assert np.log(measured[name] / found.table.variance).mean() == pytest.approx(0, abs=0.3), name
        assert np.corrcoef(np.log(measured[name][:, 0]), np.log(found.table.variance[:, 0]))[0, 1] > 0.85, name
    assert np.isfinite(found.hourly.variance).mean() > 0.999
