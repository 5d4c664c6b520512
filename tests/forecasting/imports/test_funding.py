"""Funding and open interest: in which unit, known from when on, and what cannot be."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import numpy as np
import pytest

from forecasting import funding, hourly_features
from forecasting.core.realised import HOUR
from forecasting.imports.catalogue import find, newest, verify
from forecasting.imports.importing import ALREADY
from forecasting.models import ImportedFunding
from governance.errors import ConflictError, ImplausibleData, InputError, MixedUnits
from tests.forecasting.imports.files import command, run, write
from tests.forecasting.liquidated_world import land, market

pytestmark = pytest.mark.django_db

FIRST = datetime(2021, 1, 1, tzinfo=UTC)
MIDNIGHT = int(FIRST.timestamp())


def days(count: int = 30, **columns: object) -> list[dict[str, object]]:
    """Return one row a day; a callable column is asked for each day's number."""
    return [
        {
            "date": (FIRST + timedelta(days=day)).date().isoformat(),
            **{name: value(day) if callable(value) else value for name, value in columns.items()},
        }
        for day in range(count)
    ]


def bring(folder: Path, rows: list[dict[str, object]], **said: object):
    return run(write(folder / "funding.csv", rows), kind="funding", source="venues", **said)


@pytest.mark.parametrize(
    ("column", "value", "annual"),
    [("annual", "0.1095", "0.1095"), ("fr", "0.01", "0.1095"), ("fundingRate", "0.0001", "0.1095")],
)
def test_every_unit_becomes_a_fraction_a_year_exactly(tmp_path, column, value, annual):
    bring(tmp_path, days(asset="eth", **{column: value}))
    row = ImportedFunding.objects.order_by("timestamp").first()
    assert row is not None
    assert (row.asset, row.rate, row.span) == ("ETH", Decimal(annual), 86_400)
    assert row.timestamp == (MIDNIGHT + 86_400) * 10**6  # known when the day is over


def test_one_column_a_venue_is_taken_apart_and_empty_cells_are_left_out(tmp_path):
    rows = days(ETH_Binance_funding_rate="0.1", ETH_OKX_funding_rate=lambda day: "" if day < 10 else "0.3")
    report = bring(tmp_path, rows)
    assert report.file.added == 50
    assert ImportedFunding.objects.filter(venue="okx").count() == 20
    assert report.file.reading["venues"] == ["binance", "okx"]
    assert verify(find("funding/venues")) == report.file.result.hash
    assert bring(tmp_path, rows).status == ALREADY


def test_two_columns_of_one_venue_are_refused_whatever_their_letters(tmp_path):
    with pytest.raises(InputError, match="ETH_A_funding_rate and ETH_a_funding_rate, which are of the same asset"):
        bring(tmp_path, days(ETH_A_funding_rate="0.1", ETH_a_funding_rate="0.2"))
    assert not ImportedFunding.objects.exists()


def test_a_file_without_any_rate_says_so(tmp_path):
    with pytest.raises(InputError, match="no rate in any cell of ETH_A_funding_rate; there is nothing to import"):
        bring(tmp_path, days(ETH_A_funding_rate=""))


def test_an_absurd_rate_is_named_in_few_words(tmp_path):
    with pytest.raises(ImplausibleData, match=r"1e\+300") as caught:
        bring(tmp_path, days(asset="ETH", annual=lambda day: "1e300" if day == 3 else "0.1"))
    assert len(caught.value.message) < 400


def test_open_interest_alone_is_enough(tmp_path):
    bring(tmp_path, days(asset="ETH", oi="1000", longliq="3", shortliq="0"))
    row = ImportedFunding.objects.first()
    assert row is not None
    assert (row.rate, row.open_interest, row.short_liquidated) == (None, Decimal(1000), Decimal(0))


