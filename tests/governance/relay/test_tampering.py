"""Somebody with the database's password cannot make the executor sign what was not approved."""

from __future__ import annotations

import pgtrigger
import pytest
from django.db import transaction
from django.db.utils import DatabaseError

from governance.bundles import columns, load, register
from governance.domain.bundle import bundle_hash, to_json
from governance.errors import ConflictError, ImplausibleData, InputError
from governance.models import AuditEntry, BundleRecord, OnchainProposal, RelayAttempt, RelayStep, Verification
from governance.relay import run_once


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
