"""Sums that are added up already, by each field that costs are told apart by: all days together, in one statement."""

from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Any

from django.db import connection
from django.db.models import Expression, QuerySet

from jobs.models import CostHour, CostMinute
from jobs.pricing.instances import nano_usd

from .costs_amounts import SIX_DECIMALS, Amounts, Work

SUMS = (
    *("attempts_sum", "usd_sum", "idle_usd_sum", "on_demand_usd_sum"),
    *("seconds_sum", "vcpu_seconds_sum", "gib_seconds_sum"),
)


def sums_by_field(
    rows: QuerySet[CostHour | CostMinute],
    columns: Mapping[str, str],
    sums: Mapping[str, Expression],
) -> Iterator[tuple[str, Any, Amounts]]:
    """A field, a value of it and what that cost, for each value of each of the fields, whose columns are named.

    The rows are added up once by all of the fields, and what that gives by each of them. There are far more
    combinations than values, and to read a row takes a page longer than the database to add it up. `sums` are
    those of SUMS.
    """
    cells = rows.order_by().values(*columns.values()).annotate(**sums)
    sql, values = cells.query.sql_with_params()
    # PostgreSQL takes the types of the columns from the first part: of an id, and of a text.
    parts = [f"SELECT '' AS field, 0 AS id, '' AS text, {', '.join(SUMS)} FROM cells WHERE 1 = 0"]  # noqa: S608
    added = ", ".join(f"SUM({name}) AS {name}" for name in SUMS)
    for field, column in columns.items():
        # Each has a column of its type, in which the others have nothing.
        each = f"NULL, {column}" if field == "capacity" else f"{column}, NULL"
        parts.append(f"SELECT '{field}', {each}, {added} FROM cells GROUP BY {column}")  # noqa: S608
    statement = f"WITH cells AS MATERIALIZED ({sql}) " + " UNION ALL ".join(parts)
    with connection.cursor() as cursor:
        cursor.execute(statement, values)
        for field, id_, text, attempts, *amounts in cursor.fetchall():
            usd, idle_usd, on_demand_usd = map(_as_usd, amounts[:3])
            work = Work(*(Decimal(each).quantize(SIX_DECIMALS) for each in amounts[3:]))
            value = text if field == "capacity" else id_
            yield field, value, Amounts(int(attempts), usd, idle_usd, on_demand_usd, work)


def _as_usd(value: Any) -> Decimal:
    """As `UsdSum` has it: SQLite adds up billionths."""
    return nano_usd(value) if connection.vendor == "sqlite" else Decimal(value)
