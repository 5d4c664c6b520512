"""The executor on a real governor: from an approved bundle to verified parameters."""

from __future__ import annotations

import pytest

from governance.bundles import governor_of, register
from governance.models import AuditEntry, OnchainProposal, RelayAttempt, RelayStep, Verification
from governance.relay import is_paused, pause, resume, run_once
from tests.dao import DELAY, PERIOD, TIMELOCK


def steps(report):
    return [(outcome.step, outcome.status, outcome.done_by) for outcome in report.outcomes]


def test_an_approved_proposal_is_queued_executed_and_verified(dao, watched, signer):
    proposal_id = dao.pass_vote(dao.bundle(1234), watched)
    dao.refresh(watched)

    first = run_once(client=dao.client, signer=signer)
    assert steps(first) == [("queue", "done", "self"), ("execute", "waiting", "")]
    assert first.executions == 0
    assert 0 <= first.outcomes[1].not_before - (first.timestamp + TIMELOCK) < 60

    dao.warp(TIMELOCK)
    second = run_once(client=dao.client, signer=signer)
    assert steps(second) == [("execute", "done", "self")]
    assert second.outcomes[0].proposal_id == str(proposal_id)
    assert (second.executions, second.expectations_total, second.expectations_verified) == (1, 2, 2)
    assert second.ok
    assert dao.price() == 1234
    assert [int(row.actual) for row in Verification.objects.all()] == [1234, 1234]


def test_running_again_after_the_execution_sends_and_writes_nothing(dao, watched, signer, relayed):
    before = (RelayAttempt.objects.count(), AuditEntry.objects.count(), dao.client.head().number)
    again = run_once(client=dao.client, signer=signer)
    assert again.outcomes == ()
    assert again.executions == 0
    assert (again.expectations_total, again.expectations_verified) == (2, 2)
    assert (RelayAttempt.objects.count(), AuditEntry.objects.count(), dao.client.head().number) == before


def test_nothing_is_sent_before_its_time(dao, watched, signer):
    bundle = dao.bundle()
    proposal_id = dao.propose(bundle, deployment=watched)
    dao.refresh(watched)
    pending = run_once(client=dao.client, signer=signer)
    assert steps(pending) == [("queue", "waiting", ""), ("execute", "waiting", "")]
    assert pending.outcomes[0].not_before == OnchainProposal.objects.get().vote_end + 1

    dao.warp(DELAY + 1)
    dao.vote(proposal_id, watched)
    assert steps(run_once(client=dao.client, signer=signer))[0] == ("queue", "waiting", "")

    dao.warp(PERIOD)
    assert steps(run_once(client=dao.client, signer=signer))[0] == ("queue", "done", "self")
    dao.warp(TIMELOCK - 60)
    early = run_once(client=dao.client, signer=signer)
    assert steps(early) == [("execute", "waiting", "")]
    assert early.outcomes[0].not_before > early.timestamp
    assert RelayAttempt.objects.count() == 1
    assert dao.price() == 0


def test_a_strangers_execution_counts_as_done(dao, watched, signer):
    bundle = dao.bundle(77)
    dao.pass_vote(bundle, watched)
    governor, stranger = governor_of(watched), dao.accounts[8]
    dao.send(stranger, governor.queue(bundle))
    dao.warp(TIMELOCK + 1)
    executed = dao.send(stranger, governor.execute(bundle))
    dao.refresh(watched)

    report = run_once(client=dao.client, signer=signer)
    assert steps(report) == [("queue", "done", "stranger"), ("execute", "done", "stranger")]
    assert report.outcomes[1].tx_hash == executed.tx_hash
    assert report.executions == 0
    assert (report.expectations_total, report.expectations_verified) == (2, 2)
    assert not RelayAttempt.objects.exists()


@pytest.mark.parametrize("ending", ["defeated", "canceled"])
def test_what_did_not_pass_is_never_relayed(dao, watched, signer, ending):
    bundle = dao.bundle()
    proposal_id = dao.propose(bundle, deployment=watched)
    if ending == "canceled":
        dao.cancel(bundle, watched)
    else:
        dao.warp(DELAY + 1)
        dao.vote(proposal_id, watched, (0, 0, 1, 1, 2))
    dao.warp(DELAY + PERIOD + 2)
    dao.refresh(watched)
    assert OnchainProposal.objects.get().state == ending

    report = run_once(client=dao.client, signer=signer)
    assert steps(report) == [("queue", "void", ""), ("execute", "void", "")]
    assert not RelayAttempt.objects.exists()
    assert run_once(client=dao.client, signer=signer).outcomes == ()


