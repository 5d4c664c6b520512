"""A ledger's state at rest and back, by what it is made of."""

from __future__ import annotations

import json
from collections import defaultdict
from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from governance.domain import events
from governance.domain.frozen import freeze, thaw
from governance.domain.ledger import Ledger
from governance.domain.position import Holding
from governance.domain.units import RAY

NUMBERS = st.integers(-(2**256), 2**256)
PLAIN = st.recursive(
    st.none() | st.booleans() | NUMBERS | st.text(max_size=5) | st.binary(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.lists(inner, max_size=4).map(tuple)
        | st.dictionaries(NUMBERS | st.text(max_size=5), inner, max_size=4)
        | st.sets(NUMBERS, max_size=4)
        | st.frozensets(st.text(max_size=3), max_size=4)
    ),
    max_leaves=12,
)


class Box:
    def __init__(self, **state):
        self.handlers = {int: self.taken}
        vars(self).update(state)

    def taken(self):
        return self


def through_json(state):
    return json.loads(json.dumps(state))


@given(PLAIN)
def test_any_plain_state_comes_back(value):
    back = Box(value=None)
    thaw(through_json(freeze(Box(value=value))), into=back)
    assert back.value == value
    assert type(back.value) is type(value)
    assert back.handlers[int]() is back


def test_default_factories_and_the_order_of_mappings_stay():
    def fresh():
        return Box(deep=defaultdict(lambda: defaultdict(int)), flat={})

    made, back = fresh(), fresh()
    made.deep["b"]["y"] += 2**100
    made.deep["a"]["x"] -= 1
    made.flat["later"], made.flat["earlier"] = 1, 2
    thaw(through_json(freeze(made)), into=back)
    back.deep["b"]["new"] += 5
    back.deep["c"]["z"] += 1
    assert list(back.deep) == ["b", "a", "c"]
    assert back.deep["b"] == {"y": 2**100, "new": 5}
    assert list(back.flat) == ["later", "earlier"]


def test_records_of_the_domain_come_back_as_what_they_were():
    said, held = events.FeedChosen("a", "b"), Holding(scaled_supply=2**200)
    back = Box(said=None, held=None)
    thaw(through_json(freeze(Box(said=said, held=held))), into=back)
    assert (back.said, back.held) == (said, held)
    assert type(back.said) is events.FeedChosen


def test_a_ledger_goes_on_after_it_was_at_rest():
    listed = events.ReserveListed("eth", "aEth", "sEth", "vEth")
    before = [listed, events.BalanceChanged("aEth", "me", 9, RAY), events.CollateralSwitched("eth", "me", enabled=True)]
    after = [events.BalanceMoved("aEth", "me", "you", 4), events.ParameterSet("eth", "ltv", 5)]
    made, back = Ledger(), Ledger()
    for event in before:
        made.apply(event, 100)
    back.restore(through_json(made.freeze()))
    for event in after:
        made.apply(event, 200)
        back.apply(event, 200)
    assert back.freeze() == made.freeze()
    assert back.book(timestamp=300, decimals={"eth": 18}) == made.book(timestamp=300, decimals={"eth": 18})


@dataclass
class Stranger:
    number: int = 1


@pytest.mark.parametrize("value", [Stranger(), 1.5, object(), lambda: 1])
def test_what_has_no_frozen_form_is_refused(value):
    with pytest.raises(TypeError, match="no frozen form"):
        freeze(Box(value=[value]))


def test_the_state_of_something_else_is_refused():
    with pytest.raises(ValueError, match="is not one of"):
        thaw({"other": 1}, into=Box(value=1))


@pytest.mark.parametrize("name", ["units:UNITS", "units:ray_div", "ledger:RAY", "ledger:Callable"])
def test_nothing_but_records_is_made_by_name(name):
    with pytest.raises(ValueError, match="no named tuple and no dataclass"):
        thaw({"value": {"is": name, "of": []}}, into=Box(value=None))
