"""Expressions that indices and queries must have in common, so that a query finds its index."""

from collections.abc import Iterable
from typing import Any

from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models import CharField, F, FloatField, Func, IntegerField, Q, Value
from django.db.models.sql.compiler import SQLCompiler


class FoldedName(Func):
    """A name in capitals, for comparing names whatever their letters' case: names have ASCII letters only.

    In the order of the characters' numbers, whatever language a database sorts in, so that names that begin
    alike stand together.
    """

    function = "UPPER"
    arity = 1
    output_field = CharField()

    def as_postgresql(
        self, compiler: SQLCompiler, connection: BaseDatabaseWrapper, **extra: Any
    ) -> tuple[str, Any]:
        template = '%(function)s(%(expressions)s COLLATE "C")'
        return self.as_sql(compiler, connection, template=template, **extra)


class NoText(Value):
    """An empty text in the query's own words. SQLite plans a query before it knows its parameters."""

    def __init__(self) -> None:
        super().__init__("")

    def as_sql(self, *_: Any, **__: Any) -> tuple[str, tuple[str | int, ...]]:
        return "''", ()


# Of a job in a share: the condition of the index of shares, which leaves out all other jobs.
IN_A_SHARE = ~Q(share_identifier=NoText())

# Of jobs that are counted one by one: an array counts by its children.
ONE_BY_ONE = Q(array_size__isnull=True) | Q(array_index__isnull=False)


def ended_by(kinds: Iterable[str]) -> Q:
    """Of jobs that ended as one of these stops (`StopKind`) asked.

    What had failed by itself before it came to that has its own reason.
    """
    return Q(stop_kind__in=tuple(kinds), status_reason=F("stop_reason"))


class Number(Func):
    """A whole number as no index has it: in a condition that chooses among rows that another one finds.

    Otherwise a database that knows little of what it stores may find the rows by the wrong one.
    """

    template = "(%(expressions)s + 0)"
    arity = 1
    output_field = IntegerField()


class Text(Func):
    """The same of a text."""

    template = "(%(expressions)s || '')"
    arity = 1
    output_field = CharField()


class EpochSeconds(Func):
    """A moment as seconds since the epoch: of ten thousand rows that is read in a tenth of the time."""

    arity = 1
    output_field = FloatField()
    # In days, from noon of a day long ago.
    template = "((julianday(%(expressions)s) - 2440587.5) * 86400.0)"

    def get_db_converters(self, connection: BaseDatabaseWrapper) -> list[Any]:
        """None: either database gives a float, or None."""
        del connection
        return []

    def as_postgresql(
        self, compiler: SQLCompiler, connection: BaseDatabaseWrapper, **extra: Any
    ) -> tuple[str, Any]:
        template = "EXTRACT(EPOCH FROM %(expressions)s)::float8"
        return self.as_sql(compiler, connection, template=template, **extra)
