"""The gate of warnings and the watch over them: what passes, what is refused and why, and when a promise is broken."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy.special import expit

from forecasting.core.realised import HOUR
from forecasting.core.warning.admission import EPISODES, Past, examine, judged, on
from forecasting.core.warning.events import episodes
from forecasting.core.warning.surveillance import apart, fortune
from forecasting.core.warning.walkforward import BLOCK

SIZE = 40 * BLOCK


def world(*, seed: int = 1, size: int = SIZE) -> tuple[np.ndarray, np.ndarray]:
    """Return log odds that rise and fall over days, and what came."""
    draw = np.random.default_rng(seed)
    level = np.repeat(draw.normal(scale=2.0, size=size // 24), 24) - 4.0
    return level, (draw.uniform(size=size) < expit(level)).astype(float)


LEVEL, CAME = world()


def past(name: str, odds: np.ndarray, came: np.ndarray = CAME) -> Past:
    ends = HOUR * np.arange(1, came.size + 1)
    return Past(name=name, ends=ends, chance=expit(odds), score=expit(odds), happened=came)


def blurred(scale: float, seed: int = 5) -> np.ndarray:
    return LEVEL + np.random.default_rng(seed).normal(scale=scale, size=LEVEL.size)


GOOD, POOR = past("hazard", LEVEL), past("two_feature", 0.3 * blurred(3.0, seed=9) - 3.0)
RIVALS = {"two_feature": POOR, "persistence": past("persistence", blurred(3.0))}


def rules(challenger: Past, champion: Past = POOR) -> dict[str, bool]:
    found = examine(challenger, champion, rivals=RIVALS, hours=6, seed=1)
    assert all(one.sentence.endswith(".") for one in found)
    return {one.rule: one.passed for one in found}


def test_a_better_warning_passes_every_rule():
    assert rules(GOOD) == {"better": True, "ranked": True, "calibrated": True, "complete": True}


def test_the_same_again_is_refused_as_luck():
    assert not rules(past("hazard", blurred(0.05)), champion=GOOD)["better"]


def test_a_warning_that_ranks_worse_than_a_baseline_is_refused():
    assert not rules(past("hazard", np.random.default_rng(3).normal(size=SIZE)))["ranked"]


def test_a_warning_that_exaggerates_is_refused():
    assert not rules(past("hazard", LEVEL + 2.5))["calibrated"]


def test_silence_in_wild_hours_is_refused():
    quiet = replace(GOOD, chance=np.where(np.quantile(LEVEL, 0.95) < LEVEL, np.nan, GOOD.chance))
    assert not rules(quiet)["complete"]


def test_too_few_episodes_are_no_evidence():
    calm = replace(POOR, happened=np.zeros(SIZE))
    found = rules(replace(GOOD, happened=np.zeros(SIZE)), champion=calm)
    assert not found["better"]
    assert not found["ranked"]


def test_judged_are_the_newest_blocks_that_hold_enough_episodes():
    found = judged(GOOD, hours=6)
    assert len(episodes(found.happened, hours=6)) >= EPISODES
    assert found.ends[-1] == GOOD.ends[-1]
    assert found.ends.size % BLOCK == 0
    shorter = found.happened[BLOCK:]
    assert len(episodes(shorter, hours=6)) < EPISODES
    rare = replace(GOOD, happened=np.zeros(SIZE))
    assert judged(rare, hours=6).ends.size == SIZE


def test_what_was_not_forecast_is_not_known():
    some = Past(name="x", ends=GOOD.ends[5:10], chance=GOOD.chance[5:10], score=GOOD.score[5:10], happened=CAME[5:10])
    found = on(some, GOOD.ends[:12])
    assert np.isnan(found.chance).tolist() == [True] * 5 + [False] * 5 + [True] * 2
    assert found.chance[5] == GOOD.chance[5]
    nothing = Past(name="x", ends=GOOD.ends[:0], chance=CAME[:0], score=CAME[:0], happened=CAME[:0])
    assert np.isnan(on(nothing, GOOD.ends[:3]).chance).all()


@pytest.mark.parametrize(("shift", "caught"), [(0.0, False), (1.5, True), (-1.5, True)])
def test_a_bet_wins_only_against_warnings_that_break_their_promise(shift, caught):
    level, _ = world(seed=2, size=24 * 400)
    level = level[::24] + 1.5
    won = []
    for seed in range(20):
        came = (np.random.default_rng(seed).uniform(size=level.size) < expit(level + shift)).astype(float)
        won.append(fortune(expit(level), came) > 100)
    assert bool(np.mean(won) > 0.8) is caught
    assert (sum(won) <= 1) is not caught


def test_nothing_said_is_no_evidence():
    assert fortune(np.zeros(0), np.zeros(0)) == 1.0


def test_warnings_that_share_hours_count_once():
    moments = HOUR * np.array([0.0, 1, 2, 6, 7, 13, 14])
    assert apart(moments, seconds=6 * HOUR).tolist() == [0, 3, 5]
    assert apart(np.zeros(0), seconds=HOUR).tolist() == []
