"""Reads of consumable resources: how much there is, and who holds what of it."""

from collections.abc import Collection
from dataclasses import dataclass

from django.contrib.auth.models import User
from django.db.models import Count, Q, Sum

from jobs.models import ConsumableHold, ConsumableResource

from .jobs import seen_by
from .paging import PAGE_SIZE, Page, page_of

# More holds than this are not listed one by one.
HOLDS_SHOWN = 200


@dataclass(frozen=True, slots=True)
class Holds:
    """What live tries hold of a resource: those that the reader may see, oldest first, and the rest summed up.

    `others` are holds of other people's jobs and those that are too many to list; `others_quantity` is
    what they hold together.
    """

    rows: list[ConsumableHold]
    others: int
    others_quantity: int


def list_resources(
    *, after: str = "", search: str = "", size: int = PAGE_SIZE
) -> Page[ConsumableResource]:
    """Consumable resources by name. One query."""
    rows = ConsumableResource.objects.filter(name__gt=after)
    if search:
        rows = rows.filter(name__icontains=search)
    return page_of(
        list(rows.order_by("name")[: size + 1]), size=size, key=lambda resource: resource.name
    )


def resources_like(
    *, patterns: Collection[str] | None = None, after: str = "", limit: int
) -> list[ConsumableResource]:
    """Resources by name: all, or those whose name one of the patterns matches. One query.

    Letters' case does not matter; an asterisk at a pattern's end stands for anything.
    """
    rows = ConsumableResource.objects.filter(name__gt=after)
    if patterns is not None:
        wanted = Q(pk__in=[])
        for pattern in patterns:
            begun = pattern.endswith("*")
            wanted |= Q(name__istartswith=pattern[:-1]) if begun else Q(name__iexact=pattern)
        rows = rows.filter(wanted)
    return list(rows.order_by("name")[:limit])


def find_resource(*, name: str) -> ConsumableResource | None:
    """One resource by its name."""
    return ConsumableResource.objects.filter(name=name).first()


def holds_of(*, resource: ConsumableResource, user: User, size: int = HOLDS_SHOWN) -> Holds:
    """Who holds what of a resource now. Two queries, both over live holds alone."""
    live = ConsumableHold.objects.filter(resource=resource, released_at__isnull=True)
    seen = seen_by(live, user)
    rows = list(seen.select_related("job__queue", "job__owner").order_by("id")[:size])
    sums = live.aggregate(count=Count("id"), quantity=Sum("quantity", default=0))
    return Holds(
        rows=rows,
        others=sums["count"] - len(rows),
        others_quantity=sums["quantity"] - sum(hold.quantity for hold in rows),
    )
