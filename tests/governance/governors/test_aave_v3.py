"""Aave's live plugin, against a contract with the core's interface that goes wherever it is told to."""

from __future__ import annotations

import pytest
from django.core.management import call_command

from governance.bundles import governor_of
from governance.chain.abi import encode, keccak
from governance.domain.action import Bundle, Call
from governance.domain.lifecycle import PayloadState, ProposalState
from governance.errors import CallReverted, InputError
from governance.governors.aave_v3 import PayloadsController
from governance.models import AuditEntry, OnchainProposal
from governance.tallies import told
from tests.governors import Ruled, bytecode
from tests.governors import deployed as deployed_kind

pytestmark = pytest.mark.django_db

BUNDLE = Bundle(calls=(), description="")
TEXT = keccak(b"text")
CREATE = "createProposal((uint256,uint8,address,uint40)[],address,bytes32)"


@pytest.fixture
def aave(dao_node):
    accounts = dao_node.call("eth_accounts")
    first = dao_node.head().number + 1
    made = Ruled(client=dao_node, accounts=accounts, first_block=first, artifacts=bytecode(), flavour="aave_v3")
    made.governor = made.deploy("AaveCore")
    return made


def act(aave, signature, *args):
    aave.send(aave.accounts[0], Call(target=aave.governor, data=encode(signature, *args)))


def propose(aave, watched):
    act(aave, CREATE, [(10, 1, aave.governor, 7)], aave.governor, TEXT)
    aave.refresh(watched)
    return OnchainProposal.objects.order_by("-proposal_id").first()


def after(aave, row, signature, *args):
    act(aave, signature, *args)
    report = aave.refresh(row.deployment)
    assert report.tally_equal is None  # votes are cast on other chains
    row.refresh_from_db()
    return row.state


def test_a_proposal_is_followed_from_its_creation_to_its_execution(aave):
    watched = aave.watch()
    row = propose(aave, watched)
    assert (row.state, row.description, row.bundle) == (ProposalState.PENDING, f"ipfs 0x{TEXT.hex()}", None)
    assert after(aave, row, "activateVoting(uint256)", 0) == ProposalState.ACTIVE
    assert row.vote_end - row.vote_start == 3 * 86_400
    assert after(aave, row, "queueProposal(uint256,uint128,uint128)", 0, 10**24, 5) == ProposalState.QUEUED
    assert (int(row.for_votes), int(row.against_votes)) == (10**24, 5)
    aave.send(aave.accounts[0], governor_of(watched).execute(BUNDLE, proposal_id=0))
    aave.refresh(watched)
    row.refresh_from_db()
    assert row.state == ProposalState.EXECUTED
    assert [event.kind for event in row.events.all()] == ["created", "activated", "queued", "executed"]
    assert not AuditEntry.objects.filter(action="proposal.reorganised").exists()
    assert told()["ruled"]["proposals"]["0"]["forVotes"] == str(10**24)


@pytest.mark.parametrize(
    ("signature", "args", "state"),
    [
        ("cancelProposal(uint256)", (0,), ProposalState.CANCELED),
        ("expire(uint256)", (0,), ProposalState.EXPIRED),
        ("queueProposal(uint256,uint128,uint128)", (0, 1, 2), ProposalState.DEFEATED),
    ],
)
def test_every_end_has_its_state(aave, signature, args, state):
    row = propose(aave, aave.watch())
    assert after(aave, row, signature, *args) == state


def test_an_unknown_proposal_is_an_error(aave):
    with pytest.raises(CallReverted, match="no proposal 3"):
        governor_of(aave.watch()).read(aave.client, [3], block=aave.client.head().number)


def test_what_the_core_cannot_do_is_said(aave):
    governor = governor_of(aave.watch())
    for refused in (
        lambda: governor.propose(BUNDLE),
        lambda: governor.queue(BUNDLE),
        lambda: governor.vote(proposal_id=0, support=1, reason=""),
        lambda: governor.execute(BUNDLE),
    ):
        with pytest.raises(InputError, match="Aave's governance cannot"):
            refused()


def test_payloads_are_read_many_at_once(aave):
    act(aave, "setPayloadState(uint40,uint8)", 4, 3)
    act(aave, "setPayloadState(uint40,uint8)", 5, 5)
    controller = PayloadsController(aave.governor)
    found = controller.states(aave.client, [4, 5, 6], block=aave.client.head().number)
    assert found == {4: PayloadState.EXECUTED, 5: PayloadState.EXPIRED, 6: PayloadState.NONE}
    assert controller.execute(4).data == encode("executePayload(uint40)", 4)


def test_a_core_beside_another_flavour_is_told_of_with_it(aave, dao_node, capsys):
    propose(aave, aave.watch())
    other = deployed_kind(dao_node, "bravo", slug="bravo")
    other.put(other.watch())
    found = told()
    assert {slug: (entry["flavour"], len(entry["proposals"])) for slug, entry in found.items()} == {
        "ruled": ("aave_v3", 1),
        "bravo": ("bravo", 1),
    }
    assert {slug: entry["tally_equal"] for slug, entry in found.items()} == {"ruled": None, "bravo": True}
    call_command("governance")
    assert "cast elsewhere" in capsys.readouterr().out
