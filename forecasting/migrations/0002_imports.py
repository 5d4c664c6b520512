import django.db.models.deletion
import pgtrigger.compiler
import pgtrigger.migrations
from django.db import migrations, models

import forecasting.models.imports


class Migration(migrations.Migration):
    dependencies = [("forecasting", "0001_initial")]
    operations = [
        migrations.CreateModel(
            name="ImportedDataset",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "kind",
                    models.CharField(
                        choices=[
                            ("prices", "Prices"),
                            ("liquidations", "Liquidations"),
                            ("positions", "Positions"),
                            ("quotes", "Quotes"),
                        ],
                        max_length=16,
                    ),
                ),
                ("source", models.SlugField(max_length=64)),
            ],
            options={
                "ordering": ["kind", "source"],
                "constraints": [models.UniqueConstraint(fields=("kind", "source"), name="imported_dataset_once")],
            },
        ),
        migrations.CreateModel(
            name="ImportedAccount",
            fields=[
                (
                    "pk",
                    models.CompositePrimaryKey(
                        "dataset_id",
                        "book",
                        "account",
                        "timestamp",
                        blank=True,
                        editable=False,
                        primary_key=True,
                        serialize=False,
                    ),
                ),
                ("version", models.PositiveIntegerField()),
                ("book", models.CharField(max_length=128)),
                ("account", models.CharField(max_length=128)),
                ("timestamp", models.BigIntegerField()),
                ("block_number", models.BigIntegerField(help_text="Null: the source does not say.", null=True)),
                ("base", models.CharField(max_length=16)),
                (
                    "collateral",
                    forecasting.models.imports.ExactField(
                        help_text="In base; null: only the legs are known.", null=True
                    ),
                ),
                (
                    "debt",
                    forecasting.models.imports.ExactField(
                        help_text="In base; null: only the legs are known.", null=True
                    ),
                ),
                (
                    "threshold_bps",
                    forecasting.models.imports.ExactField(
                        help_text="Average liquidation threshold; null: the source does not say.", null=True
                    ),
                ),
                (
                    "ltv_bps",
                    forecasting.models.imports.ExactField(help_text="Null: the source does not say.", null=True),
                ),
                (
                    "health_factor",
                    forecasting.models.imports.ExactField(
                        help_text="As published; null: the source does not say.", null=True
                    ),
                ),
                ("emode", models.PositiveSmallIntegerField(default=0)),
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
            name="ImportedLeg",
            fields=[
                (
                    "pk",
                    models.CompositePrimaryKey(
                        "dataset_id",
                        "book",
                        "account",
                        "timestamp",
                        "asset",
                        "side",
                        blank=True,
                        editable=False,
                        primary_key=True,
                        serialize=False,
                    ),
                ),
                ("version", models.PositiveIntegerField()),
                ("book", models.CharField(max_length=128)),
                ("account", models.CharField(max_length=128)),
                ("timestamp", models.BigIntegerField()),
                ("asset", models.CharField(max_length=32)),
                ("side", models.CharField(choices=[("collateral", "Collateral"), ("debt", "Debt")], max_length=16)),
                ("amount", forecasting.models.imports.ExactField()),
                (
                    "price",
                    forecasting.models.imports.ExactField(
                        help_text="In the book's base a token; null: the source does not say.", null=True
                    ),
                ),
                (
                    "threshold_bps",
                    forecasting.models.imports.ExactField(
                        help_text="The asset's own; null: the source does not say.", null=True
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
            name="ImportedLiquidation",
            fields=[
                (
                    "pk",
                    models.CompositePrimaryKey(
                        "dataset_id",
                        "timestamp",
                        "identity",
                        blank=True,
                        editable=False,
                        primary_key=True,
                        serialize=False,
                    ),
                ),
                ("version", models.PositiveIntegerField()),
                ("timestamp", models.BigIntegerField()),
                ("identity", models.CharField(max_length=160)),
                ("block_number", models.BigIntegerField(help_text="Null: the source does not say.", null=True)),
                ("tx_hash", models.CharField(blank=True, max_length=128)),
                ("account", models.CharField(blank=True, max_length=128)),
                ("liquidator", models.CharField(blank=True, max_length=128)),
                ("side", models.CharField(blank=True, max_length=16)),
                ("collateral", models.CharField(blank=True, max_length=32)),
                (
                    "collateral_amount",
                    forecasting.models.imports.ExactField(help_text="Null: the source does not say.", null=True),
                ),
                (
                    "collateral_usd",
                    forecasting.models.imports.ExactField(help_text="Null: the source does not say.", null=True),
                ),
                ("debt", models.CharField(blank=True, max_length=32)),
                (
                    "debt_amount",
                    forecasting.models.imports.ExactField(help_text="Null: the source does not say.", null=True),
                ),
                (
                    "debt_usd",
                    forecasting.models.imports.ExactField(
                        help_text="Repaid debt, or notional of a perpetual; null: not said.", null=True
                    ),
                ),
                (
                    "price",
                    forecasting.models.imports.ExactField(
                        help_text="USD per token of collateral beside the row; null: not said.", null=True
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
            name="ImportedPrice",
            fields=[
                (
                    "pk",
                    models.CompositePrimaryKey(
                        "dataset_id",
                        "asset",
                        "quote",
                        "span",
                        "timestamp",
                        blank=True,
                        editable=False,
                        primary_key=True,
                        serialize=False,
                    ),
                ),
                ("version", models.PositiveIntegerField()),
                ("asset", models.CharField(max_length=32)),
                ("quote", models.CharField(max_length=16)),
                ("span", models.PositiveIntegerField()),
                ("timestamp", models.BigIntegerField()),
                ("open", forecasting.models.imports.ExactField(help_text="Null: a single observation.", null=True)),
                ("high", forecasting.models.imports.ExactField(help_text="Null: a single observation.", null=True)),
                ("low", forecasting.models.imports.ExactField(help_text="Null: a single observation.", null=True)),
                ("close", forecasting.models.imports.ExactField()),
                (
                    "volume",
                    forecasting.models.imports.ExactField(
                        help_text="In the asset; null: the source does not say.", null=True
                    ),
                ),
                ("origin", models.CharField(blank=True, max_length=64)),
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
            name="ImportedQuote",
            fields=[
                (
                    "pk",
                    models.CompositePrimaryKey(
                        "dataset_id",
                        "sold",
                        "bought",
                        "timestamp",
                        "amount_in",
                        blank=True,
                        editable=False,
                        primary_key=True,
                        serialize=False,
                    ),
                ),
                ("version", models.PositiveIntegerField()),
                ("timestamp", models.BigIntegerField()),
                ("sold", models.CharField(max_length=32)),
                ("bought", models.CharField(max_length=32)),
                ("amount_in", forecasting.models.imports.ExactField()),
                ("amount_out", forecasting.models.imports.ExactField()),
                (
                    "price_impact",
                    forecasting.models.imports.ExactField(help_text="Null: the source does not say.", null=True),
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
            name="ImportedFile",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("number", models.PositiveIntegerField(help_text="1 for the first file of the dataset.")),
                ("version", models.PositiveIntegerField()),
                ("name", models.CharField(max_length=255)),
                ("sha256", models.CharField(max_length=64)),
                ("rows", models.BigIntegerField(help_text="Rows in the file.")),
                ("added", models.BigIntegerField(help_text="Rows that the dataset did not have.")),
                ("merged", models.BigIntegerField(help_text="Rows that it had already, with the same values.")),
                ("first_time", models.BigIntegerField()),
                ("last_time", models.BigIntegerField()),
                (
                    "intent",
                    models.JSONField(help_text="What the person said about the file: asset, quote, grid and so on."),
                ),
                ("reading", models.JSONField(help_text="How columns, times and units were understood.")),
                (
                    "flags",
                    models.JSONField(help_text="What is odd about the rows: code, count, first row, a sentence."),
                ),
                ("importer", models.CharField(help_text="Version of the code that read the file.", max_length=66)),
                ("content", models.BinaryField(max_length=512)),
                ("imported_at", models.DateTimeField(auto_now_add=True)),
                (
                    "dataset",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="files",
                        to="forecasting.importeddataset",
                    ),
                ),
                (
                    "result",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="imported_files",
                        to="forecasting.dataset",
                    ),
                ),
            ],
            options={
                "ordering": ["dataset", "number"],
                "constraints": [
                    models.UniqueConstraint(fields=("dataset", "number"), name="imported_file_number_once"),
                    models.UniqueConstraint(fields=("dataset", "sha256"), name="imported_file_once"),
                ],
            },
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="importedfile",
            trigger=pgtrigger.compiler.Trigger(
                name="imported_file_append_only",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    func="RAISE EXCEPTION 'pgtrigger: Cannot update or delete rows from % table', TG_TABLE_NAME;",
                    hash="323bef719fb427f59f937cece05ac109c8cd02c6",
                    operation="UPDATE OR DELETE",
                    pgid="pgtrigger_imported_file_append_only_0cde7",
                    table="forecasting_importedfile",
                    when="BEFORE",
                ),
            ),
        ),
    ]
