"""Filtered paths: at the champion's level, dependent as history was, the same bits in any cut, weighted in the tail."""

from __future__ import annotations

import dataclasses
from functools import cache
from itertools import pairwise

import numpy as np
import pytest

from forecasting.core import weighted
from forecasting.core.bars import Bars, lay
from forecasting.core.days import DAY, DayTable
from forecasting.core.measures import HourTable, daily, hourly, trimmed
from forecasting.core.realised import HOUR
from forecasting.core.worlds.filtered import LEAST_FORWARD, Filtered, spread
from forecasting.core.worlds.history import History, learn
from forecasting.core.worlds.hours import hourly_moves
from forecasting.core.worlds.tilts import PLAIN, Tilt
from governance.errors import InputError, StoppedTrading, TooShort

ASSETS = ("ETH", "BTC", "DAI")
FIRST = 1_600_041_600  # a midnight, UTC
DAYS = 420


def prices(*, days: int = DAYS, seed: int = 5) -> np.ndarray:
    """Return hourly prices of two assets whose volatility clusters, and of one that is pegged."""
    rng = np.random.default_rng(seed)
    level, returns = 0.0, np.empty((days * 24, 2))
    for day in range(days):
        level = 0.9 * level + 0.3 * rng.standard_normal()
        both = rng.standard_t(5, (24, 1)) * 0.7 + rng.standard_t(5, (24, 2)) * 0.45
        returns[day * 24 : day * 24 + 24] = 0.006 * np.exp(level / 2) * both * [1.2, 1.0]
    moving = 1_000.0 * np.exp(np.cumsum(returns, axis=0))
    return np.column_stack([moving, 1.0 + 0.0002 * rng.standard_normal(days * 24)])


def tables(*, days: int = DAYS, holes: tuple[tuple[int, int], ...] = (), ends: tuple[int, ...] = ()):
    """Return tables of days and hours; ``holes`` are missing (asset, hour) prices, ``ends`` the hours of each asset."""
    made, stamps = prices(days=days), FIRST + HOUR * np.arange(1, days * 24 + 1, dtype=np.int64)
    series = []
    for asset in range(3):
        keep = np.ones(stamps.size, dtype=bool)
        keep[[hour for who, hour in holes if who == asset]] = False
        keep[ends[asset] if ends else stamps.size :] = False
        close = made[:, asset]
        start = np.concatenate([close[:1], close[:-1]])
        columns = {"open": start, "high": np.maximum(start, close), "low": np.minimum(start, close), "close": close}
        cut = {name: values[keep] for name, values in columns.items()}
        series.append(Bars(span=HOUR, ends=stamps[keep], volume=np.ones(int(keep.sum())), **cut))
    grid = lay(series, assets=ASSETS)
    return (
        DayTable(**trimmed(daily(grid), first=0, last=1 << 40)),
        HourTable(**trimmed(hourly(grid), first=0, last=1 << 40)),
    )


@cache
def known(*, days: int = DAYS) -> History:
    return learn(*tables(days=days))


def filtered(*, hours: int = 72, seed: int = 1, tail: bool = False) -> Filtered:
    found = known()
    return Filtered(history=found, hours=hours, seed=seed, tilt=Tilt.of(found.fall) if tail else None)


def returns(growth: np.ndarray) -> np.ndarray:
    """Return (P, days, 24, A) hourly log returns."""
    logs = np.log(growth)
    moves = np.diff(np.concatenate([np.zeros_like(logs[:, :1]), logs], axis=1), axis=1)
    return moves.reshape(moves.shape[0], -1, 24, moves.shape[2])


@pytest.mark.parametrize("tail", [False, True], ids=["plain", "tail"])
def test_any_cut_of_the_paths_has_the_same_bits(*, tail: bool) -> None:
    whole = filtered(tail=tail).draw(0, 60)
    for edges in ([0, 1, 60], [0, 7, 8, 31, 60]):
        parts = [filtered(tail=tail).draw(a, b - a) for a, b in pairwise(edges)]
        assert (np.concatenate([part.growth for part in parts]) == whole.growth).all()
        if tail:
            assert (np.concatenate([part.weights for part in parts]) == whole.weights).all()
    assert (whole.weights is None) is not tail


