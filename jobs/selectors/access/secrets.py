"""Reads of secrets: that they are there, never what they hold."""

from collections.abc import Collection

from django.contrib.auth.models import User
from django.db.models import Q, QuerySet

from jobs.domain.errors import NotFound
from jobs.models import Secret

from ..paging import PAGE_SIZE, Page, page_of


def visible_secrets(user: User) -> QuerySet[Secret]:
    """The secrets that pages list for this user: those that his jobs may use; for administrators all."""
    return Secret.objects.defer("encrypted") if user.is_staff else usable_secrets(user)


def usable_secrets(owner: User) -> QuerySet[Secret]:
    """The secrets that jobs of this user may use: his own and shared ones.

    An administrator's jobs may use no more: what they run may be somebody else's.
    """
    return Secret.objects.defer("encrypted").filter(Q(owner=owner) | Q(shared=True))


def offered_secrets(*, names: Collection[str], owner_ids: Collection[int]) -> list[Secret]:
    """Those with one of these names that jobs of one of these users may use. One query."""
    mine_or_shared = Q(owner_id__in=owner_ids) | Q(shared=True)
    return list(Secret.objects.defer("encrypted").filter(mine_or_shared, name__in=names))


def list_secrets(
    *, user: User, after: str = "", search: str = "", size: int = PAGE_SIZE
) -> Page[Secret]:
    """Visible secrets by name. One query."""
    rows = visible_secrets(user).select_related("owner").filter(name__gt=after)
    if search:
        rows = rows.filter(name__icontains=search)
    return page_of(
        list(rows.order_by("name")[: size + 1]), size=size, key=lambda secret: secret.name
    )


def find_secret(*, user: User, secret_id: int) -> Secret:
    """A secret that this user may change: his own; any for administrators. Raises NotFound."""
    rows = visible_secrets(user) if user.is_staff else visible_secrets(user).filter(owner=user)
    found = rows.select_related("owner").filter(pk=secret_id).first()
    if found is None:
        raise NotFound("There is no such secret, or it is somebody else's.")
    return found
