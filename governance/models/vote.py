"""Proposals of a governor as mirrored from its chain, what happened to them, and every vote."""

from __future__ import annotations

from typing import Any, ClassVar

import pgtrigger
from django.db import models

from governance.domain.lifecycle import PROPOSAL, ProposalState

KINDS = ("created", "activated", "extended", "queued", "failed", "executed", "canceled")


def wei(**kwargs: Any) -> models.DecimalField[Any, Any]:  # noqa: ANN401 - Django's own field arguments
    """Return a column for one unsigned 256-bit number."""
    return models.DecimalField(max_digits=78, decimal_places=0, **kwargs)


class OnchainProposal(models.Model):
    """One proposal on a governor.

    ``targets``, ``values`` and ``calldatas`` are equally long lists of text (addresses, decimal wei, ``0x`` bytes).
    ``vote_start``, ``vote_end`` and ``snapshot`` are in the governor's clock (unix seconds, or blocks: the
    deployment's facts say which), ``eta`` always in unix seconds. State and tallies are what the contract said at
    ``read_block``.
    """

    STATES: ClassVar = [(state.value, state.value) for state in ProposalState]

    deployment = models.ForeignKey("governance.Deployment", models.PROTECT, related_name="proposals")
    proposal_id = wei()
    proposer = models.CharField(max_length=42)
    description = models.TextField()
    targets = models.JSONField()
    values = models.JSONField()
    calldatas = models.JSONField()
    vote_start = models.BigIntegerField()
    vote_end = models.BigIntegerField(help_text="Last moment of voting; late quorum may have extended it.")
    snapshot = models.BigIntegerField(help_text="Moment at which voting power is counted.")
    state = models.CharField(max_length=9, choices=STATES)
    bundle = models.ForeignKey(
        "governance.BundleRecord",
        models.PROTECT,
        null=True,
        related_name="proposals",
        help_text="The approved bundle with exactly these calls and this text; null: we did not approve it.",
    )
    created_block = models.BigIntegerField()
    tx_hash = models.CharField(max_length=66)
    eta = models.BigIntegerField(null=True, help_text="Earliest execution; null: not queued.")
    quorum = wei(null=True, help_text="Votes needed; null: not readable before the snapshot has passed.")
    for_votes = wei(default=0)
    against_votes = wei(default=0)
    abstain_votes = wei(default=0)
    read_block = models.BigIntegerField()
    read_timestamp = models.BigIntegerField()

    class Meta:
        ordering = ("-created_block", "-pk")
        constraints = (
            models.UniqueConstraint(fields=["deployment", "proposal_id"], name="proposal_once"),
            models.CheckConstraint(condition=models.Q(state__in=PROPOSAL.states), name="proposal_state_known"),
        )
        # A mirror may sleep through states, but never sees one that cannot follow. A reorganised chain is the one
        # exception; `governance.votes` lifts the trigger for it and leaves an audit entry.
        triggers = (pgtrigger.FSM(name="lifecycle", field="state", transitions=PROPOSAL.leaps),)

    def __str__(self) -> str:
        return f"{self.proposal_id} ({self.state})"


class ProposalEvent(models.Model):
    """Something that a governor said about a proposal, from its log."""

    KINDS: ClassVar = [(kind, kind) for kind in KINDS]

    proposal = models.ForeignKey(OnchainProposal, models.CASCADE, related_name="events")
    kind = models.CharField(max_length=9, choices=KINDS)
    block_number = models.BigIntegerField()
    timestamp = models.BigIntegerField()
    tx_hash = models.CharField(max_length=66)
    log_index = models.IntegerField()

    class Meta:
        ordering = ("block_number", "log_index")
        constraints = (
            models.UniqueConstraint(fields=["proposal", "tx_hash", "log_index"], name="proposal_event_once"),
        )

    def __str__(self) -> str:
        return f"{self.kind} at block {self.block_number}"


class Vote(models.Model):
    """One cast vote. With fractional voting a voter has several, and one log may be split into up to three of them."""

    SUPPORTS: ClassVar = [(0, "against"), (1, "for"), (2, "abstain")]

    proposal = models.ForeignKey(OnchainProposal, models.CASCADE, related_name="votes")
    voter = models.CharField(max_length=42)
    support = models.SmallIntegerField(choices=SUPPORTS)
    weight = wei()
    reason = models.TextField(blank=True)
    chain_id = models.BigIntegerField()
    block_number = models.BigIntegerField()
    timestamp = models.BigIntegerField()
    tx_hash = models.CharField(max_length=66)
    log_index = models.IntegerField()

    class Meta:
        ordering = ("block_number", "log_index")
        constraints = (
            models.UniqueConstraint(fields=["chain_id", "tx_hash", "log_index", "support"], name="vote_once"),
            models.CheckConstraint(condition=models.Q(support__in=[0, 1, 2]), name="vote_support_known"),
        )
        indexes = (models.Index(fields=["proposal", "-weight"], name="vote_by_weight"),)

    def __str__(self) -> str:
        return f"{self.voter} {self.get_support_display()} {self.weight}"
