"""Every flavour against real contracts: at each step from the proposal to its end, the index says what they say."""

from __future__ import annotations

import pytest

from governance.bundles import approved_call, governor_of, load
from governance.chain.abi import encode, keccak
from governance.domain.action import Call
from governance.domain.lifecycle import ProposalState, Step
from governance.errors import ConflictError, InputError
from governance.governors.base import governor_for
from governance.models import AuditEntry, OnchainProposal, RelayStep, Vote
from governance.selectors import tally
from tests.dao import VOTES
from tests.governors import GRACE, KINDS, deployed

pytestmark = pytest.mark.django_db

LOCKED = [kind for kind in KINDS if "no timelock" not in kind]
EXPIRING = [kind for kind in KINDS if "Compound" in kind or kind == "bravo"]


@pytest.fixture
def ruled(dao_node, request):
    return deployed(dao_node, request.param)


@pytest.mark.parametrize("ruled", LOCKED, indirect=True)
def test_a_proposal_that_passes_is_queued_and_executed(ruled):
    watched = ruled.watch()
    _, row = ruled.put(watched)
    assert ruled.agree(row) is ProposalState.PENDING
    assert row.bundle is not None
    ruled.pass_time(ruled.delay + 1)
    assert ruled.agree(row) is ProposalState.ACTIVE
    assert row.quorum is not None
    ruled.vote(int(row.proposal_id), watched)
    assert ruled.agree(row) is ProposalState.ACTIVE
    assert row.votes.count() == 5
    ruled.pass_time(ruled.period + 1)
    assert ruled.agree(row) is ProposalState.SUCCEEDED
    assert tally(row).passing
    for step, state in ((Step.QUEUE, ProposalState.QUEUED), (Step.EXECUTE, ProposalState.EXECUTED)):
        ruled.send(ruled.accounts[8], approved_call(RelayStep(proposal=row, step=step)))
        assert ruled.agree(row) is state
        if state is ProposalState.QUEUED:
            head = ruled.client.head().timestamp
            assert row.eta == head + ruled.wait
            ruled.warp(ruled.wait + 1)
    assert ruled.price() == 77
    assert [event.kind for event in row.events.all()] == ["created", "queued", "executed"]
    assert not AuditEntry.objects.filter(action="proposal.reorganised").exists()


@pytest.mark.parametrize("ruled", KINDS, indirect=True)
def test_a_proposal_without_votes_is_defeated(ruled):
    _, row = ruled.put(ruled.watch())
    ruled.carry(row, (0, 2))
    assert ruled.agree(row) is ProposalState.DEFEATED
    assert not tally(row).passing


@pytest.mark.parametrize("ruled", KINDS, indirect=True)
def test_a_pending_proposal_is_canceled_by_its_proposer(ruled):
    bundle, row = ruled.put(ruled.watch())
    ruled.cancel_row(row, bundle)
    assert ruled.agree(row) is ProposalState.CANCELED
    assert [event.kind for event in row.events.all()] == ["created", "canceled"]


@pytest.mark.parametrize("ruled", EXPIRING, indirect=True)
def test_what_is_queued_for_too_long_expires_in_the_second_its_grace_ends(ruled):
    _, row = ruled.put(ruled.watch())
    ruled.carry(row)
    ruled.send(ruled.accounts[8], governor_of(row.deployment).queue(load(row.bundle), proposal_id=int(row.proposal_id)))
    assert ruled.agree(row) is ProposalState.QUEUED
    ends = row.eta + GRACE
    ruled.client.call("evm_setNextBlockTimestamp", [ends - 1])
    ruled.mine(1)
    assert ruled.agree(row) is ProposalState.QUEUED
    ruled.client.call("evm_setNextBlockTimestamp", [ends])
    ruled.mine(1)
    assert ruled.agree(row) is ProposalState.EXPIRED


