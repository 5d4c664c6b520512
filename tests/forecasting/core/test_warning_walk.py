"""Forecasts of unseen hours: what is learnt from ends early enough, the model finds what is there, leaks are told."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from forecasting.core.warning import leaks, report, walkforward
from forecasting.core.warning.events import MAIN, Target, outcomes
from forecasting.core.warning.features import COLUMNS, Features, Hours, tables
from forecasting.core.warning.scores import average_precision
from forecasting.core.warning.walkforward import BLOCK, FIRST, MARGIN, Protocol
from governance.errors import GapInData
from tests.forecasting.liquidated_world import market

TARGET = Target(hours=6, usd=1e6)
HOURS = market()
TABLE = tables(HOURS, horizons=(6,))[6]
BEGIN = 220 * 24
PROTOCOL = Protocol(target=TARGET, first=HOURS.first, test=(BEGIN, HOURS.last + 1))


def silent() -> None:
    pass


@pytest.fixture(scope="module")
def forecast() -> walkforward.Forecasts:
    return walkforward.model(TABLE, PROTOCOL, hours=HOURS, tick=silent)


def area(chance: np.ndarray, hours: Hours = HOURS) -> tuple[float, float]:
    came = outcomes(hours.liquidated, TARGET)[:, MAIN]
    inside = np.arange(*PROTOCOL.test)
    clear = inside[np.isfinite(chance[inside]) & np.isfinite(came[inside])]
    return average_precision(came[clear], chance[clear]), float(came[clear].mean())


def test_blocks_meet_where_the_test_begins_and_leave_enough_to_learn():
    blocks = PROTOCOL.blocks()
    starts = [start for start, _ in blocks]
    assert BEGIN in starts
    assert all(stop == nxt for (_, stop), nxt in zip(blocks, starts[1:], strict=False))
    assert blocks[-1][1] == HOURS.last + 1
    assert starts[0] >= HOURS.first + FIRST
    assert {stop - start for start, stop in blocks[:-1]} == {BLOCK}


def test_no_outcome_is_learnt_from_that_was_not_known_an_embargo_before():
    for start, _ in PROTOCOL.blocks():
        last_row = PROTOCOL.known(start) - 1
        assert last_row + TARGET.hours < start - TARGET.hours - MARGIN + 1


def test_frozen_training_learns_once():
    frozen = replace(PROTOCOL, frozen=BEGIN - 100)
    assert {frozen.known(start) for start, _ in frozen.blocks() if start >= BEGIN} == {BEGIN - 99 - TARGET.hours}
    before = [start for start, _ in frozen.blocks() if start < BEGIN]
    assert [frozen.known(start) for start in before] == [PROTOCOL.known(start) for start in before]


def test_the_model_finds_what_is_there(forecast):
    found, base = area(forecast.chance)
    assert found > 2 * base
    for names in report.BASELINES.values():
        other = walkforward.baseline(TABLE, PROTOCOL, hours=HOURS, names=names, tick=silent)
        assert found > area(other.raw)[0]


def test_no_forecast_changes_with_what_comes_after_its_hour(forecast):
    cut = BEGIN + 2 * BLOCK
    late = np.arange(HOURS.ends.size) >= cut
    changed = replace(
        HOURS,
        close=np.where(late[:, None], HOURS.close * 0.5, HOURS.close),
        low=np.where(late[:, None], HOURS.low * 0.5, HOURS.low),
        liquidated=np.where(late, 9e6, HOURS.liquidated),
    )
    again = walkforward.model(tables(changed, horizons=(6,))[6], PROTOCOL, hours=changed, tick=silent)
    assert np.array_equal(forecast.chance[:cut], again.chance[:cut], equal_nan=True)
    assert not np.array_equal(forecast.chance[cut:], again.chance[cut:], equal_nan=True)


def test_leak_tests_pass_for_ours(forecast):
    mixed = leaks.shuffled(TABLE, PROTOCOL, hours=HOURS, seed=1, tick=silent)
    ahead = leaks.ahead(TABLE, PROTOCOL, hours=HOURS, tick=silent)
    found = report.leak_tests(mixed, ahead, model={"pr_auc": area(forecast.chance)[0]})
    assert found["passed"]
    assert len(found["shuffled"]["pr_auc"]) == leaks.SHUFFLES


def test_a_pipeline_that_looks_at_the_outcome_is_caught():
    came = outcomes(HOURS.liquidated, TARGET)[:, MAIN]
    cheating = TABLE.values.copy()
    cheating[:, COLUMNS.index("return_72h")] = np.nan_to_num(came) * 9
    honest = np.isfinite(TABLE.values)
    leaky = Features(names=TABLE.names, values=np.where(honest, cheating, np.nan))
    seen = walkforward.model(leaky, PROTOCOL, hours=HOURS, tick=silent)
    ahead = leaks.ahead(leaky, PROTOCOL, hours=HOURS, tick=silent)
    mixed = leaks.shuffled(leaky, PROTOCOL, hours=HOURS, seed=1, tick=silent)
    found = report.leak_tests(mixed, ahead, model={"pr_auc": area(seen.chance)[0]})
    assert not found["next_hour"]["passed"]
    assert not report.leak_tests(mixed * np.array([3.0, 1.0]), 1.0, model={"pr_auc": 0.5})["shuffled"]["passed"]


def test_the_challenger_forecasts_the_same_hours(forecast):
    found = walkforward.trees(TABLE, PROTOCOL, hours=HOURS, seed=1, tick=silent)
    assert np.array_equal(np.isfinite(found.chance), np.isfinite(forecast.chance))
    assert area(found.chance)[0] > area(found.chance)[1]


def test_it_abstains_where_features_are_not_known():
    values = TABLE.values.copy()
    values[BEGIN + 5 : BEGIN + 9, 0] = np.nan
    found = walkforward.model(Features(names=TABLE.names, values=values), PROTOCOL, hours=HOURS, tick=silent)
    assert np.isnan(found.chance[BEGIN + 5 : BEGIN + 9]).all()
    assert np.isfinite(found.chance[BEGIN : BEGIN + 5]).all()


def test_too_few_events_are_told():
    quiet = replace(HOURS, liquidated=np.zeros(HOURS.ends.size))
    with pytest.raises(GapInData, match="too little to learn 6h_1m from"):
        walkforward.model(tables(quiet, horizons=(6,))[6], PROTOCOL, hours=quiet, tick=silent)


def test_the_report_scores_all_on_the_same_hours(forecast):
    baseline = walkforward.baseline(TABLE, PROTOCOL, hours=HOURS, names=("met",), tick=silent)
    fewer = replace(baseline, chance=np.where(np.arange(baseline.chance.size) % 7, baseline.chance, np.nan))
    found = report.target(PROTOCOL, {"model": forecast, "persistence": fewer}, hours=HOURS, seed=1)
    assert found["abstained"] > 0
    assert found["scored"] + found["abstained"] + found["unknown"] == PROTOCOL.test[1] - PROTOCOL.test[0]
    assert found["unknown"] == TARGET.hours
    low, high = found["model"]["interval"]["pr_auc"]
    assert low <= found["model"]["pr_auc"] <= high
    shown = report.series(PROTOCOL, {"model": forecast}, hours=HOURS, ends=HOURS.ends)
    assert len(shown["days"]) == len(shown["model"]) == len(shown["happened"])
