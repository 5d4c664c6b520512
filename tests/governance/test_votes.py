"""Proposals and votes from raw logs, against what the governor itself counts."""

from __future__ import annotations

from dataclasses import replace

import pytest
from django.core.management import call_command

from governance import selectors
from governance.bundles import governor_of
from governance.deployments import watch_governor
from governance.errors import GapInData, InputError, StaleData
from governance.governors.base import governor_for
from governance.models import AuditEntry, OnchainProposal, ProposalEvent, Vote
from governance.relay import run_once
from governance.timeline import moments
from governance.votes import index
from tests.dao import DELAY, LATE, PERIOD, VOTES


def test_votes_add_up_to_the_contracts_tally(dao, watched):
    proposal_id = dao.propose(dao.bundle(text="Raise the price"), deployment=watched)
    dao.warp(DELAY + 1)
    dao.vote(proposal_id, watched)
    report = dao.refresh(watched)
    assert report.tally_equal
    assert (report.proposals, report.votes, report.new_votes) == (1, 5, 5)
    row = selectors.proposal(proposal_id)
    assert row.state == "active"
    assert row.bundle is not None
    assert row.description == "Raise the price"
    assert [(vote.support, vote.reason) for vote in row.votes.all()] == [
        (support, f"vote {support}") for support in (1, 1, 1, 0, 2)
    ]
    assert selectors.votes(row)[0].weight == VOTES * 6 // 10
    tally = selectors.tally(row)
    assert (tally.for_votes, tally.against_votes, tally.abstain_votes) == (VOTES * 8 // 10, VOTES // 10, VOTES // 10)
    assert tally.quorum == VOTES * 4 // 100
    assert tally.passing
    assert tally.voters == 5


def test_hostile_text_does_not_stop_the_index(dao, watched):
    bundle = dao.bundle(text="Raise\0 the price")
    with pytest.raises(InputError, match="NUL"):
        dao.propose(bundle, deployment=watched)
    honest = governor_of(watched).propose(bundle)
    dao.send(dao.deployer, replace(honest, data=honest.data.replace(b"Raise\0", b"Raise\xff")))
    dao.refresh(watched)
    row = OnchainProposal.objects.get()
    assert row.description == "Raise\N{REPLACEMENT CHARACTER} the price"
    assert row.bundle is None


def test_indexing_again_changes_nothing(dao, watched):
    dao.pass_vote(dao.bundle(), watched)
    dao.refresh(watched)
    before = list(Vote.objects.values_list("pk", flat=True)), list(ProposalEvent.objects.values_list("pk", flat=True))
    again = dao.refresh(watched)
    assert (again.new_votes, again.removed_votes, again.votes) == (0, 0, 5)
    assert before == (
        list(Vote.objects.values_list("pk", flat=True)),
        list(ProposalEvent.objects.values_list("pk", flat=True)),
    )


def test_a_state_that_time_alone_changes_is_read_back(dao, watched):
    proposal_id = dao.propose(dao.bundle(), deployment=watched)
    states = []
    for seconds in (0, DELAY + 1, PERIOD + 1):
        dao.warp(seconds)
        dao.refresh(watched)
        row = OnchainProposal.objects.get()
        states.append((row.state, row.quorum is None))
    assert states == [("pending", True), ("active", False), ("defeated", False)]
    assert [event.kind for event in selectors.events(selectors.proposal(proposal_id))] == ["created"]


def test_a_late_quorum_moves_the_end_of_the_vote(dao, watched):
    proposal_id = dao.propose(dao.bundle(), deployment=watched)
    dao.refresh(watched)
    end = OnchainProposal.objects.get().vote_end
    dao.warp(DELAY + PERIOD - 60)
    dao.vote(proposal_id, watched, (1,))
    dao.refresh(watched)
    row = OnchainProposal.objects.get()
    assert row.vote_end > end
    assert LATE - 120 < row.vote_end - end < LATE
    assert [event.kind for event in selectors.events(row)] == ["created", "extended"]


def test_votes_that_a_reorganisation_took_away_are_taken_back(dao, watched):
    proposal_id = dao.propose(dao.bundle(), deployment=watched)
    dao.warp(DELAY + 1)
    dao.vote(proposal_id, watched, (1,))
    snapshot = dao.client.call("evm_snapshot")
    dao.vote_as(1, 0, proposal_id, watched)
    dao.vote_as(2, 0, proposal_id, watched)
    assert dao.refresh(watched).votes == 3
    assert dao.client.call("evm_revert", [snapshot])
    dao.vote_as(3, 2, proposal_id, watched)
    dao.mine(5)
    report = dao.refresh(watched)
    assert (report.votes, report.new_votes, report.removed_votes) == (2, 1, 2)
    assert report.tally_equal
    assert sorted(Vote.objects.values_list("support", flat=True)) == [1, 2]


@pytest.mark.parametrize("change", [{"reason": "another"}, {"weight": 1}, {"voter": f"0x{7:040x}"}])
def test_a_vote_that_is_another_one_at_the_same_height_and_time_is_replaced(dao, watched, change):
    dao.pass_vote(dao.bundle(), watched)
    dao.refresh(watched)
    right = list(Vote.objects.order_by("log_index", "tx_hash").values_list("voter", "weight", "reason"))
    Vote.objects.filter(pk=Vote.objects.earliest("pk").pk).update(**change)
    report = index(watched, client=dao.client)
    assert (report.new_votes, report.removed_votes, report.tally_equal) == (1, 1, True)
    assert list(Vote.objects.order_by("log_index", "tx_hash").values_list("voter", "weight", "reason")) == right


def test_a_state_that_a_reorganisation_took_back_is_corrected_and_audited(dao, watched):
    bundle = dao.bundle()
    dao.pass_vote(bundle, watched)
    dao.refresh(watched)
    snapshot = dao.client.call("evm_snapshot")
    dao.send(dao.accounts[8], governor_of(watched).queue(bundle))
    dao.refresh(watched)
    assert OnchainProposal.objects.get().state == "queued"
    assert OnchainProposal.objects.get().eta is not None
    dao.client.call("evm_revert", [snapshot])
    dao.mine(5)
    dao.refresh(watched)
    assert OnchainProposal.objects.get().state == "succeeded"
    assert OnchainProposal.objects.get().eta is None
    entry = AuditEntry.objects.get(action="proposal.reorganised")
    assert (entry.facts["before"], entry.facts["after"]) == ("queued", "succeeded")


@pytest.mark.parametrize("approved", [False, True])
def test_a_proposal_that_a_reorganisation_took_away_is_gone_or_without_a_history(dao, watched, signer, approved):
    dao.mine(2)
    snapshot = dao.client.call("evm_snapshot")
    dao.propose(dao.bundle(), deployment=watched, register_it=approved)
    assert dao.refresh(watched).proposals == 1
    dao.client.call("evm_revert", [snapshot])
    dao.mine(9)
    for _ in range(2):
        assert dao.refresh(watched).proposals == 0
    assert OnchainProposal.objects.count() == int(approved)
    assert not ProposalEvent.objects.exists()
    assert AuditEntry.objects.filter(action="proposal.vanished").count() == 1
    for outcome in run_once(client=dao.client, signer=signer).outcomes:
        assert (outcome.status, "GovernorNonexistentProposal" in outcome.detail) == ("failed", True)


def test_votes_that_do_not_add_up_are_named(dao, watched):
    proposal_id = dao.pass_vote(dao.bundle(), watched)
    dao.refresh(watched)
    OnchainProposal.objects.update(for_votes=1, state="executed")  # closed, so it is not read again
    report = index(watched, client=dao.client)
    assert report.mismatches == (str(proposal_id),)
    assert not report.tally_equal


def test_without_collected_logs_the_index_says_what_to_run(dao, watched):
    with pytest.raises(StaleData, match=r"manage\.py collect"):
        index(watched, client=dao.client)


def test_the_timeline_of_an_indexed_proposal_can_be_told(dao, watched):
    dao.pass_vote(dao.bundle(), watched)
    dao.refresh(watched)
    row = OnchainProposal.objects.get()
    assert [moment.label for moment in moments(row, selectors.events(row))][:3] == [
        "Proposed",
        "Voting opens",
        "Voting closes",
    ]


def test_the_command_collects_indexes_and_compares(dao, watched, monkeypatch, capsys):
    dao.pass_vote(dao.bundle(), watched)
    monkeypatch.setattr("governance.management.commands.votes.default_client", lambda: dao.client)
    call_command("votes", "--json")
    assert '"tally_equal": true' in capsys.readouterr().out
    call_command("votes")
    assert "1 proposals, 5 votes" in capsys.readouterr().out


def test_a_governor_that_is_watched_too_late_is_a_gap(dao, db):
    governor, bundle = governor_for("oz", {"governor": dao.governor}), dao.bundle()
    dao.send(dao.deployer, governor.propose(bundle))
    dao.warp(DELAY + 1)
    late = watch_governor(
        client=dao.client,
        flavour="oz",
        addresses={"governor": dao.governor},
        slug="late",
        name="Late",
        first_block=dao.client.head().number,
    )
    dao.vote(governor.proposal_id(bundle), late, (1,))
    with pytest.raises(GapInData, match="watch it from its first block"):
        dao.refresh(late)


def test_a_proposal_that_is_canceled_before_its_snapshot_has_no_quorum(dao, watched):
    bundle = dao.bundle()
    dao.propose(bundle, deployment=watched)
    dao.cancel(bundle, watched)
    dao.refresh(watched)
    row = OnchainProposal.objects.get()
    assert (row.state, row.quorum) == ("canceled", None)
