"""Somebody with the database's password cannot make the executor sign what was not approved."""

from __future__ import annotations

import pgtrigger
import pytest
from django.db import transaction
from django.db.utils import DatabaseError
from eth_account import Account

from governance.bundles import columns, governor_of, load, register
from governance.chain.signer import KeystoreSigner, Transaction
from governance.domain.bundle import bundle_hash, to_json
from governance.errors import ConflictError, ImplausibleData, InputError
from governance.models import AuditEntry, BundleRecord, OnchainProposal, RelayAttempt, RelayStep, Verification
from governance.relay import run_once
from governance.sending import PATIENCE_BLOCKS


@pytest.fixture
def succeeded(dao, watched):
    bundle = dao.bundle(10)
    dao.pass_vote(bundle, watched)
    dao.refresh(watched)
    return bundle


def refused(dao, signer, words):
    report = run_once(client=dao.client, signer=signer)
    assert [outcome.status for outcome in report.outcomes] == ["failed", "failed"]
    assert all(words in outcome.detail for outcome in report.outcomes)
    assert not report.ok
    assert not RelayAttempt.objects.exists()
    return report


def test_an_approved_bundle_that_was_edited_is_refused(dao, watched, signer, succeeded):
    record = BundleRecord.objects.get()
    record.body["calls"][0]["data"] = "0x" + "00" * 36
    with pgtrigger.ignore("governance.BundleRecord:append_only"):
        record.save()
    refused(dao, signer, "changed after its approval")


def test_a_bundle_that_cannot_be_read_is_refused_and_does_not_stop_the_index(dao, watched, signer, succeeded):
    with pgtrigger.ignore("governance.BundleRecord:append_only"):
        BundleRecord.objects.update(body={"version": 1})
    refused(dao, signer, "not readable")
    assert dao.refresh(watched).tally_equal


def test_a_proposal_that_was_linked_to_another_approved_bundle_is_refused(dao, watched, signer, succeeded):
    other = register(dao.bundle(99), deployment=watched, actor="steward")
    OnchainProposal.objects.update(bundle=other)
    refused(dao, signer, "not what this proposal executes")


def test_a_mirrored_proposal_whose_calls_were_edited_is_refused(dao, watched, signer, succeeded):
    OnchainProposal.objects.update(calldatas=["0x00"])
    refused(dao, signer, "differ from the approved")


def test_a_refusal_is_audited_once_and_ends_when_the_record_is_right_again(dao, watched, signer, succeeded):
    honest = columns(succeeded)[2]
    OnchainProposal.objects.update(calldatas=["0x00"])
    refused(dao, signer, "differ from the approved")
    refused(dao, signer, "differ from the approved")
    assert AuditEntry.objects.filter(action="relay.refused").count() == 2  # one for each step
    OnchainProposal.objects.update(calldatas=honest)
    assert run_once(client=dao.client, signer=signer).outcomes[0].done_by == "self"


class Watching:
    """A signer and a client that note what they are asked to sign and to send."""

    def __init__(self, client, signer):
        self._client, self._signer = client, signer
        self.signed, self.sent = [], []
        self.address = signer.address

    def __getattr__(self, name):
        return getattr(self._client, name)

    def sign(self, wanted):
        self.signed.append(wanted)
        return self._signer.sign(wanted)

    def send_raw(self, raw):
        self.sent.append(raw)
        return self._client.send_raw(raw)


EVIL = "0x000000000000000000000000000000000000dEaD"


