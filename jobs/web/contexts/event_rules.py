"""What the pages of rules that send events, their forms and their JSON are drawn from. No secret is in here."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import urlencode

from django.contrib.auth.models import User
from django.http import QueryDict
from django.urls import reverse

from jobs import changes
from jobs.domain.alarms import state_in_words
from jobs.domain.event_rules import (
    ALARM_STATES,
    ALARMS,
    JOBS,
    NO_MAIL_SERVER,
    NO_OWN_ADDRESS,
    PATTERN,
    STATUSES,
    TELL_OF,
    Simple,
    in_words,
    simple_of,
)
from jobs.models import Alarm, DeliveryState, EventDelivery, EventRule, TargetKind
from jobs.selectors.alarms import alarm_names
from jobs.selectors.choices import queue_names
from jobs.selectors.events import rules as selectors
from jobs.selectors.paging import Page
from jobs.services.sending.mails import has_mail_server
from jobs.services.sending.rules import FIELDS, simple_values, simple_values_of, values_of
from jobs.services.sending.trying import Tried, raised_event

from .forms import errors_elsewhere, is_checked
from .lazily import lazily
from .named import NameQuery, read_query

TOPICS = changes.SENDING
STATES = {
    DeliveryState.WAITING: "waiting",
    DeliveryState.SENT: "sent",
    DeliveryState.GIVEN_UP: "given up",
}


@dataclass(frozen=True, slots=True)
class RuleRow:
    """A rule as a list shows it, with its pattern in words."""

    rule: EventRule
    words: str


def list_query(query: QueryDict) -> NameQuery:
    """Rules are searched by name."""
    return read_query("event_rules", query)


def build_list(*, query: NameQuery, user: User) -> dict[str, Any]:
    """Read when drawn; see `lazily`."""
    page = lazily(lambda: _page(query, user))
    return {
        "query": query,
        "rows": lazily(lambda: [RuleRow(row, in_words(row.pattern)) for row in page().rows]),
        "next_url": lazily(lambda: query.next_url(page().next)),
        "topics": TOPICS,
    }


def list_as_json(*, query: NameQuery, user: User) -> dict[str, Any]:
    """`results` by name, and `next`: the URL of the page that follows, or null."""
    page = _page(query, user)
    return {"results": [summary(row) for row in page.rows], "next": query.next_url(page.next)}


def build(
    *, rule: EventRule, user: User, state: str = "", before: int | None = None, secret: str = ""
) -> dict[str, Any]:
    """A rule and what it sends; read when drawn. `secret` only in the answer that made it."""
    deliveries = lazily(lambda: _deliveries(rule, state, before))
    return {
        "rule": rule,
        "secret": secret,
        "words": in_words(rule.pattern),
        "is_of_alarms": _is_of_alarms(rule),
        "pattern": as_text(rule.pattern),
        "now": lazily(lambda: selectors.find_rule(user=user, name=rule.name)),
        "waiting": lazily(lambda: _waiting(rule)),
        "state": state,
        "states": STATES.items(),
        "deliveries": lazily(lambda: deliveries().rows),
        "older_url": lazily(lambda: _older_url(rule, state, deliveries().next)),
        "newest_url": _url(rule, state=state) if before is not None else None,
        # Where the secret stands, a look at the page's address would not find this page.
        "topics": "" if secret else TOPICS,
    }


def summary(rule: EventRule) -> dict[str, Any]:
    """A rule as JSON."""
    return {
        **values_of(rule),
        "owner": rule.owner.get_username(),
        "created_at": rule.created_at,
        "changed_at": rule.changed_at,
        "last_sent_at": rule.last_sent_at,
        "off_reason": rule.off_reason,
        "failures": rule.failures,
        "last_error": rule.last_error,
        "next_at": rule.next_at,
        "passed_over": rule.passed_over,
        "url": reverse("event_rule", args=[rule.name]),
    }


def as_json(rule: EventRule, state: str, before: int | None) -> dict[str, Any]:
    """A rule with its newest deliveries, and the URL of those before them, or null."""
    page = _deliveries(rule, state, before)
    return {
        **summary(rule),
        "deliveries": [delivery_as_json(row, rule) for row in page.rows],
        "next": _older_url(rule, state, page.next),
    }


def next_try(row: EventDelivery, rule: EventRule) -> datetime | None:
    """When a delivery of the rule is tried next; None: no more. Of a receiver that fails, the whole rule waits."""
    if row.state != DeliveryState.WAITING:
        return None
    return max(row.next_at, rule.next_at or row.next_at)


def delivery_as_json(row: EventDelivery, rule: EventRule) -> dict[str, Any]:
    """A delivery of the rule as JSON."""
    return {
        "id": row.pk,
        "kind": row.kind,
        "name": row.name,
        "status": row.status,
        "job_id": str(row.job_id) if row.job_id else None,
        "at": row.at,
        "state": row.state,
        "tries": row.tries,
        "next_at": next_try(row, rule),
        "done_at": row.done_at,
        "status_code": row.status_code,
        "error": row.error,
    }


def new_values(user: User, given: QueryDict) -> dict[str, object]:
    """The fields of an empty form, with what stands in the URL."""
    values: dict[str, object] = {
        **simple_values(Simple(JOBS, statuses=("FAILED",))),
        "is_enabled": True,
        "target_kind": TargetKind.WEBHOOK if user.is_staff else TargetKind.EMAIL,
    }
    if given.get("tell_of", "").upper() == ALARMS:
        values["statuses"] = ()
    for name in given:
        if name in FIELDS:
            values[name] = given.getlist(name) if name in _LISTS else given[name]
    return values


_LISTS = ("statuses", "alarm_states")


def form_values(rule: EventRule) -> dict[str, object]:
    """The fields of a rule's form."""
    return {**values_of(rule), **simple_values_of(rule)}


