"""Expressions over money and tags that both databases work out alike."""

import json
from datetime import UTC
from decimal import Decimal
from typing import Any

from django.db.models import Aggregate, BigIntegerField, F, Func, Sum, TextField
from django.db.models.functions import TruncDate
from django.db.models.sql.compiler import SQLCompiler

from jobs.pricing.instances import NANOS_PER_USD, nano_usd

Sql = tuple[str, tuple[str | int, ...]]


class UsdSum(Aggregate):
    """The exact sum of amounts of nine decimals; 0 of none.

    SQLite adds up decimals as floating-point numbers, whose small errors pile up: there, billionths
    of a dollar are added as whole numbers.
    """

    function = "SUM"
    # Not a decimal one: of a field of decimals, Django takes fifteen digits from SQLite, which are less than a million.
    output_field = BigIntegerField()

    def as_sqlite(self, compiler: SQLCompiler, connection: Any, **extra: Any) -> Sql:
        whole = f"SUM(CAST(ROUND(%(expressions)s * {NANOS_PER_USD}) AS INTEGER))"
        sql, params = super().as_sql(compiler, connection, template=whole, **extra)
        return sql, tuple(params)

    @property
    def convert_value(self) -> Any:
        return self._as_usd

    @staticmethod
    def _as_usd(value: object, _expression: Any, connection: Any) -> Decimal:
        if value is None:
            return Decimal(0)
        return nano_usd(int(str(value))) if connection.vendor == "sqlite" else Decimal(str(value))


class RunMicroseconds(Func):
    """How long an attempt's container ran; NULL if it never did."""

    output_field = BigIntegerField()

    def __init__(self) -> None:
        super().__init__("started_at", "stopped_at")

    def as_sqlite(self, compiler: SQLCompiler, connection: Any, **extra: Any) -> Sql:
        # Django's own difference calls Python for each row, which takes most of the time of a sum of thousands.
        whole = "(STRFTIME('%%s', {stopped_at}) - STRFTIME('%%s', {started_at})) * 1000000"
        parts = f"{_micros('stopped_at')} - {_micros('started_at')}"
        return self._written(f"({whole} + {parts})", compiler)

    def as_postgresql(self, compiler: SQLCompiler, connection: Any, **extra: Any) -> Sql:
        exact = "(EXTRACT(EPOCH FROM ({stopped_at} - {started_at})) * 1000000)"
        return self._written(exact, compiler)

    def _written(self, template: str, compiler: SQLCompiler) -> Sql:
        (start, _), (end, _) = (compiler.compile(each) for each in self.source_expressions)
        return template.format(started_at=start, stopped_at=end), ()


def _micros(column: str) -> str:
    """The digits behind the second, which SQLite's texts of moments have where they are not all zero."""
    return f"CAST(SUBSTR({{{column}}} || '.000000', 21, 6) AS INTEGER)"


class UtcDay(TruncDate):
    """The day of a moment in UTC, as both databases keep moments. SQLite's texts begin with it."""

    def __init__(self, moment: str) -> None:
        super().__init__(moment, tzinfo=UTC)

    def as_sqlite(self, compiler: SQLCompiler, connection: Any, **extra: Any) -> Sql:
        moment, params = compiler.compile(self.lhs)
        return f"SUBSTR({moment}, 1, 10)", tuple(params)


def work_sums() -> tuple[Sum, Sum, Sum]:
    """Of attempts: the sums of microseconds, and of those times thousandths of vCPUs and times MiB."""
    ran = RunMicroseconds()
    output = BigIntegerField()
    return (
        Sum(ran, default=0),
        Sum(ran * F("milli_vcpus"), default=0, output_field=output),
        Sum(ran * F("memory_mib"), default=0, output_field=output),
    )


class TagValue(Func):
    """The value that a JSON object of tags has for a key; NULL without it.

    Django's own key lookups take a key that looks like a number for a place in a list.
    """

    output_field = TextField()

    def __init__(self, tags: str, key: str) -> None:
        self.key = key
        super().__init__(tags)

    def as_sqlite(self, compiler: SQLCompiler, connection: Any, **extra: Any) -> Sql:
        column, params = compiler.compile(self.source_expressions[0])
        return f"JSON_EXTRACT({column}, %s)", (*params, f"$.{json.dumps(self.key)}")

    def as_postgresql(self, compiler: SQLCompiler, connection: Any, **extra: Any) -> Sql:
        column, params = compiler.compile(self.source_expressions[0])
        return f"({column} ->> %s::text)", (*params, self.key)
