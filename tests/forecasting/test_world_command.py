from __future__ import annotations

import json
from datetime import UTC, datetime
from io import StringIO

import pyarrow as pa
import pytest
from django.core.management import call_command
from pyarrow import parquet

from forecasting import price_files
from forecasting.management.commands.world import specification
from governance.env import env
from governance.errors import GapInData, ImplausibleData, InputError
from governance.lab.prices import PricePath
from governance.lab.spec import TEST
from governance.services import node

OPTIONS = {"preset": "test", "seed": None, "days": None, "prices": None}
LONG = "timestamp,symbol,close\n"
START = 1_700_000_000 // 3_600 * 3_600


def rows(count: int = 60) -> str:
    return "".join(f"{START + hour * 3_600},ETH,{2_000 + hour}\n" for hour in range(count))


@pytest.fixture
def file(tmp_path):
    def write(text: str):
        path = tmp_path / "prices.csv"
        path.write_text(text, encoding="utf-8")
        return [str(path)]

    return write


def test_options_change_the_preset():
    spec = specification(OPTIONS | {"seed": 5, "days": 9})
    assert (spec.seed, spec.days, spec.accounts) == (5, 9, TEST.accounts)


def test_a_price_file_replaces_drawn_prices(file):
    spec = specification(OPTIONS | {"prices": file(LONG + rows())})
    assert (spec.start, spec.days) == (START + 11 * 3_600, 2)
    assert PricePath(spec).at(0)[0] == 2_011 * 10**8


@pytest.mark.parametrize(
    ("moments", "expected"),
    [
        ((str(START), str(START + 3_600)), START),
        ((f"{START}000", f"{START + 3_600}000"), START),
        (("2024-01-05T00:00:00Z", "2024-01-05T01:00:00+00:00"), 1_704_412_800),
        (("2024-01-05 00:00:00", "2024-01-05 01:00"), 1_704_412_800),
    ],
)
def test_times_are_read_in_the_usual_ways(file, moments, expected):
    found = list(price_files.read(file("time,ETH\n" + "".join(f"{moment},2000\n" for moment in moments))))
    assert [candle.timestamp for candle in found] == [expected, expected + 3_600]


def test_wide_and_long_files_say_the_same(file):
    wide = list(price_files.read(file(f"ts,ETH,BTC,note\n{START},2000,40000,calm\n")))
    long = list(price_files.read(file(f"ts,asset,price\n{START},ETH,2000\n{START},BTC,40000\n{START},DOGE,1\n")))
    shape = [("ETH", 2_000.0), ("BTC", 40_000.0)]
    assert [(candle.symbol, candle.price) for candle in wide] == shape
    assert [(candle.symbol, candle.price) for candle in long] == shape


@pytest.mark.parametrize(
    ("text", "error", "said"),
    [
        (LONG + rows(3) + f"{START + 3 * 3_600},ETH,-1\n", ImplausibleData, "Row 5 "),
        (LONG + rows(3) + f"{START + 9 * 3_600},ETH,2000\n", GapInData, "Row 5 "),
        (LONG + rows(3) + f"{START},ETH,2000\n", ImplausibleData, "not later than row 4"),
        (LONG + "yesterday,ETH,2000\n", ImplausibleData, "'yesterday' is not a time"),
        (LONG + f"{START},ETH,dear\n", ImplausibleData, "'dear' is not a number"),
        (LONG + f"{START},ETH\n", ImplausibleData, "None is not a number"),
        (f"when,ETH\n{START},1\n", InputError, "no time column"),
        (LONG + f"{START},DOGE,1\n", InputError, "none of the world's assets"),
        ("", InputError, "none of the world's assets"),
    ],
)
def test_a_price_file_that_cannot_be_used_is_refused_in_one_line(file, text, error, said):
    with pytest.raises(error, match=said):
        specification(OPTIONS | {"prices": file(text)})


def test_a_missing_or_binary_file_is_refused(tmp_path):
    with pytest.raises(InputError, match="no price file"):
        list(price_files.read([str(tmp_path / "nothing.csv")]))
    (tmp_path / "prices.csv").write_bytes(b"PAR1\xff\xfe\x00")
    with pytest.raises(InputError, match="neither a CSV nor a Parquet"):
        list(price_files.read([str(tmp_path / "prices.csv")]))


def test_a_file_of_one_asset_takes_its_name_from_the_option(tmp_path):
    table = pa.table(
        {"ts": [datetime(2024, 1, 5, hour, tzinfo=UTC) for hour in range(3)], "close": [2_000.0, 2_001.0, 2_002.0]}
    )
    parquet.write_table(table, tmp_path / "candles.parquet")
    found = list(price_files.read([f"ETH={tmp_path / 'candles.parquet'}"]))
    assert [(candle.symbol, candle.timestamp, candle.price) for candle in found] == [
        ("ETH", 1_704_412_800 + 3_600 * hour, 2_000.0 + hour) for hour in range(3)
    ]
    with pytest.raises(InputError, match="does not say which asset"):
        list(price_files.read([str(tmp_path / "candles.parquet")]))


def test_a_broken_parquet_file_is_refused(tmp_path):
    (tmp_path / "candles.parquet").write_bytes(b"PAR1 and nothing else")
    with pytest.raises(InputError, match="neither a CSV nor a Parquet"):
        list(price_files.read([f"ETH={tmp_path / 'candles.parquet'}"]))


def test_the_local_world_needs_the_embedded_node(chain_client):
    with pytest.raises(InputError, match="unset RPC_URLS"):
        call_command("world", "status")


def test_a_world_is_built_shown_and_advanced(tmp_path, monkeypatch):
    (env().breakwater_data / "contracts").mkdir(parents=True, exist_ok=True)
    (tmp_path / "contracts").symlink_to(env().breakwater_data / "contracts")  # compiled once for all tests
    monkeypatch.setenv("BREAKWATER_DATA", str(tmp_path))
    env.cache_clear()
    try:
        node.Node().start()
        built = answer("build", "--preset", "test", "--days", "1", "--seed", "4")
        assert (built["hour"], built["accounts"]) == (24, TEST.accounts)
        assert answer("build", "--preset", "test", "--days", "1", "--seed", "4") == built
        assert answer("status") == built
        assert answer("advance", "--hours", "3")["hour"] == 27
        assert answer("build", "--preset", "test", "--days", "1", "--seed", "4", "--fresh") == built
    finally:
        node.Node().process.end()
        monkeypatch.undo()
        env.cache_clear()


def answer(*arguments: str) -> dict[str, object]:
    out = StringIO()
    call_command("world", *arguments, "--json", stdout=out)
    return json.loads(out.getvalue())
