"""What every governor flavour must do, and what OpenZeppelin's does on chain."""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from governance.bundles import governor_of
from governance.chain.abi import decode_call, encode, encode_args, topic
from governance.domain.action import Bundle, Call
from governance.domain.lifecycle import ProposalState
from governance.errors import CallReverted, DishonestAnswer, ImplausibleData, InputError
from governance.governors.base import Cast, Changed, flavours, governor_for

ADDRESSES = dict.fromkeys(("governor", "timelock", "token"), "0x5FbDB2315678afecb367f032d93F642f64180aa3")
BUNDLE = Bundle(calls=(Call(target=ADDRESSES["token"], data=b"\1\2\3\4"),), description="A change")


@pytest.mark.parametrize("flavour", flavours())
def test_a_flavour_speaks_to_its_own_governor_and_is_deterministic(flavour):
    governor = governor_for(flavour, ADDRESSES)
    assert governor.flavour == flavour
    assert governor.content(BUNDLE) == governor_for(flavour, ADDRESSES).content(BUNDLE)
    acts = [
        lambda: governor.propose(BUNDLE),
        lambda: governor.queue(BUNDLE, proposal_id=1),
        lambda: governor.execute(BUNDLE, proposal_id=1),
        lambda: governor.vote(proposal_id=1, support=1, reason="yes"),
    ]
    made = [call for call in map(possible, acts) if call is not None]
    assert {call.target for call in made} == {governor.address}
    assert len({call.data[:4] for call in made}) == len(made)
    assert made == [call for call in map(possible, acts) if call is not None]
    assert len(set(governor.topics)) == len(governor.events)
    assert governor.roles[0] == "governor"
    assert governor.probes


def possible(act):
    """Return the call, or None where the flavour says in plain words that it has none."""
    try:
        return act()
    except InputError as error:
        if "cannot" not in error.message:
            raise
        return None


@pytest.mark.parametrize("flavour", flavours())
def test_an_id_is_known_before_only_where_it_is_a_hash(flavour):
    governor = governor_for(flavour, ADDRESSES)
    if governor.numbered:
        with pytest.raises(InputError, match="numbers its proposals"):
            governor.proposal_id(BUNDLE)
    else:
        assert governor.proposal_id(BUNDLE) == governor.content(BUNDLE)
    assert governor_for("oz", ADDRESSES, {"ids": "sequential"}).numbered


@pytest.mark.parametrize("flavour", flavours())
@given(data=st.binary(max_size=400), which=st.integers(0, 20), rest=st.binary(min_size=32, max_size=32))
def test_a_flavour_refuses_nonsense_with_an_error_of_ours(flavour, data, which, rest):
    governor = governor_for(flavour, ADDRESSES)
    first = governor.topics[which] if which < len(governor.topics) else rest
    said: object = ()
    with suppress(DishonestAnswer, ImplausibleData):
        said = governor.decode([first, rest], data)
    assert isinstance(said, tuple)


def test_an_unknown_flavour_is_named_with_the_known_ones():
    with pytest.raises(InputError, match=r"'bravado'; known: .*oz"):
        governor_for("bravado", ADDRESSES)


def test_the_executor_never_sends_value_along():
    rich = Bundle(calls=(Call(target=ADDRESSES["token"], data=b"", value=10**18),), description="Pay")
    governor = governor_for("oz", ADDRESSES)
    assert governor.execute(rich).value == 0
    signature = "execute(address[],uint256[],bytes[],bytes32)"
    assert decode_call(signature, governor.execute(rich).data)[1] == (10**18,)


def test_the_id_that_is_computed_offline_is_the_contracts(dao, watched):
    governor, bundle = governor_of(watched), dao.bundle(text="Grüße, 世界")
    arguments = governor.queue(bundle).data[4:]
    call = Call(target=dao.governor, data=topic("hashProposal(address[],uint256[],bytes[],bytes32)")[:4] + arguments)
    assert int.from_bytes(dao.client.eth_call(call)) == governor.proposal_id(bundle)


def test_facts_are_read_for_many_proposals_at_once_and_an_unknown_one_is_an_error(dao, watched):
    governor = governor_of(watched)
    ids = [dao.propose(dao.bundle(price), deployment=watched) for price in (1, 2)]
    block = dao.client.head().number
    facts = governor.read(dao.client, ids, block=block)
    assert [facts[key].state for key in ids] == [ProposalState.PENDING] * 2
    assert [facts[key].quorum for key in ids] == [None, None]
    assert governor.read(dao.client, [], block=block) == {}
    with pytest.raises(CallReverted):
        governor.read(dao.client, [7], block=block)


def test_events_of_a_governor_decode(dao):
    governor = governor_for("oz", ADDRESSES)
    voter = bytes(12) + bytes.fromhex(ADDRESSES["token"][2:])
    types = ("uint256", "uint8", "uint256", "string", "bytes")
    plain = encode_args(types[:4], (5, 1, 10**24, "yes"))
    assert governor.decode([topic("VoteCast(address,uint256,uint8,uint256,string)"), voter], plain) == (
        Cast(proposal_id=5, voter=ADDRESSES["token"], support=1, weight=10**24, reason="yes"),
    )
    with_params = [topic("VoteCastWithParams(address,uint256,uint8,uint256,string,bytes)"), voter]
    assert governor.decode(with_params, encode_args(types, (5, 2, 3, "", b"\1")))[0].support == 2
    extended = [topic("ProposalExtended(uint256,uint64)"), (5).to_bytes(32)]
    assert governor.decode(extended, (9).to_bytes(32)) == (Changed(proposal_id=5, kind="extended"),)
    with pytest.raises(ImplausibleData, match="fractional vote"):
        governor.decode(with_params, encode_args(types, (5, 255, 3, "", b"\1")))
    with pytest.raises(ImplausibleData, match="support 3"):
        governor.decode(with_params, encode_args(types, (5, 3, 3, "", b"\1")))
    parts = b"".join(part.to_bytes(16) for part in (1, 0, 7))
    split = governor.decode(with_params, encode_args(types, (5, 255, 8, "both", parts)))
    assert [(part.support, part.weight) for part in split] == [(0, 1), (2, 7)]
    with pytest.raises(ImplausibleData, match="fractional vote"):
        governor.decode(with_params, encode_args(types, (5, 255, 9, "", parts)))
    with pytest.raises(DishonestAnswer, match="no event"):
        governor.decode([topic("Transfer(address,address,uint256)")], encode("f()"))
