"""Writing the children of an array: two statements, however many there are."""

from typing import Any

from django.db import connection

from jobs.domain import ids
from jobs.models import ArraySummary, Job, JobStatus, Transition
from jobs.models.array import column_of

# AWS Batch spawns an array's children as PENDING (`JobDetail.createdAt`): what is SUBMITTED is the array.
FIRST_STATUS = JobStatus.PENDING


def write_children(*, parent: Job, again_of: Job | None = None) -> int:
    """Writes the children of an array, their summary, and their first line of history; how many.

    The parent and its spec are written already, in the same transaction. Children are like their parent
    in all that a submission says. With `again_of`, an array or a child that has ended, only those indices get a
    child whose child there ended as `again_of` did: of one that FAILED those that failed.
    """
    with connection.cursor() as cursor:
        cursor.execute(*_insert_of_children(parent, again_of))
        count = cursor.rowcount
        cursor.execute(*_insert_of_history(parent))
    ArraySummary.objects.create(job=parent, **{column_of(FIRST_STATUS): count})
    return int(count)


def _insert_of_children(parent: Job, again_of: Job | None) -> tuple[str, list[Any]]:
    """One INSERT ... SELECT: each row is the parent's, but for what makes it the child of an index."""
    own: dict[str, tuple[str, list[Any]]] = {
        "id": _id_of_child(parent),
        "parent_id": ("parent.id", []),
        "array_index": ("number.i", []),
        "status": ("%s", [FIRST_STATUS.value]),
        "rerun_of_id": ("NULL", []),
        # Only in a SEQUENTIAL array does a child wait for another from the start.
        "has_dependents": ("%s", [parent.spec.sequential]),
        "needs_settling": ("%s", [False]),
    }
    columns = [field.column for field in Job._meta.concrete_fields if field.column]
    values, params = [], []
    for column in columns:
        value, value_params = own.get(column, (f"parent.{_quoted(column)}", []))
        values.append(value)
        params += value_params
    numbers, number_params = _numbers(parent, again_of)
    sql = (
        f"INSERT INTO {_table(Job)} ({', '.join(map(_quoted, columns))}) "  # noqa: S608
        f"{numbers} SELECT {', '.join(values)} FROM {_table(Job)} AS parent CROSS JOIN number "
        "WHERE parent.id = %s ORDER BY number.i"
    )
    return sql, [*number_params, *params, _uuid(parent)]


def _numbers(parent: Job, again_of: Job | None) -> tuple[str, list[Any]]:
    """The indices, as a table `number(i)`."""
    if again_of is None:
        return (
            "WITH RECURSIVE number(i) AS "
            "(SELECT 0 UNION ALL SELECT i + 1 FROM number WHERE i + 1 < %s)",
            [parent.array_size],
        )
    # One child of an array is run again as an array with that index alone.
    which = "parent_id" if again_of.is_array else "id"
    return (
        f"WITH number(i) AS (SELECT array_index FROM {_table(Job)} "  # noqa: S608
        f"WHERE {which} = %s AND status = %s)",
        [_uuid(again_of), again_of.status],
    )


def _id_of_child(parent: Job) -> tuple[str, list[Any]]:
    """`ids.child_id` in SQL: the last four hexadecimal digits count from the parent's id on."""
    hexadecimal = ids.child_id(parent.id, 0).hex
    params = [hexadecimal[:-4], int(hexadecimal[-4:], 16)]
    if connection.vendor == "postgresql":
        return "CAST(%s || lpad(to_hex(%s + number.i), 4, '0') AS uuid)", params
    return "%s || printf('%%04x', %s + number.i)", params


def _insert_of_history(parent: Job) -> tuple[str, list[Any]]:
    sql = (
        f"INSERT INTO {_table(Transition)} "  # noqa: S608
        "(job_id, attempt_number, from_status, to_status, reason, at) "
        f"SELECT id, 0, '', status, '', created_at FROM {_table(Job)} "
        "WHERE parent_id = %s ORDER BY array_index"
    )
    return sql, [_uuid(parent)]


def _uuid(job: Job) -> Any:
    """The job's id as the database driver takes it."""
    return Job._meta.pk.get_db_prep_value(job.id, connection)


def _table(model: type[Job] | type[Transition]) -> str:
    return _quoted(model._meta.db_table)


def _quoted(name: str) -> str:
    return connection.ops.quote_name(name)