@pytest.mark.parametrize("ruled", ["oz 4.9, no timelock"], indirect=True)
def test_without_a_timelock_what_passes_is_executed_at_once(ruled):
    watched = ruled.watch()
    assert watched.facts["timelock"] == "none"
    bundle, row = ruled.put(watched)
    ruled.carry(row)
    assert ruled.agree(row) is ProposalState.SUCCEEDED
    assert row.eta is None
    ruled.send(ruled.accounts[8], governor_of(watched).execute(bundle))
    assert ruled.agree(row) is ProposalState.EXECUTED


@pytest.mark.parametrize("ruled", ["oz 5, fractional, numbered, stored"], indirect=True)
def test_split_votes_add_up(ruled):
    watched = ruled.watch()
    _, row = ruled.put(watched)
    ruled.pass_time(ruled.delay + 1)
    governor, number = governor_of(watched), int(row.proposal_id)
    share = VOTES // 10
    for against, in_favour, abstain in ((share // 10, share // 2, 0), (0, 1, share // 7)):
        parts = {"against": against, "in_favour": in_favour, "abstain": abstain}
        ruled.send(ruled.holders[1], governor.split_vote(proposal_id=number, reason="parts", **parts))
    ruled.vote(number, watched, (1,))
    assert ruled.agree(row) is ProposalState.ACTIVE
    found = Vote.objects.filter(proposal=row, voter=ruled.holders[1])
    assert found.count() == 4
    assert tally(row).voters == 2
    assert sum(int(vote.weight) for vote in found) == share // 10 + share // 2 + 1 + share // 7
    again = ruled.refresh(watched)
    assert (again.new_votes, again.removed_votes) == (0, 0)


@pytest.mark.parametrize("ruled", ["bravo"], indirect=True)
def test_a_bravo_takes_even_what_is_defeated_back(ruled):
    bundle, row = ruled.put(ruled.watch())
    ruled.carry(row, (0,))
    assert ruled.agree(row) is ProposalState.DEFEATED
    ruled.cancel_row(row, bundle)
    assert ruled.agree(row) is ProposalState.CANCELED
    assert not AuditEntry.objects.filter(action="proposal.reorganised").exists()


@pytest.mark.parametrize("ruled", ["bravo"], indirect=True)
def test_a_bravo_counts_only_votes_for_towards_its_quorum(ruled):
    _, row = ruled.put(ruled.watch())
    ruled.pass_time(ruled.delay + 1)
    ruled.vote(int(row.proposal_id), row.deployment, (2, 2, 2))
    assert ruled.agree(row) is ProposalState.ACTIVE
    assert tally(row).abstain_votes > tally(row).quorum
    assert not tally(row).quorum_reached


@pytest.mark.parametrize("ruled", ["bravo"], indirect=True)
def test_a_bravo_names_functions_apart_from_their_arguments(ruled):
    watched = ruled.watch()
    bundle = ruled.bundle(5)
    call = bundle.calls[0]
    columns = ([call.target], [0], ["push(int128)"], [call.data[4:]])
    data = encode("propose(address[],uint256[],string[],bytes[],string)", *columns, bundle.description)
    ruled.send(ruled.deployer, Call(target=ruled.governor, data=data))
    ruled.refresh(watched)
    row = OnchainProposal.objects.get()
    assert row.calldatas == [f"0x{call.data.hex()}"]
    assert int(row.proposal_id) == 42


@pytest.mark.parametrize("ruled", ["bravo"], indirect=True)
def test_a_numbered_proposal_with_another_text_is_not_the_approved_one(ruled):
    _, row = ruled.put(ruled.watch())
    OnchainProposal.objects.update(description="another text")
    row.refresh_from_db()
    with pytest.raises(ConflictError, match="approved calldata"):
        approved_call(RelayStep(proposal=row, step=Step.QUEUE))


@pytest.mark.parametrize(
    ("ruled", "expected"),
    [
        (
            "oz 5, fractional, numbered, stored",
            {
                "clock": "timestamp",
                "ids": "sequential",
                "stored": True,
                "timelock": "control",
                "ballot": "proposal, support, voter, nonce",
            },
        ),
        (
            "oz 5, Compound's timelock",
            {"clock": "blocknumber", "ids": "hashed", "stored": False, "timelock": "compound"},
        ),
        ("oz 4.9, control", {"clock": "timestamp", "timelock": "control", "ballot": "proposal, support"}),
        ("oz 4.9, Compound's timelock", {"clock": "blocknumber", "timelock": "compound"}),
        (
            "bravo",
            {"clock": "blocknumber", "ids": "sequential", "counting": "support=bravo&quorum=bravo", "grace": GRACE},
        ),
    ],
    indirect=["ruled"],
)
def test_what_a_governor_is_is_asked_when_it_is_watched(ruled, expected):
    watched = ruled.watch()
    assert watched.facts.items() >= expected.items()
    assert watched.addresses["timelock"] == ruled.timelock
    if ruled.flavour == "oz":
        assert watched.addresses["token"] == ruled.token
        assert (
            "fractional" in watched.facts["counting"] or watched.facts["counting"] == "support=bravo&quorum=for,abstain"
        )


@pytest.mark.parametrize("ruled", ["bravo", "oz 4.9, control"], indirect=True)
def test_what_is_no_governor_of_the_flavour_is_refused(ruled):
    other = "oz" if ruled.flavour == "bravo" else "bravo"
    for flavour, address in ((other, ruled.governor), (ruled.flavour, ruled.feed), ("aave_v3", ruled.governor)):
        with pytest.raises(InputError, match="no governor of the flavour"):
            governor_for(flavour, {"governor": address}).check(ruled.client)
    wrong = {"governor": ruled.governor, "timelock": ruled.feed}
    with pytest.raises(InputError, match="says that its timelock"):
        governor_for(ruled.flavour, wrong).check(ruled.client)


@pytest.mark.parametrize("ruled", ["oz 4.9, no timelock"], indirect=True)
def test_a_companion_that_a_governor_does_not_name_is_refused(ruled):
    wrong = {"governor": ruled.governor, "timelock": ruled.feed}
    with pytest.raises(InputError, match="names no timelock"):
        governor_for("oz", wrong).check(ruled.client)


@pytest.mark.parametrize("ruled", ["oz 5, Compound's timelock", "oz 4.9, control"], indirect=True)
def test_a_description_keeps_others_from_proposing_it(ruled):
    governor = governor_of(ruled.watch())
    bundle = ruled.bundle(text=f"Ours #proposer={ruled.holders[1]}")
    with pytest.raises(AssertionError, match="reverted"):
        ruled.send(ruled.holders[2], governor.propose(bundle))
    ruled.send(ruled.holders[1], governor.propose(bundle))


def test_several_governors_on_one_chain_are_kept_apart(dao_node):
    made = [deployed(dao_node, "bravo", slug="one"), deployed(dao_node, "bravo", slug="two")]
    rows = []
    for ruled in made:
        _, row = ruled.put(ruled.watch())
        ruled.pass_time(ruled.delay + 1)
        ruled.vote(int(row.proposal_id), row.deployment, (1, 0) if ruled.slug == "one" else (1, 1, 1))
        rows.append(row)
    for ruled, row in zip(made, rows, strict=True):
        assert ruled.agree(row) is ProposalState.ACTIVE
    assert {int(row.proposal_id) for row in rows} == {42}
    assert [row.votes.count() for row in rows] == [2, 3]


def test_an_id_that_a_hash_makes_is_the_contracts(dao_node):
    ruled = deployed(dao_node, "oz 4.9, control")
    governor, bundle = governor_for("oz", {"governor": ruled.governor}), ruled.bundle()
    columns = ([c.target for c in bundle.calls], [c.value for c in bundle.calls], [c.data for c in bundle.calls])
    data = encode("hashProposal(address[],uint256[],bytes[],bytes32)", *columns, keccak(bundle.description.encode()))
    answer = ruled.client.eth_call(Call(target=ruled.governor, data=data))
    assert int.from_bytes(answer) == governor.proposal_id(bundle)
