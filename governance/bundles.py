"""Approved bundles: recorded before they are proposed, and checked byte by byte before anything is signed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.db import transaction

from governance import audit
from governance.chain.abi import checksum
from governance.domain.bundle import bundle_hash, from_json, to_json
from governance.domain.canonical import digest
from governance.domain.lifecycle import Step
from governance.errors import ConflictError, ImplausibleData, InputError
from governance.governors.base import governor_for
from governance.models import BundleRecord

if TYPE_CHECKING:
    from governance.domain.action import Bundle, Call
    from governance.governors.base import Governor
    from governance.models import Deployment, OnchainProposal, RelayStep


def register(bundle: Bundle, *, deployment: Deployment, actor: str) -> BundleRecord:
    """Record that ``bundle`` was approved to be proposed on ``deployment``'s governor and to be relayed afterwards.

    Doing so twice changes nothing.

    Raises
    ------
    InputError
        When the bundle has no calls, or its text holds a NUL, which the database cannot keep.
    ConflictError
        When the very same bundle was approved for another governor.
    """
    if not bundle.calls:
        raise InputError("A bundle without calls cannot be proposed.", field="calls")
    if "\0" in bundle.description:
        raise InputError("The text of a bundle must not hold a NUL character.", field="description")
    key = bundle_hash(bundle)
    with transaction.atomic():
        found, created = BundleRecord.objects.get_or_create(
            hash=key, defaults={"deployment": deployment, "body": to_json(bundle), "actor": actor}
        )
        if found.deployment_id != deployment.pk:
            raise ConflictError(f"Bundle {key} was approved for another governor.", bundle=key)
        if created:
            facts = {"governor": deployment.addresses["governor"], "chain_id": deployment.chain_id}
            audit.record(actor=actor, action="bundle.registered", subject=key, facts=facts)
    return found


def load(record: BundleRecord) -> Bundle:
    """Return the bundle that was approved.

    Raises
    ------
    ImplausibleData
        When the record was changed since.
    """
    try:
        bundle = from_json(record.body)
    except (KeyError, ValueError, TypeError) as error:
        raise ImplausibleData(f"Bundle {record.hash} is not readable any more.", bundle=record.hash) from error
    if digest(record.body) != record.hash or bundle_hash(bundle) != record.hash:
        raise ImplausibleData(f"Bundle {record.hash} was changed after its approval.", bundle=record.hash)
    return bundle


def governor_of(deployment: Deployment) -> Governor:
    """Return the governor plugin of ``deployment``."""
    return governor_for(deployment.flavour, deployment.addresses, deployment.facts)


def approved_contents(deployment: Deployment) -> dict[int | None, BundleRecord]:
    """Return each approved bundle of a governor by the hash of its content; unreadable records are left out."""
    governor = governor_of(deployment)
    found: dict[int | None, BundleRecord] = {}
    for record in BundleRecord.objects.filter(deployment=deployment):
        try:
            found[governor.content(load(record))] = record
        except ImplausibleData:
            continue  # never linked, so never relayed; the executor's check names it
    return found


def check(proposal: OnchainProposal) -> Bundle:
    """Return the approved bundle that ``proposal`` puts on chain, to the byte.

    Raises
    ------
    ConflictError
        When nobody approved it, or what was approved is not what the proposal would execute.
    ImplausibleData
        When the approval itself was changed.
    """
    if proposal.bundle is None:
        raise ConflictError("No approved bundle has these calls and this text.", proposal=proposal.proposal_id)
    bundle = load(proposal.bundle)
    mirrored = (proposal.targets, proposal.values, proposal.calldatas)
    governor = governor_of(proposal.deployment)
    # Where ids are numbers, the text on record has to do what the id does elsewhere.
    same = (
        proposal.description == bundle.description
        if governor.numbered
        else governor.proposal_id(bundle) == int(proposal.proposal_id)
    )
    if not same:
        raise ConflictError("The approved calldata is not what this proposal executes.", proposal=proposal.proposal_id)
    if mirrored != columns(bundle) or proposal.bundle.deployment_id != proposal.deployment_id:
        raise ConflictError("The calls on record differ from the approved ones.", proposal=proposal.proposal_id)
    return bundle


def approved_call(step: RelayStep) -> Call:
    """Return the call that ``step`` makes, built from the approved bundle alone; raises what `check` raises.

    It is the only source of what the executor signs: stored transactions are never read for it.
    """
    bundle, governor = check(step.proposal), governor_of(step.proposal.deployment)
    number = int(step.proposal.proposal_id)
    act = governor.execute if step.step == Step.EXECUTE else governor.queue
    return act(bundle, proposal_id=number)


def columns(bundle: Bundle) -> tuple[list[str], list[str], list[str]]:
    """Return a bundle's targets, values and calldatas as `OnchainProposal` keeps them."""
    return (
        [checksum(call.target) for call in bundle.calls],
        [str(call.value) for call in bundle.calls],
        [f"0x{call.data.hex()}" for call in bundle.calls],
    )
