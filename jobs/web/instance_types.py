"""Instance types: the catalogue, a type with its prices and instances, making, changing, deleting custom ones."""

from django.http import HttpRequest, HttpResponse

from jobs.domain.errors import InvalidInput
from jobs.models import InstanceType
from jobs.services.setup.instance_types import (
    create_instance_type,
    delete_instance_type,
    update_instance_type,
)

from . import answers
from .access import require_staff
from .contexts import instance_types as contexts
from .contexts import undo
from .kinds import Kind
from .once import AGAIN, found_again, once

KIND = Kind(
    name="instance_type",
    list_name="instance_types",
    find=lambda name: contexts.find(name=name),
    summary=contexts.summary,
    form="instance_types/form.html",
    build_form=contexts.build_form,
    deletes="instance_types/detail.html",
    build_deletes=contexts.build,
)


@answers.allow("GET", "POST")
def instance_types(request: HttpRequest) -> HttpResponse:
    """GET: types by family and size. POST: makes a custom one (201 for scripts)."""
    if request.method == "POST":
        return _create(request)
    query = contexts.list_query(request.GET)
    return answers.page(
        request,
        "instance_types/list.html",
        contexts.build_list(query=query),
        as_json=lambda: contexts.list_as_json(query=query),
    )


@answers.allow("GET")
def new(request: HttpRequest) -> HttpResponse:
    require_staff(request)
    context = contexts.build_form(values=contexts.NEW)
    return answers.page(request, "instance_types/form.html", context)


@answers.allow("GET", "POST")
def instance_type(request: HttpRequest, name: str) -> HttpResponse:
    """GET: a type. POST: changes what is given of its fields."""
    if request.method == "POST":
        return _update(request, name)
    row = contexts.find(name=name)
    return answers.page(
        request,
        "instance_types/detail.html",
        contexts.build(row=row),
        as_json=lambda: contexts.as_json(row=row),
    )


@answers.allow("GET")
def edit(request: HttpRequest, name: str) -> HttpResponse:
    require_staff(request)
    row = contexts.find(name=name)
    context = contexts.build_form(values=contexts.form_values(row), row=row)
    return answers.page(request, "instance_types/form.html", context)


@answers.allow("POST")
def delete(request: HttpRequest, name: str) -> HttpResponse:
    return KIND.deleted(
        request,
        name,
        delete=lambda row: delete_instance_type(instance_type=row),
        told=f"The instance type {name} is deleted.",
        undo=lambda row: undo.of_deletion("instance_types", contexts.form_values(row)),
    )


def _create(request: HttpRequest) -> HttpResponse:
    require_staff(request)
    fields = answers.posted(request)
    try:
        sent = once(
            request,
            make=lambda: create_instance_type(fields=fields),
            find=found_again(InstanceType.objects, called="instance type"),
        )
    except InvalidInput as error:
        return KIND.refused(request, error, values=fields)
    name = sent.made.name
    told = f"The instance type {name} is made. Name it in an environment."
    return KIND.done(request, name, AGAIN if sent.is_again else told, status=201)


def _update(request: HttpRequest, name: str) -> HttpResponse:
    require_staff(request)
    row = contexts.find(name=name)
    fields = answers.posted(request)
    try:
        update_instance_type(instance_type=row, fields=fields)
    except InvalidInput as error:
        values = {**contexts.form_values(row), **fields}
        return KIND.refused(request, error, values=values, row=row)
    told = f"The instance type {name} is changed. What is launched keeps its price."
    return KIND.done(request, name, told)
