"""Drafts of proposals, and the stewards' signatures under them."""

from __future__ import annotations

import pgtrigger
from django.db import models

from proposals.core.lifecycle import DRAFT


class Draft(models.Model):
    """A proposal before and after it goes on chain. Its text and calls never change; only its status does.

    Attributes
    ----------
    body : str
        The text in Markdown, without the suffix.
    description : str
        What goes on chain, byte for byte: ``body``, the evidence hash, and ``#proposer=0x...``.
    bundle : dict
        The bundle as JSON (targets, values, calldatas, description, expectations), the bytes behind ``bundle_hash``.
    proposer : str
        Checksummed address that alone may propose this description.
    checks : list of dict
        What the checks said when it was drafted: ``{"level": "pass|warn|block", "code", "message", "facts"}``.
    checked_block : int
        The block on which the checks simulated.
    """

    class Status(models.TextChoices):
        """The states of `proposals.core.lifecycle`."""

        DRAFT = "draft", "Draft"
        SIGNED = "signed", "Signed off"
        SUBMITTED = "submitted", "Submitted"
        EXECUTED = "executed", "Executed"
        SCORED = "scored", "Scored"
        REJECTED = "rejected", "Not passed"

    recommendation = models.OneToOneField("proposals.Recommendation", on_delete=models.PROTECT, related_name="draft")
    title = models.CharField(max_length=200)
    body = models.TextField()
    description = models.TextField()
    proposer = models.CharField(max_length=42)
    bundle = models.JSONField()
    bundle_hash = models.CharField(max_length=66, unique=True)
    checks = models.JSONField(default=list)
    checked_block = models.BigIntegerField()
    status = models.CharField(max_length=16, choices=Status.choices, default=Status.DRAFT)
    onchain = models.OneToOneField(
        "governance.OnchainProposal",
        on_delete=models.PROTECT,
        null=True,
        related_name="draft",
        help_text="Null: not submitted yet.",
    )
    created = models.DateTimeField(auto_now_add=True)

    class Meta:
        """Table rules."""

        ordering = ["-pk"]
        constraints = [
            models.CheckConstraint(
                condition=models.Q(status__in=["draft", "signed"]) | models.Q(onchain__isnull=False),
                name="proposals_draft_submitted_is_onchain",
            ),
        ]
        triggers = [
            pgtrigger.ReadOnly(name="frozen", exclude=["status", "onchain"]),
            pgtrigger.FSM(name="lifecycle", field="status", transitions=DRAFT.steps),
        ]

    def __str__(self) -> str:
        return self.title


class SignOff(models.Model):
    """A steward's approval of exactly one bundle; append-only."""

    draft = models.ForeignKey(Draft, on_delete=models.PROTECT, related_name="sign_offs")
    steward = models.CharField(max_length=42)
    bundle_hash = models.CharField(max_length=66)
    comment = models.TextField(blank=True)
    created = models.DateTimeField(auto_now_add=True)

    class Meta:
        """Table rules."""

        ordering = ["pk"]
        constraints = [
            models.UniqueConstraint(fields=["draft", "steward"], name="proposals_one_sign_off_each"),
        ]
        triggers = [
            pgtrigger.Protect(name="append_only", operation=pgtrigger.Update | pgtrigger.Delete),
        ]

    def __str__(self) -> str:
        return f"{self.steward} on {self.bundle_hash}"
