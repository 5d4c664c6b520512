from __future__ import annotations

import math
from dataclasses import replace
from itertools import pairwise
from statistics import fmean, pstdev

import pytest

from governance.lab.prices import PricePath, regime_at
from governance.lab.spec import TEST, YEAR, WorldSpec

STABLE = [index for index, asset in enumerate(YEAR.assets) if asset.stable]
VOLATILE = [index for index, asset in enumerate(YEAR.assets) if not asset.stable]


@pytest.fixture(scope="module")
def year() -> list[tuple[int, ...]]:
    path = PricePath(YEAR)
    return [path.at(hour) for hour in range(YEAR.hours + 1)]


def returns(rows: list[tuple[int, ...]], index: int) -> list[float]:
    return [math.log(after[index] / before[index]) for before, after in pairwise(rows)]


def correlation(left: list[float], right: list[float]) -> float:
    a, b = fmean(left), fmean(right)
    covariance = fmean((x - a) * (y - b) for x, y in zip(left, right, strict=True))
    return covariance / (pstdev(left) * pstdev(right))


def test_the_same_seed_gives_the_same_prices_in_whatever_order_they_are_asked():
    forwards, backwards = PricePath(TEST), PricePath(TEST)
    rows = [forwards.at(hour) for hour in range(100)]
    assert [backwards.at(hour) for hour in reversed(range(100))] == rows[::-1]
    assert PricePath(replace(TEST, seed=TEST.seed + 1)).at(99) != rows[99]


def test_prices_go_on_beyond_the_last_regime():
    path = PricePath(TEST)
    assert all(price > 0 for price in path.at(TEST.hours + 500))
    last = regime_at(TEST.regimes, TEST.hours + 500)
    assert (last.name, last.drift) == (TEST.regimes[-1].name, 0.0)


def test_the_first_prices_are_the_stated_ones(year):
    assert year[0] == tuple(round(asset.price * 10**8) for asset in YEAR.assets)


def test_stablecoins_stay_near_one_dollar(year):
    assert all(0.97e8 < row[index] < 1.02e8 for row in year for index in STABLE)


def test_the_year_has_a_calm_a_crash_and_a_recovery(year):
    ether = [row[0] for row in year]
    crash = slice(185 * 24, 233 * 24)
    assert min(ether[crash]) < 0.6 * max(ether[crash])
    assert ether[313 * 24] > 1.3 * min(ether[crash])


def test_volatility_clusters_from_day_to_day(year):
    for index in VOLATILE:
        hourly = returns(year, index)
        daily = [math.log(sum(r * r for r in hourly[at : at + 24])) for at in range(0, len(hourly), 24)]
        assert correlation(daily[:-1], daily[1:]) > 0.3


def test_volatile_assets_move_together_and_not_alike(year):
    assert 0.4 < correlation(returns(year, 0), returns(year, 1)) < 0.95


def test_weekends_are_quieter(year):
    hourly = [abs(move) for move in returns(year, 0)]
    first_saturday = 3  # the year starts on a Wednesday
    weekend = [move for hour, move in enumerate(hourly) if ((hour // 24) - first_saturday) % 7 < 2]
    assert fmean(weekend) < 0.9 * fmean(hourly)


def test_a_replay_is_repeated_and_then_goes_on_from_its_last_row():
    rows = tuple((10**8 * (hour + 1),) * 5 for hour in range(3))
    path = PricePath(replace(TEST, replay=rows))
    assert tuple(path.at(hour) for hour in range(3)) == rows
    assert 0.8 < path.at(3)[0] / rows[2][0] < 1.25


def test_a_specification_survives_its_journey_through_json_and_its_hash_names_it():
    assert WorldSpec.from_dict(YEAR.as_dict()) == YEAR
    assert WorldSpec.from_dict(YEAR.as_dict()).spec_hash == YEAR.spec_hash
    assert replace(YEAR, seed=1).spec_hash != YEAR.spec_hash
