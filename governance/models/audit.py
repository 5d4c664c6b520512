"""The log of acts: each entry holds the hash of the one before it."""

from __future__ import annotations

import pgtrigger
from django.db import models


class AuditEntry(models.Model):
    """Who did what, when (wall clock). Written by `governance.audit.record` alone; never changed nor deleted."""

    sequence = models.BigIntegerField(primary_key=True, help_text="1, 2, 3, ... without a gap.")
    at = models.DateTimeField()
    actor = models.CharField(max_length=100)
    action = models.CharField(max_length=60)
    subject = models.CharField(max_length=200)
    facts = models.JSONField(default=dict)
    previous_hash = models.CharField(max_length=66, unique=True)
    hash = models.CharField(max_length=66, unique=True)

    class Meta:
        ordering = ("sequence",)
        indexes = (models.Index(fields=["action", "-sequence"], name="audit_by_action"),)
        triggers = (pgtrigger.Protect(name="append_only", operation=pgtrigger.Update | pgtrigger.Delete),)

    def __str__(self) -> str:
        return f"{self.sequence} {self.action} {self.subject}"
