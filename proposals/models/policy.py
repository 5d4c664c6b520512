"""The limits that a recommendation must stay within, in versions."""

from __future__ import annotations

import pgtrigger
from django.db import models


class Policy(models.Model):
    """One version of the policy; its text never changes, only which version is active.

    Attributes
    ----------
    body : dict
        The document, as `proposals.core.policy.PolicyBody` reads it.
    hash : str
        ``0x`` and the SHA-256 of the document's canonical JSON.
    active : bool
        The version that new recommendations use; one at most.
    """

    version = models.PositiveIntegerField(unique=True)
    name = models.CharField(max_length=120)
    body = models.JSONField()
    hash = models.CharField(max_length=66, unique=True)
    active = models.BooleanField(default=False)
    created = models.DateTimeField(auto_now_add=True)

    class Meta:
        """Table rules."""

        ordering = ["-version"]
        constraints = [
            models.UniqueConstraint(
                fields=["active"], condition=models.Q(active=True), name="proposals_one_active_policy"
            ),
        ]
        triggers = [pgtrigger.ReadOnly(name="frozen", exclude=["active"])]

    def __str__(self) -> str:
        return f"Policy v{self.version}: {self.name}"
