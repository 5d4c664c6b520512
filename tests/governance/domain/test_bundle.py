"""A bundle's JSON and hash."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from governance.domain.action import Bundle, Call, Expectation
from governance.domain.bundle import bundle_hash, from_json, to_json
from governance.domain.canonical import canonical

words = st.integers(min_value=0, max_value=2**256 - 1)
addresses = st.binary(min_size=20, max_size=20).map(lambda raw: f"0x{raw.hex()}")
calls = st.builds(Call, target=addresses, data=st.binary(max_size=100), value=words)
expectations = st.builds(
    Expectation,
    call=calls,
    word=st.integers(0, 20),
    before=words,
    after=words,
    label=st.text(max_size=20),
    unit=st.sampled_from(["bps", "tokens"]),
)
bundles = st.builds(
    Bundle,
    calls=st.lists(calls, min_size=1, max_size=3).map(tuple),
    description=st.text(max_size=50),
    expectations=st.lists(expectations, max_size=3).map(tuple),
)


@given(bundles)
def test_json_carries_a_bundle_exactly_in_whatever_order_its_keys_come(bundle):
    body = json.loads(json.dumps(to_json(bundle), sort_keys=False))
    assert from_json(dict(reversed(body.items()))) == bundle
    assert bundle_hash(from_json(body)) == bundle_hash(bundle)


@given(bundles, bundles)
def test_different_bundles_have_different_hashes(one, other):
    assert (bundle_hash(one) == bundle_hash(other)) == (one == other)


def test_every_part_of_a_bundle_is_in_its_hash():
    call = Call(target="0x" + "11" * 20, data=b"\1\2")
    expectation = Expectation(call=call, word=0, before=1, after=2, label="x", unit="bps")
    bundle = Bundle(calls=(call,), description="text", expectations=(expectation,))
    changed = [
        replace(bundle, description="text "),
        replace(bundle, calls=(replace(call, value=1),)),
        replace(bundle, calls=(replace(call, data=b"\1\3"),)),
        replace(bundle, calls=(call, call)),
        replace(bundle, expectations=()),
        replace(bundle, expectations=(replace(expectation, after=3),)),
    ]
    assert len({bundle_hash(one) for one in (bundle, *changed)}) == len(changed) + 1


def test_another_version_is_not_read():
    with pytest.raises(ValueError, match="version"):
        from_json({"version": 2})


def test_the_byte_form_is_stable():
    assert canonical({"b": [1, None, True], "a": "ü"}) == '{"a":"ü","b":[1,null,true]}'.encode()
    with pytest.raises(ValueError, match="not JSON compliant"):
        canonical({"a": float("nan")})
