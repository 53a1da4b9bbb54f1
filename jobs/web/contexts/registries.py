"""What the pages of registry logins and their JSON are drawn from. No password is in here."""

from collections.abc import Mapping
from typing import Any

from django.contrib.auth.models import User
from django.http import QueryDict
from django.urls import reverse

from jobs.domain.errors import NotFound
from jobs.models import RegistryLogin
from jobs.selectors.access import registry_logins as selectors

from .forms import is_checked, shown_errors
from .lazily import lazily
from .named import NameQuery, read_query

FIELDS = ("prefix", "username", "password", "shared")


def list_query(query: QueryDict) -> NameQuery:
    return read_query("registries", query)


def build_list(
    *,
    query: NameQuery,
    user: User,
    values: Mapping[str, object] | None = None,
    errors: Mapping[str, list[str]] | None = None,
) -> dict[str, Any]:
    """The list, read when drawn (see `lazily`), and the form for a new login."""
    page = lazily(lambda: selectors.list_logins(user=user, after=query.after, search=query.search))
    typed = values or {}
    return {
        **query.shown(page),
        "rows": lazily(
            lambda: [
                {"login": each, "may_change": selectors.may_change(user, each)}
                for each in page().rows
            ]
        ),
        "values": {name: typed.get(name, "") for name in ("prefix", "username")},
        "is_shared": is_checked(typed.get("shared")),
        **_errors(errors),
    }


def list_as_json(*, query: NameQuery, user: User) -> dict[str, Any]:
    """`results` by what they are for, and `next`: the URL of the page that follows, or null."""
    page = selectors.list_logins(user=user, after=query.after, search=query.search)
    return query.as_json(page, lambda row: summary(row, user))


def build(
    *,
    login: RegistryLogin,
    values: Mapping[str, object] | None = None,
    errors: Mapping[str, list[str]] | None = None,
) -> dict[str, Any]:
    """One login, whether it works, and the form that renews it. What is live of it is read when it is drawn."""
    return {
        "login": login,
        "state": lazily(lambda: _as_it_is(login)),
        "username": (values or {}).get("username", login.username),
        **_errors(errors),
    }


def summary(login: RegistryLogin, user: User) -> dict[str, Any]:
    """A login as scripts get it. Who may not change it is not told the user name and what the registry said."""
    told: dict[str, Any] = {
        "id": login.pk,
        "prefix": login.prefix,
        "owner": login.owner.get_username(),
        "shared": login.shared,
        "created_at": login.created_at,
        "updated_at": login.updated_at,
        "last_used_at": login.last_used_at,
    }
    if not selectors.may_change(user, login):
        return told
    return {
        **told,
        "username": login.username,
        "check": {
            "asked_at": login.check_asked_at,
            "checked_at": login.checked_at,
            "accepted": login.accepted,
            "answer": login.answer,
        },
        "url": reverse("registry", args=[login.pk]),
    }


def told(fields: Mapping[str, object], login: RegistryLogin) -> str:
    """What to say of a change."""
    if fields.get("password"):
        return f"The login for {login.prefix} is renewed: images are pulled with it from now on."
    if "username" in fields:
        return f"The login for {login.prefix} has the user name {login.username}, and its password as before."
    if "shared" not in fields:
        return f"The login for {login.prefix} stays as it is."
    if login.shared:
        return f"Images of everybody’s jobs are pulled with the login for {login.prefix} now."
    return (
        f"Only the jobs of {login.owner.get_username()} may use the login for {login.prefix} now."
    )


def _as_it_is(login: RegistryLogin) -> RegistryLogin:
    found = RegistryLogin.objects.defer("encrypted").filter(pk=login.pk).first()
    if found is None:
        raise NotFound("This login was deleted.")
    return found


def _errors(errors: Mapping[str, list[str]] | None) -> dict[str, Any]:
    return {
        **shown_errors(errors, fields=FIELDS),
    }
