"""How long a bar is does not depend on how bars are split into files, nor on the order in which those come."""

from __future__ import annotations

import pytest

from forecasting.models import ImportedPrice
from governance.errors import InputError
from tests.forecasting.imports.files import candles, run, write

pytestmark = pytest.mark.django_db


def test_how_bars_are_split_into_files_does_not_matter(tmp_path):
    told = candles(60)
    run(write(tmp_path / "all.csv", told), asset="ETH", source="whole")
    for name, part in (("most", told[:40]), ("two", told[45:50:4]), ("one", told[59:]), ("rest", told[40:59])):
        run(write(tmp_path / f"{name}.csv", part), asset="ETH", source="split")
    whole, split = (
        list(ImportedPrice.objects.filter(dataset__source=name).order_by("timestamp").values_list("timestamp", "span"))
        for name in ("whole", "split")
    )
    assert len(whole) == 60
    assert whole == split


def test_too_few_bars_do_not_tell_their_length(tmp_path):
    told = candles(60)
    for index, few in enumerate((told[:1], told[:2], [told[0], *told[3:5]])):
        path = write(tmp_path / f"{index}.csv", few)
        with pytest.raises(InputError, match="--grid SECONDS"):
            run(path, asset="ETH", source=f"few-{index}")
    run(path, asset="ETH", grid=1_800, source="said")
    assert set(ImportedPrice.objects.values_list("span", flat=True)) == {1_800}


def test_a_few_bars_follow_the_other_assets_of_their_file(tmp_path):
    rows = [{**row, "asset": "ETH"} for row in candles(60)]
    rows.append({**rows[-1], "asset": "NEWCOIN"})
    run(write(tmp_path / "both.csv", rows))
    assert set(ImportedPrice.objects.values_list("asset", "span")) == {("ETH", 1_800), ("NEWCOIN", 1_800)}
    more = [{**row, "asset": "BTC"} for row in candles(30, minutes=60)]
    more = [*more, *rows[:59], {**rows[-1], "asset": "OTHER"}]
    with pytest.raises(InputError, match="bars of OTHER"):
        run(write(tmp_path / "unclear.csv", more), source="unclear")
