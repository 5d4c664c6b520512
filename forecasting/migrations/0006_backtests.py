from typing import ClassVar

import django.db.models.deletion
import pgtrigger.compiler
import pgtrigger.migrations
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies: ClassVar = [("forecasting", "0005_lifecycle")]

    operations: ClassVar = [
        migrations.CreateModel(
            name="BacktestRun",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("kind", models.CharField(max_length=32)),
                (
                    "key",
                    models.CharField(help_text="SHA-256 of kind, request, data and code.", max_length=66, unique=True),
                ),
                ("request", models.JSONField(help_text="What the kind computes from, complete.")),
                ("code_version", models.CharField(max_length=66)),
                ("lock_hash", models.CharField(max_length=66)),
                (
                    "status",
                    models.CharField(
                        choices=[
                            ("queued", "Queued"),
                            ("running", "Running"),
                            ("done", "Done"),
                            ("failed", "Failed"),
                            ("cancelled", "Cancelled"),
                        ],
                        default="queued",
                        max_length=16,
                    ),
                ),
                ("progress", models.PositiveSmallIntegerField(default=0)),
                ("message", models.CharField(blank=True, max_length=200)),
                ("error", models.TextField(blank=True)),
                (
                    "limit",
                    models.PositiveIntegerField(help_text="Seconds from the start after which it is stopped."),
                ),
                ("queued_at", models.DateTimeField(auto_now_add=True)),
                ("started_at", models.DateTimeField(help_text="Null: no worker has taken it yet.", null=True)),
                (
                    "deadline",
                    models.DateTimeField(help_text="When it is stopped; null: no worker has taken it yet.", null=True),
                ),
                ("finished_at", models.DateTimeField(help_text="Null: not finished.", null=True)),
                ("heartbeat", models.DateTimeField(help_text="Last sign of life; null: never ran.", null=True)),
                ("result", models.JSONField(default=dict)),
                ("content_hash", models.CharField(blank=True, db_index=True, max_length=66)),
                (
                    "dataset",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="backtests",
                        to="forecasting.dataset",
                    ),
                ),
            ],
            options={
                "ordering": ["-pk"],
                "constraints": (
                    models.CheckConstraint(condition=models.Q(("progress__lte", 100)), name="backtest_run_progress"),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("status", "done"), _negated=True),
                            models.Q(("content_hash", ""), _negated=True),
                            _connector="OR",
                        ),
                        name="backtest_run_done_has_hash",
                    ),
                ),
            },
        ),
        migrations.CreateModel(
            name="BacktestUnit",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("name", models.CharField(max_length=64)),
                (
                    "tries",
                    models.PositiveSmallIntegerField(
                        default=0, help_text="How often it was begun and not put down again."
                    ),
                ),
                (
                    "task",
                    models.CharField(blank=True, help_text="The message under which it was begun last.", max_length=64),
                ),
                ("seconds", models.FloatField(help_text="What it took; null: not done.", null=True)),
                (
                    "arrays",
                    models.BinaryField(help_text="Packed and compressed arrays; null: not done.", null=True),
                ),
                ("content_hash", models.CharField(blank=True, max_length=66)),
                (
                    "run",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="units",
                        to="forecasting.backtestrun",
                    ),
                ),
            ],
            options={
                "constraints": (models.UniqueConstraint(fields=("run", "name"), name="backtest_unit_once"),),
            },
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="backtestrun",
            trigger=pgtrigger.compiler.Trigger(
                name="backtest_run_done_is_final",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    condition="WHEN (OLD.\"status\" = 'done')",
                    func="RAISE EXCEPTION 'pgtrigger: Cannot update or delete rows from % table', TG_TABLE_NAME;",
                    hash="3bf7b1f3f90572575ba455648414b13bbea6ffef",
                    operation="UPDATE OR DELETE",
                    pgid="pgtrigger_backtest_run_done_is_final_b2776",
                    table="forecasting_backtestrun",
                    when="BEFORE",
                ),
            ),
        ),
    ]
