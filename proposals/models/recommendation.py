"""What the search found for one reserve, with every number that it weighed."""

from __future__ import annotations

import pgtrigger
from django.db import models

NO_MODEL = "Null: the search abstained before it used a model."


class Recommendation(models.Model):
    """The result of one parameter search; never changed afterwards.

    Attributes
    ----------
    baseline : dict
        The candidate "change nothing" (shape below) on the confirmation's futures; empty when abstained.
    candidates : list of dict
        Every candidate on the search's futures, the baseline first. Each is ``{"index": int, "parameters":
        {name: int}, "admissible": bool, "rejected_by": [{"level", "code", "message", "facts"}],
        "numbers": {...}}``. ``numbers`` is empty for a
        candidate that a guardrail rejected before it was simulated; else it has, in USD unless said otherwise,
        ``capacity``, ``expected_bad_debt``, ``probability_bad_debt`` (0..1), ``var95``, ``es99``,
        ``stressed_es99``, ``lar95``, ``borrower_loss``, ``objective``, and ``gain``, ``gain_low``, ``gain_high``
        (objective above the baseline's with its interval).
    chosen : dict
        The chosen candidate on the confirmation's futures, and ``"changes": [{"parameter", "label", "before",
        "after", "unit"}]``,
        ``"responses": {"constant_amounts": numbers, "constant_health": numbers}`` (the two borrower responses that
        bound the truth), ``"quantiles": {"levels": [0..1], "bad_debt": [USD], "liquidated": [USD], "borrower_loss":
        [USD], "volatility": [annual fraction]}`` (forecast distribution with constant amounts), ``"why"`` in words. The
        baseline when nothing beats it; empty when abstained.
    findings : list of dict
        What the guardrails say of ``chosen``: ``{"level": "pass|warn|block", "code", "message", "facts"}``.
    inputs : dict
        Horizon, paths, seed, stress and the other settings of the run, with the content hashes of what it read.
    created_timestamp : int
        Chain time (unix seconds) of the snapshot.
    """

    class Status(models.TextChoices):
        """How the search ended."""

        RECOMMENDED = "recommended", "Change recommended"
        CHANGE_NOTHING = "change_nothing", "Change nothing"
        ABSTAINED = "abstained", "Abstained"

    reserve = models.ForeignKey("forecasting.Reserve", on_delete=models.PROTECT, related_name="recommendations")
    snapshot = models.ForeignKey("forecasting.Snapshot", on_delete=models.PROTECT, related_name="recommendations")
    policy = models.ForeignKey("proposals.Policy", on_delete=models.PROTECT, related_name="recommendations")
    volatility_model = models.ForeignKey(
        "forecasting.ModelVersion", on_delete=models.PROTECT, null=True, related_name="+", help_text=NO_MODEL
    )
    cascade_model = models.ForeignKey(
        "forecasting.ModelVersion", on_delete=models.PROTECT, null=True, related_name="+", help_text=NO_MODEL
    )
    baseline = models.JSONField(default=dict)
    candidates = models.JSONField(default=list)
    chosen = models.JSONField(default=dict)
    findings = models.JSONField(default=list)
    inputs = models.JSONField(default=dict)
    status = models.CharField(max_length=16, choices=Status.choices)
    seed = models.PositiveBigIntegerField()
    created_timestamp = models.BigIntegerField()

    class Meta:
        """Table rules."""

        ordering = ["-created_timestamp", "-pk"]
        indexes = [models.Index(fields=["reserve", "-created_timestamp"], name="proposals_newest_first")]
        constraints = [
            models.CheckConstraint(
                condition=models.Q(status__in=["recommended", "change_nothing", "abstained"]),
                name="proposals_recommendation_status",
            ),
        ]
        triggers = [pgtrigger.Protect(name="append_only", operation=pgtrigger.Update)]

    def __str__(self) -> str:
        return f"Recommendation {self.pk}: {self.get_status_display()}"
