"""Alarms: the list, one with its values and history, making, changing, deleting one."""

from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils import timezone

from jobs.domain import numbers
from jobs.domain.errors import InvalidInput
from jobs.models import Alarm
from jobs.services.setup.alarms import (
    FIELDS,
    create_alarm,
    delete_alarm,
    update_alarm,
    values_of,
)

from . import answers
from .access import require_staff, user_of
from .contexts import alarms as contexts
from .contexts import undo
from .contexts.event_rules import of_alarm
from .once import AGAIN, found_again, once


@answers.allow("GET", "POST")
def alarms(request: HttpRequest) -> HttpResponse:
    """GET: alarms by name. POST: makes one (201 for scripts)."""
    if request.method == "POST":
        return _create(request)
    query = contexts.list_query(request.GET)
    return answers.page(
        request,
        "alarms/list.html",
        contexts.build_list(query),
        as_json=lambda: contexts.list_as_json(query),
    )


@answers.allow("GET")
def new(request: HttpRequest) -> HttpResponse:
    """The form; any of its fields may stand in the URL."""
    require_staff(request)
    given = {name: request.GET[name] for name in request.GET if name in FIELDS}
    context = contexts.build_form(values={**contexts.NEW, **given})
    return answers.page(request, "alarms/form.html", context)


@answers.allow("GET", "POST")
def alarm(request: HttpRequest, name: str) -> HttpResponse:
    """GET: an alarm with its values and its history. POST: changes it; fields that are left out stay."""
    if request.method == "POST":
        return _update(request, name)
    found = contexts.find(name=name)
    before = numbers.whole("before", request.GET.get("before", ""))
    return answers.page(
        request,
        "alarms/detail.html",
        {**contexts.build(alarm=found, before=before), **of_alarm(found, user_of(request))},
        as_json=lambda: contexts.as_json(found, before),
    )


@answers.allow("GET")
def edit(request: HttpRequest, name: str) -> HttpResponse:
    require_staff(request)
    found = contexts.find(name=name)
    context = contexts.build_form(values=values_of(found), alarm=found)
    return answers.page(request, "alarms/form.html", context)


@answers.allow("POST")
def delete(request: HttpRequest, name: str) -> HttpResponse:
    """Deletes an alarm; taking that back makes one like it, with a history of its own."""
    require_staff(request)
    found = contexts.find(name=name)
    delete_alarm(alarm=found)
    return answers.done(
        request,
        to=reverse("alarms"),
        message=f"The alarm {name} is deleted.",
        as_json={},
        undo=undo.of_deletion("alarms", values_of(found)),
    )


def _create(request: HttpRequest) -> HttpResponse:
    require_staff(request)
    fields = answers.posted(request)
    try:
        sent = once(
            request,
            make=lambda: create_alarm(fields=fields, now=timezone.now()),
            find=found_again(Alarm.objects, called="alarm"),
        )
    except InvalidInput as error:
        return answers.refused(
            request,
            error,
            "alarms/form.html",
            lambda errors: contexts.build_form(values=fields, errors=errors),
        )
    made = sent.made
    return answers.done(
        request,
        to=reverse("alarm", args=[made.name]),
        message=AGAIN if sent.is_again else f"The alarm {made.name} is made.",
        as_json=contexts.summary(made),
        status=201,
    )


def _update(request: HttpRequest, name: str) -> HttpResponse:
    require_staff(request)
    found = contexts.find(name=name)
    fields = answers.posted(request)
    try:
        changed = update_alarm(alarm=found, fields=fields, now=timezone.now())
    except InvalidInput as error:
        values = {**values_of(found), **fields}
        return answers.refused(
            request,
            error,
            "alarms/form.html",
            lambda errors: contexts.build_form(values=values, errors=errors, alarm=found),
        )
    return answers.done(
        request,
        to=reverse("alarm", args=[changed.name]),
        message=f"The alarm {changed.name} is {_told(found, changed)}.",
        as_json=contexts.summary(changed),
    )


def _told(before: Alarm, after: Alarm) -> str:
    if before.is_enabled == after.is_enabled:
        return "changed"
    return "switched on" if after.is_enabled else "switched off"
