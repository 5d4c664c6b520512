"""The search: what it tries, what it recommends, and when it keeps its hands off."""

from __future__ import annotations

import numpy as np
import pytest

from proposals.core import words
from proposals.core.finding import Finding
from proposals.core.objective import Futures, shortfall, summarise
from proposals.core.search import risk_settings, sanity, search
from tests.proposals.cases import CURRENT, policy

PATHS = 400
BLOCK = Finding(level="block", code="test", message="no")


def run(evaluate, *, confirm=None, admit=lambda setting: (), body=None, seed=7):
    return search(
        current=CURRENT,
        policy=body or policy(),
        admit=admit,
        evaluate=evaluate,
        confirm=confirm or evaluate,
        seed=seed,
        progress=lambda done, total, text: None,
    )


def noise(size=PATHS, seed=1):
    return np.random.default_rng(seed).exponential(1_000.0, size)


def world(*, capacity=0.0, loss=0.0, independent=False):
    """Return an evaluation in which each bp of threshold adds capacity and tail loss."""

    def evaluate(setting):
        moved = setting["liquidation_threshold"] - CURRENT["liquidation_threshold"]
        draw = noise(seed=1 + (sum(i * v for i, v in enumerate(setting.values())) if independent else 0))
        bad = draw * (1 + loss * moved)
        return Futures(
            capacity=1e6 + capacity * moved,
            bad_debt=bad / 10,
            liquidated=draw * 3,
            borrower_loss=draw * 0.1,
            stressed_bad_debt=bad,
        )

    return evaluate


def test_change_nothing_is_the_first_candidate_and_every_setting_comes_once():
    result = run(world())
    seen = [tuple(score.candidate.setting.items()) for score in result.scores]
    assert result.scores[0].candidate.setting == CURRENT
    assert result.scores[0].candidate.index == 0
    assert len(seen) == len(set(seen)) == 5 * 3 + 3
    assert result.baseline.gain.value == result.baseline.gain.low == result.baseline.gain.high == 0


def test_a_sure_gain_is_recommended():
    result = run(world(capacity=1_000.0))
    assert result.chosen.candidate.setting["liquidation_threshold"] == 8_200
    assert result.chosen.gain.low > 0
    assert result.chosen.gain.value == pytest.approx(200_000.0)


def test_of_equally_sure_gains_the_one_that_moves_less_wins():
    body = policy(objective__es99_weight=0, objective__borrower_loss_weight=0)
    assert run(world(capacity=1_000.0), body=body).chosen.candidate.setting == {
        **CURRENT,
        "liquidation_threshold": 8_200,
        "ltv": 7_900,
    }


def test_nothing_is_recommended_when_nothing_gains():
    result = run(world())
    assert result.chosen is result.baseline


def test_more_capacity_does_not_buy_a_larger_loss_in_the_tail():
    result = run(world(capacity=10.0, loss=0.002))  # 200 bp: 2,000 more of capacity, 40 % more loss
    assert result.chosen.candidate.setting["liquidation_threshold"] == 7_800


def test_luck_on_different_futures_is_not_taken_for_a_gain():
    """Twenty settings that differ by noise alone: the best looks better, its interval knows."""
    chosen = [run(world(independent=True), seed=seed).chosen.candidate.index for seed in range(5)]
    assert chosen.count(0) == 5


def test_a_winner_that_was_luck_on_the_search_futures_is_not_recommended():
    """Fresh futures in which the picked setting gains nothing: it is named, but nothing changes."""
    lucky, fresh = world(capacity=1_000.0), world(loss=0.001)
    assert run(lucky).chosen.candidate.index != 0
    result = run(lucky, confirm=fresh)
    pick = result.confirmed[-1]
    assert max(score.gain.low for score in result.scores) > 0
    assert (pick.candidate.setting["liquidation_threshold"], pick.gain.low < 0) == (8_200, True)
    assert result.chosen is result.baseline
    assert result.baseline.numbers == summarise(fresh(CURRENT), weights=policy().objective)
    told = words.why(result, (), symbol="WETH", paths=PATHS, fresh=2 * PATHS, confidence=0.95)
    assert "was not confirmed on 800 other futures" in told
    assert told.endswith("So nothing should change.")


