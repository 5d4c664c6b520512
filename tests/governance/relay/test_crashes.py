"""Whatever happens between two instructions of the executor, a proposal is executed once."""

from __future__ import annotations

import threading
from dataclasses import replace

import pytest
from django.db import connection
from eth_account import Account

from governance import sending
from governance.bundles import governor_of
from governance.chain.signer import KeystoreSigner
from governance.domain.lifecycle import ProposalState
from governance.errors import ChainUnavailable, ConflictError
from governance.governors.oz import OpenZeppelinGovernor
from governance.locks import exclusive
from governance.models import RelayAttempt, RelayStep
from governance.relay import MOST_REVERTS, run_once
from tests.dao import TIMELOCK


class Killed(BaseException):
    """The process dies here."""


class Hooked:
    """A client whose `send_raw` is another function, which is given the real one."""

    def __init__(self, client, send):
        self._client = client
        self._send = send

    def __getattr__(self, name):
        return getattr(self._client, name)

    def send_raw(self, raw):
        return self._send(raw, self._client.send_raw)


def dies_before(_raw, _send):
    raise Killed


def dies_after(raw, send):
    send(raw)
    raise Killed


def fails(_raw, _send):
    raise ChainUnavailable("The node did not answer.")


def queued_events(dao):
    return dao.events("ProposalQueued(uint256,uint256)")


@pytest.mark.parametrize("death", [dies_before, dies_after, fails])
def test_a_killed_executor_sends_the_same_transaction_again(dao, watched, signer, death):
    dao.pass_vote(dao.bundle(), watched)
    dao.refresh(watched)
    with pytest.raises((Killed, ChainUnavailable)):
        run_once(client=Hooked(dao.client, death), signer=signer)
    attempt = RelayAttempt.objects.get()
    assert attempt.status == "prepared"
    assert RelayStep.objects.get(step="queue").status == "sent"
    if death is dies_after:
        dao.mined(attempt.tx_hash)

    report = run_once(client=dao.client, signer=signer)
    if not report.outcomes[0].done_by:  # rebroadcast, and mined a moment later
        dao.mined(attempt.tx_hash)
        report = run_once(client=dao.client, signer=signer)
    assert (report.outcomes[0].status, report.outcomes[0].done_by) == ("done", "self")
    assert RelayAttempt.objects.get().tx_hash == attempt.tx_hash
    assert RelayAttempt.objects.get().status == "mined"
    assert len(queued_events(dao)) == 1


def test_a_kill_before_the_commit_leaves_nothing(dao, watched, signer, monkeypatch):
    dao.pass_vote(dao.bundle(), watched)
    dao.refresh(watched)

    def die(*_args, **_kwargs):
        raise Killed

    with monkeypatch.context() as patched:
        patched.setattr(RelayAttempt.objects, "create", die)
        with pytest.raises(Killed):
            run_once(client=dao.client, signer=signer)
    assert not RelayAttempt.objects.exists()
    assert RelayStep.objects.get(step="queue").status == "ready"
    assert run_once(client=dao.client, signer=signer).outcomes[0].done_by == "self"


def test_a_kill_before_the_verification_is_made_good(dao, watched, signer, monkeypatch):
    dao.pass_vote(dao.bundle(9), watched)
    dao.refresh(watched)
    run_once(client=dao.client, signer=signer)
    dao.warp(TIMELOCK)

    def die(*_args, **_kwargs):
        raise Killed

    with monkeypatch.context() as patched:
        patched.setattr("governance.relay.verify", die)
        with pytest.raises(Killed):
            run_once(client=dao.client, signer=signer)
    assert RelayStep.objects.get(step="execute").status == "done"
    report = run_once(client=dao.client, signer=signer)
    assert (report.expectations_total, report.expectations_verified) == (2, 2)
    assert RelayAttempt.objects.filter(step__step="execute").count() == 1


def test_a_stranger_who_is_faster_in_the_last_moment_makes_our_transaction_revert_but_the_step_done(
    dao, watched, signer
):
    bundle = dao.bundle(55)
    dao.pass_vote(bundle, watched)
    dao.refresh(watched)

    def overtaken(raw, send):
        dao.send(dao.accounts[8], governor_of(watched).queue(bundle))
        return send(raw)

    report = run_once(client=Hooked(dao.client, overtaken), signer=signer)
    assert (report.outcomes[0].status, report.outcomes[0].done_by) == ("done", "stranger")
    assert RelayAttempt.objects.get().status == "reverted"
    assert RelayAttempt.objects.get().gas_used > 21_000


