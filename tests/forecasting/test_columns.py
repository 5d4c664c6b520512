"""Logs as arrays and arrays as rows: exact to the last digit, or refused."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from django.db import DataError
from hypothesis import given
from hypothesis import strategies as st

from forecasting.columns import integers, land, packed, read_words
from forecasting.models import Price, Reserve
from governance.chain import abi
from governance.errors import DishonestAnswer, GapInData, ImplausibleData
from governance.models import Block
from governance.protocols.base import Word, plugin
from governance.protocols.layout import shape
from tests.forecasting import happenings
from tests.forecasting.landing import START, Landing, Said

ANSWER = "AnswerUpdated(int256,uint256,uint256)"
EDGES = (0, 1, 2**31, 2**62, 2**63 - 1, 2**63, 2**64 - 1, 2**64, 2**255 - 1)


def octets(values: list[int]) -> np.ndarray:
    return np.frombuffer(b"".join((value % 2**256).to_bytes(32) for value in values), np.uint8).reshape(-1, 32)


@given(st.lists(st.one_of(st.sampled_from(EDGES), st.integers(0, 2**256 - 1)), min_size=1, max_size=20))
def test_unsigned_words_are_exact(values):
    assert integers(octets(values), signed=False).tolist() == values


LOW_EDGES = tuple(-edge for edge in EDGES)


@given(st.lists(st.one_of(st.sampled_from((*EDGES, *LOW_EDGES)), st.integers(-(2**255), 2**255 - 1)), min_size=1))
def test_signed_words_are_exact(values):
    assert integers(octets(values), signed=True).tolist() == values


def test_small_numbers_are_machine_integers_and_no_number_is_a_float():
    assert integers(octets([1, 2**63 - 1]), signed=False).dtype == np.int64
    assert integers(octets([1, 2**63]), signed=False).dtype == object
    assert integers(octets([-(2**63)]), signed=True).dtype == np.int64
    assert all(type(value) is int for value in integers(octets([1, 2**63]), signed=False).tolist())


@pytest.mark.django_db
def test_values_of_another_width_are_refused():
    row = np.dtype([("a", ">i8"), ("b", ">i4")])
    rows = packed("SELECT int8send(5) || int4send(6) FROM generate_series(1, %(n)s)", {"n": 3}, row)
    assert rows.tolist() == [(5, 6)] * 3
    with pytest.raises(ImplausibleData, match="8 bytes does not consist of rows of 12 bytes"):
        packed("SELECT int8send(5) FROM generate_series(1, %(n)s)", {"n": 3}, row)


@pytest.mark.django_db
def test_what_goes_wrong_in_a_copy_is_one_of_django_s_errors():
    with pytest.raises(DataError, match="division by zero"):
        packed("SELECT int8send(1 / %(n)s)", {"n": 0}, np.dtype([("a", ">i8")]))


@pytest.fixture
def landing(db):
    return Landing.start(happenings.WATCHED)


def said(block: int, feed: int, value: int) -> Said:
    return Said(block=block, address=happenings.FEEDS[feed], signature=ANSWER, topics=(value, block), data=(block * 2,))


def test_words_of_the_wanted_blocks_come_in_the_chain_s_order(landing):
    landing.land([said(1, 0, 5), said(2, 1, -6), said(2, 0, 2**70), said(2, 1, 8), said(4, 0, 9)], last=5)
    found = read_words(landing.deployment, {abi.topic(ANSWER): Word(topic=1, signed=True)}, first=2, last=4)
    assert found.value.tolist() == [-6, 2**70, 8, 9]
    assert found.block.tolist() == [2, 2, 2, 4]
    assert found.index.tolist() == [0, 1, 2, 0]
    assert found.timestamp.tolist() == [START + 12 * number for number in (2, 2, 2, 4)]
    assert [found.contracts[at] for at in found.contract] == [happenings.FEEDS[feed] for feed in (1, 0, 1, 0)]
    places = ((1, 9), (2, 0), (2, 1), (2, 9), (3, 0), (4, 0), (9, 0))
    assert [found.before(*at) for at in places] == [0, 0, 1, 3, 3, 3, 4]


def test_words_of_several_places_are_merged(landing):
    other = "Other(uint256)"
    feed = happenings.FEEDS[0]
    logs = [said(1, 0, 5), Said(block=1, address=feed, signature=other, data=(7, 8)), said(2, 0, 6)]
    landing.land([*logs, Said(block=2, address=feed, signature=other, data=(9,))], last=2)
    places = {abi.topic(ANSWER): Word(topic=2), abi.topic(other): Word(at=1)}
    assert read_words(landing.deployment, places, first=1, last=2).value.tolist() == [1, 8, 2, 0]  # no such word: 0


def test_nothing_is_read_of_nothing(landing):
    landing.land([], last=2)
    assert read_words(landing.deployment, {abi.topic(ANSWER): Word(topic=1)}, first=1, last=2).value.tolist() == []
    assert read_words(landing.deployment, {}, first=1, last=2).value.tolist() == []


def test_a_block_that_goes_meanwhile_is_a_gap(landing):
    landing.land([said(1, 0, 5), said(2, 0, 6)], last=2)
    Block.objects.filter(number=2).delete()
    with pytest.raises(GapInData, match="Block 2 was taken back"):
        read_words(landing.deployment, {abi.topic(ANSWER): Word(topic=1)}, first=1, last=2)


def test_columns_are_stored_as_they_are(landing):
    reserve = Reserve.objects.create(deployment=landing.deployment, index=0, address="0x1", symbol="A", decimals=18)
    prices = [0, 1, 9_999, 10_000, 10**8, 10**16, 12_345_678_901_234_567, 2**63 - 1]
    blocks = np.arange(len(prices), dtype=np.int64)
    columns = {"block_number": blocks, "timestamp": blocks + 2**40, "price": np.array(prices, np.int64)}
    land(Price, {"reserve_id": np.full(len(prices), reserve.pk), **columns})
    assert [int(row.price) for row in Price.objects.order_by("block_number")] == prices
    assert [row.timestamp - 2**40 for row in Price.objects.order_by("block_number")] == blocks.tolist()
    assert [Price.objects.get(price=price).block_number for price in prices] == blocks.tolist()  # equal to the database


def test_a_number_below_zero_is_not_stored(landing):
    with pytest.raises(ImplausibleData, match="below zero"):
        land(Price, {"price": np.array([1, -1])})
    assert not Price.objects.exists()


@pytest.mark.parametrize("wrong", [{"data": ()}, {"data": (1, 2)}, {"topics": (5,)}, {"topics": (5, 2, 2)}], ids=str)
def test_a_log_that_is_not_of_its_event_is_refused_as_it_is_when_decoded(landing, wrong):
    event = shape("AnswerUpdated(int256 indexed,uint256 indexed,uint256)")
    words = {event.topic: Word(topic=1, signed=True, event=event)}
    landing.land([said(1, 0, 5), replace(said(2, 1, 6), **wrong), said(2, 0, 7)], last=3)
    with pytest.raises(DishonestAnswer, match=r"Log 0 of block 2 is no AnswerUpdated\(int256,uint256,uint256\)"):
        read_words(landing.deployment, words, first=1, last=3)
    assert read_words(landing.deployment, words, first=1, last=1).value.tolist() == [5]


@pytest.mark.parametrize("flavour", ["aave_v3", "compound_v3"])
def test_every_plugin_says_the_shape_of_what_is_read_as_words(flavour):
    words = plugin(flavour).price_words
    assert {word.event.topic for word in words.values()} == set(words) != set()
