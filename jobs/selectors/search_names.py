"""Finding what has a name: those of each kind that the user may see, with all words of a text in theirs."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from django.contrib.auth.models import User
from django.db.models import QuerySet

from jobs.domain.search import TYPED_WORDS_AT_MOST, words
from jobs.models import (
    AccessPolicy,
    Alarm,
    ComputeEnvironment,
    ConsumableResource,
    DefinitionStatus,
    JobDefinition,
    JobQueue,
    SchedulingPolicy,
)

from .access.policies import policies_of
from .budgets import visible_budgets
from .events.rules import visible_rules


class Named(NamedTuple):
    """A name, and by what its page is found: mostly the name itself; None of what has no page for this user."""

    name: str
    key: str | int | None


def find_names(*, user: User, text: str, limit: int) -> Mapping[str, Sequence[Named]]:
    """The first so many of each kind of `KINDS`, by name. A query for each kind; none for a text without words.

    Names are sought anywhere, so all of them are looked at: they are few beside jobs.
    """
    typed = words(text)[:TYPED_WORDS_AT_MOST]
    return {kind: find(user, typed, limit) if typed else () for kind, find in _FINDS.items()}


def _definitions(user: User, typed: Sequence[str], limit: int) -> list[Named]:
    active = JobDefinition.objects.filter(status=DefinitionStatus.ACTIVE)
    names = _with(active, typed).values_list("name", flat=True).distinct()
    return [Named(name, name) for name in names[:limit]]


def _access_policies(user: User, typed: Sequence[str], limit: int) -> list[Named]:
    """All of them for administrators, for others those that bind them: they are on one page."""
    if user.is_staff:
        rows = _with(AccessPolicy.objects.all(), typed).values_list("name", "pk")
        return [Named(name, pk) for name, pk in rows[:limit]]
    names = sorted({policy.name for policy in policies_of(user)})
    found = [name for name in names if all(word in name.lower() for word in typed)]
    return [Named(name, None) for name in found[:limit]]


def _of(
    rows: Callable[[User], QuerySet[Any]],
) -> Callable[[User, Sequence[str], int], list[Named]]:
    def find(user: User, typed: Sequence[str], limit: int) -> list[Named]:
        names = _with(rows(user), typed).values_list("name", flat=True)[:limit]
        return [Named(name, name) for name in names]

    return find


def _with(rows: QuerySet[Any], typed: Sequence[str]) -> QuerySet[Any]:
    for word in typed:
        rows = rows.filter(name__icontains=word)
    return rows.order_by("name")


_FINDS: Mapping[str, Callable[[User, Sequence[str], int], Sequence[Named]]] = {
    "definitions": _definitions,
    "queues": _of(lambda user: JobQueue.objects.all()),
    "environments": _of(lambda user: ComputeEnvironment.objects.all()),
    "event_rules": _of(visible_rules),
    "alarms": _of(lambda user: Alarm.objects.all()),
    "budgets": _of(visible_budgets),
    "access_policies": _access_policies,
    "policies": _of(lambda user: SchedulingPolicy.objects.all()),
    "consumables": _of(lambda user: ConsumableResource.objects.all()),
}
KINDS = tuple(_FINDS)