def test_a_shorter_horizon_is_the_beginning_of_a_longer_one() -> None:
    whole = filtered(hours=168).draw(0, 20).growth
    for hours in (5, 24, 50):
        assert (filtered(hours=hours).draw(0, 20).growth == whole[:, :hours]).all()


def test_days_after_the_last_level_go_on_like_its_last() -> None:
    assert (filtered(hours=24 * 40).factors[30:] == filtered(hours=24 * 30).factors[29]).all()


def test_seeds_differ() -> None:
    assert (filtered(seed=1).draw(0, 9).growth != filtered(seed=2).draw(0, 9).growth).any()


def test_the_first_day_and_the_first_week_are_at_the_champions_level() -> None:
    found, count = known(), 6000
    squares = (returns(filtered(hours=168).draw(0, count).growth)[..., :2] ** 2).sum(axis=2)
    assert found.moving == (0, 1)
    for level, sample in ((found.levels[1], squares[:, 0]), (found.levels[7], squares.sum(axis=1))):
        error = sample.std(axis=0) / np.sqrt(count)
        assert (np.abs(sample.mean(axis=0) - level) < 4 * error).all()
        assert (error < 0.04 * level).all()


def test_the_recursive_forecasts_alone_would_miss_that_level() -> None:
    factors = filtered(hours=168).factors
    assert factors.shape == (7, 2)
    assert np.abs(np.log(factors)).max() > 0.02


def test_correlations_match_history() -> None:
    table, _ = tables()
    history = np.corrcoef(table.change[:, :2].T)[0, 1]
    simulated = np.corrcoef(np.log(filtered(hours=24).draw(0, 4000).growth[:, -1, :2]).T)[0, 1]
    assert simulated == pytest.approx(history, abs=0.06)
    assert known().alike == pytest.approx(history, abs=0.06)


def test_bursts_and_fat_tails_survive() -> None:
    ours = returns(filtered(hours=24).draw(0, 3000).growth)[:, 0, :, 0]
    ours = ours / np.sqrt((ours**2).sum(axis=1))[:, None]
    _, hours = tables()
    past = hours.change[:, 0].reshape(-1, 24)
    past = past / np.sqrt((past**2).sum(axis=1))[:, None]
    assert np.abs(ours).max(axis=1).mean() == pytest.approx(np.abs(past).max(axis=1).mean(), rel=0.03)


def test_there_is_no_drift() -> None:
    logs = np.log(filtered().draw(0, 6000).growth[:, -1])
    assert (np.abs(logs.mean(axis=0)) < 4 * logs.std(axis=0) / np.sqrt(6000)).all()


def test_a_wild_day_raises_the_days_after_it() -> None:
    squares = (returns(filtered().draw(0, 4000).growth) ** 2).sum(axis=2)[..., 0]
    wild = squares[:, 0] > np.quantile(squares[:, 0], 0.9)
    assert squares[wild, 1].mean() > 1.2 * squares[~wild, 1].mean()


def test_a_pegged_asset_moves_as_it_did() -> None:
    found = known()
    assert found.assets == ASSETS
    moves = returns(filtered(hours=48).draw(0, 50).growth)[..., 2].reshape(-1, 24)
    assert all(np.isclose(found.shapes[:, :, 2], row, atol=1e-12).all(axis=1).any() for row in moves)


def test_weights_keep_averages_and_are_bounded() -> None:
    drawn = filtered(tail=True).draw(0, 20_000)
    assert drawn.weights is not None
    assert drawn.weights.max() <= 1 / PLAIN + 1e-12
    assert drawn.weights.mean() == pytest.approx(1.0, abs=4 * drawn.weights.std() / np.sqrt(20_000))
    plain = np.log(filtered().draw(0, 20_000).growth[:, -1, 0])
    ours = weighted.mean(np.log(drawn.growth[:, -1, 0]), drawn.weights)
    assert abs(ours.value - plain.mean()) < 4 * ((ours.high - ours.low) / 3.92 + plain.std() / np.sqrt(20_000))