@pytest.mark.parametrize(
    ("columns", "error", "said"),
    [
        ({"asset": "ETH", "annual": "900"}, ImplausibleData, "a rate a year of at most 60"),
        ({"asset": "ETH", "annual": "10.95"}, ImplausibleData, "usual rate would be 10.9 a year"),
        ({"asset": "ETH", "fraction_8h": "0.01"}, ImplausibleData, "name the column by its unit"),
        ({"asset": "ETH", "fr": "0.0000001"}, ImplausibleData, "name the column by its unit"),
        ({"asset": "ETH", "oi": "0"}, ImplausibleData, "open interest must be above zero"),
        ({"asset": "ETH", "oi": "5", "longliq": "-1"}, ImplausibleData, "an amount cannot be negative"),
        ({"asset": "ETH", "oi": lambda day: 5 * 10 ** (8 * (day > 9))}, MixedUnits, "open interest of ETH changes"),
        ({"asset": "ETH", "fr": "much"}, ImplausibleData, "'much' is not a number"),
        ({"annual": "0.1"}, InputError, "does not say which asset"),
        ({"asset": "ETH"}, InputError, "no column for annual"),
        ({"asset": "ETH", "annual": "0.1", "fr": "0.01"}, InputError, "each may be the rate"),
    ],
)
def test_what_cannot_be_is_refused_and_named(tmp_path, columns, error, said):
    with pytest.raises(error, match=said):
        bring(tmp_path, days(**columns))
    assert not ImportedFunding.objects.exists()


def test_one_row_does_not_say_how_long_an_interval_is(tmp_path):
    with pytest.raises(InputError, match="say how long it is with --grid"):
        bring(tmp_path, days(1, asset="ETH", annual="0.1"))
    assert bring(tmp_path, days(1, asset="ETH", annual="0.1"), grid=28_800).file.added == 1


def test_a_file_that_says_otherwise_is_a_conflict(tmp_path):
    bring(tmp_path, days(asset="ETH", annual="0.1"))
    with pytest.raises(ConflictError, match=r"rate is 0\.2"):
        bring(tmp_path, days(asset="ETH", annual="0.2"))


def test_the_command_imports_it(tmp_path):
    path = write(tmp_path / "eth.csv", days(annual="0.1"))
    told = command("import", "funding", path, "--source", "venues", "--asset", "ETH")
    assert told["dataset"] == "funding/venues"
    assert command("import", "--show", "funding/venues")["verified"]


def test_features_are_known_when_the_interval_is_over_and_for_three_days(tmp_path):
    bring(tmp_path, days(10, asset="ETH", annual=lambda day: 0.1 + day / 100, oi=lambda day: 1_000 + day))
    ends = MIDNIGHT + HOUR * np.arange(1, 20 * 24 + 1)
    version = newest(find("funding/venues")).version
    found = funding.read([["funding/venues", version]], assets=("ETH", "BTC"), ends=ends)
    rate = found["funding"]
    assert np.isnan(rate[:23]).all()
    assert rate[23] == pytest.approx(0.1)  # at the end of the first day, and not before
    assert rate[46] == pytest.approx(0.1)
    assert rate[47] == pytest.approx(0.11)
    last = 10 * 24 - 1
    assert rate[last + 72] == pytest.approx(0.19)
    assert np.isnan(rate[last + 73 :]).all()
    assert np.array_equal(found["funding_all"], rate, equal_nan=True)  # nothing is said of BTC
    assert found["funding_change_7d"][8 * 24] == pytest.approx(0.07)
    assert found["interest_change_1d"][50] == pytest.approx(np.log(1_001 / 1_000))
    assert np.isnan(found["perpetuals_liquidated"]).all()
    assert funding.read([], assets=("ETH",), ends=ends) == {}


def test_of_several_venues_the_middle_one_counts(tmp_path):
    bring(tmp_path, days(ETH_A_funding_rate="0.1", ETH_B_funding_rate="0.2", ETH_C_funding_rate="3"))
    found = funding.read([["funding/venues", 1]], assets=("ETH",), ends=MIDNIGHT + HOUR * np.arange(24, 48))
    assert found["funding"] == pytest.approx(0.2)


def test_hours_carry_it_and_name_its_version(tmp_path):
    land(tmp_path, market(days=30))
    plain = hourly_features.read(hourly_features.choose(prices="", liquidations=[], assets=[]))
    bring(tmp_path, days(30, asset="ETH", annual=lambda day: 0.1 + day / 100))
    chosen = hourly_features.choose(prices="", liquidations=[], assets=[])
    assert chosen["funding"] == [["funding/venues", 1]]
    found = hourly_features.read(chosen)
    assert np.isfinite(found.hours.extras["funding"]).mean() > 0.9
    assert found.dataset != plain.dataset
    assert hourly_features.load(found.dataset).dataset == found.dataset
    without = hourly_features.choose(prices="", liquidations=[], assets=[], funding=["none"])
    assert hourly_features.read(without).dataset == plain.dataset
    with pytest.raises(InputError, match="no imported dataset nobody"):
        hourly_features.choose(prices="", liquidations=[], assets=[], funding=["nobody"])
