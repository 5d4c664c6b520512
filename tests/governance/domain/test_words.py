"""Packed words of Aave's storage: read, replaced and written back without losing a bit."""

from __future__ import annotations

import json
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from governance.domain import bitfield, rate_slot, reserve_word
from governance.domain.rate_slot import RateSlot
from governance.domain.reserve_word import LAYOUTS, ReserveWord
from governance.domain.user_word import UserWord
from governance.errors import InputError

SHARED = Path(__file__).resolve().parents[4] / "shared" / "data" / "governance"
LARGEST = 2**256 - 1
words = st.integers(0, LARGEST) | st.integers(0, 255).map(lambda bit: 1 << bit)
layouts = st.sampled_from(sorted(LAYOUTS))

# Made up here, bit by bit: LTV 75 %, threshold 80 %, bonus 5 %, 18 decimals, active, borrowing, paused, flash loans,
# reserve factor 15 %, caps of 1,000 and 2,000 tokens, fee 10 %, mode 3, ceiling of 12.34 USD, virtual accounting.
FIELDS = {
    "ltv": 7_500,
    "liquidationThreshold": 8_000,
    "liquidationBonus": 10_500,
    "decimals": 18,
    "active": 1,
    "borrowingEnabled": 1,
    "paused": 1,
    "flashloaningEnabled": 1,
    "reserveFactor": 1_500,
    "borrowCap": 1_000,
    "supplyCap": 2_000,
    "liquidationProtocolFee": 1_000,
    "eModeCategory": 3,
    "debtCeiling": 1_234,
    "virtualAccountingEnabled": 1,
}
WORD = (
    7_500 | 8_000 << 16 | 10_500 << 32 | 18 << 48 | 1 << 56 | 1 << 58 | 1 << 60 | 1 << 63 | 1_500 << 64 | 1_000 << 80
    | 2_000 << 116 | 1_000 << 152 | 3 << 168 | 1_234 << 212 | 1 << 252
)  # fmt: skip


def real(name: str) -> dict:
    path = SHARED / name
    if not path.exists():
        pytest.skip(f"{name} is not beside this checkout: it is real data, and never committed")
    return json.loads(path.read_text(encoding="utf-8"))


def vectors(name: str) -> list[dict]:
    return real(name)["vectors"]


@given(words, layouts)
def test_a_reserve_word_is_written_back_bit_for_bit(word, layout):
    found = ReserveWord(word, layout)
    assert ReserveWord.encode(found.decode(), unknown=found.unknown, layout=layout).word == word


@given(words)
def test_a_rate_slot_is_written_back_bit_for_bit(word):
    found = RateSlot(word)
    assert RateSlot.encode(found.decode(), unknown=found.unknown).word == word


@given(words)
def test_an_accounts_word_is_written_back_bit_for_bit(word):
    found = UserWord(word)
    assert UserWord.encode(borrowed=found.borrowed, collateral=found.collateral).word == word


@given(words, layouts, st.data())
def test_replacing_a_field_leaves_every_other_bit(word, layout, data):
    name, field = data.draw(st.sampled_from(sorted(LAYOUTS[layout].items())))
    value = data.draw(st.integers(0, field.largest))
    after = ReserveWord(word, layout).replace(**{name: value})
    assert after.decode()[name] == value
    assert (after.word ^ word) & ~field.mask == 0


def test_the_fields_of_a_reserve_word_are_where_the_contract_has_them():
    assert {name: value for name, value in ReserveWord(WORD).decode().items() if value} == FIELDS
    assert ReserveWord.encode(FIELDS).word == WORD


def test_fields_never_overlap_and_leave_the_last_three_bits():
    fields = [field for _, field in sorted(reserve_word.FIELDS.items(), key=lambda item: item[1].at)]
    assert all(before.at + before.width == after.at for before, after in pairwise(fields))
    assert bitfield.known(reserve_word.FIELDS) == 2**253 - 1


@pytest.mark.parametrize(
    ("layout", "gone"),
    [
        ("v3.0", {"virtualAccountingEnabled"}),
        ("v3.1", set()),
        ("v3.2", {"stableRateBorrowingEnabled", "eModeCategory"}),
        ("v3.4", {"stableRateBorrowingEnabled", "eModeCategory", "unbackedMintCap"}),
        (
            "v3.7",
            {
                "stableRateBorrowingEnabled",
                "eModeCategory",
                "unbackedMintCap",
                "debtCeiling",
                "borrowingInIsolation",
                "siloedBorrowingEnabled",
            },
        ),
    ],
)
def test_a_version_reads_what_it_still_has(layout, gone):
    assert set(reserve_word.FIELDS) - set(ReserveWord(WORD, layout).decode()) == gone


