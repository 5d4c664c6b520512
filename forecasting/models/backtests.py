"""Backtests: `BacktestRun` is what was asked for and what came out, `BacktestUnit` a part of the work, kept when done.

A run that is done is a fact; until then its row changes.
"""

from __future__ import annotations

from typing import ClassVar

import pgtrigger
from django.db import models

from forecasting.models.registry import Dataset


class BacktestRun(models.Model):
    """One backtest: asked for once per ``key``, followed by its ``progress``, ended once."""

    class Status(models.TextChoices):
        """Where the run is; all but the first two are ends, and all ends but ``done`` can be asked for again."""

        QUEUED = "queued"
        RUNNING = "running"
        DONE = "done"
        FAILED = "failed"
        CANCELLED = "cancelled"

    OPEN: ClassVar = (Status.QUEUED, Status.RUNNING)

    kind = models.CharField(max_length=32)
    key = models.CharField(max_length=66, unique=True, help_text="SHA-256 of kind, request, data and code.")
    request = models.JSONField(help_text="What the kind computes from, complete.")
    dataset = models.ForeignKey(Dataset, on_delete=models.PROTECT, related_name="backtests")
    code_version = models.CharField(max_length=66)
    lock_hash = models.CharField(max_length=66)
    status = models.CharField(max_length=16, choices=Status, default=Status.QUEUED)
    progress = models.PositiveSmallIntegerField(default=0)
    message = models.CharField(max_length=200, blank=True)
    error = models.TextField(blank=True)
    limit = models.PositiveIntegerField(help_text="Seconds from the start after which it is stopped.")
    queued_at = models.DateTimeField(auto_now_add=True)
    started_at = models.DateTimeField(null=True, help_text="Null: no worker has taken it yet.")
    deadline = models.DateTimeField(null=True, help_text="When it is stopped; null: no worker has taken it yet.")
    finished_at = models.DateTimeField(null=True, help_text="Null: not finished.")
    heartbeat = models.DateTimeField(null=True, help_text="Last sign of life; null: never ran.")
    result = models.JSONField(default=dict)
    content_hash = models.CharField(max_length=66, blank=True, db_index=True)

    class Meta:
        """Progress is a percentage; what is done has a hash, and stays as it is."""

        ordering: ClassVar = ["-pk"]
        constraints: ClassVar = (
            models.CheckConstraint(condition=models.Q(progress__lte=100), name="backtest_run_progress"),
            models.CheckConstraint(
                condition=~models.Q(status="done") | ~models.Q(content_hash=""), name="backtest_run_done_has_hash"
            ),
        )
        triggers: ClassVar = (
            pgtrigger.Protect(
                name="backtest_run_done_is_final",
                operation=pgtrigger.Update | pgtrigger.Delete,
                condition=pgtrigger.Q(old__status="done"),
            ),
        )

    def __str__(self) -> str:
        return f"{self.kind} backtest {self.pk}: {self.status}"


class BacktestUnit(models.Model):
    """A part of a run that some worker has begun; its arrays, once they are there, are not computed again."""

    run = models.ForeignKey(BacktestRun, on_delete=models.CASCADE, related_name="units")
    name = models.CharField(max_length=64)
    tries = models.PositiveSmallIntegerField(default=0, help_text="How often it was begun and not put down again.")
    task = models.CharField(max_length=64, blank=True, help_text="The message under which it was begun last.")
    seconds = models.FloatField(null=True, help_text="What it took; null: not done.")
    arrays = models.BinaryField(null=True, help_text="Packed and compressed arrays; null: not done.")
    content_hash = models.CharField(max_length=66, blank=True)

    class Meta:
        """One row a unit."""

        constraints: ClassVar = (models.UniqueConstraint(fields=("run", "name"), name="backtest_unit_once"),)

    def __str__(self) -> str:
        return f"{self.name} of run {self.run_id}"
