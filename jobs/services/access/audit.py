"""The audit trail: one line for each request that changed something, or was refused for want of rights.

A line is written when the change is made and answered, by itself: a process that is killed in between leaves a
change without its line, never a line without its change. Submissions have no line, since each job tells who
submitted it.
"""

import logging
from datetime import datetime, timedelta

from django.conf import settings
from django.contrib.auth.models import User
from django.db import DatabaseError

from jobs.models import AuditDoor, AuditEntry
from jobs.models.audit import ACTION_CHARACTERS, ADDRESS_CHARACTERS, TARGET_CHARACTERS

logger = logging.getLogger("batchweb.audit")

PORTION = 2000
PORTIONS = 10


def note(
    *,
    user: User,
    door: AuditDoor,
    action: str,
    target: str,
    status: int,
    address: str,
    now: datetime,
) -> None:
    """Writes a line. What has no room is cut. A database that is away is logged: the change is made all the same."""
    try:
        AuditEntry.objects.create(
            at=now,
            user_id=user.pk,
            username=user.get_username(),
            door=door,
            address=_fitting(address, ADDRESS_CHARACTERS),
            action=_fitting(action, ACTION_CHARACTERS),
            target=_fitting(target, TARGET_CHARACTERS),
            status=status,
        )
    except DatabaseError:
        logger.exception("%s by %s is not in the audit trail", action, user.get_username())


def forget_old(*, now: datetime) -> int:
    """Removes lines that are older than BATCHWEB_AUDIT_RETENTION_DAYS, at most some thousands; how many it were."""
    before = now - timedelta(days=settings.BATCHWEB_AUDIT_RETENTION_DAYS)
    gone = 0
    for _ in range(PORTIONS):
        old = AuditEntry.objects.filter(at__lt=before).order_by("at").values_list("pk", flat=True)
        ids = list(old[:PORTION])
        AuditEntry.objects.filter(pk__in=ids).delete()
        gone += len(ids)
        if len(ids) < PORTION:
            break
    return gone


def _fitting(text: str, at_most: int) -> str:
    """As much as a column of so many characters holds, without what no database takes."""
    clean = text.replace("\0", "").encode("utf-8", "replace").decode("utf-8")
    return clean if len(clean) <= at_most else f"{clean[: at_most - 1]}…"