def test_a_proposal_canceled_in_the_timelock_is_void_after_it_was_queued(dao, watched, signer):
    dao.pass_vote(dao.bundle(), watched)
    dao.refresh(watched)
    assert steps(run_once(client=dao.client, signer=signer))[0] == ("queue", "done", "self")
    dao.cancel_in_timelock()
    dao.warp(TIMELOCK + 1)
    report = run_once(client=dao.client, signer=signer)
    assert steps(report) == [("execute", "void", "")]
    assert report.outcomes[0].detail == "the proposal is canceled"
    assert dao.price() == 0


def test_a_proposal_that_nobody_approved_is_left_alone(dao, watched, signer):
    dao.pass_vote(dao.bundle(), watched, register_it=False)
    dao.refresh(watched)
    assert OnchainProposal.objects.get().state == "succeeded"
    report = run_once(client=dao.client, signer=signer)
    assert report.outcomes == ()
    assert not RelayStep.objects.exists()


def test_a_proposal_whose_calldata_is_not_the_approved_one_is_not_linked(dao, watched, signer):
    approved = dao.bundle(100, text="Set the price to 100")
    register(approved, deployment=watched, actor="steward")
    dao.pass_vote(dao.bundle(101, text="Set the price to 100"), watched, register_it=False)
    dao.refresh(watched)
    assert OnchainProposal.objects.get().bundle is None
    assert run_once(client=dao.client, signer=signer).outcomes == ()


def test_an_expectation_that_does_not_hold_is_reported_and_kept(dao, watched, signer):
    bundle = dao.with_wrong_expectations(dao.bundle(5))
    dao.pass_vote(bundle, watched)
    dao.refresh(watched)
    run_once(client=dao.client, signer=signer)
    dao.warp(TIMELOCK)
    report = run_once(client=dao.client, signer=signer)
    assert steps(report) == [("execute", "done", "self")]
    assert (report.expectations_total, report.expectations_verified, report.ok) == (4, 2, False)
    found = [(row.label, None if row.actual is None else int(row.actual), row.ok) for row in Verification.objects.all()]
    assert found[2:] == [("price, wrongly", 5, False), ("a word beyond the answer", None, False)]
    entry = AuditEntry.objects.get(action="relay.mismatch")
    assert entry.facts["failed"] == ["price, wrongly", "a word beyond the answer"]
    assert report.failures == ("2 expectations of what was executed do not hold on chain",)

    later = run_once(client=dao.client, signer=signer)
    assert (later.expectations_total, later.expectations_verified, later.ok) == (4, 2, True)  # said once, kept for ever


def test_while_paused_nothing_leaves_the_executor_and_afterwards_it_goes_on(dao, watched, signer):
    dao.pass_vote(dao.bundle(), watched)
    dao.refresh(watched)
    pause(actor="steward", reason="an incident")
    assert is_paused()
    report = run_once(client=dao.client, signer=signer)
    assert report.paused
    assert steps(report) == [("queue", "ready", ""), ("execute", "waiting", "")]
    assert not RelayAttempt.objects.exists()
    resume(actor="steward")
    assert steps(run_once(client=dao.client, signer=signer))[0] == ("queue", "done", "self")


def test_a_dry_run_says_what_is_legal_and_sends_nothing(dao, watched, signer):
    dao.pass_vote(dao.bundle(), watched)
    dao.refresh(watched)
    report = run_once(client=dao.client, signer=signer, dry_run=True)
    assert steps(report)[0] == ("queue", "ready", "")
    assert "legal now" in report.outcomes[0].detail
    assert not RelayAttempt.objects.exists()


def test_without_ether_the_executor_says_how_much_it_lacks(dao, watched, signer):
    dao.pass_vote(dao.bundle(), watched)
    dao.refresh(watched)
    dao.fund(signer.address, wei=10)
    report = run_once(client=dao.client, signer=signer)
    assert steps(report)[0] == ("queue", "ready", "")
    assert f"{signer.address} lacks 0." in report.outcomes[0].detail
    assert not RelayAttempt.objects.exists()
    dao.fund(signer.address)
    assert steps(run_once(client=dao.client, signer=signer))[0] == ("queue", "done", "self")


def test_confirmations_keep_a_step_open_until_it_is_deep_enough(dao, watched, signer):
    dao.pass_vote(dao.bundle(), watched)
    dao.refresh(watched)
    shallow = run_once(client=dao.client, signer=signer, confirmations=3)
    assert steps(shallow)[0] == ("queue", "sent", "")
    dao.mine(3)
    deep = run_once(client=dao.client, signer=signer, confirmations=3)
    assert steps(deep)[0] == ("queue", "done", "self")
    assert RelayAttempt.objects.get().status == "mined"
