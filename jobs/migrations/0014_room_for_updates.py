"""PostgreSQL leaves room in the pages of what is written again and again.

It writes each new version of a row beside the old one. Where the page has room for it, and no index holds
what changed, the indices stay as they are ("heap-only tuples"), and the next visitor of the page clears the
old version away. Without room each change of a reason of waiting writes into more than a dozen indices.

Pages that are full already stay so; SQLite changes rows where they are.
"""

from typing import ClassVar

from django.apps.registry import Apps
from django.db import migrations
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.migrations.operations.base import Operation

# How full a page may be when a row is added, in percent. An attempt changes five times in its short life,
# a job that waits changes its reason once a second at most.
FILL_FACTORS = {"jobs_job": 75, "jobs_waitreason": 75, "jobs_attempt": 70}


def leave_room(_apps: Apps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    """Takes effect on pages that are written from now on; locks the tables for a moment only."""
    if schema_editor.connection.vendor == "postgresql":
        for table, percent in FILL_FACTORS.items():
            schema_editor.execute(f"ALTER TABLE {table} SET (fillfactor = {percent})")


def leave_none(_apps: Apps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    """PostgreSQL's own way again."""
    if schema_editor.connection.vendor == "postgresql":
        for table in FILL_FACTORS:
            schema_editor.execute(f"ALTER TABLE {table} RESET (fillfactor)")


class Migration(migrations.Migration):
    dependencies: ClassVar[list[tuple[str, str]]] = [("jobs", "0013_aws_api")]
    operations: ClassVar[list[Operation]] = [migrations.RunPython(leave_room, leave_none)]
