"""`manage.py decode`: every field by the name that the published reports use."""

from __future__ import annotations

import json
from io import StringIO

import pytest
from django.core.management import call_command

from governance.domain.reserve_word import FIELDS
from governance.errors import InputError

WORD = 7_500 | 8_000 << 16 | 10_500 << 32 | 18 << 48 | 1 << 56 | 1_000 << 116


def run(*arguments: str) -> str:
    out = StringIO()
    call_command("decode", *arguments, stdout=out)
    return out.getvalue()


@pytest.mark.parametrize("word", [str(WORD), hex(WORD), f"0X{WORD:064X}", f" {WORD} "])
def test_a_reserves_word_in_any_notation(word):
    found = json.loads(run("reserve", word, "--json"))
    assert set(found) == set(FIELDS)
    set_fields = {name: value for name, value in found.items() if value}
    assert set_fields == {
        "ltv": 7_500,
        "liquidationThreshold": 8_000,
        "liquidationBonus": 10_500,
        "decimals": 18,
        "active": 1,
        "supplyCap": 1_000,
    }


def test_bits_that_a_version_does_not_read_are_shown():
    found = json.loads(run("reserve", hex(1 << 212 | 1 << 255), "--layout=v3.7", "--json"))
    assert found["unknown"] == hex(1 << 212 | 1 << 255)
    assert "debtCeiling" not in found


def test_a_curve():
    assert json.loads(run("rates", "0xfa000000226000000002328", "--json")) == {
        "optimalUsageRatio": 9_000,
        "baseVariableBorrowRate": 0,
        "variableRateSlope1": 550,
        "variableRateSlope2": 4_000,
    }


def test_an_accounts_flags():
    assert json.loads(run("user", "0x9", "--json")) == {"borrowed": [0], "collateral": [1]}
    assert run("user", "0").split() == ["borrowed", "none", "collateral", "none"]


def test_for_people_values_have_units():
    text = run("reserve", str(WORD))
    assert "7500 (75 %)" in text
    assert "10500 (5 %)" in text
    assert "1000 (1,000 tokens)" in text
    assert "(-100 %)" not in run("reserve", "0")


@pytest.mark.parametrize("word", ["", "12ab", "0x", "0xzz", "1_0", "+1", "1.5", "٣", "0x" + "1" * 65, "9" * 79])
def test_what_is_no_word_is_refused(word):
    with pytest.raises(InputError, match="WORD is a number of 256 bits") as caught:
        run("reserve", word)
    assert caught.value.facts["field"] == "word"


def test_a_number_of_more_than_256_bits_is_refused():
    with pytest.raises(InputError, match=r"0 to 2\*\*256 - 1"):
        run("rates", str(2**256))
