"""Writes many rows fast, the same ones to SQLite and PostgreSQL, without Django's objects and without indices.

Values are given as their database text; what is not given has the field's default.
"""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

from django.apps import apps
from django.core.management.color import no_style
from django.db import connection, models

PORTION = 10_000
Value = str | int | float | None


def moment(seconds: float) -> str:
    """Seconds since 1970 as both databases take them (in UTC)."""
    return str(datetime.fromtimestamp(seconds, UTC))[:-6]


class Table:
    """Collects rows of a model, and writes each full portion."""

    def __init__(self, model: type[models.Model], *, with_id: bool = False) -> None:
        fields = [
            field
            for field in model._meta.concrete_fields
            if not field.generated and (with_id or not isinstance(field, models.AutoField))
        ]
        self.name = model._meta.db_table
        self._defaults: dict[str, Value] = {str(field.column): _default(field) for field in fields}
        self._rows: list[tuple[Value, ...]] = []
        self.written = 0

    def add(self, values: Mapping[str, Value]) -> None:
        """One row, by columns."""
        row = {**self._defaults, **values}
        if len(row) != len(self._defaults):
            raise KeyError(f"{self.name} has no {sorted(row.keys() - self._defaults.keys())}")
        self._rows.append(tuple(row.values()))
        if len(self._rows) >= PORTION:
            self.flush()

    def flush(self) -> None:
        """Writes what is left."""
        if not self._rows:
            return
        columns = ", ".join(f'"{column}"' for column in self._defaults)
        with connection.cursor() as cursor:
            if connection.vendor == "sqlite":
                marks = ", ".join("?" * len(self._defaults))
                sql = f'INSERT INTO "{self.name}" ({columns}) VALUES ({marks})'
                # Below Django's cursor, which would rewrite the statement for each portion.
                connection.connection.executemany(sql, self._rows)
            else:
                with cursor.copy(f'COPY "{self.name}" ({columns}) FROM STDIN') as copy:
                    copy.write("".join(map(_line, self._rows)))
        self.written += len(self._rows)
        self._rows.clear()


def _default(field: Any) -> Value:
    value = field.get_default()
    if isinstance(field, models.JSONField):
        return None if value is None else json.dumps(value)
    if isinstance(field, models.BooleanField):
        return None if value is None else int(value)
    if isinstance(field, models.UUIDField):
        return None
    return value if value is None or isinstance(value, int | str) else str(value)


def _line(row: tuple[Value, ...]) -> str:
    """A row in PostgreSQL's text format. No value of ours has a tab, a line break or a backslash."""
    return "\t".join(["\\N" if value is None else str(value) for value in row]) + "\n"


@contextmanager
def without_indices() -> Iterator[None]:
    """Drops the indices of the app's tables and makes them again at the end; nobody else may use the database.

    PostgreSQL looks at no foreign key meanwhile (for which its user has to be a superuser).
    """
    dropped = list(_sqlite_indices() if connection.vendor == "sqlite" else _postgres_indices())
    with connection.cursor() as cursor:
        for name, _ in dropped:
            cursor.execute(f'DROP INDEX "{name}"')
        if connection.vendor == "sqlite":
            cursor.execute("PRAGMA foreign_keys = OFF")
            cursor.execute("PRAGMA synchronous = OFF")
            cursor.execute("PRAGMA cache_size = -400000")
        else:
            cursor.execute("SET session_replication_role = replica")
            cursor.execute("SET maintenance_work_mem = '512MB'")
    yield
    with connection.cursor() as cursor:
        for _, sql in dropped:
            cursor.execute(sql)
    connection.close()


def _sqlite_indices() -> list[tuple[str, str]]:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT name, sql FROM sqlite_master "
            "WHERE type = 'index' AND sql IS NOT NULL AND tbl_name LIKE 'jobs\\_%' ESCAPE '\\'"
        )
        return list(cursor.fetchall())


def _postgres_indices() -> list[tuple[str, str]]:
    """Those that no constraint stands for."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT indexname, indexdef FROM pg_indexes WHERE tablename LIKE 'jobs\\_%' "
            "AND NOT EXISTS (SELECT 1 FROM pg_constraint WHERE conname = indexname)"
        )
        return list(cursor.fetchall())


def reset_ids() -> None:
    """Lets PostgreSQL's sequences go on behind the ids that were written."""
    statements = connection.ops.sequence_reset_sql(
        no_style(), list(apps.get_app_config("jobs").get_models())
    )
    with connection.cursor() as cursor:
        for statement in statements:
            cursor.execute(statement)
