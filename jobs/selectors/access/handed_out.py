"""Reads of what access tokens and access keys have in common: whose they are, and which are of use."""

from typing import TypeVar

from django.contrib.auth.models import User

from jobs.domain.errors import NotFound
from jobs.models import AccessKey, AccessToken

Row = TypeVar("Row", AccessToken, AccessKey)

MOST_LISTED = 200


def those_of(rows: type[Row], user: User) -> list[Row]:
    """A user's, usable ones first, newest first. At most 200: older revoked ones are of no use."""
    found = list(rows.objects.filter(user=user).order_by("-pk")[:MOST_LISTED])
    return sorted(found, key=lambda row: row.revoked_at is not None)


def find(rows: type[Row], *, user: User, pk: int, what: str) -> Row:
    """One of the user's own; `what` is what people call it. Raises NotFound."""
    row = rows.objects.filter(user=user, pk=pk).first()
    if row is None:
        raise NotFound(f"There is no such {what}.")
    return row
