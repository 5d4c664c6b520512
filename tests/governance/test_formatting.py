"""How numbers are written: short, and never better than they are."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from governance import formatting
from governance.domain.units import MAX_UINT256, WAD

NBSP = "\N{NO-BREAK SPACE}"


@pytest.mark.parametrize(
    ("amount", "text"),
    [
        (0, "0"),
        (999, "999"),
        (999.96, "1.00k"),
        (1_000, "1.00k"),
        (12_345, "12.3k"),
        (999_900, "1.00M"),
        (1_234_567, "1.23M"),
        (5 * 10**12, "5.00T"),
        (-12_345, "-12.3k"),
        (Decimal("0.00012345"), "0.000123"),
    ],
)
def test_compact_keeps_three_digits(amount, text):
    assert formatting.compact(amount) == text


@pytest.mark.parametrize(
    ("amount", "text"),
    [(0, "$0"), (0.004, "$0"), (0.006, "$0.01"), (999.5, "$999.50"), (1_500, "$1.50k"), (-2e6, "−$2.00M")],
)
def test_dollars(amount, text):
    assert formatting.usd(amount) == text


@pytest.mark.parametrize(
    ("fraction", "text"),
    [(0, "0.0"), (0.5, "50.0"), (1.02, "102.0"), (0.00004, "0.004"), (-0.125, "-12.5"), (0.0005, "0.1")],
)
def test_small_shares_do_not_become_zero(fraction, text):
    assert formatting.percent(fraction) == f"{text}{NBSP}%"


@pytest.mark.parametrize(("fraction", "text"), [(0.129, "+12.9"), (-0.059, "−5.9"), (0.0, "0.0")])
def test_changes_carry_their_sign(fraction, text):
    assert formatting.change(fraction) == f"{text}{NBSP}%"


def test_not_a_number_is_a_dash():
    assert formatting.percent(float("nan")) == formatting.number(float("nan")) == "—"


@given(st.integers(min_value=0, max_value=WAD - 1))
def test_no_health_factor_below_one_reads_as_one(wad):
    assert formatting.health(wad) < "1"


def test_health_factors_without_debt_and_far_from_it():
    assert formatting.health(MAX_UINT256) == "no debt"
    assert formatting.health(1_000 * WAD) == "> 1,000"
    assert formatting.health(1_083_999 * 10**12) == "1.083"


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0 s"), (59, "59 s"), (60, "1 min"), (3_661, "1 h 1 min"), (86_400, "1 d"), (270_000, "3 d 3 h")],
)
def test_spans_name_their_two_largest_units(seconds, text):
    assert formatting.duration(seconds) == text


def test_moments_are_in_utc():
    assert formatting.moment(1_768_521_600) == "16 Jan 2026, 00:00 UTC"
    assert formatting.iso(1_768_521_600) == "2026-01-16T00:00:00+00:00"


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.0, "<\N{NO-BREAK SPACE}0.001"), (0.00099, "<\N{NO-BREAK SPACE}0.001"), (0.001, "0.001"), (1.0, "1.000")],
)
def test_a_tiny_chance_is_no_longer_measured(value, text):
    assert formatting.chance(value) == text


@pytest.mark.parametrize(
    ("amount", "text"),
    [
        (1e17, "$100,000T"),
        (1e18, "$1.00e18"),
        (1e300, "$1.00e300"),
        (-1.2345e40, "−$1.23e40"),
        (10**400, "$1.00e400"),
        (float("inf"), "$∞"),
        (float("-inf"), "−$∞"),
        (float("nan"), "—"),
    ],
)
def test_dollars_of_any_size_are_written(amount, text):
    assert formatting.usd(amount) == text


@given(st.floats())
def test_no_amount_is_too_odd_to_write(amount):
    for written in (formatting.usd(amount), formatting.compact(amount)):
        assert 0 < len(written) < 24
