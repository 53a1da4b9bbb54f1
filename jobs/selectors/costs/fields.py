"""Sums that are added up already, by each field that costs are told apart by: all days together, in one statement."""

from collections.abc import Iterator, Mapping
from datetime import date
from decimal import Decimal
from typing import Any

from django.db import connection
from django.db.models import Expression, QuerySet

from jobs.models import CostHour, CostMinute
from jobs.pricing.instances import nano_usd

from .amounts import SIX_DECIMALS, Amounts, Work
from .exact import UtcDay

SUMS = (
    *("attempts_sum", "usd_sum", "idle_usd_sum", "on_demand_usd_sum"),
    *("seconds_sum", "vcpu_seconds_sum", "gib_seconds_sum"),
)


def sums_by_field(
    rows: QuerySet[CostHour | CostMinute],
    columns: Mapping[str, str],
    sums: Mapping[str, Expression],
    *,
    day: UtcDay | None = None,
) -> Iterator[tuple[str, Any, Amounts]]:
    """A field, a value of it and what that cost, for each value of each of the fields, whose columns are named.

    The rows are added up once by all of the fields, and what that gives by each of them. There are far more
    combinations than values, and to read a row takes a page longer than the database to add it up. `sums` are
    those of SUMS. With a `day` there is a field "day" as well, whose values are dates.
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
    ctes = f"cells AS MATERIALIZED ({sql})"
    if day is not None:
        # By themselves: with the days among the combinations there would be as many times more of these.
        sql, more = rows.order_by().values(day=day).annotate(**sums).query.sql_with_params()
        ctes, values = f"{ctes}, days AS MATERIALIZED ({sql})", (*values, *more)
        text = "day" if connection.vendor == "sqlite" else "TO_CHAR(day, 'YYYY-MM-DD')"
        parts.append(f"SELECT 'day', NULL, {text}, {', '.join(SUMS)} FROM days")  # noqa: S608
    statement = f"WITH {ctes} " + " UNION ALL ".join(parts)
    with connection.cursor() as cursor:
        cursor.execute(statement, values)
        for field, id_, text, attempts, *amounts in cursor.fetchall():
            usd, idle_usd, on_demand_usd = map(_as_usd, amounts[:3])
            work = Work(*(Decimal(each).quantize(SIX_DECIMALS) for each in amounts[3:]))
            yield (
                field,
                _value(field, id_, text),
                Amounts(int(attempts), usd, idle_usd, on_demand_usd, work),
            )


def _value(field: str, id_: int | None, text: str) -> Any:
    if field == "day":
        return date.fromisoformat(text)
    return text if field == "capacity" else id_


def _as_usd(value: Any) -> Decimal:
    """As `UsdSum` has it: SQLite adds up billionths."""
    return nano_usd(value) if connection.vendor == "sqlite" else Decimal(value)