def test_what_a_version_no_longer_reads_is_kept():
    found = ReserveWord(WORD, "v3.7")
    assert found.unknown == 3 << 168 | 1_234 << 212
    assert found.replace(ltv=0).unknown == found.unknown


def test_v2_reads_eighty_bits():
    found = ReserveWord(LARGEST, "v2")
    assert found.unknown == LARGEST ^ (2**80 - 1) | 0b1111 << 60
    assert found.decode()["reserveFactor"] == 2**16 - 1


def test_a_curve_and_its_rays():
    slot = RateSlot(0xFA000000226000000002328)
    assert slot.decode() == {
        "optimalUsageRatio": 9_000,
        "baseVariableBorrowRate": 0,
        "variableRateSlope1": 550,
        "variableRateSlope2": 4_000,
    }
    assert slot.rays()["maxVariableBorrowRate"] == 455 * 10**24
    assert slot.replace(variableRateSlope1=500).word == 0xFA0000001F4000000002328


def test_an_accounts_flags_are_pairs_of_bits():
    found = UserWord(0b10_00_11_01)
    assert found.borrowed == (0, 1)
    assert found.collateral == (1, 3)


@pytest.mark.parametrize("word", [-1, 2**256])
@pytest.mark.parametrize("kind", [ReserveWord, RateSlot, UserWord])
def test_a_word_that_does_not_fit_is_refused(kind, word):
    with pytest.raises(InputError, match="256 bits"):
        kind(word)


@pytest.mark.parametrize(
    ("act", "match"),
    [
        (lambda: ReserveWord(0).replace(ltv=2**16), "ltv has 16 bits: 0 to 65535, not 65536"),
        (lambda: ReserveWord(0).replace(ltv=-1), "not -1"),
        (lambda: ReserveWord(0).replace(tax=1), "no field 'tax'; it has ltv"),
        (lambda: ReserveWord(0, "v2").replace(supplyCap=1), "no field 'supplyCap'"),
        (lambda: ReserveWord(0, "v4"), "no layout 'v4'; there are auto, v2"),
        (lambda: ReserveWord.encode({}, unknown=1), "belong to fields"),
        (lambda: RateSlot.encode({"optimalUsageRatio": 2**16}), "16 bits"),
        (lambda: UserWord.encode(borrowed=[128], collateral=[]), "0 to 127, not 128"),
    ],
)
def test_what_a_word_cannot_hold_is_refused(act, match):
    with pytest.raises(InputError, match=match):
        act()


def test_real_configurations_decode_and_encode():
    found = vectors("reserve_bitmaps.json")
    assert len(found) == 414
    for vector in found:
        before, after = ReserveWord(int(vector["before"])), ReserveWord(int(vector["after"]))
        assert {name: list(pair) for name, pair in before.changes_to(after).items()} == vector["changed"]
        for name, (old, new) in vector["seatbelt_decoded"].items():
            assert (before.decode()[name], after.decode()[name]) == (old, new)
        moved = {name: new for name, (_, new) in vector["changed"].items()}
        assert before.replace(**moved).word == int(vector["after"])
        for word in (before, after):
            assert ReserveWord.encode(word.decode(), unknown=word.unknown).word == word.word


def test_the_layout_is_that_of_the_real_configurations():
    layout = real("reserve_bitmaps.json")["layout"]
    assert {name: [field.at, field.width] for name, field in reserve_word.FIELDS.items()} == layout


def test_real_words_of_v2_have_nothing_above_bit_80():
    for vector in vectors("reserve_bitmaps.json"):
        if (vector["label"] or "").startswith("AaveV2"):
            for word in (vector["before"], vector["after"]):
                assert ReserveWord(int(word), "v2").unknown == 0


def test_real_curves_decode_and_encode():
    found = vectors("interest_rate_slots.json")
    assert len(found) == 32
    for vector in found:
        before, after = (RateSlot(int(vector[name], 16)) for name in ("previousValue", "newValue"))
        assert before.decode() == vector["before"]
        assert after.decode() == vector["after"]
        assert RateSlot.encode(vector["after"], unknown=after.unknown) == after
        for name, change in vector["diff_ray"].items():
            assert [str(slot.rays()[name]) for slot in (before, after)] == [change["from"], change["to"]]
    assert set(rate_slot.FIELDS) == set(found[0]["after"])
