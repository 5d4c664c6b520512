"""Datasets: files add up, in any order and once; what disagrees is refused; every version can be read again."""

from __future__ import annotations

import json
from decimal import Decimal
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory

import pyarrow as pa
import pytest
from django.db.utils import ProgrammingError
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.django import TestCase
from pyarrow import parquet

from forecasting.imports import catalogue
from forecasting.imports.exact import LARGEST, LONGEST, NotANumber, numbers, plain, shifted
from forecasting.imports.times import instant, show, times
from forecasting.models import Dataset, ImportedDataset, ImportedFile, ImportedPrice
from governance.errors import ConflictError, ImplausibleData, InputError, StaleData
from tests.forecasting.imports.files import START, candles, liquidations, run, ticks, write

DECIMALS = st.decimals(allow_nan=False, allow_infinity=False).filter(
    lambda number: -LONGEST <= number.adjusted() < LARGEST and number.as_tuple().exponent >= -LONGEST
)


class TestAddingUp(TestCase):
    """Each example is taken back from the database."""

    @settings(max_examples=20)
    @given(st.data())
    def test_order_and_cut_do_not_matter(self, data):
        rows = candles(60)
        shuffled = data.draw(st.permutations(rows))
        cuts = sorted({data.draw(st.integers(10, 50)), data.draw(st.integers(10, 50))})
        parts = [shuffled[a:b] for a, b in pairwise([0, *cuts, 60])]
        parts[-1] = [*parts[-1], *data.draw(st.lists(st.sampled_from(rows), max_size=5))]
        with TemporaryDirectory() as folder:
            (whole,) = self.bring(Path(folder), [rows], source="whole")
            files = self.bring(Path(folder), data.draw(st.permutations(parts)), source="parts")
        assert bytes(files[-1].content) == bytes(whole.content)
        assert sum(file.added for file in files) == 60
        assert catalogue.verify(files[-1].dataset) == files[-1].result.hash
        assert files[-1].result.rows == whole.result.rows

    def bring(self, folder, parts, *, source):
        """Import each part as a file; the length of bars is said, for a few rows cannot tell it."""
        paths = [write(folder / f"{source}-{number}.csv", part) for number, part in enumerate(parts)]
        return [run(path, asset="ETH", source=source, grid=1800).file for path in paths]


@given(DECIMALS)
def test_numbers_keep_all_their_digits(number):
    text = plain(str(number))
    assert Decimal(text) == number
    assert plain(text) == text
    assert "e" not in text.lower()


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_doubles_are_their_shortest_text(value):
    found = numbers(pa.chunked_array([[value]]))
    assert float(found.text[0]) == value
    assert found.text == [plain(repr(value))]


@given(st.integers(0, 2**256 - 1), st.integers(0, 36))
def test_raw_integers_become_tokens_without_loss(raw, decimals):
    assert Decimal(shifted([plain(str(raw))], [decimals])[0]) == Decimal(f"{raw}e-{decimals}")


@pytest.mark.parametrize("text", ["1_000", "0x10", "1,5", "--1", "Infinity", "ten", "1e999999999"])
def test_what_is_no_number_is_refused(text):
    with pytest.raises(NotANumber):
        numbers([text])


@pytest.mark.parametrize(
    ("text", "micros"),
    [
        ("1614556800", 1_614_556_800_000_000),
        ("1614556800.25", 1_614_556_800_250_000),
        ("1614556800123", 1_614_556_800_123_000),
        ("1614556800123456", 1_614_556_800_123_456),
        ("1614556800123456789", 1_614_556_800_123_456),
        ("2021-03-01", 1_614_556_800_000_000),
        ("2021-03-01 00:00:00.001", 1_614_556_800_001_000),
        ("2021-03-01T02:00:00+02:00", 1_614_556_800_000_000),
        ("2021-03-01T00:00:00Z", 1_614_556_800_000_000),
        ("2021-03-01 00:00:00.000 UTC", 1_614_556_800_000_000),
    ],
)
def test_times_are_told_by_their_form(text, micros):
    assert instant(text) == micros
    assert show(micros).startswith("2021-03-01 00:00:00")


def test_how_times_were_understood_is_written_down():
    assert times(["2021-03-01", "2021-03-02"]).zone == "none stated: UTC"
    assert times(["2021-03-01T00:00:00Z"]).zone == "as stated"
    assert times(["1614556800123"]).unit == "unix milliseconds"


