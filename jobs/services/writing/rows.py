"""Writing rows by statements of our own: new ones, and many that each get values of their own.

Django compiles the INSERT of each `save` anew, which takes longer than the database does. Its `bulk_update`
builds an expression for each value, which takes longer than all else that a short job needs; and an
UPDATE of its cannot say whose rows were still as they should be.
"""

from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

from django.db import DEFAULT_DB_ALIAS, connection, connections
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models import AutoField, Field, Model

# Far below what any database takes in one statement.
PORTION = 200


def insert_row(row: Model) -> None:
    """Writes a new row. A key that the database gives it is not read back."""
    _insert([row])
    # From now on `save` updates it.
    row._state.adding, row._state.db = False, connection.alias  # noqa: SLF001


def insert_new_rows(rows: Sequence[Model]) -> None:
    """Writes those of the rows that there are not yet, in the order given. Nothing is read back."""
    for at in range(0, len(rows), PORTION):
        _insert(rows[at : at + PORTION], "ON CONFLICT DO NOTHING")


def _insert(rows: Sequence[Model], ending: str = "") -> None:
    sql, fields = _insertion(type(rows[0]))
    places = f"({', '.join(['%s'] * len(fields))})"
    here = _connection()
    values = [
        field.get_db_prep_save(getattr(row, field.attname), here)
        for row in rows
        for field in fields
    ]
    with here.cursor() as cursor:
        cursor.execute(f"{sql} VALUES {', '.join([places] * len(rows))} {ending}", values)


def update_rows(
    model: type[Model],
    values: Mapping[Any, Mapping[str, Any]],
    *,
    only_if: Mapping[str, Any] | None = None,
) -> list[Any]:
    """Gives the rows with these primary keys the values of the fields named; the keys of those that got them.

    All have values for the same fields. `only_if`: what a row's fields must be, None for NULL; rows that are
    otherwise are left alone. Rows are locked in the order given.
    """
    keys = list(values)
    changed: list[Any] = []
    with connection.cursor() as cursor:
        for at in range(0, len(keys), PORTION):
            portion = {key: values[key] for key in keys[at : at + PORTION]}
            cursor.execute(*_statement(model, portion, only_if or {}))
            changed += [model._meta.pk.to_python(key) for (key,) in cursor.fetchall()]
    return changed


@cache
def _insertion(model: type[Model]) -> tuple[str, Sequence["Field[Any, Any]"]]:
    """The beginning of the statement that writes rows, and the fields whose values it takes."""
    fields = [each for each in model._meta.concrete_fields if not isinstance(each, AutoField)]
    columns = ", ".join(_quoted(field.column) for field in fields)
    return f"INSERT INTO {_quoted(model._meta.db_table)} ({columns})", fields


def _statement(
    model: type[Model], values: Mapping[Any, Mapping[str, Any]], only_if: Mapping[str, Any]
) -> tuple[str, list[Any]]:
    fields = [_field(model, name) for name in next(iter(values.values()))]
    pk = model._meta.pk
    here = _connection()
    params: list[Any] = []
    for key, row in values.items():
        params.append(pk.get_db_prep_value(key, here))
        params += [field.get_db_prep_save(row[field.name], here) for field in fields]
    row_sql = f"({', '.join(['%s'] * (1 + len(fields)))})"
    rows_sql = ", ".join([row_sql] * len(values))
    sets = ", ".join(
        f"{_quoted(field.column)} = {_cast(field, f'v.column{at}')}"
        for at, field in enumerate(fields, start=2)
    )
    where = [f"t.{_quoted(pk.column)} = {_cast(pk, 'v.column1')}"]
    for name, value in only_if.items():
        field = _field(model, name)
        if value is None:
            where.append(f"t.{_quoted(field.column)} IS NULL")
        else:
            where.append(f"t.{_quoted(field.column)} = %s")
            params.append(field.get_db_prep_value(value, connection))
    sql = (
        f"UPDATE {_quoted(model._meta.db_table)} AS t SET {sets} "  # noqa: S608
        f"FROM (VALUES {rows_sql}) AS v WHERE {' AND '.join(where)} "
        f"RETURNING {_quoted(pk.column)}"
    )
    return sql, params


def _connection() -> BaseDatabaseWrapper:
    """This thread's own. Each look at it through `django.db.connection` costs as much as a value."""
    return connections[DEFAULT_DB_ALIAS]


def _field(model: type[Model], name: str) -> "Field[Any, Any]":
    field = model._meta.get_field(name)
    assert isinstance(field, Field)
    return field


def _cast(field: "Field[Any, Any]", value: str) -> str:
    """PostgreSQL takes a column of nothing but NULLs for text; SQLite stores what it is given."""
    if connection.vendor != "postgresql":
        return value
    return f"CAST({value} AS {field.db_type(connection)})"


def _quoted(name: str | None) -> str:
    assert name is not None
    return connection.ops.quote_name(name)
