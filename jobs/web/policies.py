"""Scheduling policies: the list, a policy with its shares, making, changing, deleting one."""

from django.http import HttpRequest, HttpResponse
from django.utils import timezone

from jobs.domain.errors import InvalidInput
from jobs.models import SchedulingPolicy
from jobs.services.setup.policies import create_policy, delete_policy, update_policy

from . import answers
from .access import require_staff
from .contexts import policies as contexts
from .contexts import undo
from .kinds import Kind
from .once import AGAIN, found_again, once

KIND = Kind(
    name="policy",
    list_name="policies",
    find=lambda name: contexts.find(name=name),
    summary=contexts.summary,
    form="policies/form.html",
    build_form=contexts.build_form,
    deletes="policies/detail.html",
    build_deletes=contexts.build,
)


@answers.allow("GET", "POST")
def policies(request: HttpRequest) -> HttpResponse:
    """GET: policies by name. POST: makes one (201 for scripts)."""
    if request.method == "POST":
        return _create(request)
    query = contexts.list_query(request.GET)
    return answers.page(
        request,
        "policies/list.html",
        contexts.build_list(query=query),
        as_json=lambda: contexts.list_as_json(query=query),
    )


@answers.allow("GET")
def new(request: HttpRequest) -> HttpResponse:
    require_staff(request)
    return answers.page(request, "policies/form.html", contexts.build_form(values=contexts.NEW))


@answers.allow("GET", "POST")
def policy(request: HttpRequest, name: str) -> HttpResponse:
    """GET: a policy. POST: changes what is given of its fields."""
    if request.method == "POST":
        return _update(request, name)
    row = contexts.find(name=name)
    return answers.page(
        request,
        "policies/detail.html",
        contexts.build(row=row),
        as_json=lambda: contexts.summary(row),
    )


@answers.allow("GET")
def edit(request: HttpRequest, name: str) -> HttpResponse:
    require_staff(request)
    row = contexts.find(name=name)
    context = contexts.build_form(values=contexts.values_of(row), row=row)
    return answers.page(request, "policies/form.html", context)


@answers.allow("POST")
def delete(request: HttpRequest, name: str) -> HttpResponse:
    return KIND.deleted(
        request,
        name,
        delete=lambda row: delete_policy(policy=row),
        told=f"The policy {name} is deleted.",
        undo=lambda row: undo.of_deletion("policies", contexts.values_of(row)),
    )


def _create(request: HttpRequest) -> HttpResponse:
    require_staff(request)
    fields = contexts.posted_fields(request)
    try:
        sent = once(
            request,
            make=lambda: create_policy(fields=fields, now=timezone.now()),
            find=found_again(SchedulingPolicy.objects, called="policy"),
        )
    except InvalidInput as error:
        return KIND.refused(request, error, values=fields)
    name = sent.made.name
    told = f"The policy {name} is made. Choose it in a new queue."
    return KIND.done(request, name, AGAIN if sent.is_again else told, status=201)


def _update(request: HttpRequest, name: str) -> HttpResponse:
    require_staff(request)
    row = contexts.find(name=name)
    fields = contexts.posted_fields(request)
    try:
        update_policy(policy=row, fields=fields)
    except InvalidInput as error:
        values = {**contexts.values_of(row), **fields}
        return KIND.refused(request, error, values=values, row=row)
    return KIND.done(request, name, f"The policy {name} is changed.")
