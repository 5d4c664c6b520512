"""Estimators of variance against their published formulas, written out, and on simulated Brownian paths."""

from __future__ import annotations

import math

import numpy as np
import pytest

from forecasting.core import estimators, ranges
from forecasting.core.ranges import Candles

BARS = 48
STEPS = 2_000  # of a path within a bar


def column(*values: float) -> np.ndarray:
    """Return (n, 1)."""
    return np.array(values)[:, None]


@pytest.fixture(scope="module")
def paths() -> np.ndarray:
    """Return 2,000 bars of a Brownian motion with variance 1: (bars, steps), each from 0."""
    draw = np.random.Generator(np.random.Philox(7))
    moves = draw.standard_normal((2_000, STEPS)) / math.sqrt(STEPS)
    return np.cumsum(moves, axis=1)


def candles(paths: np.ndarray, *, drift: float = 0.0, jump: np.ndarray | float = 0.0) -> tuple[Candles, np.ndarray]:
    """Return the bars of paths that follow one another, and the close before each; (n, 1)."""
    moved = paths + drift * np.arange(1, STEPS + 1) / STEPS
    opened = np.cumsum(np.concatenate([[0.0], moved[:-1, -1]]) + jump)
    level = opened[:, None] + moved
    found = Candles(
        open=opened[:, None],
        high=np.maximum(level.max(axis=1), opened)[:, None],
        low=np.minimum(level.min(axis=1), opened)[:, None],
        close=level[:, -1:],
    )
    return found, np.concatenate([[[0.0]], found.close[:-1]])


def test_each_bar_formula_as_printed() -> None:
    o, h, low, c = (math.log(price) for price in (100.0, 104.0, 97.0, 103.0))
    bar = Candles(column(o), column(h), column(low), column(c))
    u, d, close = h - o, low - o, c - o
    assert ranges.parkinson(bar) == pytest.approx((u - d) ** 2 / (4 * math.log(2)))
    assert ranges.garman_klass(bar) == pytest.approx(0.5 * (u - d) ** 2 - (2 * math.log(2) - 1) * close**2)
    assert ranges.rogers_satchell(bar) == pytest.approx(u * (u - close) + d * (d - close))


def test_yang_zhang_as_printed() -> None:
    prices = [(100, 104, 97, 103), (102, 105, 101, 104), (105, 106, 99, 100), (99, 103, 98, 102)]
    bars = Candles(*(column(*(math.log(bar[k]) for bar in prices)) for k in range(4)))
    before = column(math.log(99), *bars.close[:-1, 0])
    n = len(prices)
    opens = [math.log(bar[0]) - before[k, 0] for k, bar in enumerate(prices)]
    bodies = [math.log(bar[3] / bar[0]) for bar in prices]
    rs = [math.log(h / c) * math.log(h / o) + math.log(low / c) * math.log(low / o) for o, h, low, c in prices]
    k = 0.34 / (1.34 + (n + 1) / (n - 1))
    daily = np.var(opens, ddof=1) + k * np.var(bodies, ddof=1) + (1 - k) * sum(rs) / n
    assert ranges.yang_zhang(bars, before) == pytest.approx(n * daily)
    assert np.isnan(ranges.yang_zhang(Candles(*(part[:1] for part in bars)), before[:1]))


def test_measures_of_returns_as_printed() -> None:
    r, earlier = [0.01, -0.02, 0.005, -0.001], 0.004
    returns, before = column(*r), column(earlier, *r[:-1])
    squares = [value**2 for value in r]
    assert estimators.realised(returns) == pytest.approx(sum(squares))
    negative, positive = estimators.semivariances(returns)
    assert negative == pytest.approx(squares[1] + squares[3])
    assert positive == pytest.approx(squares[0] + squares[2])
    assert estimators.quarticity(returns) == pytest.approx(4 / 3 * sum(value**4 for value in r))
    assert estimators.absolute(returns) == pytest.approx(math.pi / 2 * 4 * (sum(map(abs, r)) / 4) ** 2)
    products = [abs(a * b) for a, b in zip(r, [earlier, *r[:-1]], strict=True)]
    assert estimators.bipower(returns, before) == pytest.approx(math.pi / 2 * sum(products))


def test_what_is_missing_is_taken_to_be_as_the_rest() -> None:
    returns = column(0.01, np.nan, 0.03, 0.02)
    assert estimators.realised(returns) == pytest.approx(4 / 3 * (0.01**2 + 0.03**2 + 0.02**2))
    negative, positive = estimators.semivariances(returns)
    assert negative + positive == pytest.approx(estimators.realised(returns))
    assert np.isnan(estimators.realised(column(np.nan, np.nan)))
    assert estimators.total(column(1.0, 4.0), column(1.0, 3.0)) == pytest.approx(2 * (1 + 12) / 4)


@pytest.mark.parametrize(("name", "efficiency"), [("parkinson", 4.9), ("garman_klass", 7.4), ("rogers_satchell", 6.0)])
def test_ranges_tell_the_variance_of_a_brownian_motion(paths: np.ndarray, name: str, efficiency: float) -> None:
    bars, _ = candles(paths)
    found = getattr(ranges, name)(bars)[:, 0]
    squares = (bars.close - bars.open)[:, 0] ** 2
    assert found.mean() == pytest.approx(1, abs=0.05), "but for the range between two steps, which is not seen"
    assert squares.var() / found.var() == pytest.approx(efficiency, rel=0.25), "as published"


def test_rogers_satchell_does_not_mind_a_drift(paths: np.ndarray) -> None:
    bars, _ = candles(paths, drift=1.5)
    assert ranges.rogers_satchell(bars).mean() == pytest.approx(1, abs=0.06)
    assert ranges.parkinson(bars).mean() > 1.5
    assert ranges.garman_klass(bars).mean() > 1.15


def test_yang_zhang_minds_neither_drift_nor_jumps_between_bars(paths: np.ndarray) -> None:
    jump = np.random.Generator(np.random.Philox(8)).normal(scale=0.5, size=paths.shape[0])
    bars, before = candles(paths, drift=0.8, jump=jump)
    found = ranges.yang_zhang(bars, before) / paths.shape[0]
    assert found[0] == pytest.approx(1 + 0.5**2, abs=0.08)
    assert ranges.rogers_satchell(bars).mean() == pytest.approx(1, abs=0.06), "which sees no jump between bars"


def test_sums_over_a_day_tell_its_variance() -> None:
    draw = np.random.Generator(np.random.Philox(9))
    returns = draw.standard_normal((3_000, BARS, 1)) / math.sqrt(BARS)
    before = np.concatenate([np.zeros((1, 1, 1)), returns.reshape(-1, 1, 1)[:-1]]).reshape(returns.shape)
    for found in (
        estimators.realised(returns),
        estimators.bipower(returns, before),
        estimators.absolute(returns),
        sum(estimators.semivariances(returns)),
        estimators.quarticity(returns),
    ):
        assert found.mean() == pytest.approx(1, abs=0.03)


def test_a_jump_is_in_realised_variance_and_hardly_in_bipower() -> None:
    draw = np.random.Generator(np.random.Philox(10))
    returns = draw.standard_normal((1_000, BARS, 1)) / math.sqrt(BARS)
    returns[:, 20] += 1.5
    before = np.roll(returns, 1, axis=1)
    assert estimators.realised(returns).mean() == pytest.approx(1 + 1.5**2, abs=0.05)
    assert estimators.bipower(returns, before).mean() < 1.6
