import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("forecasting", "0003_checkpoints")]

    operations = [
        migrations.AddField(model_name="accountstate", name="own", field=models.JSONField(default=dict)),
        migrations.AddField(model_name="reservestate", name="own", field=models.JSONField(default=dict)),
        migrations.AddField(model_name="snapshot", name="decoder", field=models.CharField(default="", max_length=66)),
        migrations.CreateModel(
            name="Reading",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("block_number", models.BigIntegerField()),
                ("block_hash", models.CharField(max_length=66)),
                ("words", models.JSONField()),
                (
                    "deployment",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="readings",
                        to="governance.deployment",
                    ),
                ),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(fields=("deployment", "block_number", "block_hash"), name="reading_once")
                ],
            },
        ),
    ]
