"""What the pages of secrets and their JSON are drawn from. No value is in here."""

from collections.abc import Mapping
from typing import Any

from django.contrib.auth.models import User
from django.http import QueryDict
from django.urls import reverse

from jobs.models import Secret
from jobs.selectors.access import secrets as selectors

from .forms import shown_errors
from .lazily import lazily
from .named import NameQuery, read_query

FIELDS = ("name", "value", "shared")


def list_query(query: QueryDict) -> NameQuery:
    return read_query("secrets", query)


def build_list(
    *,
    query: NameQuery,
    user: User,
    values: Mapping[str, object] | None = None,
    errors: Mapping[str, list[str]] | None = None,
) -> dict[str, Any]:
    """The list, read when drawn (see `lazily`), and the form for a new secret."""
    page = lazily(lambda: selectors.list_secrets(user=user, after=query.after, search=query.search))
    return {
        **query.shown(page),
        "name": (values or {}).get("name", ""),
        **_errors(errors),
    }


def list_as_json(*, query: NameQuery, user: User) -> dict[str, Any]:
    """`results` by name, and `next`: the URL of the page that follows, or null."""
    page = selectors.list_secrets(user=user, after=query.after, search=query.search)
    return query.as_json(page, summary)


def build(*, secret: Secret, errors: Mapping[str, list[str]] | None = None) -> dict[str, Any]:
    """One secret and the form that changes it."""
    return {"secret": secret, **_errors(errors)}


def summary(secret: Secret) -> dict[str, Any]:
    """A secret as scripts get it: that it is there."""
    return {
        "id": secret.pk,
        "name": secret.name,
        "owner": secret.owner.get_username(),
        "shared": secret.shared,
        "created_at": secret.created_at,
        "updated_at": secret.updated_at,
        "url": reverse("secret", args=[secret.pk]),
    }


def told(fields: Mapping[str, object], secret: Secret) -> str:
    """What to say of a change."""
    if fields.get("value"):
        return f"The secret {secret.name} has a new value: attempts that start from now on get it."
    if "shared" not in fields:
        return f"The secret {secret.name} stays as it is."
    if secret.shared:
        return f"Everybody’s jobs may use the secret {secret.name} now."
    return f"Only the jobs of {secret.owner.get_username()} may use the secret {secret.name} now."


def _errors(errors: Mapping[str, list[str]] | None) -> dict[str, Any]:
    return {
        **shown_errors(errors, fields=FIELDS),
    }