def build_form(
    *,
    values: Mapping[str, object],
    user: User,
    errors: Mapping[str, list[str]] | None = None,
    rule: EventRule | None = None,
    tried: Tried | None = None,
) -> dict[str, Any]:
    """The form with these values; with `rule` it changes that one. `tried`: what its pattern matched."""
    owner = rule.owner if rule is not None else user
    return {
        "rule": rule,
        "values": {
            **values,
            "tell_of": str(values.get("tell_of") or PATTERN),
            "statuses": _texts(values.get("statuses")),
            "alarm_states": _texts(values.get("alarm_states")),
            "pattern": as_text(values.get("pattern")),
            "is_enabled": is_checked(values.get("is_enabled")),
        },
        "tell_of": TELL_OF.items(),
        "kinds": TargetKind.choices if owner.is_staff else [TargetKind.choices[1]],
        "is_free": owner.is_staff,
        "own_address": owner.email,
        "no_own_address": NO_OWN_ADDRESS,
        "has_mail_server": has_mail_server(),
        # Who posts is answered what he asked for.
        "cannot_send": "" if rule or tried or errors else _why_no_rule(user),
        "statuses": STATUSES,
        "alarm_states": [(state, state_in_words(state)) for state in ALARM_STATES],
        "queue_names": lazily(queue_names),
        "alarm_names": lazily(alarm_names),
        "tried": tried,
        "errors": dict(errors or {}),
        "form_errors": errors_elsewhere(errors, fields=FIELDS),
    }


def of_alarm(alarm: Alarm, user: User) -> dict[str, Any]:
    """Which rules send it when an alarm is raised, and where one is made. Read when drawn."""
    return {
        "senders": lazily(lambda: selectors.rules_that_send(raised_event(alarm), user=user)),
        "new_rule_url": reverse("event_rule_new") + f"?tell_of=ALARMS&alarm={alarm.name}",
    }


def as_text(pattern: object) -> str:
    """A pattern as people read and write it."""
    if isinstance(pattern, str):
        return pattern
    return json.dumps(pattern, indent=2, ensure_ascii=False) if pattern else ""


def _is_of_alarms(rule: EventRule) -> bool:
    simple = simple_of(rule.pattern)
    return simple is not None and simple.tell_of == ALARMS


def _page(query: NameQuery, user: User) -> Page[EventRule]:
    return selectors.list_rules(user=user, after=query.after, search=query.search)


def _deliveries(rule: EventRule, state: str, before: int | None) -> Page[EventDelivery]:
    return selectors.deliveries_of(rule, state=state, before=before)


def _waiting(rule: EventRule) -> str:
    count = selectors.waiting_count(rule)
    at_most = selectors.COUNTED_AT_MOST
    return f"{at_most:,}+" if count > at_most else f"{count:,}"


def _url(rule: EventRule, **parts: str) -> str:
    query = urlencode({name: text for name, text in parts.items() if text})
    return reverse("event_rule", args=[rule.name]) + (f"?{query}" if query else "")


def _older_url(rule: EventRule, state: str, before: str) -> str | None:
    return _url(rule, state=state, before=before) if before else None


def _why_no_rule(user: User) -> str:
    """Why there is no way for anything to be sent to him; empty: there is one."""
    if user.is_staff:
        return ""
    if not has_mail_server():
        return NO_MAIL_SERVER
    return "" if user.email else NO_OWN_ADDRESS


def _texts(value: object) -> list[str]:
    if isinstance(value, str):
        return [each.strip() for each in value.split(",")]
    return [str(each) for each in value] if isinstance(value, list | tuple) else []
