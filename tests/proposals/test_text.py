"""The proposal's text: written from facts, read back as facts."""

from __future__ import annotations

import re

from proposals.core.diff import difference, sentence
from proposals.core.text import plain_symbol, read_changes, suffix, write_description, write_title
from tests.proposals.cases import CURRENT, SPECS

PROPOSER = "0x70997970C51812dc3A010C7d01b50e0d17dc79C8"


def test_a_difference_names_only_what_differs_in_the_order_of_the_parameters():
    changes = difference(CURRENT, {**CURRENT, "supply_cap": 1_250, "ltv": 7_800}, specs=SPECS)
    assert [change.parameter for change in changes] == ["ltv", "supply_cap"]
    assert sentence(changes) == "LTV 77 % → 78 %, supply cap 1,000 tokens → 1,250 tokens"


def test_a_title_is_never_too_long_for_its_column():
    changes = difference(CURRENT, dict.fromkeys(CURRENT, 2**200), specs=SPECS)
    assert len(write_title("WETH", changes)) <= 200


def test_the_suffix_is_the_one_that_openzeppelin_reads():
    description = write_description("# Title", evidence_hash="0x" + "ab" * 32, proposer=PROPOSER)
    assert re.search(r"#proposer=0x[0-9a-fA-F]{40}$", description)
    assert description.endswith(suffix(PROPOSER))


def test_a_hostile_symbol_loses_everything_that_markup_understands():
    assert plain_symbol("<img src=x>|[a](b)`") == "imgsrcxab"
    assert plain_symbol("→") == "token"
    assert plain_symbol("USD.e-1+") == "USD.e-1+"


def test_only_the_table_under_its_heading_is_read():
    body = """# T

| LTV | 1 % | 2 % |

## What changes

| Parameter | Before | After |
|---|---|---|
| LTV | 77 % | 78 % |

## Why

| Supply cap | 1 | 2 |
"""
    assert read_changes(body) == {"LTV": ("77 %", "78 %")}
    assert read_changes("nothing here") == {}