def test_two_executors_with_different_keys_execute_once(dao, watched, signer):
    other = KeystoreSigner(Account.create())
    dao.fund(other.address)
    dao.pass_vote(dao.bundle(66), watched)
    dao.refresh(watched)
    for key in (signer, other):
        run_once(client=dao.client, signer=key)
    dao.warp(TIMELOCK)
    reports = [run_once(client=dao.client, signer=key) for key in (other, signer)]
    assert [report.executions for report in reports] == [1, 0]
    assert len(dao.events("ProposalExecuted(uint256)")) == 1


@pytest.mark.django_db(transaction=True)
def test_a_second_executor_of_the_same_key_is_turned_away(dao, signer):
    watched = dao.watch()
    dao.pass_vote(dao.bundle(), watched)
    dao.refresh(watched)
    held, release = threading.Event(), threading.Event()

    def hold():
        try:
            with exclusive(f"relay 31337 {signer.address}"):
                held.set()
                release.wait(30)
        finally:
            connection.close()

    thread = threading.Thread(target=hold)
    thread.start()
    try:
        assert held.wait(30)
        with pytest.raises(ConflictError, match="Another process"):
            run_once(client=dao.client, signer=signer)
    finally:
        release.set()
        thread.join(30)
    assert not RelayAttempt.objects.exists()
    assert run_once(client=dao.client, signer=signer).outcomes[0].done_by == "self"


