"""Every model of the league, every horizon, the measures, the tails and the report: nothing of the future matters.

Models are found, not listed: a new one is checked without a word here.
"""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest

from forecasting.core.bars import lay
from forecasting.core.days import DAY, DayTable
from forecasting.core.league import HORIZONS, Data, Job, Plan, jobs, run
from forecasting.core.league_report import report
from forecasting.core.measures import hourly
from forecasting.core.tail_report import Scored, tails_body
from forecasting.core.volatility.direct import zoo
from tests.forecasting.leaks.check import START, Leak, alterations, altered_bars, leaks, market, tables

DAYS = 400
FIRST, LAST = 350, 395
CUTS = (FIRST + 2, FIRST + 22)  # soon after every model was fitted, and after the quick ones were fitted again
ASSETS = ("A0", "A1")
HOURS = (75, 80, 83)  # days: the first forecast hour, the cut and the last
DAILY = [name for name, horizon in HORIZONS.items() if horizon.row == DAY]


@cache
def bars() -> list:
    return market(DAYS)


@cache
def table() -> DayTable:
    found = tables(bars())
    for cut in CUTS:
        found.variance[cut - 1, 0] = np.nan  # a gap that must not be filled from behind
    return found


def walked(
    days: DayTable, horizon: str, *, hours: DayTable | None = None, scored: tuple[int, int] = (FIRST, LAST)
) -> dict[Job, np.ndarray]:
    """Return the forecasts of every model over one horizon."""
    plan = Plan(assets=ASSETS, horizons=(horizon,), first=scored[0], last=scored[1], warm=0)
    data, done = Data(days=days, hours=hours), {}
    for job in jobs(plan):
        done[job] = run(job, data=data, plan=plan, done=done, tick=lambda: None)
    return done


@cache
def told(horizon: str) -> dict[Job, np.ndarray]:
    """Return the forecasts of a league as it is."""
    return walked(table(), horizon)


@cache
def changed(horizon: str, cut: int) -> dict[str, dict[Job, np.ndarray]]:
    """Return its forecasts by alteration of the days from ``cut`` on."""
    return {name: walked(altered, horizon) for name, altered in alterations(table(), cut)}


@pytest.mark.parametrize("cut", CUTS)
@pytest.mark.parametrize("horizon", DAILY)
@pytest.mark.parametrize("model", list(zoo()))
def test_a_model_knows_nothing_of_later_days(model: str, horizon: str, cut: int) -> None:
    job = Job(horizon, model)
    ours, altered = told(horizon)[job], changed(horizon, cut)
    assert np.isfinite(ours[FIRST : cut + 1]).all()
    for name, again in altered.items():
        assert ours[: cut + 1].tobytes() == again[job][: cut + 1].tobytes(), name
    assert (ours[cut + 1 : LAST] != altered["wilder"][job][cut + 1 : LAST]).any()


def test_hours_know_nothing_of_later_hours() -> None:
    series = market(HOURS[2] + 2, seed=2)
    ours, altered = (_hours(found) for found in (series, altered_bars(series, cut=HOURS[1])))
    first, cut, last = (24 * day for day in HOURS)
    assert ours
    for job, forecast in ours.items():
        assert np.isfinite(forecast[first : cut + 1]).all(), job
        assert forecast[: cut + 1].tobytes() == altered[job][: cut + 1].tobytes(), job
        assert (forecast[cut + 1 : last] != altered[job][cut + 1 : last]).any(), job


def _hours(series: list) -> dict[Job, np.ndarray]:
    return walked(tables(series), "1h", hours=hourly(lay(series, assets=ASSETS)), scored=(HOURS[0], HOURS[2]))


@pytest.mark.parametrize("cut", [100, 250])
def test_measures_of_a_day_know_nothing_of_later_bars(cut: int) -> None:
    told, again = tables(bars()), tables(altered_bars(bars(), cut=cut))
    parts = {name: getattr(told, name) for name in ("variance", "change", "complete")} | dict(told.measures)
    changed = {name: getattr(again, name) for name in ("variance", "change", "complete")} | dict(again.measures)
    assert told.ends[cut - 1] == START + cut * DAY
    for name, values in parts.items():
        assert values[:cut].tobytes() == changed[name][:cut].tobytes(), name
        assert name == "complete" or (values[cut:] != changed[name][cut:]).any(), name


def test_the_whole_way_from_bars_to_forecasts() -> None:
    cut = CUTS[1]
    ours, altered = (walked(tables(found), "7d") for found in (bars(), altered_bars(bars(), cut=cut)))
    assert all(ours[job][: cut + 1].tobytes() == altered[job][: cut + 1].tobytes() for job in ours)
    assert all((ours[job][cut + 1 : LAST] != altered[job][cut + 1 : LAST]).any() for job in ours)


def test_tails_know_nothing_of_later_days() -> None:
    days = tables(market(360, seed=3))
    variance = np.full(days.variance.shape, 0.02**2)

    def pipeline(known: DayTable) -> np.ndarray:
        scored = Scored(first=300, last=359, champion=variance, field=1.1 * variance)
        series = tails_body(known, scored)["series"]
        made = np.full((360, 4), np.nan)
        columns = [(asset, side) for asset in known.assets for side in ("long", "short")]
        for column, (asset, side) in enumerate(columns):
            made[300:, column] = series[asset][f"var99_{side}"]
        return made

    assert leaks(pipeline, days, cuts=[340]) == []


def test_a_score_knows_nothing_of_days_after_the_scored_ones() -> None:
    plan = Plan(assets=ASSETS, horizons=("7d",), first=FIRST, last=LAST, warm=0)
    before = report(plan, Data(days=table()), told("7d"))
    for _, altered in alterations(table(), LAST + 1):
        assert report(plan, Data(days=altered), told("7d")) == before
    assert before["horizons"]["7d"]["A1"]["champion"]["n"] == LAST - FIRST + 1 - 6


def test_a_shift_of_our_own_forecasts_would_be_noticed() -> None:
    # The negative control: the same forecasts, read one row too early, are caught.
    def shifted(known: DayTable) -> np.ndarray:
        ours = told("1d") if known is table() else walked(known, "1d")
        made = ours[Job("1d", "log_har")]
        return np.concatenate([made[1:], made[-1:]])

    found = leaks(shifted, table(), cuts=CUTS[:1])
    assert found[0] == Leak(row=CUTS[0], cut=CUTS[0], alteration="wilder")
