"""Budgets: the list, one with what is spent of it, making, changing, deleting one."""

from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils import timezone

from jobs.domain.errors import InvalidInput
from jobs.models import Budget
from jobs.services.setup.budgets import (
    FIELDS,
    create_budget,
    delete_budget,
    update_budget,
    values_of,
)

from . import answers
from .access import require_staff, user_of
from .contexts import budgets as contexts
from .contexts import undo
from .once import AGAIN, found_again, once


@answers.allow("GET", "POST")
def budgets(request: HttpRequest) -> HttpResponse:
    """GET: budgets by name. POST: makes one (201 for scripts)."""
    if request.method == "POST":
        return _create(request)
    query, user = contexts.list_query(request.GET), user_of(request)
    return answers.page(
        request,
        "budgets/list.html",
        contexts.build_list(query=query, user=user),
        as_json=lambda: contexts.list_as_json(query=query, user=user),
    )


@answers.allow("GET")
def new(request: HttpRequest) -> HttpResponse:
    """The form; a queue, an owner or a tag may stand in the URL."""
    require_staff(request)
    given = {name: request.GET[name] for name in request.GET if name in FIELDS}
    context = contexts.build_form(values={**contexts.NEW, **given})
    return answers.page(request, "budgets/form.html", context)


@answers.allow("GET", "POST")
def budget(request: HttpRequest, name: str) -> HttpResponse:
    """GET: a budget with what is spent of it. POST: changes it; fields that are left out stay."""
    if request.method == "POST":
        return _update(request, name)
    user = user_of(request)
    found = contexts.find(name=name, user=user)
    return answers.page(
        request,
        "budgets/detail.html",
        contexts.build(budget=found, user=user),
        as_json=lambda: contexts.summary(found),
    )


@answers.allow("GET")
def edit(request: HttpRequest, name: str) -> HttpResponse:
    found = contexts.find(name=name, user=require_staff(request))
    context = contexts.build_form(values=values_of(found), budget=found)
    return answers.page(request, "budgets/form.html", context)


@answers.allow("POST")
def delete(request: HttpRequest, name: str) -> HttpResponse:
    """Deletes a budget; taking that back makes one like it, which is added up anew."""
    found = contexts.find(name=name, user=require_staff(request))
    delete_budget(budget=found)
    return answers.done(
        request,
        to=reverse("budgets"),
        message=f"The budget {name} is deleted.",
        as_json={},
        undo=undo.of_deletion("budgets", values_of(found)),
    )


def _create(request: HttpRequest) -> HttpResponse:
    require_staff(request)
    fields = answers.posted(request)
    try:
        sent = once(
            request,
            make=lambda: create_budget(fields=fields, now=timezone.now()),
            find=found_again(Budget.objects, called="budget"),
        )
    except InvalidInput as error:
        return answers.refused(
            request,
            error,
            "budgets/form.html",
            lambda errors: contexts.build_form(values=fields, errors=errors),
        )
    made = sent.made
    return answers.done(
        request,
        to=reverse("budget", args=[made.name]),
        message=AGAIN if sent.is_again else f"The budget {made.name} is made.",
        as_json=contexts.summary(made),
        status=201,
    )


def _update(request: HttpRequest, name: str) -> HttpResponse:
    found = contexts.find(name=name, user=require_staff(request))
    fields = answers.posted(request)
    try:
        changed = update_budget(budget=found, fields=fields, now=timezone.now())
    except InvalidInput as error:
        return answers.refused(
            request,
            error,
            "budgets/form.html",
            lambda errors: contexts.build_form(values=fields, errors=errors, budget=found),
        )
    return answers.done(
        request,
        to=reverse("budget", args=[changed.name]),
        message=f"The budget {changed.name} is changed.",
        as_json=contexts.summary(changed),
    )
