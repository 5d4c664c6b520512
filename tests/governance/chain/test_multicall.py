from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from governance.chain import abi, multicall
from governance.domain.action import Call
from governance.errors import CallReverted, DishonestAnswer

addresses = st.binary(min_size=20, max_size=20).map(abi.checksum)
calls = st.builds(Call, target=addresses, data=st.binary(max_size=100))


@given(st.lists(calls, max_size=5))
def test_the_hand_written_encoding_is_the_general_one(several):
    expected = abi.encode("aggregate3((address,bool,bytes)[])", [(call.target, True, call.data) for call in several])
    assert multicall._encode(several) == expected


@given(st.lists(st.tuples(calls, st.binary(max_size=100)), max_size=5))
def test_the_hand_written_decoding_is_the_general_one(answered):
    raw = abi.encode_args(("(bool,bytes)[]",), ([(True, answer) for _, answer in answered],))
    assert multicall._decode(raw, [call for call, _ in answered], first=0) == [answer for _, answer in answered]


@given(st.binary(max_size=200), st.lists(calls, min_size=1, max_size=3))
def test_an_answer_of_something_else_is_dishonest(raw, several):
    with pytest.raises((DishonestAnswer, CallReverted)):
        multicall._decode(raw, several, first=0)


def reads(world, count: int = 7) -> list[Call]:
    signature = "getUserAccountData(address)"
    return [
        Call(target=world.addresses["pool"], data=abi.encode(signature, actor.address))
        for actor in world.actors[:count]
    ]


def test_many_calls_in_one_answer_as_each_alone(world, chain_client):
    wanted = reads(world)
    together = multicall.aggregate(chain_client, wanted, address=world.addresses["multicall"], chunk=3)
    assert together == chain_client.eth_calls(wanted)


def test_the_call_that_failed_is_named(world, chain_client):
    wanted = reads(world)
    data = abi.encode("getAssetPrice(address)", world.steward)
    wanted[4] = Call(target=world.addresses["configurator"], data=data)
    with pytest.raises(CallReverted) as caught:
        multicall.aggregate(chain_client, wanted, address=world.addresses["multicall"], chunk=3)
    assert caught.value.facts["index"] == 4
    assert caught.value.facts["target"] == world.addresses["configurator"]


def test_a_place_without_the_contract_is_dishonest(world, chain_client):
    with pytest.raises(DishonestAnswer):
        multicall.aggregate(chain_client, [replace(call) for call in reads(world)], address=world.steward)
