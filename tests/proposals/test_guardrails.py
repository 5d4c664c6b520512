"""Every guardrail at its boundary."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from proposals.core.finding import blocks
from proposals.guardrails import all_guardrails, judge, judge_data
from proposals.policy import DAY
from tests.proposals.cases import CURRENT, case, exposure, policy


def levels(found, code):
    return [finding.level for finding in found if finding.code == code]


def test_every_guardrail_has_a_name_of_its_own_and_speaks_about_every_case():
    codes = [rule.code for rule in all_guardrails()]
    assert len(codes) == len(set(codes)) >= 10
    assert {finding.code for finding in judge(case({"ltv": 7_600}))} == set(codes)
    assert all(rule.summary.endswith(".") for rule in all_guardrails())


def test_changing_nothing_passes_everything():
    assert {finding.level for finding in judge(case())} == {"pass"}


@pytest.mark.parametrize(
    ("proposed", "code"),
    [
        ({"liquidation_threshold": 8_301, "ltv": 7_900}, "step-limit"),
        ({"supply_cap": 1_501}, "step-limit"),
        ({"liquidation_bonus": 10_050}, "value-range"),
        ({"liquidation_threshold": 8_000, "ltv": 7_801}, "ltv-buffer"),
        ({"supply_cap": 899}, "cap-use"),
        ({"borrow_cap": 449}, "cap-use"),
        ({"borrow_cap": 0}, "cap-use"),
    ],
)
def test_a_change_beyond_its_limit_is_blocked(proposed, code):
    assert "block" in levels(judge(case(proposed)), code)


@pytest.mark.parametrize(
    "proposed",
    [{"liquidation_threshold": 8_300}, {"supply_cap": 1_500}, {"ltv": 7_800}, {"supply_cap": 900}, {"borrow_cap": 450}],
)
def test_a_change_at_its_limit_passes(proposed):
    assert not blocks(judge(case(proposed)))


def test_a_parameter_that_the_policy_does_not_name_may_not_move():
    rules = policy().parameters
    narrow = policy(parameters={"ltv": {key: getattr(rules["ltv"], key) for key in rules["ltv"].__struct_fields__}})
    assert levels(judge(case({"liquidation_bonus": 10_550}, policy=narrow)), "step-limit") == ["block"]


def test_a_cool_down_ends_exactly_after_its_time():
    early = case({"ltv": 7_600}, last_changed={"ltv": 97 * DAY + 1})
    late = case({"ltv": 7_600}, last_changed={"ltv": 97 * DAY})
    other = case({"ltv": 7_600}, last_changed={"supply_cap": 100 * DAY})
    assert levels(judge(early), "cool-down") == ["block"]
    assert levels(judge(late), "cool-down") == ["pass"]
    assert levels(judge(other), "cool-down") == ["pass"]


def test_threshold_times_bonus_blocks_the_change_that_breaks_it_and_warns_where_it_was_broken():
    toxic = {**CURRENT, "liquidation_threshold": 9_300, "ltv": 9_000}
    moved = case({"liquidation_threshold": 9_300, "ltv": 9_000})
    before = case({**toxic, "supply_cap": 1_200}, current=toxic, changes=())
    assert levels(judge(moved), "liquidation-helps") == ["block"]
    assert levels(judge(before), "liquidation-helps") == ["warn"]


def test_a_cap_that_does_not_bind_is_not_raised():
    idle = case({"supply_cap": 1_250}, supplied=799)
    busy = case({"supply_cap": 1_250}, supplied=800)
    assert levels(judge(idle), "cap-need") == ["block"]
    assert levels(judge(busy), "cap-need") == ["pass"]


def test_a_healthy_account_that_a_lower_threshold_would_push_blocks_it():
    lower = {"liquidation_threshold": 7_800, "ltv": 7_500}
    pushed = judge(case(lower, exposures=(exposure(debt=79), exposure(debt=78), exposure(debt=81))))
    assert levels(pushed, "healthy-accounts") == ["block"]  # 79 is pushed; 78 is not; 81 was unhealthy before
    finding = next(finding for finding in pushed if finding.code == "healthy-accounts")
    assert finding.facts["accounts"] == 1
    assert finding.facts["debt_usd8"] == str(79 * 10**8)
    tolerated = case(lower, exposures=(exposure(debt=79),), policy=policy(safety__max_accounts_pushed=1))
    assert levels(judge(tolerated), "healthy-accounts") == ["pass"]


@settings(deadline=None)
@given(
    debt=st.integers(1, 10**12),
    in_reserve=st.integers(0, 10**12),
    others=st.integers(1, 10**12),
    threshold=st.integers(0, 9_500),
)
def test_a_higher_threshold_never_pushes_anybody(debt, in_reserve, others, threshold):
    account = exposure(debt=debt, in_reserve=in_reserve, collateral=in_reserve + others, threshold=threshold)
    assert levels(judge(case({"liquidation_threshold": 8_100}, exposures=(account,))), "healthy-accounts") == ["pass"]


@pytest.mark.parametrize(
    ("facts", "code"),
    [({"priced_at": 100 * DAY - 6 * 3600 - 1}, "freshness"), ({"longest_gap": 12 * 3600 + 1}, "data-gap")],
)
def test_stale_or_holed_data_blocks_whatever_the_change(facts, code):
    assert levels(judge_data(case(**facts)), code) == ["block"]
    assert {finding.code for finding in judge_data(case())} == {"freshness", "data-gap"}
    assert not blocks(judge_data(case()))