def test_the_interval_of_a_recommended_gain_is_of_the_fresh_futures_alone():
    chosen = run(world(capacity=1_000.0), confirm=world(capacity=500.0)).chosen
    assert chosen.gain.value == pytest.approx(100_000.0)
    assert 0 < chosen.gain.low <= chosen.gain.value <= chosen.gain.high


def test_the_ltv_follows_the_threshold_at_its_distance():
    moved = [
        setting for setting in risk_settings(CURRENT, policy=policy()) if setting["liquidation_threshold"] != 8_000
    ]
    assert {setting["liquidation_threshold"] - setting["ltv"] for setting in moved} == {300}
    wide = risk_settings(CURRENT, policy=policy(safety__min_buffer_bps=500))
    assert {s["liquidation_threshold"] - s["ltv"] for s in wide} == {300, 500}  # today's own is left alone


def test_a_blocked_candidate_is_listed_with_its_reason_and_never_simulated():
    simulated = []

    def evaluate(setting):
        simulated.append(setting)
        return world(capacity=1_000.0)(setting)

    def admit(setting):
        return (BLOCK,) if setting["liquidation_threshold"] > 8_000 else ()

    result = run(evaluate, admit=admit)
    assert all(setting["liquidation_threshold"] <= 8_000 for setting in simulated)
    assert len(result.rejected) == 6
    assert all(candidate.findings == (BLOCK,) for candidate in result.rejected)
    assert result.chosen.candidate.index == 0


def test_changing_nothing_is_simulated_even_if_a_guardrail_dislikes_the_present():
    result = run(world(), admit=lambda setting: (BLOCK,))
    assert len(result.scores) == 1
    assert result.chosen is result.baseline


def test_the_same_seed_gives_the_same_numbers():
    first, second = (run(world(capacity=10.0, loss=0.001)) for _ in range(2))
    assert [score.gain for score in first.scores] == [score.gain for score in second.scores]


def test_expected_shortfall_is_the_mean_of_the_worst_hundredth():
    losses = np.arange(1.0, 401.0)
    assert shortfall(losses) == pytest.approx((397 + 398 + 399 + 400) / 4)
    assert shortfall(np.array([3.0, 9.0])) == 9.0
    np.testing.assert_allclose(shortfall(np.stack([losses, losses * 2])), [398.5, 797.0])


def test_the_numbers_are_what_their_names_say():
    bad = np.zeros(1_000)
    bad[:30] = np.arange(100.0, 3_100.0, 100.0)
    numbers = summarise(
        Futures(
            capacity=5e6,
            bad_debt=bad,
            liquidated=bad * 2,
            borrower_loss=bad / 10,
            stressed_bad_debt=bad * 3,
        ),
        weights=policy().objective,
    )
    assert numbers.probability_bad_debt == 0.03
    assert numbers.var95 == 0
    assert numbers.es99 == pytest.approx(np.sort(bad)[-10:].mean())
    assert numbers.stressed_es99 == pytest.approx(3 * numbers.es99)
    assert numbers.objective == pytest.approx(5e6 - 25 * numbers.stressed_es99 - 5 * numbers.borrower_loss)


def test_a_loss_that_falls_when_a_supply_cap_rises_is_reported():
    def evaluate(setting):
        return Futures(
            capacity=1e6,
            bad_debt=noise(),
            liquidated=noise(),
            borrower_loss=noise(),
            stressed_bad_debt=noise() / setting["supply_cap"],
        )

    assert [finding.level for finding in run(evaluate).sanity] == ["warn"]
    assert [finding.level for finding in sanity(run(world()).scores)] == ["pass"]
