"""Bundles that were approved for a governor. What is not here is never relayed."""

from __future__ import annotations

import pgtrigger
from django.db import models


class BundleRecord(models.Model):
    """An approved bundle, by its hash. Rows are never changed nor deleted.

    ``body`` is `governance.domain.bundle.to_json`; its hash is the key, so a row that was tampered with betrays itself.
    """

    hash = models.CharField(primary_key=True, max_length=66)
    deployment = models.ForeignKey("governance.Deployment", models.PROTECT, related_name="bundles")
    body = models.JSONField()
    actor = models.CharField(max_length=100, help_text="Who submitted it.")
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        triggers = (pgtrigger.Protect(name="append_only", operation=pgtrigger.Update | pgtrigger.Delete),)

    def __str__(self) -> str:
        return self.hash