@pytest.mark.django_db
class TestFiles:
    def test_a_file_makes_a_version_with_its_provenance(self, tmp_path):
        path = write(tmp_path / "bars.csv", candles(80))
        file = run(path, asset="ETH").file
        told = catalogue.describe(file)
        assert (told["version"], told["rows"], told["added"], told["merged"]) == (1, 80, 80, 0)
        assert told["reading"]["columns"]["time"] == "ts"
        assert told["reading"]["seconds"] == {"ETH": 1800}
        assert told["intent"] == {"asset": "ETH", "chain": "ethereum", "stamp": "open"}
        assert told["first"] == show(int(START.timestamp()) * 10**6)
        assert file.result.kind == "imported-prices"
        assert file.result.facts == {"name": "prices/desk", "version": 1}
        first = ImportedPrice.objects.order_by("timestamp").first()
        assert first.timestamp == (int(START.timestamp()) + 1800) * 10**6  # the close is known when the bar ends

    def test_the_same_file_twice_changes_nothing(self, tmp_path):
        path = write(tmp_path / "bars.csv", candles(80))
        first = run(path, asset="ETH")
        again = run(path.rename(tmp_path / "renamed.csv"), asset="ETH")
        assert (first.status, again.status) == ("imported", "already imported")
        assert again.file == first.file
        assert ImportedFile.objects.count() == Dataset.objects.count() == 1

    def test_the_same_file_as_something_else_is_refused(self, tmp_path):
        path = write(tmp_path / "bars.csv", candles(80))
        run(path, asset="ETH")
        with pytest.raises(ConflictError, match="asset ETH"):
            run(path, asset="WETH")

    def test_who_comes_second_with_the_same_file_is_told(self, tmp_path, monkeypatch):
        path = write(tmp_path / "bars.csv", candles(80))
        run(path, asset="ETH")
        monkeypatch.setattr("forecasting.imports.importing._known", lambda *_, **__: None)
        with pytest.raises(ConflictError, match="somebody else"):
            run(path, asset="ETH")
        assert ImportedFile.objects.count() == 1

    def test_overlapping_rows_that_agree_are_merged(self, tmp_path):
        rows = candles(100)
        run(write(tmp_path / "a.csv", rows[:60]), asset="ETH")
        second = run(write(tmp_path / "b.csv", rows[40:]), asset="ETH").file
        assert (second.version, second.added, second.merged, second.result.rows) == (2, 40, 20, 100)
        third = run(write(tmp_path / "c.csv", rows[10:90]), asset="ETH").file
        assert (third.number, third.version, third.added, third.result) == (3, 2, 0, second.result)

    def test_rows_that_disagree_are_refused_with_both_values(self, tmp_path):
        rows = candles(100)
        run(write(tmp_path / "a.csv", rows), asset="ETH")
        changed = [*rows[90:], *candles(40, seed=2)[:0]]
        changed[4] = {**changed[4], "volume": 999}
        with pytest.raises(ConflictError, match=r"row 5 .*volume is 999, but prices/desk has 13\.5") as found:
            run(write(tmp_path / "b.csv", changed), asset="ETH")
        assert found.value.facts["row"] == 5
        assert ImportedFile.objects.count() == 1
        assert ImportedPrice.objects.count() == 100

    def test_rows_that_contradict_each_other_in_one_file_are_refused(self, tmp_path):
        rows = candles(60)
        assert run(write(tmp_path / "a.csv", [*rows, rows[3]]), asset="ETH").file.flags[-1]["code"] == "duplicates"
        with pytest.raises(ImplausibleData, match="rows 4 and 61"):
            run(write(tmp_path / "b.csv", [*rows, {**rows[3], "volume": 1}]), asset="ETH", source="other")

    def test_an_older_version_is_still_there(self, tmp_path):
        rows = candles(100)
        first = run(write(tmp_path / "a.csv", rows[:50]), asset="ETH").file
        run(write(tmp_path / "b.csv", rows[50:]), asset="ETH")
        assert catalogue.verify(first.dataset, version=1) == first.result.hash
        with pytest.raises(InputError, match="no version 7"):
            catalogue.verify(first.dataset, version=7)

    def test_rows_that_were_altered_are_noticed(self, tmp_path):
        file = run(write(tmp_path / "a.csv", candles(50)), asset="ETH").file
        ImportedPrice.objects.filter(timestamp=file.first_time + 1_800_000_000).update(close=1)
        with pytest.raises(StaleData, match="not those that were imported"):
            catalogue.verify(file.dataset)

    def test_provenance_is_written_once(self, tmp_path):
        file = run(write(tmp_path / "a.csv", candles(50)), asset="ETH").file
        with pytest.raises(ProgrammingError, match=r"(?i)cannot update"):
            ImportedFile.objects.filter(pk=file.pk).update(rows=1)

    def test_equal_content_is_equal_whatever_the_format(self, tmp_path):
        rows = candles(60)
        table = pa.table({name: [row[name] for row in rows] for name in rows[0]})
        parquet.write_table(table, tmp_path / "a.parquet")
        (tmp_path / "a.json").write_text(json.dumps({"rows": rows}))
        (tmp_path / "a.jsonl").write_text("\n".join(map(json.dumps, rows)))
        write(tmp_path / "a.csv", rows)
        hashes = set()
        for name in ("a.parquet", "a.json", "a.jsonl", "a.csv"):
            hashes.add(run(tmp_path / name, asset="ETH").file.result.hash)
        assert len(hashes) == 1

    def test_digits_beyond_a_double_survive(self, tmp_path):
        rows = ticks(60, asset="ETH", start=1_600)
        rows[5] = {**rows[5], "price": "1600.123456789012345678901"}
        (tmp_path / "a.json").write_text(
            json.dumps(rows).replace('"1600.123456789012345678901"', "1600.123456789012345678901")
        )
        run(tmp_path / "a.json")
        found = ImportedPrice.objects.get(timestamp=rows[5]["time"] * 10**6)
        assert found.close == Decimal("1600.123456789012345678901")

    @pytest.mark.parametrize(
        ("text", "right"),
        [
            ("ts,asset\n2021-03-01,ETH\n", "no column for close .* it has ts, asset"),
            ("ts,close\n2021-03-01,5\n", "--asset SYMBOL"),
            ("ts,close,asset\n", "no row"),
            ("ts,close,asset\n1,2\n", "2 cells under 3"),
            ("ts,close,close\n1,2,3\n", "twice"),
        ],
    )
    def test_a_file_that_lacks_something_says_what(self, tmp_path, text, right):
        (tmp_path / "a.csv").write_text(text)
        with pytest.raises(InputError, match=right):
            run(tmp_path / "a.csv")
        assert not ImportedDataset.objects.exists()

    @pytest.mark.parametrize("name", ["a.parquet", "a.json", "gone.csv"])
    def test_a_file_that_is_none_is_refused(self, tmp_path, name):
        for bad in ("a.parquet", "a.json"):
            (tmp_path / bad).write_text("not what it claims to be")
        with pytest.raises(InputError, match=name):
            run(tmp_path / name)

    def test_columns_can_be_named(self, tmp_path):
        rows = [
            {"when": row["time"], "coin": row["asset"], "last": row["price"]}
            for row in ticks(60, asset="ETH", start=1_600)
        ]
        path = write(tmp_path / "a.csv", rows)
        with pytest.raises(InputError, match="--column time=THEIRS"):
            run(path)
        assert run(path, columns={"time": "when", "close": "last"}).file.added == 60
        with pytest.raises(InputError, match="no column lost"):
            run(path, source="b", columns={"time": "when", "close": "lost"})
        with pytest.raises(InputError, match="no column what"):
            run(path, source="c", columns={"what": "when"})

    def test_two_quotes_of_one_asset_keep_apart(self, tmp_path):
        dollars = [{**row, "quote": "USD"} for row in ticks(60, asset="AAVE", start=80)]
        ether = [{**row, "quote": "ETH"} for row in ticks(60, asset="AAVE", start=0.05)]
        run(write(tmp_path / "a.csv", [*dollars, *ether]))
        assert ImportedPrice.objects.filter(quote="ETH").count() == 60

    def test_a_liquidation_without_a_transaction_is_known_by_what_it_says(self, tmp_path):
        rows = [
            {name: value for name, value in row.items() if name not in {"tx", "log_index"}} for row in liquidations()
        ]
        run(write(tmp_path / "a.csv", rows[:40]), kind="liquidations")
        assert run(write(tmp_path / "b.csv", rows[20:]), kind="liquidations").file.added == 20

    def test_a_liquidation_that_changes_its_amount_is_refused(self, tmp_path):
        rows = liquidations()
        run(write(tmp_path / "a.csv", rows), kind="liquidations")
        changed = [{**rows[0], "debt_amount": f"{rows[0]['debt_usd'] * 1.001:.6f}"}, *rows[1:]]
        with pytest.raises(ConflictError, match="debt_amount"):
            run(write(tmp_path / "b.csv", changed), kind="liquidations")

    def test_a_name_must_be_a_name(self, tmp_path):
        with pytest.raises(InputError, match="--source"):
            run(write(tmp_path / "a.csv", candles(50)), asset="ETH", source="a/b c")
