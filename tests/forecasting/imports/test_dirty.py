"""The five kinds of dirty data that really occur: each refused by its own code, flagged where a person allows it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise

import numpy as np
import pytest

from forecasting.models import ImportedDataset, ImportedFile, ImportedPrice
from governance.errors import (
    BeforeToken,
    DataError,
    DustSweep,
    ImplausibleData,
    InputError,
    MixedUnits,
    OffGrid,
    SyntheticSeries,
    WrongNumeraire,
)
from tests.forecasting.imports.files import START, candles, liquidations, run, ticks, walk, write

pytestmark = pytest.mark.django_db
MERGED = datetime(2023, 3, 1, 0, 0, 11, tzinfo=UTC)  # a slot


def refused(error: type[DataError], path, **said) -> DataError:
    """Import a file that must be refused; nothing may be left of it. Then allow it, and it must be flagged."""
    with pytest.raises(error) as found:
        run(path, **said)
    assert type(found.value) is error
    assert path.name in found.value.message
    assert not ImportedDataset.objects.exists()
    assert not ImportedPrice.objects.exists()
    flags = insist(path, [error.code], **said)
    assert [flag["allowed"] for flag in flags if flag["code"] == error.code][:1] == [1]
    return found.value


def insist(path, allowed, **said):
    """Import a file and allow what is wrong with it, one code after the other; return its flags."""
    try:
        return run(path, **said, allow=tuple(allowed)).file.flags
    except DataError as error:
        return insist(path, [*allowed, error.code], **said)


def shift(row, **changes):
    return {**row, **changes}


# timestamps off the grid ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("share", [0.01, 0.3])
def test_bars_between_the_grid_are_refused(tmp_path, share):
    rows = candles(200)
    for index in range(10, 10 + int(200 * share)):
        rows[index] = shift(rows[index], ts=(START + timedelta(minutes=30 * index, seconds=417)).isoformat())
    error = refused(OffGrid, write(tmp_path / "bars.csv", rows), asset="ETH")
    assert error.facts["row"] == 11
    assert error.facts["rows"] == int(200 * share)
    assert "1800 s" in error.message


def test_bars_that_begin_past_the_step_are_refused(tmp_path):
    rows = [
        shift(row, ts=(START + timedelta(minutes=30 * index + 7)).isoformat()) for index, row in enumerate(candles())
    ]
    assert "420 s past" in refused(OffGrid, write(tmp_path / "bars.csv", rows), asset="ETH").message


def test_bars_at_random_times_are_refused(tmp_path):
    draw = np.random.default_rng(1)
    stamps = START.timestamp() + np.sort(draw.uniform(0, 360_000, 200)).round(3)
    rows = [shift(row, ts=stamp) for row, stamp in zip(candles(), stamps, strict=True)]
    refused(OffGrid, write(tmp_path / "bars.csv", rows), asset="ETH")


def test_prices_at_a_step_that_no_clock_has_are_refused(tmp_path):
    first = int(START.timestamp())
    rows = [
        {"ts": f"{first + index * 3_517.31:.3f}", "asset": "ETH", "price": price}
        for index, price in enumerate(walk(200))
    ]
    assert "divides no day" in refused(OffGrid, write(tmp_path / "p.csv", rows)).message


def test_prices_on_the_line_between_their_neighbours_are_refused(tmp_path):
    rows = ticks(120, asset="ETH", start=1_600)
    filled = [rows[0]]
    for one, two in pairwise(rows):
        filled += [shift(one, time=one["time"] + 1_800, price=(one["price"] + two["price"]) / 2), two]
    assert "on the line" in refused(OffGrid, write(tmp_path / "p.csv", filled)).message


@pytest.mark.parametrize(("minutes", "count"), [(60, 1), (60, 5), (60, 50), (60, 99), (30, 1), (30, 99)])
@pytest.mark.parametrize("together", [True, False])
def test_rows_put_half_way_between_two_are_refused(tmp_path, minutes, count, together):
    rows = candles(1_000, minutes=minutes)
    places = range(100, 100 + count) if together else range(5, 5 + 10 * count, 10)
    for index in places:
        between = START + timedelta(minutes=minutes * (index + 0.5))
        mean = (rows[index]["close"] + rows[index + 1]["close"]) / 2
        rows.append({"ts": between.isoformat(), **dict.fromkeys(("open", "high", "low", "close"), mean), "volume": 1})
    rows.sort(key=lambda row: row["ts"])
    error = refused(OffGrid, write(tmp_path / "p.csv", rows), asset="ETH")
    assert error.facts["rows"] == count
    assert error.facts["row"] == places[0] + 2


def test_half_of_a_series_off_its_grid_is_refused_also_for_single_prices(tmp_path):
    draw = np.random.default_rng(2)
    rows = [
        shift(row, time=row["time"] + int(draw.integers(60, 3_000)) * (index % 3 == 0))
        for index, row in enumerate(ticks(300, asset="AAVE", start=80))
    ]
    assert refused(OffGrid, write(tmp_path / "p.csv", rows)).facts["rows"] == 100


def test_a_sampler_that_is_late_is_only_flagged(tmp_path):
    draw = np.random.default_rng(3)
    rows = [shift(row, time=row["time"] + round(draw.gamma(2, 40), 3)) for row in ticks(300, asset="AAVE", start=80)]
    assert [flag["code"] for flag in run(write(tmp_path / "p.csv", rows)).file.flags] == ["jitter"]


def test_a_source_that_changes_its_step_is_not_off_the_grid(tmp_path):
    rows = candles(100, minutes=60)
    after = candles(60, minutes=30, seed=2, start=rows[-1]["close"])
    for index, row in enumerate(after):
        rows.append(shift(row, ts=(START + timedelta(hours=100, minutes=30 * index)).isoformat()))
    assert run(write(tmp_path / "p.csv", rows), asset="ETH").file.added == 160


def test_events_off_the_slots_of_the_chain_are_refused_after_the_merge(tmp_path):
    on = liquidations(first=MERGED)
    on = [shift(row, ts=(MERGED + timedelta(seconds=612 * index)).isoformat()) for index, row in enumerate(on)]
    off = [shift(row, ts=(MERGED + timedelta(seconds=613 * index)).isoformat()) for index, row in enumerate(on)]
    error = refused(OffGrid, write(tmp_path / "off.csv", off), kind="liquidations")
    assert error.facts["row"] == 2
    assert "12 s" in error.message
    assert run(write(tmp_path / "on.csv", on), kind="liquidations", source="on").file.added == 60
    assert run(tmp_path / "off.csv", kind="liquidations", source="other", chain="polygon").file.added == 60


def test_events_at_fractions_of_a_second_are_refused_before_the_merge_too(tmp_path):
    rows = liquidations()
    rows[7] = shift(rows[7], ts="2021-05-19T01:11:31.250000+00:00")
    assert refused(OffGrid, write(tmp_path / "l.csv", rows), kind="liquidations").facts["row"] == 8


def test_times_that_follow_the_blocks_in_a_line_are_refused(tmp_path):
    draw = np.random.default_rng(4)
    blocks = 12_000_000 + np.cumsum(draw.integers(3_000, 9_000, 60))
    lucky = np.cumsum(np.diff(blocks, prepend=blocks[0]) * draw.normal(13.3, 0.4, 60)).astype(int)
    straight = ((blocks - blocks[0]) * 13.3).astype(int)
    for name, offsets in (("own", lucky), ("line", straight)):
        rows = [
            shift(row, ts=1_617_000_000 + int(offset), block=int(block))
            for row, offset, block in zip(liquidations(), offsets, blocks, strict=True)
        ]
        write(tmp_path / f"{name}.csv", rows)
    refused(OffGrid, tmp_path / "line.csv", kind="liquidations")
    assert run(tmp_path / "own.csv", kind="liquidations", source="own").file.added == 60


# amounts that switch units ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("changed", [slice(5, 6), slice(0, 30), slice(3, 57)])
@pytest.mark.parametrize("valued", [True, False])
@pytest.mark.parametrize(("column", "decimals"), [("debt_amount", 6), ("collateral_amount", 18)])
def test_raw_integers_among_decimals_are_refused(tmp_path, changed, valued, column, decimals):
    rows = liquidations()
    for index in range(*changed.indices(60)):
        whole, _, part = rows[index][column].partition(".")
        rows[index] = shift(rows[index], **{column: int(whole + part.ljust(18, "0")[:decimals])})
    if not valued:
        rows = [{name: row[name] for name in row if not name.endswith("_usd")} for row in rows]
    error = refused(MixedUnits, write(tmp_path / "l.csv", rows), kind="liquidations")
    assert error.facts["column"] == column
    assert error.facts["rows"] <= 30


def test_a_file_of_raw_integers_says_how_to_import_it(tmp_path):
    rows = [
        shift(
            row,
            collateral_amount=row["collateral_amount"].replace(".", "").lstrip("0").ljust(18, "0"),
            debt_amount=row["debt_amount"].replace(".", ""),
        )
        for row in liquidations()
    ]
    rows = [{name: row[name] for name in row if not name.endswith("_usd")} for row in rows]
    path = write(tmp_path / "l.csv", rows)
    assert "--raw-decimals" in refused(MixedUnits, path, kind="liquidations").message
    told = run(path, kind="liquidations", source="raw", raw_decimals={"WETH": 18, "USDC": 6}).file
    assert told.added == 60
    with pytest.raises(InputError, match="USDC"):
        run(path, kind="liquidations", source="half", raw_decimals={"WETH": 18})


def test_prices_that_switch_to_a_feeds_integers_are_refused(tmp_path):
    rows = ticks(100, asset="ETH", start=1_600)
    rows[60:] = [shift(row, price=round(row["price"] * 1e8)) for row in rows[60:]]
    assert refused(MixedUnits, write(tmp_path / "p.csv", rows)).facts["row"] == 61


def test_large_whole_amounts_are_no_raw_integers(tmp_path):
    rows = liquidations()
    rows[3] = shift(rows[3], debt_amount="1200000", debt_usd=1_200_000, coll_usd=1_260_000, collateral_amount="500")
    assert run(write(tmp_path / "l.csv", rows), kind="liquidations").file.added == 60


# prices in another unit ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("asset", "price"),
    [("USDC", 0.00061), ("DAI", 5.8e14), ("AAVE", 0.046), ("wstETH", 1.12), ("WBTC", 14.2), ("ETH", 1.0)],
)
def test_prices_in_ether_that_look_like_dollars_are_refused(tmp_path, asset, price):
    path = write(tmp_path / "p.csv", ticks(100, asset=asset, start=price))
    rows = [
        shift(row, price=price * (1 + 0.003 * (index % 5)))
        for index, row in enumerate(ticks(100, asset=asset, start=1))
    ]
    path = write(tmp_path / "p.csv", rows)
    assert "--quote" in refused(WrongNumeraire, path).message


def test_the_same_prices_are_welcome_in_ether(tmp_path):
    rows = [*ticks(100, asset="stETH", start=0.98), *ticks(100, asset="AAVE", start=0.05, seed=2)]
    run(write(tmp_path / "p.csv", rows), quote="ETH")
    assert set(ImportedPrice.objects.values_list("quote", flat=True)) == {"ETH"}


def test_dollars_that_claim_to_be_ether_are_refused(tmp_path):
    refused(WrongNumeraire, write(tmp_path / "p.csv", ticks(100, asset="USDC", start=1.0)), quote="ETH")


def test_a_series_that_changes_to_ether_is_refused(tmp_path):
    rows = ticks(100, asset="NEWCOIN", start=50)
    rows[70:] = [shift(row, price=round(row["price"] / 1_600, 9)) for row in rows[70:]]
    error = refused(WrongNumeraire, write(tmp_path / "p.csv", rows))
    assert error.facts["row"] == 71


def test_an_unknown_token_is_compared_with_what_was_imported_before(tmp_path):
    rows = ticks(100, asset="NEWCOIN", start=50)
    run(write(tmp_path / "usd.csv", rows), source="exchange")
    ether = write(tmp_path / "eth.csv", [shift(row, price=round(row["price"] / 1_600, 9)) for row in rows])
    with pytest.raises(WrongNumeraire, match="prices/exchange") as found:
        run(ether, source="indexer")
    assert "1/1600" in found.value.message or "0.000625" in found.value.message
    near = write(tmp_path / "near.csv", [shift(row, price=round(row["price"] * 1.02, 4)) for row in rows])
    assert run(near, source="other-exchange").file.added == 100
    assert run(ether, source="indexer", quote="ETH").file.added == 100


def test_a_depeg_is_no_other_unit(tmp_path):
    peg = ticks(100, asset="UST", start=1.0, first=datetime(2022, 5, 5, tzinfo=UTC))
    rows = [shift(row, price=round(row["price"] * 0.97 ** max(0, index - 60), 6)) for index, row in enumerate(peg)]
    assert run(write(tmp_path / "p.csv", rows)).file.added == 100


def test_values_in_ether_beside_amounts_are_refused(tmp_path):
    rows = [
        shift(row, debt_usd=round(row["debt_usd"] / 2_500, 9), coll_usd=round(row["coll_usd"] / 2_500, 9))
        for row in liquidations()
    ]
    refused(WrongNumeraire, write(tmp_path / "l.csv", rows), kind="liquidations")


# before the token ---------------------------------------------------------------------------------------------------


def test_prices_from_before_the_token_are_refused(tmp_path):
    rows = ticks(100, asset="AAVE", start=60, first=datetime(2020, 9, 22, tzinfo=UTC))
    error = refused(BeforeToken, write(tmp_path / "p.csv", rows))
    assert error.facts["rows"] == 48
    assert "2020-09-24" in error.message


def test_liquidations_of_a_token_that_was_not_there_are_refused(tmp_path):
    rows = liquidations()
    rows[5] = shift(rows[5], collateral="wstETH", ts="2021-01-05T00:00:07+00:00")
    assert refused(BeforeToken, write(tmp_path / "l.csv", rows), kind="liquidations").facts["row"] == 6


def test_a_person_may_say_since_when_the_token_exists(tmp_path):
    path = write(tmp_path / "p.csv", ticks(100, asset="NEWCOIN", start=50))
    since = int((START + timedelta(hours=10)).timestamp()) * 10**6
    assert refused(BeforeToken, path, token_since=since).facts["rows"] == 10


def test_a_series_filled_back_from_its_first_price_is_refused(tmp_path):
    rows = ticks(200, asset="NEWCOIN", start=50)
    rows[:60] = [shift(row, price=rows[60]["price"]) for row in rows[:60]]
    assert "filled back" in refused(BeforeToken, write(tmp_path / "p.csv", rows)).message


# dust ---------------------------------------------------------------------------------------------------------------


def dust(rows, index, *, usd=0.02):
    repaid = usd + index / 10_000
    return shift(
        rows[index % len(rows)],
        ts=(datetime(2021, 6, 1, tzinfo=UTC) + timedelta(seconds=37 * index)).isoformat(),
        tx=f"0x{index + 10_000:064x}",
        debt_amount=f"{repaid:.6f}",
        debt_usd=repaid,
        coll_usd=repaid * 1.05,
        collateral_amount=f"{repaid * 1.05 / 2_500:.17f}",
    )


@pytest.mark.parametrize("valued", [True, False])
@pytest.mark.parametrize(("real", "swept"), [(60, 90), (600, 150)])
def test_a_sweep_of_dust_is_refused(tmp_path, real, swept, valued):
    rows = liquidations(real)
    rows += [dust(rows, index) for index in range(swept)]
    if not valued:
        rows = [{name: row[name] for name in row if not name.endswith("_usd")} for row in rows]
    assert refused(DustSweep, write(tmp_path / "l.csv", rows), kind="liquidations").facts["rows"] == swept


def test_a_little_dust_is_only_flagged(tmp_path):
    rows = liquidations(200)
    rows += [dust(rows, index) for index in range(25)]
    assert [flag["code"] for flag in run(write(tmp_path / "l.csv", rows), kind="liquidations").file.flags] == ["dust"]


# and the rest -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("column", "value"), [("close", 0), ("close", -3.5), ("open", 0), ("high", 1), ("low", 9e9)])
def test_impossible_prices_are_refused(tmp_path, column, value):
    rows = candles()
    rows[42] = shift(rows[42], **{column: value})
    with pytest.raises(ImplausibleData) as found:
        run(write(tmp_path / "p.csv", rows), asset="ETH")
    assert found.value.facts["row"] == 43
    assert not ImportedFile.objects.exists()


@pytest.mark.parametrize(
    ("column", "value"), [("close", ""), ("close", "NaN"), ("close", "inf"), ("close", "1,5"), ("ts", "x")]
)
def test_cells_that_cannot_be_read_are_refused_by_row_and_column(tmp_path, column, value):
    rows = candles()
    rows[3] = shift(rows[3], **{column: value})
    with pytest.raises(ImplausibleData, match=f"row 4, column {column}"):
        run(write(tmp_path / "p.csv", rows), asset="ETH")


def test_a_series_that_never_moves_is_refused(tmp_path):
    rows = [shift(row, price=50) for row in ticks(100, asset="NEWCOIN", start=50)]
    refused(SyntheticSeries, write(tmp_path / "p.csv", rows))


def test_copied_stretches_and_long_repeats_are_flagged(tmp_path):
    moves = np.random.default_rng(5).normal(scale=0.01, size=60)
    prices = 100 * np.exp(np.cumsum(np.tile(moves, 5)))
    prices[20:40] = prices[20]
    rows = [shift(row, price=float(p)) for row, p in zip(ticks(300, asset="NEWCOIN", start=50), prices, strict=True)]
    codes = {flag["code"] for flag in run(write(tmp_path / "p.csv", rows)).file.flags}
    assert {"copied", "repeated"} <= codes


def test_sides_that_do_not_belong_together_are_refused(tmp_path):
    rows = [shift(row, coll_usd=row["coll_usd"] * 1.4) for row in liquidations()]
    refused(ImplausibleData, write(tmp_path / "l.csv", rows), kind="liquidations")


def test_blocks_and_times_rise_together(tmp_path):
    rows = [shift(row, block=12_000_000 + 45 * index) for index, row in enumerate(liquidations())]
    assert run(write(tmp_path / "good.csv", rows), kind="liquidations", source="good").file.added == 60
    rows[30] = shift(rows[30], block=11_000_000)
    with pytest.raises(ImplausibleData, match="later blocks are later"):
        run(write(tmp_path / "bad.csv", rows), kind="liquidations")


def test_an_unknown_code_cannot_be_allowed(tmp_path):
    with pytest.raises(InputError, match="off-grid"):
        run(write(tmp_path / "p.csv", candles()), asset="ETH", allow=("anything",))
