from __future__ import annotations

from dataclasses import replace

import pytest

from governance.errors import GapInData, ImplausibleData, InputError
from governance.lab.candles import Candle, replayed
from governance.lab.prices import PricePath
from governance.lab.spec import DAY, HOUR, TEST

START = 1_652_655_600


def series(symbol: str = "ETH", *, hours: int = 24 * 5, step: int = HOUR) -> list[Candle]:
    count = hours * HOUR // step + 1
    return [
        Candle(row=number + 2, timestamp=START + number * step, symbol=symbol, price=2_000.0 + number)
        for number in range(count)
    ]


def test_candles_replace_the_drawn_prices_of_their_asset_alone():
    spec = replayed(TEST, series())
    assert (spec.start, spec.days) == (START, 5)
    path, drawn = PricePath(spec), PricePath(replace(TEST, start=START))
    assert [path.at(hour)[0] for hour in (0, 1, 120)] == [2_000 * 10**8, 2_001 * 10**8, 2_120 * 10**8]
    assert path.at(77)[1:] == drawn.at(77)[1:]


def test_finer_candles_give_the_last_price_of_each_hour():
    assert PricePath(replayed(TEST, series(step=1_800))).at(3)[0] == 2_006 * 10**8


def test_only_the_last_days_of_a_long_file_are_used():
    spec = replayed(replace(TEST, days=3), series())
    assert (spec.start, spec.days, len(spec.replay)) == (START + 2 * DAY, 3, 73)


def test_unknown_symbols_are_left_out():
    assert replayed(TEST, [*series(), *series("DOGE")]).replay == replayed(TEST, series()).replay


@pytest.mark.parametrize("price", [0.0, -3.0, float("nan"), float("inf"), 20_000.0])
def test_a_price_that_cannot_be_is_refused_with_its_row(price):
    candles = series()
    candles[7] = replace(candles[7], price=price)
    with pytest.raises(ImplausibleData, match="Row 9 ") as caught:
        replayed(TEST, candles)
    assert caught.value.facts["row"] == 9


@pytest.mark.parametrize("shift", [-HOUR, -2 * HOUR])
def test_times_out_of_order_are_refused_with_their_row(shift):
    candles = series()
    candles[7] = replace(candles[7], timestamp=candles[7].timestamp + shift)
    with pytest.raises(ImplausibleData, match="Row 9 "):
        replayed(TEST, candles)


def test_a_gap_is_refused_with_its_row():
    candles = series()
    del candles[7]
    with pytest.raises(GapInData, match=r"Row 10 .* 2\.0 hours after row 8"):
        replayed(TEST, candles)


def test_a_gap_before_the_days_that_are_used_does_not_matter():
    candles = series(hours=24 * (TEST.days + 3))
    del candles[7]
    assert replayed(TEST, candles).days == TEST.days


def test_of_two_names_for_an_asset_the_longer_series_is_taken():
    short = [replace(candle, symbol="WETH", price=1.0) for candle in series(hours=24 * 3)]
    assert PricePath(replayed(TEST, [*series(), *short])).at(0)[0] > 10**8


def test_too_little_is_refused():
    with pytest.raises(GapInData, match="less than 2 days"):
        replayed(TEST, series(hours=30))


def test_nothing_that_is_known_is_refused():
    with pytest.raises(InputError, match="none of the world's assets"):
        replayed(TEST, series("DOGE"))
