"""Log streams know their owner and the minute of their newest line, and are in the order of ASCII everywhere."""

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.migrations.state import StateApps

FILL = """
    UPDATE jobs_logstream SET
        last_minute = last_ns / 60000000000,
        owner_id = (
            SELECT jobs_job.owner_id
            FROM jobs_attempt INNER JOIN jobs_job ON jobs_job.id = jobs_attempt.job_id
            WHERE jobs_attempt.id = jobs_logstream.attempt_id
        )
"""
# Otherwise it is in the order of the database's language, in which names that begin alike need not stand together.
IN_ASCII_ORDER = """
    ALTER TABLE jobs_logstream ALTER COLUMN name TYPE varchar(512) COLLATE "C"
"""


def in_ascii_order(apps: StateApps, editor: BaseDatabaseSchemaEditor) -> None:
    """SQLite compares bytes anyway."""
    if editor.connection.vendor == "postgresql":
        editor.execute(IN_ASCII_ORDER)


class Migration(migrations.Migration):
    dependencies = [
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
        ("jobs", "0021_statuses_by_index"),
    ]

    operations = [
        migrations.RemoveIndex(model_name="logstream", name="log_stream_by_time"),
        migrations.AddField(
            model_name="logstream",
            name="last_minute",
            field=models.BigIntegerField(default=0, help_text="Since the epoch."),
        ),
        migrations.AddField(
            model_name="logstream",
            name="owner",
            field=models.ForeignKey(
                db_constraint=False,
                db_index=False,
                null=True,
                on_delete=django.db.models.deletion.DO_NOTHING,
                related_name="+",
                to=settings.AUTH_USER_MODEL,
            ),
        ),
        migrations.RunSQL(FILL, migrations.RunSQL.noop),
        migrations.AlterField(
            model_name="logstream",
            name="owner",
            field=models.ForeignKey(
                db_constraint=False,
                db_index=False,
                on_delete=django.db.models.deletion.DO_NOTHING,
                related_name="+",
                to=settings.AUTH_USER_MODEL,
            ),
        ),
        migrations.RunPython(in_ascii_order, migrations.RunPython.noop),
        migrations.AddIndex(
            model_name="logstream",
            index=models.Index(fields=["group", "last_minute", "id"], name="log_stream_by_minute"),
        ),
        migrations.AddIndex(
            model_name="logstream",
            index=models.Index(
                fields=["owner", "group", "last_minute", "id"], name="log_stream_own_minute"
            ),
        ),
        migrations.AddIndex(
            model_name="logstream",
            index=models.Index(fields=["owner", "group", "name"], name="log_stream_own_name"),
        ),
    ]
