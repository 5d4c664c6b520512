from typing import ClassVar

from django.db import migrations


class Migration(migrations.Migration):
    dependencies: ClassVar = [("forecasting", "0006_backtests")]

    operations: ClassVar = []
