"""The policy document: its shape, and every way in which two of its fields can contradict each other."""

from __future__ import annotations

import pytest

from governance.errors import PolicyError
from proposals.core.policy import read_policy
from proposals.policy import DEFAULT
from tests.proposals.cases import document


def test_the_default_policy_holds():
    assert read_policy(DEFAULT).parameters["liquidation_threshold"].limit == 300


@pytest.mark.parametrize(
    ("changes", "first", "second"),
    [
        (
            {"parameters__ltv__minimum": 9_000, "parameters__ltv__maximum": 8_000, "parameters__ltv__limit": 0},
            "parameters.ltv.minimum",
            "parameters.ltv.maximum",
        ),
        (
            {"parameters__liquidation_threshold__grid": [-400, 100]},
            "parameters.liquidation_threshold.grid",
            "parameters.liquidation_threshold.limit",
        ),
        (
            {"parameters__liquidation_bonus__limit": 2_000},
            "parameters.liquidation_bonus.limit",
            "parameters.liquidation_bonus.maximum",
        ),
        (
            {
                "parameters__liquidation_threshold__minimum": 9_700,
                "parameters__liquidation_threshold__maximum": 9_999,
                "parameters__liquidation_threshold__limit": 200,
            },
            "parameters.liquidation_threshold.minimum",
            "safety.max_lt_with_bonus_bps",
        ),
        (
            {"parameters__ltv__minimum": 9_200, "parameters__ltv__limit": 100, "safety__min_buffer_bps": 400},
            "parameters.ltv.minimum",
            "parameters.liquidation_threshold.maximum",
        ),
        ({"search__step_hours": 200}, "search.step_hours", "search.horizon_hours"),
        ({"search__confidence_bps": 9_990}, "search.confidence_bps", "search.resamples"),
    ],
)
def test_a_contradiction_is_refused_and_both_fields_are_named(changes, first, second):
    with pytest.raises(PolicyError) as caught:
        read_policy(document(**changes))
    assert first in caught.value.message
    assert second in caught.value.message
    assert caught.value.facts["field"] == first
    assert caught.value.facts["other_field"] == second


@pytest.mark.parametrize(
    ("changes", "place"),
    [
        ({"safety__min_buffer_bps": -1}, "min_buffer_bps"),
        ({"safety__min_buffer_bps": "200"}, "min_buffer_bps"),
        ({"search__paths": 10}, "paths"),
        ({"format": "something-else/1"}, "format"),
        ({"parameters__ltv__kind": "sometimes"}, "kind"),
        ({"surprise": 1}, "surprise"),
    ],
)
def test_another_shape_is_refused_and_the_place_is_named(changes, place):
    with pytest.raises(PolicyError, match=place):
        read_policy(document(**changes))


def test_something_that_is_no_policy_at_all_is_refused():
    with pytest.raises(PolicyError, match=r"manage\.py policy show"):
        read_policy([1, 2, 3])


def test_relative_steps_are_shares_of_the_value_and_zero_is_always_tried():
    rule = read_policy(DEFAULT).parameters["supply_cap"]
    assert rule.steps(1_000) == (1_000, 1_250)
    assert rule.largest_step(1_001) == 500
    assert rule.steps(0) == (0,)  # no cap: a share of nothing is nothing