@pytest.mark.parametrize(("hours", "gain"), [(24, 2.0), (72, 2.0)])
def test_the_tail_is_estimated_with_less_error_and_the_same_value(hours: int, gain: float) -> None:
    runs, count = 30, 600
    found = {}
    reference = filtered(hours=hours, seed=9).draw(0, 20_000).growth[..., :2].mean(axis=2).min(axis=1)
    strike = np.quantile(reference, 0.03)
    truth = weighted.summarise(np.maximum(strike - reference, 0.0), None).es99
    for tail in (False, True):
        world = filtered(hours=hours, tail=tail)
        values, errors = [], []
        for run in range(runs):
            drawn = world.draw(run * count, count)
            losses = np.maximum(strike - drawn.growth[..., :2].mean(axis=2).min(axis=1), 0.0)
            estimate = weighted.summarise(losses, drawn.weights).es99
            values.append(estimate.value)
            errors.append(weighted.standard_error(estimate))
        found[tail] = np.mean(values), np.std(values), np.mean(errors)
    near = 4 * (found[True][1] / np.sqrt(runs) + weighted.standard_error(truth))
    assert abs(found[True][0] - truth.value) < near
    assert found[False][1] / found[True][1] > gain
    assert found[False][2] / found[True][2] > gain


def test_a_month_is_made_of_the_levels_that_are_known() -> None:
    plain = np.linspace(1.0, 2.0, 30)[:, None] * [1.0, 3.0]
    levels = {1: np.array([2.0, 1.0]), 7: np.array([9.0, 30.0]), 30: np.array([40.0, 95.0])}
    found = spread(plain, levels)
    for steps, level in levels.items():
        assert found[:steps].sum(axis=0) == pytest.approx(level)
    ratio = found / plain
    assert ratio[1:7] == pytest.approx(np.tile(ratio[1], (6, 1)))
    assert ratio[7:] == pytest.approx(np.tile(ratio[7], (23, 1)))


def test_levels_that_leave_nothing_for_later_days_leave_a_little() -> None:
    found = spread(np.ones((7, 1)), {1: np.array([5.0]), 7: np.array([4.0])})
    assert found[0, 0] == 5.0
    assert found[1:, 0] == pytest.approx(LEAST_FORWARD * 4.0 / 7)


def test_what_happened_in_a_gap_counts_as_one_move() -> None:
    holes = ((0, 24 * 300 + 10), (0, 24 * 300 + 11), (1, 24 * 300 + 23))
    table, hours = tables(holes=holes)
    found = hourly_moves(table, hours)
    made = np.diff(np.log(prices()[:, :2]), axis=0)[24 * 300 - 1 : 24 * 301 - 1]
    day = found[300, :, :2]
    assert day.sum(axis=0) == pytest.approx(np.array([made[:, 0].sum(), made[:23, 1].sum()]))
    assert day[9, 0] == pytest.approx(made[9, 0])
    assert (day[10, 0], day[12, 0]) == (0.0, pytest.approx(made[10:13, 0].sum()))
    assert np.isfinite(found).all()


def test_without_enough_history_the_recursive_models_set_the_level() -> None:
    found = learn(*tables(days=120))
    assert found.levels == {}
    world = Filtered(history=found, hours=48, seed=1)
    assert (world.factors == 1.0).all()
    assert world.draw(0, 5).growth.shape == (5, 48, 3)


def test_history_that_is_too_short_or_over_is_refused() -> None:
    with pytest.raises(TooShort, match=r"41 days to draw from.*DAI has the fewest"):
        learn(*tables(days=120, holes=tuple((2, hour) for hour in range(79 * 24))))
    with pytest.raises(StoppedTrading, match="BTC has no prices after"):
        learn(*tables(days=120, ends=(120 * 24, 100 * 24, 120 * 24)))


@pytest.mark.parametrize(("first", "count"), [(-1, 5), (0, 0), (0, 10_000_001)])
def test_paths_that_cannot_be_drawn_are_refused(first: int, count: int) -> None:
    with pytest.raises(InputError, match="cannot be drawn"):
        filtered().draw(first, count)


def test_only_the_days_before_say_what_was_forecast() -> None:
    table, hours = tables()
    later = dataclasses.replace(table, variance=table.variance.copy())
    later.variance[-1] *= 50.0
    ours, theirs = known(), learn(later, hours)
    ratio = theirs.shapes[:-1, :, 0] / ours.shapes[:-1, :, 0]
    assert ratio == pytest.approx(ratio[0, 0] * np.ones_like(ratio), rel=0.05)
    assert (theirs.levels[1] > 1.5 * ours.levels[1]).all()
    assert table.ends[-1] - DAY == ours.ends[-2]
