"""Compute environments: the list, one with its machines, making, changing, deleting one."""

from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils import timezone

from jobs.domain.errors import InvalidInput
from jobs.models import ComputeEnvironment, Engine, EnvironmentState, Node
from jobs.selectors.environments import EnvironmentRow
from jobs.services.setup.engines import OVERCOMMIT_FIELDS, update_engine, update_node
from jobs.services.setup.environments import (
    create_environment,
    delete_environment,
    update_environment,
)

from . import answers
from .access import require_staff
from .contexts import environment_form as forms
from .contexts import environments as contexts
from .kinds import Kind
from .once import AGAIN, found_again, once

KIND = Kind(
    name="environment",
    list_name="environments",
    find=lambda name: contexts.find(name=name),
    summary=contexts.summary,
    form="environments/form.html",
    build_form=forms.build_form,
    deletes="environments/delete.html",
    build_deletes=contexts.build_delete,
)


@answers.allow("GET", "POST")
def environments(request: HttpRequest) -> HttpResponse:
    """GET: environments by name. POST: makes one (201 for scripts)."""
    if request.method == "POST":
        return _create(request)
    query = contexts.list_query(request.GET)
    return answers.page(
        request,
        "environments/list.html",
        contexts.build_list(query=query),
        as_json=lambda: contexts.list_as_json(query=query),
    )


@answers.allow("GET")
def new(request: HttpRequest) -> HttpResponse:
    """The form of a new environment, of the `kind` in the URL (UNMANAGED, if it has none)."""
    require_staff(request)
    values = forms.new_values(kind=forms.asked_kind(request.GET.get("kind", "")))
    return answers.page(request, "environments/form.html", forms.build_form(values=values))


@answers.allow("GET", "POST")
def environment(request: HttpRequest, name: str) -> HttpResponse:
    """GET: an environment. POST: changes what is given of its fields (`services.setup.environments`)."""
    if request.method == "POST":
        return _update(request, name)
    row = contexts.find(name=name)
    after = contexts.ended_query(request.GET)
    return answers.page(
        request,
        "environments/detail.html",
        contexts.build(row=row, ended_after=after),
        as_json=lambda: contexts.as_json(row=row, ended_after=after, user=request.user),
    )


@answers.allow("GET")
def edit(request: HttpRequest, name: str) -> HttpResponse:
    require_staff(request)
    row = contexts.find(name=name)
    context = forms.build_form(values=forms.values_of(row), row=row)
    return answers.page(request, "environments/form.html", context)


@answers.allow("POST")
def enable(request: HttpRequest, name: str) -> HttpResponse:
    return _set_state(request, name, EnvironmentState.ENABLED, "is enabled.")


@answers.allow("POST")
def disable(request: HttpRequest, name: str) -> HttpResponse:
    return _set_state(
        request,
        name,
        EnvironmentState.DISABLED,
        "is disabled: nothing new is placed there, what runs goes on.",
    )


@answers.allow("GET", "POST")
def delete(request: HttpRequest, name: str) -> HttpResponse:
    """GET asks first (for browsers without scripts); POST deletes it."""
    return KIND.deleted(
        request,
        name,
        delete=lambda row: delete_environment(environment=row.environment),
        told=f"The environment {name} is being deleted.",
    )


@answers.allow("POST")
def node(request: HttpRequest, name: str, instance_id: str) -> HttpResponse:
    """Changes how many `gpus` jobs may use on a machine of the environment's engine."""
    require_staff(request)
    row = contexts.find(name=name)
    found = contexts.find_node(row=row, instance_id=instance_id)
    fields = answers.posted(request)
    try:
        update_node(node=found, fields=fields)
    except InvalidInput as error:
        return _refused(request, row, found, error)
    return answers.done(
        request,
        to=reverse("environment", args=[name]),
        message=f"Jobs may use {found.gpus} GPUs on {found.name}.",
        as_json={"name": found.name, "instance_id": found.instance_id, "gpus": found.gpus},
    )


@answers.allow("POST")
def engine(request: HttpRequest, name: str) -> HttpResponse:
    """Changes how many vCPUs the environment's engine hands out for each that there is (`cpu_overcommit`)."""
    require_staff(request)
    row = contexts.find(name=name)
    found = row.environment.engine
    try:
        found = update_engine(engine=found, fields=answers.posted(request), known=OVERCOMMIT_FIELDS)
    except InvalidInput as error:
        return _refused(request, row, found, error)
    return answers.done(
        request,
        to=reverse("environment", args=[name]),
        message=f"{found.name} hands out {found.cpu_overcommit.normalize():f} vCPUs for each.",
        as_json={"name": found.name, "url": found.url, "cpu_overcommit": found.cpu_overcommit},
    )


def _refused(
    request: HttpRequest, row: EnvironmentRow, found: Node | Engine, error: InvalidInput
) -> HttpResponse:
    """The environment's page with what is wrong; the error itself for scripts."""
    return answers.refused(
        request,
        error,
        "environments/detail.html",
        lambda _: contexts.build(row=row, refused=(found, error)),
    )


def _create(request: HttpRequest) -> HttpResponse:
    user = require_staff(request)
    fields, typed = forms.posted_fields(request)
    try:
        sent = once(
            request,
            make=lambda: create_environment(
                fields=fields, now=timezone.now(), may_lend=user.is_staff
            ),
            find=found_again(ComputeEnvironment.objects, called="environment"),
        )
    except InvalidInput as error:
        return KIND.refused(request, error, values=typed)
    told = AGAIN if sent.is_again else f"The environment {sent.made.name} is made."
    return KIND.done(request, sent.made.name, told, status=201)


def _update(request: HttpRequest, name: str) -> HttpResponse:
    user = require_staff(request)
    row = contexts.find(name=name)
    fields, typed = forms.posted_fields(request, environment=row.environment)
    try:
        update_environment(environment=row.environment, fields=fields, may_lend=user.is_staff)
    except InvalidInput as error:
        values = {**forms.values_of(row), **typed}
        return KIND.refused(request, error, values=values, row=row)
    return KIND.done(request, name, f"The environment {name} is changed.")


def _set_state(request: HttpRequest, name: str, state: EnvironmentState, told: str) -> HttpResponse:
    return KIND.switched(
        request,
        name,
        to=state,
        was=lambda row: row.environment.state,
        change=lambda row: update_environment(environment=row.environment, fields={"state": state}),
        told=told,
    )
