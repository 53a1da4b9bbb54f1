"""Reads log groups: the one that AWS Batch logs to, and those that were made or are logged to."""

from itertools import islice

from django.db import connection
from django.db.models.functions import Collate

from jobs.domain.names import DEFAULT_LOG_GROUP
from jobs.models import LogGroup


def find_group(name: str) -> LogGroup | None:
    """The group of that name; AWS Batch's own is always there, without a time where it has no row."""
    found = LogGroup.objects.filter(name=name).first()
    if found is None and name == DEFAULT_LOG_GROUP:
        return LogGroup(name=name)
    return found


def list_groups(
    *,
    after: str,
    limit: int,
    prefix: str = "",
    holding: str = "",
    names: list[str] | None = None,
) -> list[LogGroup]:
    """At most `limit` groups behind the name `after`, in the order of ASCII. One query."""
    ascii_order = Collate("name", "BINARY" if connection.vendor == "sqlite" else "C")
    rows = LogGroup.objects.alias(sorted_by=ascii_order).order_by("sorted_by")

    def fits(name: str) -> bool:
        chosen = names is None or name in names
        return chosen and name > after and name.startswith(prefix) and holding in name

    rows = rows.filter(sorted_by__gt=after) if after else rows
    found: list[LogGroup] = list(islice((row for row in rows.iterator() if fits(row.name)), limit))
    if fits(DEFAULT_LOG_GROUP) and all(row.name != DEFAULT_LOG_GROUP for row in found):
        found.append(LogGroup(name=DEFAULT_LOG_GROUP))
    return sorted(found, key=lambda row: row.name)[:limit]
