"""Files that no market made: every one is refused in a sentence, by file, row and column; none ends in a traceback."""

from __future__ import annotations

import pyarrow as pa
import pytest
from pyarrow import parquet

from forecasting.models import ImportedDataset, ImportedPrice
from governance.errors import ImplausibleData, InputError
from tests.forecasting.imports.files import candles, liquidations, run, ticks, write

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(
    "time", ["nan", "Infinity", "1e300", "-1e20", "-99999999999999999999", "9" * 25, "9" * 5_000, "1e-99999999"]
)
def test_unix_times_that_no_calendar_has(tmp_path, time):
    path = tmp_path / "p.csv"
    path.write_text(f"time,price\n1640995200,5\n{time},6\n", encoding="utf-8")
    if time == "1e-99999999":
        assert run(path, asset="X").file.added == 2  # 1970
        return
    with pytest.raises(ImplausibleData, match="row 2, column time"):
        run(path, asset="X")


def test_a_zone_that_leaves_the_calendar(tmp_path):
    path = tmp_path / "p.csv"
    path.write_text("time,price\n0001-01-01T00:00:00+05:00,5\n2022-01-01,6\n", encoding="utf-8")
    with pytest.raises(ImplausibleData, match="row 1, column time"):
        run(path, asset="X")


def test_a_timestamp_beyond_the_calendar(tmp_path):
    path = tmp_path / "p.parquet"
    stamps = pa.array([1_640_995_200_000_000, 1 << 60], pa.timestamp("us"))
    parquet.write_table(pa.table({"time": stamps, "price": [5.0, 6.0]}), path)
    with pytest.raises(ImplausibleData, match="row 2, column time"):
        run(path, asset="X")


@pytest.mark.parametrize(
    ("said", "field"),
    [
        ({"asset": "A" * 33}, "asset"),
        ({"asset": "A\tB"}, "asset"),
        ({"asset": r"A\N"}, "asset"),
        ({"asset": "A\nB"}, "asset"),
        ({"asset": "ETH", "quote": "U" * 17}, "quote"),
        ({"asset": "ETH", "quote": "U\tV"}, "quote"),
    ],
)
def test_names_that_do_not_fit_are_refused(tmp_path, said, field):
    path = write(tmp_path / "p.csv", candles(60))
    with pytest.raises(InputError, match=rf"p\.csv, row 1: {field} ") as found:
        run(path, **said)
    assert found.value.facts["field"] == field
    assert not ImportedDataset.objects.exists()


def test_names_of_a_file_that_do_not_fit_are_refused(tmp_path):
    rows = ticks(60, asset="ETH", start=1_600)
    for name, value in (("asset", "Q" * 60), ("source", "o" * 100)):
        changed = [*rows[:5], {**rows[5], name: value}, *rows[6:]]
        changed = [{"source": "", **row} for row in changed]
        with pytest.raises(InputError, match=r"row 6: (asset|origin) "):
            run(write(tmp_path / "p.csv", changed))
    with pytest.raises(InputError, match="at most 64"):
        run(write(tmp_path / "p.csv", rows), source="s" * 65)
    assert not ImportedPrice.objects.exists()


@pytest.mark.parametrize(
    ("column", "value", "refused"),
    [
        ("collateral", "C" * 60, "collateral"),
        ("block", "1e30", "block_number"),
        ("block", "12002655.5", "block_number"),
    ],
)
def test_liquidations_that_do_not_fit_are_refused(tmp_path, column, value, refused):
    rows = [{**row, "block": 12_000_000 + 45 * index} for index, row in enumerate(liquidations())]
    rows[-1] |= {column: value}
    with pytest.raises(InputError, match=f"row 60: {refused}"):
        run(write(tmp_path / "l.csv", rows), kind="liquidations")


@pytest.mark.parametrize(
    "value", ["9" * 60_000, "0." + "9" * 60_000, "1e309", "-" + "9" * 400, "9" * 309, "1e399", "1e-401"]
)
def test_numbers_without_end_are_refused_and_shown_in_short(tmp_path, value):
    path = tmp_path / "p.csv"
    path.write_text(f"time,price\n1640995200,5\n1640998800,{value}\n", encoding="utf-8")
    with pytest.raises(ImplausibleData, match="row 2, column price") as found:
        run(path, asset="X")
    assert len(found.value.message) < 300


@pytest.mark.parametrize(("value", "place"), [(1e300, "close"), (float("inf"), "row 2, column price")])
def test_a_double_without_end_is_refused(tmp_path, value, place):
    path = tmp_path / "p.parquet"
    parquet.write_table(pa.table({"time": [1_640_995_200, 1_640_998_800], "price": [5.0, value]}), path)
    with pytest.raises(ImplausibleData, match=place):
        run(path, asset="X")


def test_json_of_endless_depth_is_refused(tmp_path):
    path = tmp_path / "p.json"
    path.write_text("[" * 200_000, encoding="utf-8")
    with pytest.raises(InputError, match="cannot be read"):
        run(path, asset="X")


def test_names_of_columns_that_cannot_be_kept_are_refused(tmp_path):
    path = tmp_path / "p.json"
    path.write_text('[{"time": 1640995200, "price": 5, "a\\u0000b": 1}]', encoding="utf-8")
    with pytest.raises(InputError, match="printable"):
        run(path, asset="X")


def test_decimals_that_are_none_are_refused(tmp_path):
    for value in ("6.5", "1e9", "-1"):
        row = {"user": "0x1", "asset": "USDC", "side": "debt", "amount": 5_000_000, "decimals": value}
        with pytest.raises(InputError, match="0 to 36"):
            run(write(tmp_path / "book.csv", [row]), kind="positions")


def test_a_price_beside_a_close_must_be_told_apart(tmp_path):
    path = write(tmp_path / "bars.csv", [{**row, "price": 1} for row in candles(60)])
    with pytest.raises(InputError, match="--column close=close"):
        run(path, asset="ETH")
    assert run(path, asset="ETH", columns={"close": "close"}).file.added == 60
