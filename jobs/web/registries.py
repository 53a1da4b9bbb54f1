"""Logins of image registries: what they are for, whether they work, new passwords. A password is never shown."""

from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.debug import sensitive_post_parameters, sensitive_variables

from jobs.domain.errors import InvalidInput
from jobs.models import RegistryLogin
from jobs.selectors.access.registry_logins import find_login
from jobs.services.access.registry_logins import (
    ask_for_check,
    create_login,
    delete_login,
    update_login,
)

from . import answers
from .access import user_of
from .contexts import registries as contexts
from .once import AGAIN, found_again, once


@sensitive_post_parameters("password")
@sensitive_variables()
@answers.allow("GET", "POST")
def registries(request: HttpRequest) -> HttpResponse:
    """GET: the logins that one's jobs may use. POST: stores one (201 for scripts)."""
    query, user = contexts.list_query(request.GET), user_of(request)
    if request.method != "POST":
        return answers.page(
            request,
            "registries/list.html",
            contexts.build_list(query=query, user=user),
            as_json=lambda: contexts.list_as_json(query=query, user=user),
        )
    fields = answers.posted(request)
    try:
        sent = once(
            request,
            make=lambda: create_login(owner=user, fields=fields, now=timezone.now()),
            find=found_again(RegistryLogin.objects, called="login"),
        )
    except InvalidInput as error:
        return answers.refused(
            request,
            error,
            "registries/list.html",
            lambda errors: contexts.build_list(
                query=query, user=user, values=fields, errors=errors
            ),
        )
    made = sent.made
    told = f"The login for {made.prefix} is stored. “Check” tries it."
    return answers.done(
        request,
        to=reverse("registry", args=[made.pk]),
        message=AGAIN if sent.is_again else told,
        as_json=contexts.summary(made, user),
        status=201,
    )


@sensitive_post_parameters("password")
@sensitive_variables()
@answers.allow("GET", "POST")
def registry(request: HttpRequest, login_id: int) -> HttpResponse:
    """GET: one's login and the form that renews it. POST: changes `username`, `password` or `shared`."""
    user = user_of(request)
    found = find_login(user=user, login_id=login_id)
    if request.method != "POST":
        return answers.page(
            request,
            "registries/detail.html",
            contexts.build(login=found),
            as_json=lambda: contexts.summary(found, user),
        )
    fields = answers.posted(request)
    try:
        changed = update_login(login=found, by=user, fields=fields, now=timezone.now())
    except InvalidInput as error:
        return answers.refused(
            request,
            error,
            "registries/detail.html",
            lambda errors: contexts.build(login=found, values=fields, errors=errors),
        )
    return answers.done(
        request,
        to=reverse("registry", args=[login_id]),
        message=contexts.told(fields, changed),
        as_json=contexts.summary(changed, user),
    )


@answers.allow("POST")
def check(request: HttpRequest, login_id: int) -> HttpResponse:
    """Has one's login tried on the engines; the page, and `check` of its JSON, tell what came of it."""
    user = user_of(request)
    found = find_login(user=user, login_id=login_id)
    ask_for_check(login=found, now=timezone.now())
    found = find_login(user=user, login_id=login_id)
    return answers.done(
        request,
        to=reverse("registry", args=[login_id]),
        as_json=contexts.summary(found, user),
        status=202,
    )


@answers.allow("GET", "POST")
def delete(request: HttpRequest, login_id: int) -> HttpResponse:
    """GET asks first (for browsers without scripts); POST deletes one's login."""
    found = find_login(user=user_of(request), login_id=login_id)
    if request.method != "POST":
        return answers.page(request, "registries/delete.html", {"login": found})
    delete_login(login=found)
    return answers.done(
        request,
        to=reverse("registries"),
        message=f"The login for {found.prefix} is deleted.",
        as_json={},
    )
