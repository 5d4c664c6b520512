from typing import ClassVar

import django.db.models.deletion
import pgtrigger.compiler
import pgtrigger.migrations
from django.db import migrations, models

import forecasting.models.imports


class Migration(migrations.Migration):
    dependencies: ClassVar = [("forecasting", "0008_append_only")]

    operations: ClassVar = [
        migrations.AlterField(
            model_name="alarm",
            name="kind",
            field=models.CharField(
                choices=[
                    ("stale-data", "Stale"),
                    ("gap-in-data", "Gap"),
                    ("implausible-data", "Implausible"),
                    ("data", "Unusable"),
                    ("drift", "Drift"),
                    ("coverage", "Coverage"),
                    ("calibration", "Calibration"),
                ],
                max_length=16,
            ),
        ),
        migrations.AlterField(
            model_name="forecast",
            name="kind",
            field=models.CharField(
                choices=[
                    ("volatility", "Volatility"),
                    ("cascade", "Cascade"),
                    ("variance", "Variance"),
                    ("warning", "Warning"),
                ],
                max_length=16,
            ),
        ),
        migrations.AlterField(
            model_name="importeddataset",
            name="kind",
            field=models.CharField(
                choices=[
                    ("prices", "Prices"),
                    ("liquidations", "Liquidations"),
                    ("positions", "Positions"),
                    ("quotes", "Quotes"),
                    ("funding", "Funding"),
                ],
                max_length=16,
            ),
        ),
        migrations.AlterField(
            model_name="modelversion",
            name="kind",
            field=models.CharField(
                choices=[
                    ("volatility", "Volatility"),
                    ("cascade", "Cascade"),
                    ("variance", "Variance"),
                    ("warning", "Warning"),
                ],
                max_length=16,
            ),
        ),
        migrations.AlterField(
            model_name="trainingrun",
            name="kind",
            field=models.CharField(
                choices=[
                    ("volatility", "Volatility"),
                    ("cascade", "Cascade"),
                    ("variance", "Variance"),
                    ("warning", "Warning"),
                ],
                max_length=16,
            ),
        ),
        migrations.CreateModel(
            name="ImportedFunding",
            fields=[
                (
                    "pk",
                    models.CompositePrimaryKey(
                        "dataset_id",
                        "venue",
                        "asset",
                        "timestamp",
                        blank=True,
                        editable=False,
                        primary_key=True,
                        serialize=False,
                    ),
                ),
                ("version", models.PositiveIntegerField()),
                ("venue", models.CharField(blank=True, max_length=32)),
                ("asset", models.CharField(max_length=32)),
                ("timestamp", models.BigIntegerField()),
                ("span", models.PositiveIntegerField()),
                (
                    "rate",
                    forecasting.models.imports.ExactField(
                        help_text="What longs paid, as a fraction a year; null: the source does not say.", null=True
                    ),
                ),
                (
                    "open_interest",
                    forecasting.models.imports.ExactField(
                        help_text="In the asset; null: the source does not say.", null=True
                    ),
                ),
                (
                    "long_liquidated",
                    forecasting.models.imports.ExactField(
                        help_text="In the asset; null: the source does not say.", null=True
                    ),
                ),
                (
                    "short_liquidated",
                    forecasting.models.imports.ExactField(
                        help_text="In the asset; null: the source does not say.", null=True
                    ),
                ),
                (
                    "dataset",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to="forecasting.importeddataset",
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="WarningScore",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("chance", models.FloatField(help_text="Probability that was forecast.")),
                ("liquidated", models.FloatField(help_text="USD of debt repaid within its hours.")),
                ("happened", models.BooleanField(help_text="Whether that was at least what it warned of.")),
                ("brier", models.FloatField(help_text="Squared difference of chance and outcome.")),
                ("known_at", models.BigIntegerField(help_text="Time of the outcome, unix seconds.")),
                (
                    "forecast",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="warning_score",
                        to="forecasting.forecast",
                    ),
                ),
            ],
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="warningscore",
            trigger=pgtrigger.compiler.Trigger(
                name="warning_score_append_only",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    func="RAISE EXCEPTION 'pgtrigger: Cannot update or delete rows from % table', TG_TABLE_NAME;",
                    hash="ed36ce933a569c92732ed541ebae1b7bef9e19b0",
                    operation="UPDATE OR DELETE",
                    pgid="pgtrigger_warning_score_append_only_6cc4e",
                    table="forecasting_warningscore",
                    when="BEFORE",
                ),
            ),
        ),
    ]
