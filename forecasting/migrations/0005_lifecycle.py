import django.db.models.deletion
import pgtrigger.compiler
import pgtrigger.migrations
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("forecasting", "0004_protocols")]

    operations = [
        migrations.CreateModel(
            name="Alarm",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("line", models.CharField(max_length=1000)),
                (
                    "kind",
                    models.CharField(
                        choices=[
                            ("stale-data", "Stale"),
                            ("gap-in-data", "Gap"),
                            ("implausible-data", "Implausible"),
                            ("data", "Unusable"),
                            ("drift", "Drift"),
                            ("coverage", "Coverage"),
                        ],
                        max_length=16,
                    ),
                ),
                ("detail", models.TextField()),
                ("times", models.PositiveIntegerField(default=1)),
                ("seen_at", models.DateTimeField(auto_now_add=True)),
                ("resolved_at", models.DateTimeField(help_text="When it was over; null: still open.", null=True)),
            ],
        ),
        migrations.CreateModel(
            name="Artifact",
            fields=[
                (
                    "version",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE,
                        primary_key=True,
                        related_name="artifact",
                        serialize=False,
                        to="forecasting.modelversion",
                    ),
                ),
                ("content", models.BinaryField()),
                ("evidence", models.BinaryField(default=bytes)),
            ],
        ),
        migrations.CreateModel(
            name="Decision",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("line", models.CharField(db_index=True, max_length=1000)),
                (
                    "kind",
                    models.CharField(
                        choices=[
                            ("first", "First"),
                            ("promoted", "Promoted"),
                            ("refreshed", "Refreshed"),
                            ("demoted", "Demoted"),
                            ("waiting", "Waiting"),
                            ("refused", "Refused"),
                        ],
                        max_length=16,
                    ),
                ),
                ("reason", models.TextField(help_text="One sentence.")),
                ("facts", models.JSONField(default=dict, help_text="The rules that were asked and what they said.")),
                ("actor", models.CharField(help_text="The steward's address, or `gate` or `monitor`.", max_length=100)),
                ("moment", models.BigIntegerField(help_text="Time of the newest data that was known, unix seconds.")),
                ("decided_at", models.DateTimeField(auto_now_add=True)),
            ],
            options={
                "ordering": ("pk",),
            },
        ),
        migrations.CreateModel(
            name="Score",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("asset", models.CharField(max_length=64)),
                ("expected", models.FloatField(help_text="Variance that was forecast.")),
                ("realised", models.FloatField(help_text="Variance that came.")),
                ("qlike", models.FloatField()),
                ("change", models.FloatField(help_text="Log return over the horizon.")),
                (
                    "hits",
                    models.JSONField(
                        default=dict, help_text="Whether the return passed each value at risk, by level and side."
                    ),
                ),
                ("known_at", models.BigIntegerField(help_text="Time of the outcome, unix seconds.")),
            ],
        ),
        migrations.RemoveConstraint(
            model_name="modelversion",
            name="model_version_once",
        ),
        migrations.AddField(
            model_name="modelversion",
            name="evidence_hash",
            field=models.CharField(blank=True, help_text="Of the out-of-sample forecasts.", max_length=66),
        ),
        migrations.AddField(
            model_name="modelversion",
            name="features",
            field=models.JSONField(default=list, help_text="Names of what the model reads of each day."),
        ),
        migrations.AddField(
            model_name="modelversion",
            name="line",
            field=models.CharField(
                blank=True,
                db_index=True,
                help_text="Versions of one line compete for its championship: the market's slug, or source and assets.",
                max_length=1000,
            ),
        ),
        migrations.AlterField(
            model_name="forecast",
            name="kind",
            field=models.CharField(
                choices=[("volatility", "Volatility"), ("cascade", "Cascade"), ("variance", "Variance")], max_length=16
            ),
        ),
        migrations.AlterField(
            model_name="modelversion",
            name="deployment",
            field=models.ForeignKey(
                help_text="Null: trained on imported files.",
                null=True,
                on_delete=django.db.models.deletion.CASCADE,
                related_name="model_versions",
                to="governance.deployment",
            ),
        ),
        migrations.AlterField(
            model_name="modelversion",
            name="kind",
            field=models.CharField(
                choices=[("volatility", "Volatility"), ("cascade", "Cascade"), ("variance", "Variance")], max_length=16
            ),
        ),
        migrations.AlterField(
            model_name="modelversion",
            name="parameters",
            field=models.JSONField(default=dict, help_text="What the artifact says, arrays by their shape alone."),
        ),
        migrations.AlterField(
            model_name="trainingrun",
            name="kind",
            field=models.CharField(
                choices=[("volatility", "Volatility"), ("cascade", "Cascade"), ("variance", "Variance")], max_length=16
            ),
        ),
        migrations.AddConstraint(
            model_name="modelversion",
            constraint=models.UniqueConstraint(
                fields=("deployment", "kind", "artifact_hash", "code_version"),
                name="model_version_once",
                nulls_distinct=False,
            ),
        ),
        migrations.AddConstraint(
            model_name="alarm",
            constraint=models.UniqueConstraint(
                condition=models.Q(("resolved_at", None)), fields=("line", "kind"), name="alarm_open_once"
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="artifact",
            trigger=pgtrigger.compiler.Trigger(
                name="artifact_append_only",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    func="RAISE EXCEPTION 'pgtrigger: Cannot update or delete rows from % table', TG_TABLE_NAME;",
                    hash="82a6bf79d91f5d43e3c584c4d7bcb64c57b1b407",
                    operation="UPDATE OR DELETE",
                    pgid="pgtrigger_artifact_append_only_23cc9",
                    table="forecasting_artifact",
                    when="BEFORE",
                ),
            ),
        ),
        migrations.AddField(
            model_name="decision",
            name="version",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.CASCADE, related_name="decisions", to="forecasting.modelversion"
            ),
        ),
        migrations.AddField(
            model_name="score",
            name="forecast",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.CASCADE, related_name="scores", to="forecasting.forecast"
            ),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="decision",
            trigger=pgtrigger.compiler.Trigger(
                name="decision_append_only",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    func="RAISE EXCEPTION 'pgtrigger: Cannot update or delete rows from % table', TG_TABLE_NAME;",
                    hash="77eed865b426def2b10e94f25fd3b384d3ec5f9c",
                    operation="UPDATE OR DELETE",
                    pgid="pgtrigger_decision_append_only_ca4dd",
                    table="forecasting_decision",
                    when="BEFORE",
                ),
            ),
        ),
        migrations.AddConstraint(
            model_name="score",
            constraint=models.UniqueConstraint(fields=("forecast", "asset"), name="score_once"),
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="score",
            trigger=pgtrigger.compiler.Trigger(
                name="score_append_only",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    func="RAISE EXCEPTION 'pgtrigger: Cannot update or delete rows from % table', TG_TABLE_NAME;",
                    hash="5bfa2a654cde49ea569b3053f94e55d1a141c975",
                    operation="UPDATE OR DELETE",
                    pgid="pgtrigger_score_append_only_2b84e",
                    table="forecasting_score",
                    when="BEFORE",
                ),
            ),
        ),
    ]
