import pgtrigger.compiler
import pgtrigger.migrations
from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("forecasting", "0007_warnings")]

    operations = [
        pgtrigger.migrations.AddTrigger(
            model_name="forecast",
            trigger=pgtrigger.compiler.Trigger(
                name="forecast_append_only",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    func="RAISE EXCEPTION 'pgtrigger: Cannot update or delete rows from % table', TG_TABLE_NAME;",
                    hash="c59736b04fc63d7803d093a872d76a2609115dc0",
                    operation="UPDATE OR DELETE",
                    pgid="pgtrigger_forecast_append_only_6801e",
                    table="forecasting_forecast",
                    when="BEFORE",
                ),
            ),
        ),
    ]
