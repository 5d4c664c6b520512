from django.db import migrations

# An index of the parent is kept with every row that lands, for which bulk loads paid more than for the key. From now on
# `governance.chain.partitions` makes each partition's own, once there is something to find in it.
FORWARD = "DROP INDEX log_by_event;"
BACKWARD = """
    DO $$ DECLARE found regclass; BEGIN
        FOR found IN SELECT i.indexrelid FROM pg_inherits h JOIN pg_index i ON i.indrelid = h.inhrelid
            JOIN pg_class c ON c.oid = i.indexrelid JOIN pg_am a ON a.oid = c.relam AND a.amname = 'brin'
            WHERE h.inhparent = 'governance_log'::regclass
        LOOP EXECUTE 'DROP INDEX ' || found; END LOOP;
    END $$;
    CREATE INDEX log_by_event ON governance_log
        USING brin (topic0 bytea_bloom_ops, address bytea_bloom_ops) WITH (pages_per_range = 16);
"""


class Migration(migrations.Migration):
    dependencies = [
        ("governance", "0003_governors"),
    ]

    operations = [
        migrations.RunSQL(FORWARD, BACKWARD),
    ]
