"""What the pages of users and of the audit trail, and their JSON, are drawn from."""

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

from django.conf import settings
from django.http import QueryDict
from django.urls import reverse

from jobs.domain import moments, numbers, rights
from jobs.models import REFUSED_STATUS, AuditEntry
from jobs.selectors.access import people as selectors
from jobs.selectors.access.audit import AuditQuery, audit_page
from jobs.selectors.paging import Page

from .. import answers
from .forms import errors_elsewhere, is_checked
from .lazily import lazily
from .named import NameQuery, read_query

AUDIT_FILTERS = ("user", "action", "refused", "until")


def list_query(query: QueryDict) -> NameQuery:
    return read_query("access", query)


def build_list(*, query: NameQuery) -> dict[str, Any]:
    """Users by name with what they may do, groups, and the rules in words."""
    page = lazily(lambda: selectors.list_people(after=query.after, search=query.search))
    return {
        **query.shown(page),
        "groups": lazily(selectors.list_groups),
        "roles": rights.ROLES,
        "people": lazily(lambda: [(each, role_words(each)) for each in page().rows]),
        "counted": selectors.JOBS_COUNTED,
    }


def role_words(person: selectors.Person) -> tuple[str, str]:
    """The name of a user's role, and what he may do in a few words."""
    user = person.user
    if not user.is_active:
        return "Switched off", rights.NOTHING
    role = rights.role_of(is_staff=user.is_staff, is_superuser=user.is_superuser)
    return role.name, role.short


def list_as_json(*, query: NameQuery) -> dict[str, Any]:
    """`results` by name, and `next`: the URL of the page that follows, or null."""
    page = selectors.list_people(after=query.after, search=query.search)
    return query.as_json(page, summary)


def summary(person: selectors.Person) -> dict[str, Any]:
    """A user as scripts get him. `jobs` is null where there are more than are counted."""
    user = person.user
    return {
        "username": user.get_username(),
        "role": role_words(person)[0],
        "is_active": user.is_active,
        "is_staff": user.is_staff,
        "is_superuser": user.is_superuser,
        "groups": person.groups,
        "policies": [policy.name for policy in person.policies],
        "jobs": None if person.has_more_jobs else person.jobs,
        "access_tokens": person.tokens,
        "access_keys": person.keys,
        "last_seen_at": person.last_seen_at,
    }


def trail_query(query: QueryDict) -> NameQuery:
    return read_query("audit", query, extra=AUDIT_FILTERS)


def asked_for(query: NameQuery) -> AuditQuery:
    """What the URL asks for. Raises InvalidInput on what is no day, no flag, or no place in the list."""
    extra = query.extra
    return AuditQuery(
        username=extra["user"],
        action=extra["action"],
        refused=answers.flag_field(extra, "refused"),
        until=moments.end_of(moments.day("until", extra["until"])) if extra["until"] else None,
        after=numbers.whole("after", query.after),
    )


def build_trail(
    *,
    query: NameQuery,
    asked: AuditQuery | None,
    errors: Mapping[str, list[str]] | None = None,
) -> dict[str, Any]:
    """The trail, newest first. Without `asked`, which was refused, no line and the errors."""
    none: Page[AuditEntry] = Page(rows=[], next="")
    page = lazily(lambda: audit_page(asked) if asked else none)
    return {
        "query": query,
        "rows": lazily(lambda: [row_of(each) for each in page().rows]),
        "next_url": lazily(lambda: query.next_url(page().next)),
        "other_errors": errors_elsewhere(errors, fields=("until",)),
        "shows_refused": is_checked(query.extra["refused"]),
        "is_filtered": any(query.extra.values()) or bool(query.after),
        "refused_url": f"{reverse('audit')}?{urlencode({'refused': 'true'})}",
        "days": settings.BATCHWEB_AUDIT_RETENTION_DAYS,
        "errors": dict(errors or {}),
    }


def row_of(entry: AuditEntry) -> dict[str, Any]:
    """A line with the URLs of others that are like it."""
    trail = reverse("audit")
    return {
        "entry": entry,
        "refused": entry.status == REFUSED_STATUS,
        "user_url": f"{trail}?{urlencode({'user': entry.username})}",
        "action_url": f"{trail}?{urlencode({'action': entry.action})}",
    }


def trail_as_json(*, query: NameQuery, asked: AuditQuery) -> dict[str, Any]:
    """`results`, newest first, and `next`."""
    page = audit_page(asked)
    names = ("at", "username", "door", "address", "action", "target", "status")
    return query.as_json(page, lambda row: {name: getattr(row, name) for name in names})
