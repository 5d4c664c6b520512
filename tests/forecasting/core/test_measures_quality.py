"""What is wrong with prices is refused or told, each with its code."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from forecasting.core.bars import Bars, lay
from forecasting.core.days import DAY
from forecasting.core.measures import daily
from forecasting.core.quality import examine, refuse, require
from governance.errors import NotPositive, StoppedTrading, SyntheticSeries, TooShort, WrongNumeraire
from tests.forecasting.core.test_measures import MONDAY, walk


def doubts(*series: Bars) -> dict[str, bool]:
    """Return each finding's code, and whether it is refused."""
    names = [f"A{k}" for k in range(len(series))]
    return {doubt.code: doubt.error is not None for doubt in examine(series, assets=names)}


def closes(prices: np.ndarray) -> Bars:
    bars = walk(prices.size // 48)
    return dataclasses.replace(bars, open=prices, high=prices, low=prices, close=prices)


def test_a_market_is_not_doubted() -> None:
    assert doubts(walk(20), walk(20, seed=2)) == {}


@pytest.mark.parametrize("price", [0.0, -3.0, np.nan, np.inf])
def test_prices_are_positive(price: float) -> None:
    bars = walk(2)
    close = bars.close.copy()
    close[7] = price
    broken = dataclasses.replace(bars, close=close)
    assert doubts(broken) == {"not-positive": True}
    with pytest.raises(NotPositive, match=f"A has a price of zero or less, or none, at {MONDAY + 8 * 1800}") as caught:
        refuse(tuple(examine([broken], assets=["A"])))
    assert caught.value.code == "not-positive"
    assert caught.value.facts == {"asset": "A", "count": 1}


def test_a_low_of_zero_is_no_price() -> None:
    bars = walk(2)
    assert doubts(dataclasses.replace(bars, low=np.append(bars.low[:-1], 0.0))) == {"not-positive": True}


def test_a_series_that_never_moves_is_no_market_unless_it_is_pegged() -> None:
    assert doubts(closes(np.full(96, 1_600.0)))["synthetic-series"]
    assert doubts(closes(np.full(96, 1.0))) == {"constant": False}
    half = np.repeat(walk(10).close[::3], 3)
    assert doubts(closes(half)) == {"constant": False}


def test_round_prices_are_made_up() -> None:
    close = 42_000 * np.exp(np.cumsum(np.random.Generator(np.random.Philox(1)).normal(scale=0.05, size=480)) * 0.2)
    assert doubts(closes(np.round(close, -3))) | {"constant": False} == {"synthetic-series": True, "constant": False}
    assert doubts(closes(np.round(close, -2))) | {"constant": False} == {"rounded": False, "constant": False}
    assert doubts(closes(np.round(close, 0))) == {}


def test_a_copy_of_itself_is_made_up() -> None:
    moves = np.diff(np.log(walk(4).close), prepend=np.log(1_600))
    thrice = closes(1_600 * np.exp(np.cumsum(np.tile(moves - moves.mean(), 3))))
    assert doubts(thrice) == {"synthetic-series": True}
    with pytest.raises(SyntheticSeries, match="moves of A come again"):
        refuse(tuple(examine([thrice], assets=["A"])))
    moves = np.diff(np.log(walk(20, seed=5).close))
    moves[-150:] = moves[:150]
    assert doubts(closes(np.append(1_600.0, 1_600 * np.exp(np.cumsum(moves))))) == {"copied": False}


def test_another_unit_is_refused_and_a_crash_is_not() -> None:
    bars = walk(10)
    factor = np.where(np.arange(480) < 300, 1.0, 1e-3)
    changed = closes(bars.close * factor)
    assert doubts(changed) == {"wrong-numeraire": True}
    with pytest.raises(WrongNumeraire, match=r"goes from .* in one step, at"):
        refuse(tuple(examine([changed], assets=["A"])))
    assert doubts(closes(bars.close * np.where(np.arange(480) < 300, 1.0, 0.1))) == {}


def test_an_allowed_code_is_told_only() -> None:
    found = tuple(examine([closes(np.full(96, 1_600.0))], assets=["A"]))
    refuse(found, allow=("synthetic-series",))
    assert found[0].as_dict()["code"] == "synthetic-series"
    assert found[0].as_dict()["asset"] == "A"


def test_an_asset_that_stops_is_told() -> None:
    assert doubts(walk(20), walk(15, seed=2)) == {"stopped-trading": False}
    assert doubts(walk(20), walk(19, seed=2)) == {}


def test_what_is_learnt_from_is_long_enough_and_still_traded() -> None:
    table = daily(lay([walk(20), walk(15, seed=2)], assets=["LONG", "GONE"]))
    require(table, days=15, until=MONDAY + 15 * DAY)
    with pytest.raises(TooShort, match="GONE has 15 measured days, and 16 are needed") as short:
        require(table, days=16, until=MONDAY + 15 * DAY)
    assert short.value.code == "too-short"
    with pytest.raises(StoppedTrading, match="GONE") as gone:
        require(table, days=10, until=MONDAY + 20 * DAY)
    assert gone.value.code == "stopped-trading"
    with pytest.raises(TooShort, match="0 measured days"):
        require(table.until(0), days=1, until=MONDAY)
