"""Tables of days and hours from bars: what is measured, what a gap does, and that nothing knows what follows."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from forecasting.core import ranges
from forecasting.core.bars import BarGrid, Bars, lay
from forecasting.core.days import DAY, DayTable
from forecasting.core.measures import HourTable, daily, hourly, trimmed
from forecasting.core.realised import FLOOR, HOUR
from forecasting.core.singles import observed, singles
from governance.errors import DuplicateStamp, GapInData, InputError, OffGrid, OutOfOrder

MONDAY = 1_736_121_600  # 6 January 2025, 00:00 UTC
NAMES = {
    *("parkinson", "garman_klass", "rogers_satchell", "yang_zhang", "intraday_parkinson", "intraday_rs"),
    *("bipower", "jump", "negative", "positive", "absolute", "last_2h", "last_12h", "last_12h_absolute"),
    *("quarticity", "volume", "rv_1h", "rv_2h", "rv_4h"),
}


def walk(days: int, *, span: int = 1800, seed: int = 1, start: int = MONDAY, scale: float = 0.005) -> Bars:
    """Return bars of a random walk."""
    draw = np.random.Generator(np.random.Philox(seed))
    count = days * DAY // span
    moves = draw.normal(scale=scale, size=(count, 4))
    logs = np.log(1_600) + np.cumsum(moves, axis=1) + np.concatenate([[0], np.cumsum(moves.sum(axis=1))[:-1]])[:, None]
    opened = np.concatenate([[np.log(1_600)], logs[:-1, -1]])
    every = np.column_stack([opened, logs])
    return Bars(
        span=span,
        ends=start + span * np.arange(1, count + 1),
        open=np.exp(opened),
        high=np.exp(every.max(axis=1)),
        low=np.exp(every.min(axis=1)),
        close=np.exp(logs[:, -1]),
        volume=draw.uniform(1, 2, size=count),
    )


def without(bars: Bars, gone: slice | list[int]) -> Bars:
    """Return bars but for some."""
    kept = np.delete(np.arange(bars.ends.size), gone)
    parts = {name: getattr(bars, name)[kept] for name in ("ends", "open", "high", "low", "close", "volume")}
    return Bars(span=bars.span, **parts)


def table(*series: Bars) -> DayTable:
    return daily(lay(series, assets=[f"A{k}" for k in range(len(series))]))


def test_a_whole_day_is_measured_as_the_formulas_say() -> None:
    bars = walk(3)
    made = table(bars)
    assert made.ends.tolist() == [MONDAY + DAY, MONDAY + 2 * DAY, MONDAY + 3 * DAY]
    assert set(made.measures) == NAMES
    assert (made.complete == 1).all()
    day = slice(48, 96)
    r = np.diff(np.log(bars.close))[47:95]
    o, h, low, c = (np.log(values[day]) for values in (bars.open, bars.high, bars.low, bars.close))
    whole = ranges.Candles(o[:1, None], h.max(keepdims=True)[:, None], low.min(keepdims=True)[:, None], c[-1:, None])
    parts = ranges.Candles(*(values[:, None] for values in (o, h, low, c)))
    expected = {
        "parkinson": ranges.parkinson(whole)[0, 0],
        "garman_klass": ranges.garman_klass(whole)[0, 0],
        "rogers_satchell": ranges.rogers_satchell(whole)[0, 0],
        "yang_zhang": ranges.yang_zhang(parts, np.log(bars.close[47:95])[:, None])[0],
        "intraday_parkinson": ranges.parkinson(parts).sum(),
        "intraday_rs": ranges.rogers_satchell(parts).sum(),
        "bipower": np.pi / 2 * (np.abs(r) * np.abs(np.diff(np.log(bars.close))[46:94])).sum(),
        "negative": (r[r < 0] ** 2).sum(),
        "positive": (r[r > 0] ** 2).sum(),
        "absolute": np.pi / 2 * 48 * np.abs(r).mean() ** 2,
        "last_2h": (r[-4:] ** 2).sum(),
        "last_12h": (r[-24:] ** 2).sum(),
        "last_12h_absolute": np.pi / 2 * 24 * np.abs(r[-24:]).mean() ** 2,
        "quarticity": 16 * (r**4).sum(),
        "volume": bars.volume[day].sum(),
        "rv_1h": (r.reshape(24, 2).sum(axis=1) ** 2).sum(),
        "rv_2h": (r.reshape(12, 4).sum(axis=1) ** 2).sum(),
        "rv_4h": (r.reshape(6, 8).sum(axis=1) ** 2).sum(),
    }
    assert made.variance[1, 0] == pytest.approx((r**2).sum())
    assert made.change[1, 0] == pytest.approx(r.sum())
    for name, value in expected.items():
        assert made.measures[name][1, 0] == pytest.approx(value), name
    jump = max(made.variance[1, 0] - expected["bipower"], 0)
    assert made.measures["jump"][1, 0] == pytest.approx(jump)


def test_the_first_day_begins_at_its_opening_price() -> None:
    bars = walk(2)
    assert table(bars).variance[0, 0] == pytest.approx((np.diff(np.log([bars.open[0], *bars.close[:48]])) ** 2).sum())
    assert table(bars).change[0, 0] == pytest.approx(np.log(bars.close[47] / bars.open[0]))


def test_a_gap_is_one_return_and_no_calm() -> None:
    bars = walk(3)
    made = table(without(bars, slice(60, 66)))
    kept = np.delete(bars.close, slice(60, 66))
    returns = np.diff(np.log(kept))[47:89]
    assert made.complete[:, 0].tolist() == [1, 42 / 48, 1]
    assert made.variance[1, 0] == pytest.approx((returns**2).sum())
    assert made.change[1, 0] == pytest.approx(returns.sum())
    assert made.measures["volume"][1, 0] == pytest.approx(48 / 42 * np.delete(bars.volume, slice(60, 66))[48:90].sum())


def test_what_came_over_midnight_counts_as_far_as_the_day_had_begun() -> None:
    bars = walk(2)
    made = table(without(bars, [46, 47, 48]))
    returns = np.diff(np.log(np.delete(bars.close, [46, 47, 48])))
    over = returns[45]
    assert made.variance[1, 0] == pytest.approx(over**2 / 4 * 2 + (returns[46:] ** 2).sum())
    before = np.concatenate([[np.log(bars.close[0] / bars.open[0])], returns[:45]])
    assert made.variance[0, 0] == pytest.approx((before**2).sum() * 48 / 46)


def test_a_day_with_too_little_was_not_measured() -> None:
    made = table(without(walk(4), slice(52, 70)), walk(4, seed=2))
    assert np.isnan(made.variance[1, 0])
    assert all(np.isnan(values[1, 0]) for values in made.measures.values())
    assert np.isnan(made.change[1, 0])
    assert made.complete[1].tolist() == [30 / 48, 1]
    assert np.isfinite(made.variance[[0, 2, 3]]).all()
    assert np.isfinite(made.variance[:, 1]).all()


def test_the_return_of_a_day_after_a_long_silence_is_not_known() -> None:
    made = table(without(walk(4), slice(36, 98)))
    assert np.isfinite(made.variance[2, 0])
    assert np.isnan(made.change[2, 0])
    assert np.isfinite(made.change[3, 0])


def test_assets_may_begin_and_end_when_they_like() -> None:
    late = walk(2, seed=3, start=MONDAY + 3 * DAY)
    made = table(walk(6), late)
    assert np.isfinite(made.variance[:, 1]).tolist() == [False, False, False, True, True, False]
    np.testing.assert_array_equal(made.variance[3:5, 1], table(late).variance[:, 0])


@pytest.mark.parametrize("span", [300, 900, 1800, 3600, 7200, 14_400, DAY])
def test_any_step_that_divides_a_day(span: int) -> None:
    bars = walk(5, span=span)
    made = table(bars)
    assert made.span == span
    assert made.variance.shape == (5, 1)
    assert made.variance.sum() == pytest.approx((np.diff(np.log([bars.open[0], *bars.close])) ** 2).sum())
    assert ("rv_4h" in made.measures) == (span <= 14_400)
    assert ("last_2h" in made.measures) == (span <= 7_200)
    hours = hourly(lay([bars], assets=["A"]))
    assert isinstance(hours, HourTable)
    assert hours.ends.size == (5 * 24 if span <= HOUR else 0)


@pytest.mark.parametrize("span", [1700, 5400, 172_800, 7000])
def test_a_step_that_does_not_is_refused(span: int) -> None:
    with pytest.raises(InputError, match=f"Bars of {span} seconds divide neither"):
        lay([Bars(**{name: np.ones(3) for name in Bars.__slots__} | {"span": span})], assets=["A"])


def test_shorter_bars_are_put_together() -> None:
    half, whole = walk(3), walk(3, seed=2, span=3600)
    grid = lay([half, whole], assets=["HALF", "WHOLE"])
    assert grid.span == 3600
    np.testing.assert_array_equal(grid.close[:, 0], half.close[1::2])
    np.testing.assert_array_equal(grid.open[:, 0], half.open[::2])
    np.testing.assert_array_equal(grid.high[:, 0], half.high.reshape(-1, 2).max(axis=1))
    np.testing.assert_array_equal(grid.low[:, 0], half.low.reshape(-1, 2).min(axis=1))
    np.testing.assert_allclose(grid.volume[:, 0], half.volume.reshape(-1, 2).sum(axis=1))
    gap = lay([without(half, [11]), whole], assets=["HALF", "WHOLE"])
    assert np.flatnonzero(np.isnan(gap.close[:, 0])).tolist() == [5]
    with pytest.raises(InputError, match="do not make bars of 10800"):
        lay([walk(1, span=7200), walk(1, span=10_800)], assets=["A", "B"])


def test_bars_must_be_in_order_once_each_and_on_their_grid() -> None:
    bars = walk(1)
    for shifted, error, said in (
        (bars.ends[[1, 0, *range(2, 48)]], OutOfOrder, "followed by"),
        (bars.ends[[0, 0, *range(2, 48)]], DuplicateStamp, "followed by"),
        (bars.ends + 400, OffGrid, "400 s off a grid of 1800 s"),
    ):
        wrong = Bars(**{name: getattr(bars, name) for name in Bars.__slots__} | {"ends": shifted})
        with pytest.raises(error, match=said):
            lay([wrong], assets=["A"])
    late = Bars(**{name: getattr(bars, name) for name in Bars.__slots__} | {"ends": bars.ends - 1})
    assert (lay([late], assets=["A"]).ends == bars.ends).all(), "a venue's close is a second before the hour"
    with pytest.raises(GapInData, match="no price of A"):
        lay([without(bars, slice(None))], assets=["A"])


def test_hours_are_measured_as_days_are() -> None:
    bars = walk(2, span=300)
    made = hourly(lay([bars], assets=["A"]))
    assert made.ends[[0, -1]].tolist() == [MONDAY + HOUR, MONDAY + 48 * HOUR]
    returns = np.diff(np.log(bars.close))
    assert made.variance[5, 0] == pytest.approx((returns[59:71] ** 2).sum())
    assert made.measures["last_2h"][5, 0] == pytest.approx((returns[47:71] ** 2).sum())
    assert set(made.measures) == NAMES - {"rv_2h", "rv_4h"}
    assert np.isnan(made.measures["last_12h"][4, 0]), "there are five hours of twelve"
    assert np.isfinite(made.measures["last_12h"][5, 0])


def test_a_price_that_does_not_move_has_the_least_variance() -> None:
    made = table(singles(MONDAY + HOUR * np.arange(49), np.ones(49), span=HOUR))
    assert (made.variance[1:] == FLOOR).all()
    assert (made.measures["last_2h"][1:] == FLOOR).all()
    assert (made.measures["jump"][1:] == 0).all()
    assert np.isnan(made.measures["parkinson"]).all(), "single prices have no range"


def test_single_prices_count_from_the_end_of_their_hour() -> None:
    stamps = MONDAY + np.array([10, 3599, 3600, 3601, 10_000])
    bars = singles(stamps, np.array([1.0, 2.0, 3.0, 4.0, 5.0]), span=HOUR)
    assert bars.ends.tolist() == [MONDAY + HOUR, MONDAY + 2 * HOUR, MONDAY + 3 * HOUR]
    assert bars.close.tolist() == [3, 4, 5]
    assert bars.ends.size == bars.open.size == bars.volume.size


def test_regular_prices_have_gaps_and_irregular_ones_hold() -> None:
    hours = np.delete(np.arange(1, 49), slice(20, 23))
    regular = observed(MONDAY + HOUR * hours, 1.0 + hours)
    assert regular.ends.size == 45
    draw = np.random.Generator(np.random.Philox(1))
    stamps = MONDAY + np.sort(draw.choice(48 * HOUR, size=30, replace=False))
    held = observed(stamps, np.arange(1.0, 31.0))
    assert np.diff(held.ends).max() == HOUR
    assert held.close[-1] == 30
    assert (np.diff(held.close) >= 0).all()
    silent = observed(np.append(stamps, stamps[-1] + 40 * HOUR), np.arange(1.0, 32.0))
    assert np.diff(silent.ends).max() == 14 * HOUR, "a feed speaks once a day"
    assert observed(MONDAY + DAY * np.arange(9), np.ones(9)).span == DAY
    assert observed(MONDAY + 7_000 * np.arange(99), np.ones(99)).span == 2 * HOUR


def test_the_window_is_what_stays() -> None:
    made = table(walk(6, start=MONDAY - DAY))
    kept = DayTable(**trimmed(made, first=MONDAY + DAY, last=MONDAY + 4 * DAY))
    assert kept.ends.tolist() == [MONDAY + k * DAY for k in (2, 3, 4)]
    np.testing.assert_array_equal(kept.variance, made.variance[2:5])
    assert {values.shape for values in kept.measures.values()} == {(3, 1)}
    assert DayTable(**trimmed(made, first=MONDAY + 50 * DAY, last=MONDAY + 60 * DAY)).ends.size == 0


@given(day=st.integers(1, 5), seed=st.integers(0, 99))
def test_nothing_knows_what_follows(day: int, seed: int) -> None:
    draw = np.random.Generator(np.random.Philox(seed))
    bars = without(walk(6, seed=seed), np.flatnonzero(draw.random(6 * 48) < 0.1))
    later = bars.ends > MONDAY + day * DAY
    other = {name: getattr(bars, name).copy() for name in Bars.__slots__ if name != "span"}
    for name in ("open", "high", "low", "close", "volume"):
        other[name][later] *= draw.uniform(0.5, 2)
    for measure, rows in ((daily, day), (hourly, 24 * day)):
        ours, theirs = (_until(measure(lay([made], assets=["A"])), rows) for made in (bars, Bars(span=1800, **other)))
        for name, values in ours.items():
            np.testing.assert_array_equal(values, theirs[name], err_msg=name)


def _until(made: DayTable, rows: int) -> dict[str, np.ndarray]:
    begun = made.until(rows)
    return {"variance": begun.variance, "change": begun.change, "complete": begun.complete, **begun.measures}


def test_a_grid_is_whole_days() -> None:
    grid = lay([without(walk(2), slice(0, 5))], assets=["A"], offset=6 * HOUR)
    assert isinstance(grid, BarGrid)
    assert grid.ends.size % 48 == 0
    assert daily(grid).ends.tolist() == [MONDAY + 6 * HOUR + k * DAY for k in range(3)]
