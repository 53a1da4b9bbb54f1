"""Who writes into tables at this moment: what they write is seen once they have ended, and not before."""

from django.db import connection
from django.db.models import Model


def writers_into(*models: type[Model]) -> frozenset[str]:
    """The other transactions that have written into one of these tables and have not ended. One query.

    For PostgreSQL, where whoever writes into a table holds a lock on it until his transaction has ended, and is seen
    to have ended before that lock is gone. Source: PostgreSQL, "pg_locks".
    """
    tables = [connection.ops.quote_name(model._meta.db_table) for model in models]
    relations = ", ".join("%s::regclass" for _ in tables)
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT DISTINCT virtualtransaction FROM pg_locks "  # noqa: S608
            f"WHERE locktype = 'relation' AND relation IN ({relations}) AND mode = 'RowExclusiveLock' "
            "AND database = (SELECT oid FROM pg_database WHERE datname = current_database()) "
            "AND pid IS DISTINCT FROM pg_backend_pid()",
            tables,
        )
        return frozenset(name for (name,) in cursor.fetchall())
