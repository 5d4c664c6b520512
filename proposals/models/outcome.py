"""What became of a proposal: the forecast beside what happened."""

from __future__ import annotations

import pgtrigger
from django.db import models


class Outcome(models.Model):
    """The score of one executed draft; append-only.

    Attributes
    ----------
    scored_at : int
        Chain time (unix seconds) at which it was scored.
    body : dict
        ``{"window": {"start", "end", "hours", "forecast_hours"}, "metrics": [{"key", "label", "unit", "forecast",
        "low", "high", "realised", "inside": bool, "pit": 0..1, "note"}], "parameters": [{"parameter",
        "label", "unit", "expected", "actual", "holds"}]}``. ``inside`` and ``pit`` are absent where no distribution
        was forecast.
    """

    draft = models.OneToOneField("proposals.Draft", on_delete=models.PROTECT, related_name="outcome")
    evidence = models.ForeignKey("proposals.EvidenceReport", on_delete=models.PROTECT, related_name="outcomes")
    scored_at = models.BigIntegerField()
    block_number = models.BigIntegerField()
    body = models.JSONField()

    class Meta:
        """Table rules."""

        ordering = ["-scored_at"]
        triggers = [
            pgtrigger.Protect(name="append_only", operation=pgtrigger.Update | pgtrigger.Delete),
        ]

    def __str__(self) -> str:
        return f"Outcome of {self.draft}"
