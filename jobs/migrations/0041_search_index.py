"""The index of the words of many documents together, by what each database has for that."""

from django.db import migrations, models
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.migrations.state import StateApps

# Words are apart by spaces and hold letters, digits and what nobody can type: "ascii" takes all of these for words.
# detail=none: which rows have a word, and nothing of where. The text itself is the table's.
SQLITE = [
    """
    CREATE VIRTUAL TABLE jobs_documentblock_index USING fts5(
        words, content='jobs_documentblock', content_rowid='id', tokenize='ascii', detail=none, columnsize=0
    )
    """,
    """
    CREATE TRIGGER jobs_documentblock_inserted AFTER INSERT ON jobs_documentblock BEGIN
        INSERT INTO jobs_documentblock_index(rowid, words) VALUES (new.id, new.words);
    END
    """,
    """
    CREATE TRIGGER jobs_documentblock_deleted AFTER DELETE ON jobs_documentblock BEGIN
        INSERT INTO jobs_documentblock_index(jobs_documentblock_index, rowid, words)
        VALUES ('delete', old.id, old.words);
    END
    """,
    """
    CREATE TRIGGER jobs_documentblock_updated AFTER UPDATE OF words ON jobs_documentblock BEGIN
        INSERT INTO jobs_documentblock_index(jobs_documentblock_index, rowid, words)
        VALUES ('delete', old.id, old.words);
        INSERT INTO jobs_documentblock_index(rowid, words) VALUES (new.id, new.words);
    END
    """,
]
# Rows are few and long: were they read one by one, each would be cut into words again. The planner, who does not know,
# is kept from that, and what is looked up by words stands by itself, so that no other index is nearer.
POSTGRESQL = [
    """
    CREATE INDEX document_block_words ON jobs_documentblock
    USING gin (array_to_tsvector(string_to_array(words, ' '))) WITH (fastupdate = off)
    """,
    """
    CREATE FUNCTION jobs_blocks_with(wanted tsquery, before uuid, at_most integer)
    RETURNS TABLE (block_first uuid, block_end uuid)
    LANGUAGE sql STABLE SET enable_seqscan = off SET jit = off
    AS $$
        WITH found AS MATERIALIZED (
            SELECT first, "end" FROM jobs_documentblock
            WHERE array_to_tsvector(string_to_array(words, ' ')) @@ wanted
        )
        SELECT first, "end" FROM found WHERE first < before ORDER BY first DESC LIMIT at_most
    $$
    """,
]
SQLITE_BACK = [
    "DROP TRIGGER jobs_documentblock_inserted",
    "DROP TRIGGER jobs_documentblock_deleted",
    "DROP TRIGGER jobs_documentblock_updated",
    "DROP TABLE jobs_documentblock_index",
]
POSTGRESQL_BACK = [
    "DROP FUNCTION jobs_blocks_with(tsquery, uuid, integer)",
    "DROP INDEX document_block_words",
]


def make_index(apps: StateApps, editor: BaseDatabaseSchemaEditor) -> None:
    """Triggers and functions have semicolons of their own: each statement is given by itself."""
    for statement in POSTGRESQL if editor.connection.vendor == "postgresql" else SQLITE:
        editor.execute(statement, None)


def drop_index(apps: StateApps, editor: BaseDatabaseSchemaEditor) -> None:
    is_postgresql = editor.connection.vendor == "postgresql"
    for statement in POSTGRESQL_BACK if is_postgresql else SQLITE_BACK:
        editor.execute(statement, None)


class Migration(migrations.Migration):
    dependencies = [("jobs", "0040_sent_forms_and_bulk_results")]

    operations = [
        migrations.CreateModel(
            name="DocumentBlock",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "first",
                    models.UUIDField(help_text="The smallest job id that is in it.", unique=True),
                ),
                (
                    "end",
                    models.UUIDField(
                        blank=True, help_text="The smallest that is behind it.", null=True
                    ),
                ),
                (
                    "words",
                    models.TextField(
                        blank=True,
                        help_text="Apart by spaces, and each with its owner's id again (`domain.search.owned`).",
                    ),
                ),
            ],
            options={"ordering": ["-first"]},
        ),
        migrations.RunPython(make_index, drop_index),
    ]
