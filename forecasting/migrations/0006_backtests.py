from typing import ClassVar

from django.db import migrations


class Migration(migrations.Migration):
    dependencies: ClassVar = [("forecasting", "0005_lifecycle")]

    operations: ClassVar = []
