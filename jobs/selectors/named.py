"""What is named from outside: queues, and definitions as `name` or `name:revision`."""

from collections.abc import Sequence
from typing import NamedTuple

from django.db.models import Q

from jobs.domain.numbers import is_revision
from jobs.models import ComputeEnvironment, JobDefinition, JobQueue

from .prepared import PreparedRow

_queue = PreparedRow(JobQueue, "name = %s AND NOT status = 'DELETED'")
# Whatever a job takes from its definition; the request it was registered with is not among that.
_revision = PreparedRow(
    JobDefinition, "name = %s AND revision = %s", without=("registered_as", "description")
)
_newest = PreparedRow(
    JobDefinition,
    "name = %s AND status = 'ACTIVE' ORDER BY revision DESC",
    without=("registered_as", "description"),
)


class DefinitionName(NamedTuple):
    """A definition's name and, if one is named, its revision."""

    name: str
    revision: int | None


def definition_name(text: str) -> DefinitionName | None:
    """What a text names; None if what comes after its colon is no revision's number."""
    name, colon, revision = text.strip().partition(":")
    if not colon:
        return DefinitionName(name, None)
    is_number = is_revision(revision)
    return DefinitionName(name, int(revision)) if is_number else None


def queue_named(name: str) -> JobQueue | None:
    """The queue of that name."""
    # No name has a NUL, and PostgreSQL refuses it in a text.
    return None if "\0" in name else _queue.first(name)


def environment_named(name: str) -> ComputeEnvironment | None:
    """The compute environment of that name."""
    return None if "\0" in name else ComputeEnvironment.objects.filter(name=name).first()


def definition_named(wanted: DefinitionName) -> JobDefinition | None:
    """That revision, whatever its status; without one the newest active one."""
    if "\0" in wanted.name:
        return None
    if wanted.revision is None:
        return _newest.first(wanted.name)
    return _revision.first(wanted.name, wanted.revision)


def definitions_after(
    *,
    names: Sequence[DefinitionName] | None = None,
    name: str | None = None,
    status: str | None = None,
    after: Sequence[str | int] | None = None,
    limit: int,
) -> list[JobDefinition]:
    """Definitions by name and revision, from behind `after` (such a pair) on. One query.

    Each filter that is None lets all pass. Of `names`, those without a revision stand for all of them.
    """
    rows = JobDefinition.objects.order_by("name", "revision")
    if names is not None:
        rows = rows.filter(_any_of(names))
    if name is not None:
        rows = rows.none() if "\0" in name else rows.filter(name=name)
    if status is not None:
        rows = rows.none() if "\0" in status else rows.filter(status=status)
    if after is not None:
        last_name, last_revision = after
        rows = rows.filter(
            Q(name__gt=last_name) | Q(name=last_name, revision__gt=last_revision)
        ).filter(name__gte=last_name)
    return list(rows[:limit])


def _any_of(names: Sequence[DefinitionName]) -> Q:
    # Of no name there is nothing.
    wanted = Q(pk__in=[])
    for each in names:
        if "\0" in each.name:
            continue
        revision = {} if each.revision is None else {"revision": each.revision}
        wanted |= Q(name=each.name, **revision)
    return wanted
