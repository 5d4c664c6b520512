"""Canonical JSON: same facts, same bytes."""

from __future__ import annotations

import json
import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from governance.errors import ImplausibleData
from proposals.core.canonical import digest, encode, plain

scalars = (
    st.none() | st.booleans() | st.text(max_size=5) | st.integers() | st.floats(allow_nan=False, allow_infinity=False)
)
documents = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4)
)


@settings(deadline=None)
@given(documents)
def test_reading_and_writing_again_gives_the_same_bytes(value):
    body = encode(value)
    assert encode(json.loads(body)) == body
    assert plain(plain(value)) == plain(value)


@settings(deadline=None)
@given(st.dictionaries(st.text(max_size=5), st.integers(), min_size=2, max_size=5))
def test_the_order_of_keys_does_not_matter(value):
    assert encode(dict(reversed(list(value.items())))) == encode(value)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.1 + 0.2, b"0.3"),
        (1234567.89, b"1234570"),
        (2.0, b"2"),
        (-0.0, b"0"),
        (1.23456789e-9, b"1.23457e-09"),
        (2**53, b'"9007199254740992"'),
        (1e30, b'"1000000000000000019884624838656"'),
        ("→", '"→"'.encode()),
        ((1, 2), b"[1,2]"),
    ],
)
def test_the_stated_forms(value, text):
    assert encode(value) == text


def test_noise_below_the_stated_digits_does_not_change_the_hash():
    assert digest(encode({"x": 0.1234561})) == digest(encode({"x": 0.12345609999}))


@pytest.mark.parametrize("value", [math.nan, math.inf, b"bytes", {1, 2}])
def test_what_json_cannot_hold_is_refused(value):
    with pytest.raises(ImplausibleData):
        encode({"x": [value]})
