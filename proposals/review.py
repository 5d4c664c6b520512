"""Sign-off by a steward, and what becomes of a draft afterwards."""

from __future__ import annotations

from django.db import transaction

from governance import audit, bundles
from governance.domain.bundle import bundle_hash, from_json
from governance.domain.lifecycle import CLOSED, ProposalState
from governance.errors import ConflictError, ImplausibleData, InputError
from governance.models import OnchainProposal
from proposals import evidence
from proposals.draft import governor_of
from proposals.models import Draft, SignOff

Status = Draft.Status


@transaction.atomic
def sign_off(draft: Draft, *, steward: str, comment: str = "") -> SignOff:
    """Approve exactly the bundle that ``draft`` holds; from then on the executor may relay it.

    The same steward's second sign-off returns the first.

    Parameters
    ----------
    draft : Draft
        What was reviewed.
    steward : str
        Checksummed address of who reviewed it.
    comment : str
        What the steward wants to say about it.

    Raises
    ------
    InputError
        If a check on the draft forbids it.
    ConflictError
        If the proposal did not pass or was scored already.
    ImplausibleData
        If the bundle or the evidence was altered after drafting.
    """
    draft = Draft.objects.select_for_update(of=("self",)).get(pk=draft.pk)
    _reviewable(draft)
    bundle = from_json(draft.bundle)
    if bundle_hash(bundle) != draft.bundle_hash:
        raise ImplausibleData("The draft's bundle was altered after drafting.", draft=draft.pk)
    evidence.content(draft.recommendation.evidence)
    bundles.register(bundle, deployment=governor_of(draft.recommendation), actor=steward)
    signature, created = SignOff.objects.get_or_create(
        draft=draft, steward=steward, defaults={"bundle_hash": draft.bundle_hash, "comment": comment}
    )
    if created:
        audit.record(actor=steward, action="draft.signed", subject=draft.bundle_hash, facts={"comment": comment})
    if draft.status == Status.DRAFT:
        draft.status = Status.SIGNED
        draft.save(update_fields=["status"])
    return signature


def _reviewable(draft: Draft) -> None:
    if draft.status not in {Status.DRAFT, Status.SIGNED}:
        raise ConflictError(f"The draft is {draft.get_status_display().lower()}; too late to sign.", draft=draft.pk)
    forbidden = [finding for finding in draft.checks if finding["level"] == "block"]
    if forbidden:
        raise InputError(f"A check forbids this draft: {forbidden[0]['message']}", draft=draft.pk)


@transaction.atomic
def track(draft: Draft) -> Draft:
    """Bring ``draft`` up to date with the governor's mirrored state; doing so again changes nothing.

    Returns
    -------
    Draft
        ``submitted`` once its bundle is a proposal on chain, then ``executed`` or ``rejected``.
    """
    draft = Draft.objects.select_for_update(of=("self",)).get(pk=draft.pk)
    if draft.status == Status.SIGNED:
        proposal = OnchainProposal.objects.filter(bundle_id=draft.bundle_hash).first()
        if proposal is None:
            return draft
        draft.onchain, draft.status = proposal, Status.SUBMITTED
        draft.save(update_fields=["onchain", "status"])
    if draft.status == Status.SUBMITTED and draft.onchain is not None:
        ending = _ending(draft.onchain.state)
        if ending:
            draft.status = ending
            draft.save(update_fields=["status"])
    return draft


def _ending(state: str) -> str:
    if state == ProposalState.EXECUTED:
        return Status.EXECUTED
    return Status.REJECTED if state in CLOSED else ""
