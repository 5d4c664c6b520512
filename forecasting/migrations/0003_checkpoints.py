import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("forecasting", "0002_imports")]

    operations = [
        migrations.AddField(
            model_name="derivation",
            name="final_block",
            field=models.BigIntegerField(default=-1),
        ),
        migrations.AddField(
            model_name="snapshot",
            name="pinned",
            field=models.BooleanField(default=False),
        ),
        migrations.CreateModel(
            name="Checkpoint",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("kind", models.CharField(choices=[("book", "Book"), ("facts", "Facts")], max_length=8)),
                ("block_number", models.BigIntegerField()),
                ("block_hash", models.CharField(max_length=66)),
                ("coverage_digest", models.CharField(max_length=66)),
                ("decoder", models.CharField(max_length=66)),
                ("state", models.BinaryField()),
                ("state_hash", models.CharField(max_length=66)),
                (
                    "deployment",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="checkpoints",
                        to="governance.deployment",
                    ),
                ),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(fields=("deployment", "kind", "block_number"), name="checkpoint_once")
                ],
            },
        ),
    ]
