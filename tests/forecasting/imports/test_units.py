"""Units that a file does not say: raw integers of feeds and tokens, and prices in ether of tokens of every size."""

from __future__ import annotations

import numpy as np
import pytest

from forecasting.imports.reference import CEILING, FLOOR, token
from forecasting.models import ImportedLeg, ImportedPrice
from governance.errors import InputError, MixedUnits, WrongNumeraire
from tests.forecasting.imports.files import candles, liquidations, run, ticks, write
from tests.forecasting.imports.test_positions import multi

pytestmark = pytest.mark.django_db


def raw(rows):
    return [{**row, "price": round(row["price"] * 1e8)} for row in rows]


def test_raw_answers_of_a_feed_are_no_dollars_and_can_be_said_to_be_raw(tmp_path):
    rows = ticks(100, asset="ETH", start=1_600)
    path = write(tmp_path / "feed.csv", raw(rows))
    with pytest.raises(WrongNumeraire, match="--raw-decimals 8"):
        run(path, source="feed")
    run(path, source="feed", raw_decimals={"": 8})
    assert run(write(tmp_path / "p.csv", rows), source="exchange").file.added == 100
    feed, exchange = (
        list(ImportedPrice.objects.filter(dataset__source=name).order_by("timestamp").values_list("close", flat=True))
        for name in ("feed", "exchange")
    )
    assert feed == exchange


@pytest.mark.parametrize(("asset", "price"), [("DOGE", 0.08), ("LINK", 7.0), ("ETH", 1_600), ("BTC", 24_000)])
def test_raw_answers_lie_above_every_ceiling(tmp_path, asset, price):
    with pytest.raises(WrongNumeraire, match="over which"):
        run(write(tmp_path / "feed.csv", raw(ticks(100, asset=asset, start=price))))


def test_what_was_allowed_in_a_doubtful_unit_judges_no_other_file(tmp_path):
    rows = ticks(100, asset="ETH", start=1_600)
    run(write(tmp_path / "feed.csv", raw(rows)), source="feed", allow=("wrong-numeraire", "mixed-units"))
    assert run(write(tmp_path / "p.csv", rows), source="exchange").file.added == 100


@pytest.mark.parametrize(
    ("asset", "price"),
    [
        ("LTC", 0.05),
        ("ATOM", 0.007),
        ("DOT", 0.004),
        ("MATIC", 0.0006),
        ("GMX", 0.03),
        ("PENDLE", 0.0002),
        ("DOGE", 0.00005),
        ("LEND", 0.0005),
        ("ETHUSDT", 0.05),
    ],
)
def test_tokens_in_ether_or_bitcoin_lie_below_every_floor(tmp_path, asset, price):
    rows = [{**row, "price": price * (1 + 0.003 * (i % 7))} for i, row in enumerate(ticks(100, asset=asset, start=1))]
    with pytest.raises(WrongNumeraire, match="under which"):
        run(write(tmp_path / "p.csv", rows))


def test_what_falls_when_ether_rises_is_counted_in_ether(tmp_path):
    ether = ticks(200, asset="ETH", start=1_600)
    run(write(tmp_path / "eth.csv", ether), source="exchange")
    coin = ticks(200, asset="NEWCOIN", start=50, seed=2)
    crossed = [{**row, "price": f"{row['price'] / base['price']:.10f}"} for row, base in zip(coin, ether, strict=True)]
    path = write(tmp_path / "crossed.csv", crossed)
    with pytest.raises(WrongNumeraire, match="as ether rises"):
        run(path, source="indexer")
    assert run(path, source="indexer", quote="ETH").file.added == 200
    assert run(write(tmp_path / "coin.csv", coin), source="other").file.added == 200


def test_symbols_of_venues_are_of_tokens():
    assert [
        token(name) for name in ("ETHUSDT", "eth-usd", "BTC/USDC", "crvUSD", "sUSD", "PYUSD", "USDC", "FOOUSD")
    ] == [*("ETH", "ETH", "BTC", "CRVUSD", "SUSD", "PYUSD", "USDC", "FOOUSD")]
    assert all(10 * floor < CEILING[symbol] for symbol, (_, floor) in FLOOR.items())


@pytest.mark.parametrize("changed", [1, 30, 150])
def test_raw_integers_among_whole_amounts_are_refused(tmp_path, changed):
    rows = liquidations(200)
    draw = np.random.default_rng(3)
    for index, row in enumerate(rows):
        whole = int(draw.uniform(200, 95_000))
        row["debt_amount"] = whole * 10**6 if index < changed else whole
    rows = [{name: row[name] for name in row if not name.endswith("_usd")} for row in rows]
    with pytest.raises(MixedUnits) as found:
        run(write(tmp_path / "l.csv", rows), kind="liquidations")
    assert found.value.facts["column"] == "debt_amount"
    assert found.value.facts["rows"] == min(changed, 200 - changed)


def test_whole_amounts_of_all_sizes_are_no_raw_integers(tmp_path):
    rows = liquidations(200)
    sizes = np.random.default_rng(3).lognormal(8, 3, 200).astype(int) + 1
    rows = [{**row, "debt_amount": int(size)} for row, size in zip(rows, sizes, strict=True)]
    rows = [{name: row[name] for name in row if not name.endswith("_usd")} for row in rows]
    assert run(write(tmp_path / "l.csv", rows), kind="liquidations").file.added == 200


def test_a_wide_file_knows_the_decimals_of_tokens_or_asks_for_them(tmp_path):
    run(write(tmp_path / "usdc.csv", multi(usdt_collateral=7_000_000)), kind="positions")
    assert set(ImportedLeg.objects.filter(asset="USDT").values_list("amount", flat=True)) == {7}
    path = write(tmp_path / "other.csv", multi(newcoin_collateral=7_000_000))
    with pytest.raises(InputError, match="--raw-decimals NEWCOIN=N"):
        run(path, kind="positions", source="other")
    run(path, kind="positions", source="other", raw_decimals={"NEWCOIN": 6})
    assert set(ImportedLeg.objects.filter(asset="NEWCOIN").values_list("amount", flat=True)) == {7}


def test_raw_bars_are_shifted_whole(tmp_path):
    told = candles(60)
    rows = [{**row, **{name: round(row[name] * 1e8) for name in ("open", "high", "low", "close")}} for row in told]
    run(write(tmp_path / "bars.csv", rows), asset="ETH", raw_decimals={"ETH": 8})
    assert ImportedPrice.objects.order_by("timestamp").first().close * 100 == round(told[0]["close"] * 100)
    with pytest.raises(InputError, match="ETH=N"):
        run(tmp_path / "bars.csv", asset="ETH", raw_decimals={"BTC": 8}, source="other")
