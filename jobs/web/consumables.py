"""Consumable resources: the list, one with who holds it, making, changing, deleting one."""

from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils import timezone

from jobs.domain.errors import Conflict, InvalidInput
from jobs.models import ConsumableResource
from jobs.services.setup.consumable_resources import (
    create_resource,
    delete_resource,
    update_resource,
)

from . import answers
from .access import require_staff, user_of
from .contexts import consumables as contexts
from .contexts import undo
from .once import AGAIN, DONE_ALREADY, found_again, once


@answers.allow("GET", "POST")
def consumables(request: HttpRequest) -> HttpResponse:
    """GET: resources by name. POST: makes one (201 for scripts)."""
    if request.method == "POST":
        return _create(request)
    query = contexts.list_query(request.GET)
    return answers.page(
        request,
        "consumables/list.html",
        contexts.build_list(query=query),
        as_json=lambda: contexts.list_as_json(query=query),
    )


@answers.allow("GET")
def new(request: HttpRequest) -> HttpResponse:
    require_staff(request)
    return answers.page(request, "consumables/form.html", contexts.build_form(values=contexts.NEW))


@answers.allow("GET", "POST")
def consumable(request: HttpRequest, name: str) -> HttpResponse:
    """GET: a resource with who holds it. POST: changes its total by `operation` and `quantity`."""
    if request.method == "POST":
        return _update(request, name)
    row = contexts.find(name=name)
    return answers.page(
        request,
        "consumables/detail.html",
        contexts.build(row=row, user=user_of(request)),
        as_json=lambda: contexts.as_json(row=row, user=user_of(request)),
    )


@answers.allow("POST")
def delete(request: HttpRequest, name: str) -> HttpResponse:
    user = require_staff(request)
    row = contexts.find(name=name)
    try:
        delete_resource(resource=row)
    except Conflict as error:
        return answers.refused(
            request,
            error,
            "consumables/detail.html",
            lambda errors: contexts.build(row=row, user=user, errors=errors),
        )
    return answers.done(
        request,
        to=reverse("consumables"),
        message=f"The resource {name} is deleted.",
        as_json={},
        undo=undo.of_deletion("consumables", contexts.values_of(row)),
    )


def _create(request: HttpRequest) -> HttpResponse:
    require_staff(request)
    fields = answers.posted(request)
    try:
        sent = once(
            request,
            make=lambda: create_resource(fields=fields, now=timezone.now()),
            find=found_again(ConsumableResource.objects, called="resource"),
        )
    except InvalidInput as error:
        return answers.refused(
            request,
            error,
            "consumables/form.html",
            lambda errors: contexts.build_form(values=fields, errors=errors),
        )
    told = AGAIN if sent.is_again else f"The resource {sent.made.name} is made."
    return _done(request, sent.made.name, told, status=201)


def _update(request: HttpRequest, name: str) -> HttpResponse:
    user = require_staff(request)
    row = contexts.find(name=name)
    fields = answers.posted(request)
    try:
        # "Add 5" from a double click adds 5.
        sent = once(
            request,
            make=lambda: update_resource(resource=row, fields=fields, now=timezone.now()),
            find=found_again(ConsumableResource.objects, called="resource"),
        )
    except InvalidInput as error:
        return answers.refused(
            request,
            error,
            "consumables/detail.html",
            lambda errors: contexts.build(row=row, user=user, values=fields, errors=errors),
        )
    told = DONE_ALREADY if sent.is_again else f"The resource {name} is changed."
    return _done(request, name, told)


def _done(request: HttpRequest, name: str, told: str, *, status: int = 200) -> HttpResponse:
    return answers.done(
        request,
        to=reverse("consumable", args=[name]),
        message=told,
        as_json=contexts.summary(contexts.find(name=name)),
        status=status,
    )