@pytest.mark.parametrize("forgery", ["foreign key", "other nonce", "other chain", "other hash", "no bytes", "no hex"])
def test_a_planted_transaction_is_neither_signed_nor_sent_nor_counted(dao, watched, signer, succeeded, forgery):
    key = KeystoreSigner(Account.create()) if forgery == "foreign key" else signer
    planted = key.sign(
        Transaction(
            chain_id=1 if forgery == "other chain" else 31337,
            nonce=7 if forgery == "other nonce" else 0,
            target=EVIL,
            data=b"all the money",
            gas=100_000,
            max_fee=10**10,
            priority_fee=10**9,
        )
    )
    raw = {"no bytes": "0x", "no hex": "money"}.get(forgery, f"0x{planted.raw.hex()}")
    step = RelayStep.objects.create(proposal=OnchainProposal.objects.get(), step="queue", status="sent")
    row = RelayAttempt.objects.create(
        step=step,
        chain_id=31337,
        sender=signer.address,
        nonce=0,
        raw_transaction=raw,
        tx_hash="0x" + "ab" * 32 if forgery == "other hash" else planted.tx_hash,
        gas=100_000,
        max_fee=10**10,
        priority_fee=10**9,
        prepared_block=dao.client.head().number - PATIENCE_BLOCKS,
    )
    watching = Watching(dao.client, signer)
    report = run_once(client=watching, signer=watching)
    row.refresh_from_db()
    assert row.status == "replaced"
    assert [entry.facts["tx_hash"] for entry in AuditEntry.objects.filter(action="relay.forged")] == [row.tx_hash]
    assert [(wanted.target, wanted.data, wanted.nonce) for wanted in watching.signed] == [
        (dao.governor, governor_of(watched).queue(succeeded).data, 0)
    ]
    assert planted.raw not in watching.sent
    assert len(watching.sent) == 1
    assert (report.outcomes[0].status, report.outcomes[0].done_by) == ("done", "self")


def test_what_is_under_way_is_not_sent_again_once_its_approval_was_edited(dao, watched, signer, succeeded):
    dao.client.call("evm_setAutomine", [False])
    try:
        run_once(client=dao.client, signer=signer, patience=0)
    finally:
        dao.client.call("evm_setAutomine", [True])
    dao.client.call("anvil_dropAllTransactions")
    OnchainProposal.objects.update(calldatas=["0x00"])
    dao.mine(PATIENCE_BLOCKS)
    watching = Watching(dao.client, signer)
    report = run_once(client=watching, signer=watching)
    assert [outcome.status for outcome in report.outcomes] == ["failed", "failed"]
    assert (watching.signed, watching.sent) == ([], [])


def test_registering_twice_changes_nothing_and_empty_bundles_are_refused(dao, watched):
    bundle = dao.bundle()
    first = register(bundle, deployment=watched, actor="steward")
    assert register(bundle, deployment=watched, actor="another") == first
    assert load(first) == bundle
    assert first.hash == bundle_hash(bundle)
    assert AuditEntry.objects.filter(action="bundle.registered").count() == 1
    with pytest.raises(InputError, match="without calls"):
        register(type(bundle)(calls=(), description="nothing"), deployment=watched, actor="steward")


def test_a_bundle_approved_for_one_governor_is_not_approved_for_another(dao, watched):
    bundle = dao.bundle()
    register(bundle, deployment=watched, actor="steward")
    watched.pk, watched.slug = None, "another"
    watched.save()
    with pytest.raises(ConflictError, match="another governor"):
        register(bundle, deployment=watched, actor="steward")


def test_a_record_under_a_foreign_hash_does_not_load(dao, watched):
    forged = BundleRecord.objects.create(
        hash="0x" + "11" * 32, deployment=watched, body=to_json(dao.bundle()), actor="mallory"
    )
    with pytest.raises(ImplausibleData, match="changed after its approval"):
        load(forged)


def test_the_database_refuses_what_the_rules_forbid(dao, watched, signer, relayed):
    dao.refresh(watched)
    forbidden = [
        (lambda: BundleRecord.objects.update(actor="x"), "Cannot update"),
        (lambda: BundleRecord.objects.all()._raw_delete("default"), "Cannot update or delete"),
        (lambda: RelayAttempt.objects.update(raw_transaction="0x"), "Cannot update"),
        (lambda: RelayAttempt.objects.update(status="prepared"), "Invalid transition"),
        (lambda: RelayAttempt.objects.all()._raw_delete("default"), "Cannot delete"),
        (lambda: RelayStep.objects.update(status="waiting", done_by=""), "Invalid transition"),
        (lambda: RelayStep.objects.update(done_by=""), "relay_step_done_by_somebody"),
        (lambda: RelayStep.objects.filter(step="execute").update(step="queue"), "Cannot update"),
        (lambda: Verification.objects.update(ok=False), "Cannot update"),
        (lambda: Verification.objects.all()._raw_delete("default"), "Cannot update or delete"),
        (lambda: OnchainProposal.objects.update(state="pending"), "Invalid transition"),
    ]
    for change, message in forbidden:
        with pytest.raises(DatabaseError, match=message), transaction.atomic():
            change()
