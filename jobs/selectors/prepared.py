"""Reading one row by SQL that is put together once.

What each submission reads, it reads by a key. Django would build, compile and resolve such a query anew each
time, which takes several times as long as the database does.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from typing import Any, Generic, TypeVar

from django.db import connection
from django.db.models import Model
from django.db.models.sql import Query

M = TypeVar("M", bound=Model)
Converters = Mapping[int, tuple[Sequence[Callable[[Any, Any, Any], Any]], Any]]


class PreparedRow(Generic[M]):
    """A row of a model by a condition in SQL with `%s` for each value, and what may follow (ORDER BY).

    The fields named in `without` are not read; they are when they are asked for.
    """

    def __init__(self, model: type[M], condition: str, *, without: Sequence[str] = ()) -> None:
        self._model = model
        self._condition = condition
        self._without = frozenset(without)

    def first(self, *values: str | int) -> M | None:
        """The first row; None without any."""
        with connection.cursor() as cursor:
            cursor.execute(self._sql, values)
            row = cursor.fetchone()
        if row is None:
            return None
        content = list(row)
        for index, (converters, expression) in self._converters.items():
            for convert in converters:
                content[index] = convert(content[index], expression, connection)
        return self._model.from_db(connection.alias, self._names, content)

    @cached_property
    def _fields(self) -> list[Any]:
        return [
            field for field in self._model._meta.concrete_fields if field.name not in self._without
        ]

    @cached_property
    def _names(self) -> list[str]:
        return [field.attname for field in self._fields]

    @cached_property
    def _sql(self) -> str:
        quote = connection.ops.quote_name
        columns = ", ".join(quote(field.column) for field in self._fields)
        table = quote(self._model._meta.db_table)
        return f"SELECT {columns} FROM {table} WHERE {self._condition} LIMIT 1"  # noqa: S608

    @cached_property
    def _converters(self) -> Converters:
        table = self._model._meta.db_table
        compiler = Query(self._model).get_compiler(connection=connection)
        found: Converters = compiler.get_converters(
            [field.get_col(table) for field in self._fields]
        )
        return found
