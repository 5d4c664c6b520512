"""What is laid on top of the model: only what past folds prove, learnt on nothing but the past, and told why."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy.special import expit

from forecasting.core.warning import stacking, walkforward
from forecasting.core.warning.events import Target
from forecasting.core.warning.features import tables
from forecasting.core.warning.stacking import Fold
from forecasting.core.warning.walkforward import BLOCK, Protocol
from tests.forecasting.liquidated_world import market

SIZE, STEP = 12_000, 500
FOLDS = tuple(Fold(start=a, stop=a + STEP, until=a - 30) for a in range(0, SIZE, STEP))
DRAW = np.random.default_rng(7)
HELPS, NOISE = DRAW.normal(size=SIZE), DRAW.normal(size=SIZE)
ODDS = DRAW.normal(size=SIZE) - 2
CAME = (DRAW.uniform(size=SIZE) < expit(ODDS + 0.9 * HELPS)).astype(float)


def learn(extras: dict[str, np.ndarray], *, until: int = SIZE) -> stacking.Stack:
    return stacking.learn(ODDS, extras, CAME, folds=FOLDS, until=until, hours=1)


def test_what_helps_on_past_folds_is_used_and_noise_is_not():
    found = learn({"helps": HELPS, "noise": NOISE})
    assert found.names == ("helps",)
    assert found.weights[0] == pytest.approx(0.9, abs=0.15)
    helps, noise = found.judged
    assert (helps.used, noise.used) == (True, False)
    assert helps.gain > 0
    assert "used" in helps.why
    assert "may be luck, not used" in noise.why


def test_noise_is_seldom_taken_for_help():
    taken = sum(bool(learn({"x": np.random.default_rng(seed).normal(size=SIZE)}).names) for seed in range(40))
    assert taken <= 5  # one in twenty is promised


def test_what_covers_too_little_is_said_so():
    short = np.where(np.arange(SIZE) > SIZE - 3 * STEP, HELPS, np.nan)
    found = learn({"short": short, "never": np.full(SIZE, np.nan)})
    assert found.names == ()
    assert [one.folds for one in found.judged] == [2, 0]
    assert all("folds to be judged on; 6 are needed" in one.why for one in found.judged)


def test_nothing_is_learnt_from_the_hours_after():
    until = 8_000
    later = np.arange(SIZE) >= until
    changed = {"helps": np.where(later, 99.0, HELPS), "noise": np.where(later, -99.0, NOISE)}
    before, after = learn({"helps": HELPS, "noise": NOISE}, until=until), learn(changed, until=until)
    assert before.judged == after.judged
    assert np.array_equal(before.weights, after.weights)


def test_a_value_that_is_missing_moves_nothing():
    found = learn({"helps": HELPS})
    calm = np.array([-2.0, -2.0])
    told = found.probabilities(calm, {"helps": np.array([np.nan, 2.0])}, at=np.array([0, 1]))
    assert told[0] == pytest.approx(expit(-2.0))
    assert told[1] > 2 * told[0]
    assert found.parts({}, rows=2).tolist() == [[0.0], [0.0]]


def test_what_was_learnt_is_restored_from_plain_data():
    found = learn({"helps": HELPS})
    again = stacking.restored(found.parameters)
    at = np.arange(100)
    assert np.array_equal(
        found.probabilities(ODDS[:100], {"helps": HELPS}, at=at),
        again.probabilities(ODDS[:100], {"helps": HELPS}, at=at),
    )


def test_forecasts_without_help_are_what_they_were_and_no_future_reaches_them():
    hours = market()
    plan = Protocol(target=Target(hours=6, usd=1e6), first=hours.first, test=(220 * 24, hours.last + 1))
    noise = np.random.default_rng(1).normal(size=hours.ends.size)
    plain, beside = (
        walkforward.model(tables(found, horizons=(6,))[6], plan, hours=found, tick=lambda: None)
        for found in (hours, replace(hours, extras={"noise": noise}))
    )
    assert np.array_equal(plain.chance, beside.chance, equal_nan=True)
    cut = plan.test[0] + BLOCK
    changed = replace(hours, extras={"noise": np.where(np.arange(noise.size) >= cut, 50.0, noise)})
    later = walkforward.model(tables(changed, horizons=(6,))[6], plan, hours=changed, tick=lambda: None)
    assert np.array_equal(beside.chance[:cut], later.chance[:cut], equal_nan=True)
