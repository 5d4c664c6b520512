"""From price observations to a daily panel."""

from __future__ import annotations

import numpy as np
import pytest

from forecasting.core.realised import FLOOR, HOUR, calendar, grid, panel
from governance.errors import GapInData, ImplausibleData
from tests.forecasting import samples

MONDAY = 1_736_121_600  # 6 January 2025, 00:00 UTC


def hourly(hours: int, *, skip: range = range(0), asset: int = 0) -> list[tuple[int, int, int]]:
    return [(asset, MONDAY + h * HOUR, 100 + h) for h in range(hours) if h not in skip]


def test_the_last_known_price_holds_until_the_next() -> None:
    rows = [(0, MONDAY + 20 * h * HOUR, 100 + h) for h in range(4)] + hourly(61, asset=1)
    made = grid(rows, assets=["SLOW", "FAST"], until=MONDAY + 60 * HOUR)
    assert made.timestamps[[0, -1]].tolist() == [MONDAY, MONDAY + 60 * HOUR]
    assert made.prices[[0, 19, 20, 60], 0].tolist() == [100, 100, 101, 103]
    assert made.observed == MONDAY + 60 * HOUR


def test_nothing_after_the_end_is_seen() -> None:
    made = grid(hourly(60), assets=["A"], until=MONDAY + 40 * HOUR + 59)
    assert made.prices[-1, 0] == 140
    assert made.observed == MONDAY + 40 * HOUR


def test_a_hole_in_the_collection_is_refused_by_name() -> None:
    with pytest.raises(GapInData, match="any asset for 8 hours"):
        grid(hourly(60, skip=range(30, 37)), assets=["A"], until=MONDAY + 59 * HOUR)


def test_one_silent_feed_is_refused_by_name() -> None:
    rows = hourly(80) + hourly(80, skip=range(40, 70), asset=1)
    with pytest.raises(GapInData, match="MUTE for 31 hours"):
        grid(rows, assets=["LOUD", "MUTE"], until=MONDAY + 79 * HOUR)


def test_the_grid_ends_with_the_newest_price() -> None:
    made = grid([*hourly(60), (0, MONDAY + 60 * HOUR + 5, 99)], assets=["A"], until=MONDAY + 80 * HOUR)
    assert made.timestamps[-1] == MONDAY + 60 * HOUR
    assert made.prices[-1, 0] == 159, "a price after the full hour belongs to the next one"
    assert made.observed == MONDAY + 60 * HOUR + 5


@pytest.mark.parametrize("price", [0, -5])
def test_a_price_that_is_not_positive_is_refused(price: int) -> None:
    with pytest.raises(ImplausibleData, match=f"the price {price}"):
        grid([*hourly(60), (0, MONDAY + 90, price)], assets=["A"], until=MONDAY + 59 * HOUR)


def test_an_asset_without_prices_and_a_history_of_a_day_are_too_little() -> None:
    with pytest.raises(GapInData, match="no price of B"):
        grid(hourly(60), assets=["A", "B"], until=MONDAY + 59 * HOUR)
    with pytest.raises(GapInData, match="more than 24"):
        grid(hourly(20), assets=["A"], until=MONDAY + 19 * HOUR)


def test_days_end_at_the_last_price() -> None:
    prices = samples.lab_grid(days=12)
    made = panel(prices)
    assert made.ends[-1] == prices.timestamps[-1]
    assert np.diff(made.ends).tolist() == [86_400] * 11
    logs = np.log(prices.prices[-25:].astype(float))
    assert made.measures.variance[-1] == pytest.approx((np.diff(logs, axis=0) ** 2).sum(axis=0))
    assert made.measures.shock[-1] * np.sqrt(made.measures.variance[-1]) == pytest.approx(logs[-1] - logs[0])


def test_a_price_that_does_not_move_has_the_least_variance() -> None:
    rows = [(0, MONDAY + h * HOUR, 10**8) for h in range(60)]
    made = panel(grid(rows, assets=["PEG"], until=MONDAY + 59 * HOUR))
    assert (made.measures.variance == FLOOR).all()
    assert (made.measures.shock == 0).all()


def test_calendar_shares_follow_the_hours() -> None:
    ends = MONDAY + np.array([0, 86_400, 6 * 86_400, 6 * 86_400 + 6 * HOUR])
    assert calendar(ends).tolist() == [[0, 1, 0], [0, 0, 1], [1, 0, 0], [0.75, 0.25, 0]]
