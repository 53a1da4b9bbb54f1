"""What access tokens and access keys have in common: a name, how many a user may have, their end, their last use."""

from datetime import datetime, timedelta
from typing import TypeVar

from django.contrib.auth.models import User
from django.db.models import Q

from jobs.domain.errors import InvalidInput
from jobs.models import AccessKey, AccessToken

Row = TypeVar("Row", AccessToken, AccessKey)

MAX_NAME_CHARACTERS = 128
# Writing on each request would make every read a write.
USE_IS_NOTED_EVERY = timedelta(minutes=1)


def check_new(rows: type[Row], *, user: User, name: object, what: str, at_most: int) -> str:
    """The name of a new one, without blanks around it; `what` is what people call it.

    Raises InvalidInput if the name cannot be one, or if the user has `at_most` already that are not revoked.
    """
    text = name.strip() if isinstance(name, str) else ""
    if not text or len(text) > MAX_NAME_CHARACTERS or not text.isprintable():
        told = f"Give the {what} a name of at most {MAX_NAME_CHARACTERS} printable characters."
        raise InvalidInput({"name": [told]})
    if rows.objects.filter(user=user, revoked_at=None).count() >= at_most:
        raise InvalidInput({"": [f"At most {at_most} {what}s: revoke one first."]})
    return text


def revoke(row: Row, now: datetime) -> Row:
    """Makes it worthless from now on; revoking it again changes nothing."""
    type(row).objects.filter(pk=row.pk, revoked_at=None).update(revoked_at=now)
    row.refresh_from_db()
    return row


def is_use_due(row: AccessToken | AccessKey, now: datetime) -> bool:
    """Whether a use now is to be noted: once a minute at most."""
    return row.last_used_at is None or now - row.last_used_at >= USE_IS_NOTED_EVERY


def note_use(row: AccessToken | AccessKey, now: datetime) -> None:
    """Writes that it was used, once a minute at most."""
    if not is_use_due(row, now):
        return
    # Of several who come at once, one writes.
    type(row).objects.filter(
        Q(last_used_at=None) | Q(last_used_at__lt=now - USE_IS_NOTED_EVERY / 2), pk=row.pk
    ).update(last_used_at=now)
