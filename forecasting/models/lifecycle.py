"""The life of a model version: its bytes, the decisions about it, the scores of its forecasts, and what is wrong.

Everything but an alarm is written once. Which version of a line is in use is no column: it follows from the decisions,
so that it can be told for every moment of the past.
"""

from __future__ import annotations

from typing import ClassVar

import pgtrigger
from django.db import models
from django.db.models import Q

from forecasting.models.registry import Forecast, ModelVersion


class Artifact(models.Model):
    """The bytes of a version, in the form of `forecasting.artifacts`: what it learnt, and its forecasts of the past."""

    version = models.OneToOneField(
        ModelVersion, on_delete=models.CASCADE, primary_key=True, related_name="artifact", serialize=False
    )
    content = models.BinaryField()
    evidence = models.BinaryField(default=bytes)  # empty: no forecasts out of sample were kept

    class Meta:
        """Written once."""

        triggers: ClassVar = (
            pgtrigger.Protect(name="artifact_append_only", operation=pgtrigger.Update | pgtrigger.Delete),
        )

    def __str__(self) -> str:
        return f"artifact of version {self.version_id}"


class Decision(models.Model):
    """Which version a line uses from now on, or why it does not use another one."""

    class Kind(models.TextChoices):
        """What was decided; `APPOINTING` names those after which the version is in use."""

        FIRST = "first"  # the baseline, with which a line begins
        PROMOTED = "promoted"
        REFRESHED = "refreshed"  # the model in use, fitted to newer data
        DEMOTED = "demoted"  # the baseline takes over
        WAITING = "waiting"  # passed every test; a steward's word is missing
        REFUSED = "refused"

    APPOINTING: ClassVar = (Kind.FIRST, Kind.PROMOTED, Kind.REFRESHED, Kind.DEMOTED)

    line = models.CharField(max_length=1000, db_index=True)
    version = models.ForeignKey(ModelVersion, on_delete=models.CASCADE, related_name="decisions")
    kind = models.CharField(max_length=16, choices=Kind)
    reason = models.TextField(help_text="One sentence.")
    facts = models.JSONField(default=dict, help_text="The rules that were asked and what they said.")
    actor = models.CharField(max_length=100, help_text="The steward's address, or `gate` or `monitor`.")
    moment = models.BigIntegerField(help_text="Time of the newest data that was known, unix seconds.")
    decided_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        """Written once; the newest last."""

        ordering: ClassVar = ("pk",)
        triggers: ClassVar = (
            pgtrigger.Protect(name="decision_append_only", operation=pgtrigger.Update | pgtrigger.Delete),
        )

    def __str__(self) -> str:
        return f"{self.version_id} {self.kind}: {self.reason}"


class Score(models.Model):
    """How a forecast did, once its outcome was known; one row for each asset."""

    forecast = models.ForeignKey(Forecast, on_delete=models.CASCADE, related_name="scores")
    asset = models.CharField(max_length=64)
    expected = models.FloatField(help_text="Variance that was forecast.")
    realised = models.FloatField(help_text="Variance that came.")
    qlike = models.FloatField()
    change = models.FloatField(help_text="Log return over the horizon.")
    hits = models.JSONField(default=dict, help_text="Whether the return passed each value at risk, by level and side.")
    known_at = models.BigIntegerField(help_text="Time of the outcome, unix seconds.")

    class Meta:
        """Written once for each forecast and asset."""

        constraints: ClassVar = (models.UniqueConstraint(fields=("forecast", "asset"), name="score_once"),)
        triggers: ClassVar = (
            pgtrigger.Protect(name="score_append_only", operation=pgtrigger.Update | pgtrigger.Delete),
        )

    def __str__(self) -> str:
        return f"{self.asset}: {self.qlike:.3f}"


class WarningScore(models.Model):
    """How a warning did, once its hours were over."""

    forecast = models.OneToOneField(Forecast, on_delete=models.CASCADE, related_name="warning_score")
    chance = models.FloatField(help_text="Probability that was forecast.")
    liquidated = models.FloatField(help_text="USD of debt repaid within its hours.")
    happened = models.BooleanField(help_text="Whether that was at least what it warned of.")
    brier = models.FloatField(help_text="Squared difference of chance and outcome.")
    known_at = models.BigIntegerField(help_text="Time of the outcome, unix seconds.")

    class Meta:
        """Written once for each warning."""

        triggers: ClassVar = (
            pgtrigger.Protect(name="warning_score_append_only", operation=pgtrigger.Update | pgtrigger.Delete),
        )

    def __str__(self) -> str:
        return f"{self.chance:.1%}: {'came true' if self.happened else 'did not come true'}"


class Alarm(models.Model):
    """Something that is wrong with a line's data or model; one that is not resolved is shown wherever it matters."""

    class Kind(models.TextChoices):
        """What is wrong; `STOPPING` names those that stop publication."""

        STALE = "stale-data"
        GAP = "gap-in-data"
        IMPLAUSIBLE = "implausible-data"
        UNUSABLE = "data"  # cannot be computed on for another reason, which the detail names
        DRIFT = "drift"
        COVERAGE = "coverage"
        CALIBRATION = "calibration"  # warnings came true more or less often than they said

    STOPPING: ClassVar = (Kind.STALE, Kind.GAP, Kind.IMPLAUSIBLE, Kind.UNUSABLE)

    line = models.CharField(max_length=1000)
    kind = models.CharField(max_length=16, choices=Kind)
    detail = models.TextField()
    times = models.PositiveIntegerField(default=1)  # how often it was seen while it was open
    seen_at = models.DateTimeField(auto_now_add=True)
    resolved_at = models.DateTimeField(null=True, help_text="When it was over; null: still open.")

    class Meta:
        """One open alarm for each line and kind."""

        constraints: ClassVar = (
            models.UniqueConstraint(fields=("line", "kind"), condition=Q(resolved_at=None), name="alarm_open_once"),
        )

    def __str__(self) -> str:
        return f"{self.line}: {self.detail}"
