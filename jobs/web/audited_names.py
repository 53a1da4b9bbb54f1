"""What a line of the audit trail calls things whose addresses have only a number: read before they may be deleted."""

from collections.abc import Mapping
from typing import Any

from django.contrib.auth.models import Group, User
from django.db.models import Manager

from jobs.models import AccessPolicy
from jobs.selectors.access.audit import name_of

# By the beginning of a view's name: the rows, their field, and what its number is called in the URL.
_NAMED: Mapping[str, tuple[Manager[Any], str, tuple[str, ...]]] = {
    "access_policy": (AccessPolicy.objects, "name", ("policy_id",)),
    "admin:auth_user_": (User.objects, "username", ("object_id", "id")),
    "admin:auth_group_": (Group.objects, "name", ("object_id",)),
    "admin:jobs_accesspolicy_": (AccessPolicy.objects, "name", ("object_id",)),
}
_MAX_DIGITS = 9


def name_in_url(view_name: str, kwargs: Mapping[str, Any]) -> str:
    """The name of what a URL is of; empty where it says that by itself, or there is none. At most one query."""
    for beginning, (rows, field, arguments) in _NAMED.items():
        if not view_name.startswith(beginning):
            continue
        for argument in arguments:
            number = str(kwargs.get(argument, ""))
            if number.isascii() and number.isdecimal() and len(number) <= _MAX_DIGITS:
                return name_of(rows, field, int(number))
    return ""


def with_whom(name: str, view_name: str, fields: Mapping[str, object]) -> str:
    """A policy's name with whom it is attached to, or taken from."""
    if view_name not in ("access_policy_attach", "access_policy_detach"):
        return name
    sign = "→" if view_name == "access_policy_attach" else "no longer →"
    user, group = fields.get("user"), fields.get("group")
    whom = user or f"group {group}"
    return f"{name} {sign} {whom}" if user or group else name
