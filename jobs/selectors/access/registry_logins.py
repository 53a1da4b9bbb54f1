"""Reads of registry logins: that they are there and what for, never their passwords."""

from collections.abc import Collection, Iterable

from django.contrib.auth.models import User
from django.db.models import Q, QuerySet

from jobs.domain.errors import NotFound
from jobs.domain.numbers import is_whole
from jobs.domain.registries import best_of
from jobs.models import RegistryLogin

from ..paging import PAGE_SIZE, Page, page_of

# What stands between the two parts of a page's key; no prefix has one.
BETWEEN = " "


def visible_logins(user: User) -> QuerySet[RegistryLogin]:
    """The logins that pages list for this user: those that his jobs may use; for administrators all."""
    rows = RegistryLogin.objects.defer("encrypted")
    return rows if user.is_staff else rows.filter(Q(owner=user) | Q(shared=True))


def may_see(user: User, login: RegistryLogin) -> bool:
    """Whether pages tell him of the login, as `visible_logins` has it."""
    return login.shared or may_change(user, login)


def may_change(user: User, login: RegistryLogin) -> bool:
    """Whether the login is his own, or he is an administrator."""
    return user.is_staff or login.owner_id == user.pk


def list_logins(
    *, user: User, after: str = "", search: str = "", size: int = PAGE_SIZE
) -> Page[RegistryLogin]:
    """Visible logins by what they are for. One query."""
    rows = visible_logins(user).select_related("owner")
    if after:
        prefix, _, id_ = after.partition(BETWEEN)
        last = int(id_) if is_whole(id_) else 0
        rows = rows.filter(Q(prefix__gt=prefix) | Q(prefix=prefix, id__gt=last))
    if search:
        rows = rows.filter(prefix__icontains=search)
    return page_of(
        list(rows.order_by("prefix", "id")[: size + 1]),
        size=size,
        key=lambda login: f"{login.prefix}{BETWEEN}{login.pk}",
    )


def find_login(*, user: User, login_id: int) -> RegistryLogin:
    """A login that this user may change: his own; any for administrators. Raises NotFound."""
    found = visible_logins(user).select_related("owner").filter(pk=login_id).first()
    if found is None or not may_change(user, found):
        raise NotFound("There is no such login of a registry, or it is somebody else's.")
    return found


def offered_logins(*, prefixes: Collection[str], owner_ids: Collection[int]) -> list[RegistryLogin]:
    """Those for one of these prefixes that jobs of one of these users may use. One query."""
    mine = Q(owner_id__in=owner_ids, shared=False)
    rows = RegistryLogin.objects.defer("encrypted").filter(prefix__in=prefixes)
    return list(rows.filter(mine | Q(shared=True)).order_by("prefix", "id"))


def login_for(
    *, repository: str, owner_id: int, offered: Iterable[RegistryLogin]
) -> RegistryLogin | None:
    """With which of the logins that are offered an image of this owner's jobs is pulled; None: with none of them.

    The most exact one; of two for the same, the owner's own goes before everybody's.
    """
    usable: dict[str, RegistryLogin] = {}
    for row in sorted(offered, key=lambda each: not each.shared):
        if row.shared or row.owner_id == owner_id:
            usable[row.prefix] = row
    prefix = best_of(repository, usable)
    return None if prefix is None else usable[prefix]
