"""The registry: what was learnt, from which bytes, by which code, and what it said.

`Dataset` <- `ModelVersion` <- `Forecast`, and `TrainingRun` for the job that made a version. Datasets, versions and
forecasts are facts: they are written once. A run is the only row here that changes. Which version is in use, and how
its forecasts did, is in `forecasting.models.lifecycle`.
"""

from __future__ import annotations

from typing import ClassVar

import pgtrigger
from django.db import models

from forecasting.models.history import Reserve
from governance.models import Deployment


class Dataset(models.Model):
    """The exact rows that a model was fitted to, by content hash.

    ``facts`` holds what is needed to read the rows again: reserve ids and symbols, step, completeness.
    """

    hash = models.CharField(max_length=66, unique=True)
    kind = models.CharField(max_length=32)
    first_timestamp = models.BigIntegerField()
    last_timestamp = models.BigIntegerField()
    rows = models.BigIntegerField()
    block_number = models.BigIntegerField()
    coverage_digest = models.CharField(max_length=66, blank=True)
    facts = models.JSONField(default=dict)

    class Meta:
        """Written once."""

        triggers: ClassVar = (
            pgtrigger.Protect(name="dataset_append_only", operation=pgtrigger.Update | pgtrigger.Delete),
        )

    def __str__(self) -> str:
        return f"{self.kind} {self.hash[:12]}"


class ModelVersion(models.Model):
    """One fitted model: data in a canonical form, never code.

    ``artifact_hash`` is the SHA-256 of kind, name, dataset hash, seed, configuration and parameters in the form of
    `forecasting.artifacts`, so that anybody who fits again can compare.
    """

    class Kind(models.TextChoices):
        """What the model forecasts."""

        VOLATILITY = "volatility"
        CASCADE = "cascade"
        VARIANCE = "variance"  # of fixed horizons, with tails: the models that compete in the league
        WARNING = "warning"  # the chance that much is liquidated soon

    class Verdict(models.TextChoices):
        """Whether the version is used: a model that does not beat its baseline is kept, reported and left aside."""

        CHAMPION = "champion"
        NOT_USED = "not_used"

    deployment = models.ForeignKey(
        Deployment,
        null=True,
        on_delete=models.CASCADE,
        related_name="model_versions",
        help_text="Null: trained on imported files.",
    )
    kind = models.CharField(max_length=16, choices=Kind)
    name = models.CharField(max_length=64)
    line = models.CharField(
        max_length=1000,
        blank=True,
        db_index=True,
        help_text="Versions of one line compete for its championship: the market's slug, or source and assets.",
    )
    dataset = models.ForeignKey(Dataset, on_delete=models.PROTECT, related_name="model_versions")
    parent = models.ForeignKey(
        "self",
        null=True,
        on_delete=models.PROTECT,
        related_name="children",
        help_text="The volatility version that a cascade version draws its paths from; null: stands alone.",
    )
    code_version = models.CharField(max_length=66)
    lock_hash = models.CharField(max_length=66)
    seed = models.BigIntegerField()
    config = models.JSONField(default=dict)
    parameters = models.JSONField(default=dict, help_text="What the artifact says, arrays by their shape alone.")
    features = models.JSONField(default=list, help_text="Names of what the model reads of each day.")
    artifact_hash = models.CharField(max_length=66, db_index=True)
    evidence_hash = models.CharField(max_length=66, blank=True, help_text="Of the out-of-sample forecasts.")
    metrics = models.JSONField(default=dict)
    verdict = models.CharField(max_length=16, choices=Verdict)
    created_timestamp = models.BigIntegerField(help_text="Chain time of the data's end, unix seconds.")

    class Meta:
        """Written once; the same fit by the same code is one row."""

        constraints: ClassVar = (
            models.UniqueConstraint(
                fields=("deployment", "kind", "artifact_hash", "code_version"),
                name="model_version_once",
                nulls_distinct=False,
            ),
        )
        triggers: ClassVar = (
            pgtrigger.Protect(name="model_version_append_only", operation=pgtrigger.Update | pgtrigger.Delete),
        )

    def __str__(self) -> str:
        return f"{self.name} {self.artifact_hash[:12]}"


class TrainingRun(models.Model):
    """One training job: asked for once per ``key``, followed by its ``progress``, ended once."""

    class Status(models.TextChoices):
        """Where the run is."""

        QUEUED = "queued"
        RUNNING = "running"
        DONE = "done"
        FAILED = "failed"

    kind = models.CharField(max_length=16, choices=ModelVersion.Kind)
    key = models.CharField(max_length=66, unique=True, help_text="SHA-256 of model, data and configuration.")
    request = models.JSONField(default=dict, help_text="What `forecasting.training.train` is called with.")
    status = models.CharField(max_length=16, choices=Status, default=Status.QUEUED)
    progress = models.PositiveSmallIntegerField(default=0)
    message = models.CharField(max_length=200, blank=True)
    error = models.TextField(blank=True)
    attempts = models.PositiveSmallIntegerField(default=0)
    queued_at = models.DateTimeField(auto_now_add=True)
    started_at = models.DateTimeField(null=True, help_text="Null: no worker has taken it yet.")
    finished_at = models.DateTimeField(
        null=True, help_text="The cascade version, whose parent is the volatility version; null: not finished."
    )
    heartbeat = models.DateTimeField(null=True, help_text="Last sign of life; null: never ran.")
    model_version = models.ForeignKey(
        ModelVersion,
        null=True,
        on_delete=models.PROTECT,
        related_name="runs",
        help_text="The cascade version, whose parent is the volatility version; null: not finished.",
    )

    class Meta:
        """Progress is a percentage; only a finished run names its version."""

        constraints: ClassVar = (
            models.CheckConstraint(condition=models.Q(progress__lte=100), name="training_run_progress"),
            models.CheckConstraint(
                condition=~models.Q(status="done") | models.Q(model_version__isnull=False),
                name="training_run_done_has_version",
            ),
        )

    def __str__(self) -> str:
        return f"{self.kind} run {self.pk}: {self.status}"


class Forecast(models.Model):
    """What a model version said at a moment of chain time, before the outcome was known."""

    model_version = models.ForeignKey(ModelVersion, on_delete=models.PROTECT, related_name="forecasts")
    kind = models.CharField(max_length=16, choices=ModelVersion.Kind)
    reserve = models.ForeignKey(
        Reserve, null=True, on_delete=models.CASCADE, related_name="forecasts", help_text="Null: the whole market."
    )
    made_at = models.BigIntegerField(help_text="Chain time, unix seconds.")
    block_number = models.BigIntegerField()
    horizon_hours = models.PositiveIntegerField()
    body = models.JSONField(default=dict)

    class Meta:
        """Written once: one forecast per version, subject, moment and horizon."""

        constraints: ClassVar = (
            models.UniqueConstraint(
                fields=("model_version", "kind", "reserve", "made_at", "horizon_hours"),
                name="forecast_once",
                nulls_distinct=False,
            ),
        )
        indexes: ClassVar = (models.Index(fields=("kind", "-made_at"), name="forecast_latest"),)
        triggers: ClassVar = (
            pgtrigger.Protect(name="forecast_append_only", operation=pgtrigger.Update | pgtrigger.Delete),
        )

    def __str__(self) -> str:
        return f"{self.kind} forecast at {self.made_at}"
