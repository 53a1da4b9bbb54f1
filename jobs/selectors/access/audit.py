"""Reads of the audit trail, newest first.

No filter makes a page dearer, nor do two together: each pair has an index. What is left to be looked at line by line
is what one user was refused of one action, and one action of a user who is deleted.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.contrib.auth.models import User
from django.db.models import Manager, Max, QuerySet, Subquery

from jobs.models import REFUSED_STATUS, AuditEntry

from ..paging import PAGE_SIZE, Page, page_of


@dataclass(frozen=True, slots=True)
class AuditQuery:
    """What is asked for: `until` leaves out what came later; `after` is the `next` of the page before."""

    username: str = ""
    action: str = ""
    refused: bool = False
    until: datetime | None = None
    after: int | None = None


def audit_page(query: AuditQuery, *, size: int = PAGE_SIZE) -> Page[AuditEntry]:
    """One page of the trail. At most three queries."""
    rows = _of_user(AuditEntry.objects.all(), query.username)
    if query.action:
        rows = rows.filter(action=query.action)
    if query.refused:
        rows = rows.filter(status=REFUSED_STATUS)
    if query.until is not None:
        rows = rows.filter(pk__lte=_newest_until(query.until))
    if query.after is not None:
        rows = rows.filter(pk__lt=query.after)
    return page_of(list(rows.order_by("-pk")[: size + 1]), size=size, key=lambda row: str(row.pk))


def _of_user(rows: QuerySet[AuditEntry], username: str) -> QuerySet[AuditEntry]:
    if not username:
        return rows
    user_id = User.objects.filter(username=username).values_list("pk", flat=True).first()
    if user_id is None:
        # Of whoever is deleted, only the name is left.
        return rows.filter(user=None, username=username)
    return rows.filter(user_id=user_id)


def _newest_until(moment: datetime) -> int:
    """Ids grow with time."""
    before = AuditEntry.objects.filter(at__lt=moment)
    # Several may be of the same moment.
    newest = before.filter(at=Subquery(before.order_by("-at").values("at")[:1]))
    return newest.aggregate(pk=Max("pk"))["pk"] or 0


def name_of(rows: Manager[Any], field: str, number: int) -> str:
    """What the row of that id is called; empty without one. One query."""
    return rows.filter(pk=number).values_list(field, flat=True).first() or ""
