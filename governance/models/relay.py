"""The executor's intents, the transactions that it signed for them, and what it found afterwards."""

from __future__ import annotations

from typing import ClassVar

import pgtrigger
from django.db import models

from governance.domain.lifecycle import ATTEMPT, RELAY_STEP, AttemptStatus, Step, StepStatus
from governance.models.vote import wei


class RelayStep(models.Model):
    """The intent that a proposal be queued, or executed. There is one row for each, ever.

    A step is done when the chain says so, not when a transaction of ours was mined: a stranger may be faster.
    """

    STEPS: ClassVar = [(step.value, step.value) for step in Step]
    STATUSES: ClassVar = [(status.value, status.value) for status in StepStatus]
    DONE_BY: ClassVar = [("self", "self"), ("stranger", "stranger")]

    proposal = models.ForeignKey("governance.OnchainProposal", models.PROTECT, related_name="steps")
    step = models.CharField(max_length=7, choices=STEPS)
    status = models.CharField(max_length=7, choices=STATUSES, default=StepStatus.WAITING.value)
    not_before = models.BigIntegerField(null=True, help_text="Earliest legal chain time; null: not known yet.")
    done_by = models.CharField(max_length=8, choices=DONE_BY, blank=True)
    done_tx = models.CharField(max_length=66, blank=True, help_text="Empty until a stranger's event is collected.")
    detail = models.TextField(blank=True, help_text="Why it failed or is void.")

    class Meta:
        ordering = ("pk",)
        constraints = (
            models.UniqueConstraint(fields=["proposal", "step"], name="relay_step_once"),
            models.CheckConstraint(condition=models.Q(step__in=list(Step)), name="relay_step_known"),
            models.CheckConstraint(
                condition=models.Q(status=StepStatus.DONE, done_by__in=["self", "stranger"])
                | (~models.Q(status=StepStatus.DONE) & models.Q(done_by="")),
                name="relay_step_done_by_somebody",
            ),
            models.CheckConstraint(condition=models.Q(status__in=RELAY_STEP.states), name="relay_status_known"),
        )
        triggers = (
            pgtrigger.FSM(name="lifecycle", field="status", transitions=RELAY_STEP.steps),
            pgtrigger.ReadOnly(name="intent_fixed", fields=["proposal", "step"]),
        )

    def __str__(self) -> str:
        return f"{self.step}: {self.status}"


class RelayAttempt(models.Model):
    """One signed transaction, stored before it is broadcast, so that a crash can neither lose nor double it."""

    STATUSES: ClassVar = [(status.value, status.value) for status in AttemptStatus]

    step = models.ForeignKey(RelayStep, models.PROTECT, related_name="attempts")
    chain_id = models.BigIntegerField()
    sender = models.CharField(max_length=42)
    nonce = models.BigIntegerField()
    raw_transaction = models.TextField()
    tx_hash = models.CharField(max_length=66, unique=True)
    gas = models.BigIntegerField()
    max_fee = wei(help_text="Wei for a unit of gas.")
    priority_fee = wei(help_text="Wei for a unit of gas.")
    status = models.CharField(max_length=8, choices=STATUSES, default=AttemptStatus.PREPARED.value)
    prepared_block = models.BigIntegerField(help_text="Head when it was signed.")
    block_number = models.BigIntegerField(null=True, help_text="Block that holds it; null: not mined.")
    gas_used = models.BigIntegerField(null=True, help_text="Null: not mined.")
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ("pk",)
        constraints = (
            models.CheckConstraint(condition=models.Q(status__in=ATTEMPT.states), name="attempt_status_known"),
        )
        triggers = (
            pgtrigger.FSM(name="lifecycle", field="status", transitions=ATTEMPT.steps),
            pgtrigger.ReadOnly(
                name="signed", fields=["step", "chain_id", "sender", "nonce", "raw_transaction", "tx_hash"]
            ),
            pgtrigger.Protect(name="kept", operation=pgtrigger.Delete),
        )

    def __str__(self) -> str:
        return f"{self.tx_hash} ({self.status})"


class Verification(models.Model):
    """What one expectation's read returned after execution. Rows are never changed nor deleted."""

    step = models.ForeignKey(RelayStep, models.PROTECT, related_name="verifications")
    index = models.PositiveSmallIntegerField()
    label = models.CharField(max_length=200)
    unit = models.CharField(max_length=20)
    expected = wei()
    actual = wei(null=True, help_text="Null: the read reverted or its answer has no such word.")
    ok = models.BooleanField()
    block_number = models.BigIntegerField()

    class Meta:
        ordering = ("step", "index")
        constraints = (
            models.UniqueConstraint(fields=["step", "index"], name="verification_once"),
            models.CheckConstraint(
                condition=models.Q(ok=False) | models.Q(actual=models.F("expected")), name="verification_truthful"
            ),
        )
        triggers = (pgtrigger.Protect(name="append_only", operation=pgtrigger.Update | pgtrigger.Delete),)

    def __str__(self) -> str:
        return f"{self.label}: {'holds' if self.ok else 'does not hold'}"
