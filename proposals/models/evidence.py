"""The evidence reports, as the exact bytes that were hashed."""

from __future__ import annotations

import pgtrigger
from django.db import models


class EvidenceReport(models.Model):
    """One report; ``hash`` is ``0x`` and the SHA-256 of ``body``, which is canonical JSON."""

    hash = models.CharField(max_length=66, primary_key=True)
    body = models.BinaryField()
    recommendation = models.OneToOneField("proposals.Recommendation", on_delete=models.PROTECT, related_name="evidence")

    class Meta:
        """Table rules."""

        triggers = [
            pgtrigger.Protect(name="append_only", operation=pgtrigger.Update | pgtrigger.Delete),
        ]

    def __str__(self) -> str:
        return self.hash
