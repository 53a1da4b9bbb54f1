"""Reads of rules that send events, and of their deliveries. No secret is in here."""

from collections.abc import Mapping
from typing import Any

from django.contrib.auth.models import User
from django.db.models import OuterRef, QuerySet, Subquery

from jobs.domain.errors import NotFound
from jobs.domain.event_patterns import matches
from jobs.models import DeliveryState, EventDelivery, EventRule

from ..paging import PAGE_SIZE, Page, page_of

DELIVERIES_SHOWN = 25
COUNTED_AT_MOST = 1000


def visible_rules(user: User) -> QuerySet[EventRule]:
    """The rules that this user may see and change: his own; all of them for administrators.

    `refusal` is what the receiver said of an event that waits because he did not want it; None or empty: of none.
    """
    # What was refused waits for a later time than all else, so one row of an index tells it.
    waiting = EventDelivery.objects.filter(rule=OuterRef("pk"), state=DeliveryState.WAITING)
    last = waiting.order_by("-next_at", "-id").values("error")[:1]
    rows = EventRule.objects.select_related("owner").defer("encrypted")
    rows = rows.annotate(refusal=Subquery(last))
    return rows if user.is_staff else rows.filter(owner=user)


def list_rules(
    *, user: User, after: str = "", search: str = "", size: int = PAGE_SIZE
) -> Page[EventRule]:
    """Rules by name. One query."""
    rows = visible_rules(user).filter(name__gt=after)
    if search:
        rows = rows.filter(name__icontains=search)
    return page_of(list(rows.order_by("name")[: size + 1]), size=size, key=lambda row: row.name)


def find_rule(*, user: User, name: str) -> EventRule:
    """One by its name. Raises NotFound, also if it is not his."""
    found = visible_rules(user).filter(name=name).first()
    if found is None:
        raise NotFound(f"There is no rule {name}.")
    return found


def rule_by_id(*, user: User, rule_id: int) -> EventRule:
    """The same by its id."""
    found = visible_rules(user).filter(pk=rule_id).first()
    if found is None:
        raise NotFound("The rule that this form made was deleted.")
    return found


def deliveries_of(
    rule: EventRule, *, state: str = "", before: int | None = None, size: int = DELIVERIES_SHOWN
) -> Page[EventDelivery]:
    """What a rule sends, newest first, from before the one with this id on. One query."""
    rows = EventDelivery.objects.filter(rule=rule)
    if state:
        rows = rows.filter(state=state)
    if before is not None:
        rows = rows.filter(id__lt=before)
    return page_of(list(rows.order_by("-id")[: size + 1]), size=size, key=lambda row: str(row.pk))


def waiting_count(rule: EventRule) -> int:
    """How many of its events wait, counted no further than `COUNTED_AT_MOST` and one. One query."""
    rows = EventDelivery.objects.filter(rule=rule, state=DeliveryState.WAITING)
    return rows.order_by("next_at", "id").values("pk")[: COUNTED_AT_MOST + 1].count()


def rules_that_send(event: Mapping[str, Any], *, user: User) -> list[EventRule]:
    """The rules, as far as the user sees them, that would send such an event. One query."""
    rows = visible_rules(user).filter(is_enabled=True).order_by("name")
    return [rule for rule in rows if matches(rule.pattern, event)]