@pytest.mark.django_db(transaction=True)
def test_two_executors_at_the_same_moment_queue_and_execute_once(dao, signer):
    watched = dao.watch()
    dao.pass_vote(dao.bundle(88), watched)
    dao.refresh(watched)
    for _ in ("queue", "execute"):
        start = threading.Barrier(3)
        results: list[object] = []

        def relay(start=start, results=results):
            try:
                start.wait(30)
                results.append(run_once(client=dao.client, signer=signer))
            except ConflictError as error:
                results.append(error)
            finally:
                connection.close()
                dao.client.close()  # this thread's connections

        threads = [threading.Thread(target=relay) for _ in range(3)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
        assert len(results) == 3
        assert any(not isinstance(result, ConflictError) for result in results)
        dao.warp(TIMELOCK)
    assert [(step.step, step.status) for step in RelayStep.objects.all()] == [("queue", "done"), ("execute", "done")]
    assert RelayAttempt.objects.count() == 2
    assert len(dao.events("ProposalExecuted(uint256)")) == 1
    assert dao.price() == 88


def test_a_refused_execution_costs_no_gas_and_goes_on_once_the_contract_agrees(dao, watched, signer):
    bundle = dao.bundle(3, feed=dao.foreign_feed)  # its publisher is not the timelock
    dao.pass_vote(bundle, watched)
    dao.refresh(watched)
    run_once(client=dao.client, signer=signer)
    dao.warp(TIMELOCK)
    refused = run_once(client=dao.client, signer=signer)
    assert (refused.outcomes[0].status, refused.ok) == ("failed", False)
    assert refused.outcomes[0].detail.startswith("The contract refused")
    assert not RelayAttempt.objects.filter(step__step="execute").exists()

    dao.let_timelock_publish(dao.foreign_feed)
    assert run_once(client=dao.client, signer=signer).executions == 1


def test_after_some_paid_failures_the_executor_stops_and_says_so(dao, watched, signer):
    bundle = dao.bundle(3)
    dao.pass_vote(bundle, watched)
    dao.refresh(watched)
    run_once(client=dao.client, signer=signer)
    dao.warp(TIMELOCK)
    code = dao.client.call("eth_getCode", [dao.feed, "latest"])

    def sabotaged(raw, send):  # the simulation passed, then the world changed
        dao.client.call("anvil_setCode", [dao.feed, "0x60006000fd"])
        try:
            tx_hash = send(raw)
            assert not dao.mined(tx_hash).ok
        finally:
            dao.client.call("anvil_setCode", [dao.feed, code])
        return tx_hash

    report = run_once(client=Hooked(dao.client, sabotaged), signer=signer)
    assert report.outcomes[0].status == "failed"
    assert f"{MOST_REVERTS} transactions reverted" in report.outcomes[0].detail
    assert [attempt.status for attempt in RelayAttempt.objects.filter(step__step="execute")] == [
        "reverted"
    ] * MOST_REVERTS
    nonces = RelayAttempt.objects.filter(step__step="execute").values_list("nonce", flat=True)
    assert len(set(nonces)) == MOST_REVERTS
    assert dao.price() == 0


@pytest.mark.parametrize("state", [ProposalState.EXPIRED, ProposalState.DEFEATED, ProposalState.CANCELED])
def test_a_closed_proposal_is_void_whatever_the_mirror_says(dao, watched, signer, monkeypatch, state):
    dao.pass_vote(dao.bundle(), watched)
    dao.refresh(watched)
    real = OpenZeppelinGovernor.read

    def closed(self, client, ids, *, block):
        return {key: replace(facts, state=state) for key, facts in real(self, client, ids, block=block).items()}

    monkeypatch.setattr(OpenZeppelinGovernor, "read", closed)
    report = run_once(client=dao.client, signer=signer)
    assert [outcome.status for outcome in report.outcomes] == ["void", "void"]
    assert not RelayAttempt.objects.exists()


def test_a_transaction_that_is_not_mined_is_replaced_by_a_dearer_one_of_the_same_nonce(dao, watched, signer):
    dao.pass_vote(dao.bundle(), watched)
    dao.refresh(watched)
    with pytest.raises(Killed):
        run_once(client=Hooked(dao.client, dies_before), signer=signer)
    dao.mine(sending.PATIENCE_BLOCKS)
    signed = RelayAttempt.objects.get()
    RelayAttempt.objects.update(gas=10**7, max_fee=400 * sending.GWEI, priority_fee=90 * sending.GWEI)  # by a stranger
    run_once(client=dao.client, signer=signer)
    RelayAttempt.objects.filter(pk=signed.pk).update(max_fee=signed.max_fee, priority_fee=signed.priority_fee)
    old, new = RelayAttempt.objects.order_by("pk")
    assert (old.nonce, signed.gas) == (new.nonce, new.gas)
    assert new.priority_fee < 2 * old.priority_fee + 2
    assert new.max_fee * 8 >= old.max_fee * 9
    assert new.priority_fee * 8 >= old.priority_fee * 9
    dao.mined(new.tx_hash)
    report = run_once(client=dao.client, signer=signer)
    assert report.outcomes[0].done_by == "self" or RelayStep.objects.get(step="queue").done_by == "self"
    assert [attempt.status for attempt in RelayAttempt.objects.order_by("pk")] == ["replaced", "mined"]
    assert len(queued_events(dao)) == 1


def test_a_nonce_that_something_else_used_frees_the_step(dao, watched):
    account = Account.create()
    signer = KeystoreSigner(account)
    dao.fund(signer.address)
    dao.pass_vote(dao.bundle(), watched)
    dao.refresh(watched)
    with pytest.raises(Killed):
        run_once(client=Hooked(dao.client, dies_before), signer=signer)
    dao.spend_nonce(account)
    report = run_once(client=dao.client, signer=signer)
    assert report.outcomes[0].done_by == "self"
    assert [attempt.status for attempt in RelayAttempt.objects.order_by("pk")] == ["replaced", "mined"]
    assert [attempt.nonce for attempt in RelayAttempt.objects.order_by("pk")] == [0, 1]


def test_the_tip_that_a_node_suggests_is_followed_to_a_cap_only(dao, monkeypatch):
    head = dao.client.head()
    for suggested, offered in ((10**18, sending.TIP_CAP), (0, 1), (7, 7)):
        monkeypatch.setattr("governance.chain.eth.priority_fee", lambda _client, tip=suggested: tip)
        offer = sending.fees(client=dao.client, head=head)
        assert (offer.priority_fee, offer.max_fee) == (offered, 2 * head.base_fee + offered)


def test_a_node_that_asks_for_too_much_gas_is_refused_and_said_so(dao, watched, signer, monkeypatch):
    dao.pass_vote(dao.bundle(), watched)
    dao.refresh(watched)
    with monkeypatch.context() as patched:
        patched.setattr("governance.chain.eth.estimate_gas", lambda *_, **__: sending.GAS_CAP + 1)
        report = run_once(client=dao.client, signer=signer)
    assert (report.outcomes[0].status, report.ok) == ("failed", False)
    assert report.outcomes[0].detail.startswith(f"The node asks for {sending.GAS_CAP + 1} gas, above the cap")
    assert not RelayAttempt.objects.exists()
    assert run_once(client=dao.client, signer=signer).outcomes[0].done_by == "self"


def test_gas_above_the_cap_is_waited_for(dao, watched, signer, monkeypatch):
    dao.pass_vote(dao.bundle(), watched)
    dao.refresh(watched)
    monkeypatch.setattr("governance.relay.FEE_CAP", 1)
    report = run_once(client=dao.client, signer=signer)
    assert report.outcomes[0].status == "ready"
    assert "above the cap" in report.outcomes[0].detail
    assert not RelayAttempt.objects.exists()
