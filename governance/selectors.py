"""Reads of the ground floor: proposals, votes, the executor and the audit log."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.db.models import Count, Q

from governance.domain.lifecycle import RELAY_STEP
from governance.models import AuditEntry, Deployment, OnchainProposal, RelayAttempt, RelayStep, Verification, Vote
from governance.relay import is_paused

if TYPE_CHECKING:
    from django.db.models import QuerySet

    from governance.models import ProposalEvent


@dataclass(frozen=True, slots=True, kw_only=True)
class Tally:
    """A vote's result so far, in the smallest unit of the votes token; ``quorum`` None: not known yet.

    Quorum is reached by the votes for and abstaining together, or, as Governor Bravo has it, by those for alone
    (``only_for``); a tie is lost.
    """

    for_votes: int
    against_votes: int
    abstain_votes: int
    quorum: int | None
    voters: int
    only_for: bool = False

    @property
    def total(self) -> int:
        """All votes."""
        return self.for_votes + self.against_votes + self.abstain_votes

    @property
    def towards_quorum(self) -> int:
        """The votes that count towards the quorum."""
        return self.for_votes if self.only_for else self.for_votes + self.abstain_votes

    @property
    def quorum_reached(self) -> bool:
        """Whether the quorum is known and reached."""
        return self.quorum is not None and self.towards_quorum >= self.quorum

    @property
    def passing(self) -> bool:
        """Whether the proposal would succeed if the vote closed now."""
        return self.quorum_reached and self.for_votes > self.against_votes


@dataclass(frozen=True, slots=True, kw_only=True)
class ExecutorState:
    """The executor at a glance: counts of its steps and transactions, over all chains."""

    paused: bool
    pause_reason: str
    waiting: int
    ready: int
    sent: int
    failed: int
    done: int
    expectations_total: int
    expectations_verified: int
    address: str


def governors() -> QuerySet[Deployment]:
    """Return the governors that are watched."""
    return Deployment.objects.filter(kind=Deployment.Kind.GOVERNOR).select_related("chain").order_by("name")


def proposals() -> QuerySet[OnchainProposal]:
    """Return all proposals, newest first, with what a page of them needs."""
    return OnchainProposal.objects.select_related("deployment__chain", "bundle").prefetch_related("steps")


def proposal(proposal_id: int) -> OnchainProposal:
    """Return one proposal by its id on chain.

    Raises
    ------
    OnchainProposal.DoesNotExist
        When there is none.
    """
    return proposals().get(proposal_id=proposal_id)


def votes(proposal: OnchainProposal) -> QuerySet[Vote]:
    """Return a proposal's votes, the heaviest first."""
    return proposal.votes.order_by("-weight", "block_number", "log_index")


def events(proposal: OnchainProposal) -> QuerySet[ProposalEvent]:
    """Return what happened to a proposal, in order."""
    return proposal.events.order_by("block_number", "log_index")


def tally(proposal: OnchainProposal) -> Tally:
    """Return a proposal's result as the contract counts it, as of ``proposal.read_block``."""
    return Tally(
        for_votes=int(proposal.for_votes),
        against_votes=int(proposal.against_votes),
        abstain_votes=int(proposal.abstain_votes),
        quorum=None if proposal.quorum is None else int(proposal.quorum),
        voters=proposal.votes.values("voter").distinct().count(),
        only_for="quorum=bravo" in str(proposal.deployment.facts.get("counting", "")),
    )


def steps() -> QuerySet[RelayStep]:
    """Return the executor's steps, those of the newest proposal first, with attempts and verifications."""
    return (
        RelayStep.objects.select_related("proposal__deployment__chain")
        .prefetch_related("attempts", "verifications")
        .order_by("-proposal__created_block", "-proposal__pk", "pk")
    )


def open_steps() -> QuerySet[RelayStep]:
    """Return the steps that are neither done nor void, the next one to act on first."""
    return steps().exclude(status__in=RELAY_STEP.final).order_by("not_before", "pk")


def attempts(proposal: OnchainProposal) -> QuerySet[RelayAttempt]:
    """Return the transactions that the executor signed for a proposal, in order."""
    return RelayAttempt.objects.filter(step__proposal=proposal).select_related("step").order_by("pk")


def verifications(proposal: OnchainProposal) -> QuerySet[Verification]:
    """Return what was read back after a proposal's execution, in the bundle's order."""
    return Verification.objects.filter(step__proposal=proposal).order_by("index")


def executor() -> ExecutorState:
    """Return the executor's state."""
    counts = {row["status"]: row["count"] for row in RelayStep.objects.values("status").annotate(count=Count("pk"))}
    checked = Verification.objects.aggregate(total=Count("pk"), verified=Count("pk", filter=Q(ok=True)))
    switch = AuditEntry.objects.filter(action="executor.paused").order_by("-sequence").first()
    last = RelayAttempt.objects.order_by("-pk").first()
    paused = is_paused()
    return ExecutorState(
        paused=paused,
        pause_reason=str(switch.facts.get("reason", "")) if paused and switch else "",
        waiting=counts.get("waiting", 0),
        ready=counts.get("ready", 0),
        sent=counts.get("sent", 0),
        failed=counts.get("failed", 0),
        done=counts.get("done", 0),
        expectations_total=checked["total"],
        expectations_verified=checked["verified"],
        address=last.sender if last else "",
    )


def audit_entries() -> QuerySet[AuditEntry]:
    """Return the audit log, newest first."""
    return AuditEntry.objects.order_by("-sequence")
